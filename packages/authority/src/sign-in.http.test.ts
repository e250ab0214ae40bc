import { defaultTenant, limits } from '@mintmark/core';
import { beforeEach, describe, expect, test } from 'vitest';
import { bedConfig, bedPassword, operator } from './authority-bed.ts';
import { updateClient } from './clients/registry.ts';
import {
  answerOf,
  asAlice,
  asBob,
  challenge,
  redirectUri,
  type SignInBed,
  signInBed,
} from './sign-in-bed.ts';

let bed: SignInBed;

beforeEach(async () => {
  bed = await signInBed();
});

describe('a sign-in', () => {
  test('goes by sign-in and consent to a code, with state and issuer', async () => {
    const browser = bed.browse();
    const login = await browser.open(bed.authorizeUrl());
    expect(login.url).toMatch(/^\/login\?transaction=[\w-]{22}$/);
    const consent = await browser.submit(login, asAlice);
    expect(consent.url).toMatch(/^\/consent\?transaction=[\w-]{22}$/);
    const done = await browser.submit(consent);
    expect(done.url.startsWith(`${redirectUri}?`)).toBe(true);
    expect(answerOf(done)).toEqual({
      code: expect.stringMatching(/^mm_ac_/),
      state: 'st-1',
      iss: bedConfig.issuer,
    });
    expect(await bed.store.signIns.count()).toBe(0);
    expect(await bed.store.authorizationCodes.count()).toBe(1);
  });

  test('is asked once: the next request goes straight to its code', async () => {
    const browser = await bed.settled();
    const next = await browser.send('GET', bed.authorizeUrl({ state: 'st-2' }));
    expect(next.status).toBe(303);
    expect(String(next.headers['location'])).toMatch(/^https:\/\/app\.example\/cb\?code=.*st-2/);
    expect(next.headers['set-cookie']).toBeUndefined();
    expect(await bed.store.signIns.count()).toBe(0);
  });

  test('is asked again for a scope that was not allowed yet', async () => {
    const browser = await bed.settled();
    const consent = await browser.open(bed.authorizeUrl({ scope: 'openid profile read' }));
    expect(consent.url).toMatch(/^\/consent/);
    await browser.submit(consent);
    const [row] = await bed.store.consents.list({ limit: 10 });
    expect(row?.granted).toMatchObject({ scopes: ['openid', 'profile', 'read'] });
    expect(row?.version).toBe(2);
  });

  test('shows the pages of the application to read, and loads nothing from there', async () => {
    const app = await bed.addApp({
      policyUri: 'https://app.example/privacy?a=1&b=2',
      tosUri: 'https://app.example/terms',
      logoUri: 'https://app.example/logo.png',
    });
    const browser = bed.browse();
    const login = await browser.open(bed.authorizeUrl({ client_id: app.clientId }));
    const { text, headers } = await browser.submit(login, asAlice);
    expect(text).toContain('<a href="https://app.example/privacy?a=1&amp;b=2"');
    expect(text).toContain('<a href="https://app.example/terms"');
    expect(text).not.toContain('<img');
    expect(headers['content-security-policy']).not.toContain('img-src');
    const other = bed.browse();
    const plain = await other.submit(await other.open(bed.authorizeUrl()), asAlice);
    expect(plain.text).toContain('asks for access');
    expect(plain.text).not.toContain('terms of service');
  });

  test('works by POST too, whose cookies another site cannot send', async () => {
    const browser = await bed.settled();
    const [session] = [...browser.jar].filter(([name]) => name.endsWith('session'));
    const crossSite = bed.browse();
    const waiting = await crossSite.send(
      'POST',
      '/oauth2/authorize',
      new URLSearchParams(bed.parametersOf({ prompt: 'none' })).toString(),
    );
    expect([waiting.status, waiting.headers['set-cookie']]).toEqual([303, undefined]);
    const resumed = String(waiting.headers['location']);
    expect(resumed).toMatch(/^\/oauth2\/authorize\/resume\?transaction=[\w-]{22}$/);
    expect(session).toBeDefined();
    expect(answerOf(await browser.open(resumed))).toMatchObject({ state: 'st-1' });
    expect(answerOf(await browser.post('/oauth2/authorize', bed.parametersOf()))).toHaveProperty(
      'code',
    );
  });

  test('answers by form post where that was asked for', async () => {
    const browser = await bed.settled();
    const page = await browser.open(bed.authorizeUrl({ response_mode: 'form_post' }));
    expect(page.status).toBe(200);
    expect(page.text).toContain(`<form method="post" action="${redirectUri}">`);
    expect(page.text).toContain('name="iss" value="https://issuer.example"');
    expect(page.text).toMatch(/name="code" value="mm_ac_\w+"/);
  });

  test('of a person without cookies comes to no end', async () => {
    const login = await bed.browse().open(bed.authorizeUrl());
    expect(login.status).toBe(200);
    const stranger = bed.browse();
    const refused = await stranger.submit(login, asAlice);
    expect([refused.status, refused.url]).toEqual([400, '/login']);
    expect(await bed.store.sessions.count()).toBe(0);
  });
});

describe('the person may say no', () => {
  test.each(['login', 'consent'])('on the %s page', async (where) => {
    const browser = bed.browse();
    const login = await browser.open(bed.authorizeUrl());
    const page = where === 'login' ? login : await browser.submit(login, asAlice);
    const denied = await browser.submit(page, { deny: '1' });
    expect(answerOf(denied)).toEqual({
      error: 'access_denied',
      state: 'st-1',
      iss: bedConfig.issuer,
    });
    expect(await bed.store.authorizationCodes.count()).toBe(0);
    expect(await bed.store.signIns.count()).toBe(0);
    expect((await browser.submit(page, { deny: '1' })).status).toBe(400);
  });
});

describe('sign-ins that nobody finishes', () => {
  test('are bounded by address, whatever page begins them', async () => {
    const browser = bed.browse();
    const begin = async () => (await bed.browse().open(bed.authorizeUrl())).status;
    for (let i = 1; i < limits.signInsBegunPerMinute; i++) await begin();
    const login = await browser.open(bed.authorizeUrl());
    expect(login.status).toBe(200);
    expect(await begin()).toBe(429);
    expect((await bed.browse().open('/account')).status).toBe(429);
    const crossSite = await bed.browse().post('/oauth2/authorize', bed.parametersOf());
    expect([crossSite.status, crossSite.headers['location']]).toEqual([429, undefined]);
    // Who has begun goes on.
    expect((await browser.submit(login, asAlice)).url).toMatch(/^\/consent/);
    bed.clock.advanceMs(1_000);
    expect(await begin()).toBe(200);
  });
});

describe('reload and back', () => {
  test('show the page that the request stands at', async () => {
    const browser = bed.browse();
    const login = await browser.open(bed.authorizeUrl());
    expect((await browser.open(login.url)).url).toBe(login.url);
    const consent = await browser.submit(login, asAlice);
    expect((await browser.open(login.url)).url).toBe(consent.url);
    expect((await browser.open(consent.url)).url).toBe(consent.url);
    await browser.submit(consent);
    for (const page of [login, consent]) {
      const over = await browser.open(page.url);
      expect([over.status, over.headers['location']]).toEqual([400, undefined]);
      expect(over.text).toContain('sign_in_over');
    }
  });

  test('give one code for one consent, however often it is sent', async () => {
    const browser = bed.browse();
    const consent = await browser.submit(await browser.open(bed.authorizeUrl()), asAlice);
    const all = await Promise.all([1, 2, 3].map(() => browser.submit(consent)));
    expect(all.filter(({ status }) => status === 303)).toHaveLength(1);
    expect(await bed.store.authorizationCodes.count()).toBe(1);
  });

  test('end ten minutes after the request', async () => {
    const browser = bed.browse();
    const login = await browser.open(bed.authorizeUrl());
    bed.clock.advanceMs(599_000);
    expect((await browser.open(login.url)).status).toBe(200);
    bed.clock.advanceMs(1_000);
    expect((await browser.submit(login, asAlice)).status).toBe(400);
  });
});

describe('a bad client or redirect URI is told to the person and never redirected', () => {
  test.each([
    [{ client_id: 'nobody' }, 'unknown_client'],
    [{ client_id: undefined }, 'client_not_named'],
    [{ redirect_uri: 'https://evil.example/cb' }, 'redirect_uri_not_registered'],
    [{ redirect_uri: `${redirectUri}/` }, 'redirect_uri_not_registered'],
    [{ redirect_uri: undefined }, 'redirect_uri_not_named'],
  ])('%j', async (more, reason) => {
    for (const prompt of [undefined, 'none']) {
      const shown = await bed.browse().open(bed.authorizeUrl({ ...more, prompt }));
      expect(shown.status).toBe(400);
      expect(shown.headers['location']).toBeUndefined();
      expect(shown.text).toContain(`<code>${reason}</code>`);
      expect(shown.text).not.toContain('evil.example');
    }
  });

  test.each(['client_id', 'redirect_uri'])('a %s that stands twice', async (name) => {
    const shown = await bed.browse().open(`${bed.authorizeUrl()}&${name}=x`);
    expect([shown.status, shown.headers['location']]).toEqual([400, undefined]);
  });

  test('a client that was disabled, or lost its URI, while the person signed in', async () => {
    const browser = bed.browse();
    const login = await browser.open(bed.authorizeUrl());
    const row = await bed.store.clients.get(defaultTenant, bed.app.clientId);
    const rules = { ...(row?.metadata as never as object), redirectUris: [] } as never;
    const change = { clientId: bed.app.clientId, version: 1, rules, status: 'active' } as const;
    expect((await updateClient(bed.registry, operator, change)).ok).toBe(true);
    const refused = await browser.submit(login, asAlice);
    expect([refused.status, refused.headers['location']]).toEqual([400, undefined]);
    expect(refused.text).toContain('redirect_uri_not_registered');
  });
});

describe('every other error goes to the client', () => {
  test.each([
    [{ response_type: 'token' }, 'unsupported_response_type'],
    [{ response_type: undefined }, 'invalid_request'],
    [{ response_mode: 'fragment' }, 'invalid_request'],
    [{ scope: 'openid admin' }, 'invalid_scope'],
    [{ scope: 'openid "' }, 'invalid_scope'],
    [{ resource: 'https://nowhere.example' }, 'invalid_target'],
    [{ code_challenge: undefined }, 'invalid_request'],
    [{ code_challenge_method: 'plain' }, 'invalid_request'],
    [{ prompt: 'none' }, 'login_required'],
    [{ prompt: 'none login' }, 'invalid_request'],
    [{ prompt: 'create' }, 'invalid_request'],
    [{ max_age: 'x' }, 'invalid_request'],
    [{ request: 'a.b.c' }, 'invalid_request_object'],
    [{ request_uri: 'https://x.example/r' }, 'invalid_request_uri'],
    [{ registration: '{}' }, 'registration_not_supported'],
    [{ authorization_details: '[]' }, 'invalid_authorization_details'],
    [{ id_token_hint: 'a.b.c' }, 'invalid_request'],
    [{ claims: '{"id_token":{"sub":{"value":1}}}' }, 'invalid_request'],
  ])('%j', async (more, error) => {
    const shown = await bed.browse().open(bed.authorizeUrl(more));
    expect(shown.url.startsWith(`${redirectUri}?`)).toBe(true);
    expect(answerOf(shown)).toMatchObject({ error, state: 'st-1', iss: bedConfig.issuer });
    expect(await bed.store.signIns.count()).toBe(0);
  });

  test('a repeated parameter', async () => {
    const shown = await bed.browse().open(`${bed.authorizeUrl()}&nonce=a&nonce=b`);
    expect(answerOf(shown)).toMatchObject({ error: 'invalid_request', state: 'st-1' });
  });

  test('a client that may not use the grant', async () => {
    const app = await bed.addApp({ grantTypes: ['client_credentials'] });
    expect(
      answerOf(await bed.browse().open(bed.authorizeUrl({ client_id: app.clientId }))),
    ).toMatchObject({
      error: 'unauthorized_client',
    });
  });

  test('consent that may not be asked for', async () => {
    const browser = await bed.settled();
    const more = { prompt: 'none', scope: 'openid profile' };
    expect(answerOf(await browser.open(bed.authorizeUrl(more)))).toMatchObject({
      error: 'consent_required',
    });
  });

  test('a class of sign-in that nobody can reach', async () => {
    const browser = await bed.settled();
    expect(answerOf(await browser.open(bed.authorizeUrl({ acr_values: 'phr' })))).toMatchObject({
      error: 'unmet_authentication_requirements',
    });
  });
});

describe('what no request may do', () => {
  test('take the issuer from Host', async () => {
    const browser = bed.browse({ host: 'evil.example' });
    const shown = await browser.open(bed.authorizeUrl({ prompt: 'none' }));
    expect(answerOf(shown)['iss']).toBe(bedConfig.issuer);
  });

  test('be read by a script of another origin', async () => {
    const { headers } = await bed
      .browse({ origin: 'https://evil.example' })
      .open(bed.authorizeUrl());
    expect(Object.keys(headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
  });

  test('be too large, or carry names that mean something to the machine', async () => {
    const browser = bed.browse();
    const url = `${bed.authorizeUrl()}&__proto__=x&constructor=y&claims=${'%5B'.repeat(2_000)}`;
    expect(answerOf(await browser.open(url))).toMatchObject({ error: 'invalid_request' });
    const huge = await browser.post('/oauth2/authorize', { x: 'y'.repeat(65_536) });
    expect(huge.status).toBe(400);
    const login = await browser.open(bed.authorizeUrl());
    const password = 'x'.repeat(60_000);
    expect((await browser.submit(login, { ...asAlice, password })).status).toBe(422);
    expect(
      (await browser.submit(login, { ...asAlice, password: password.repeat(20) })).status,
    ).toBe(400);
    expect(await bed.store.sessions.count()).toBe(0);
  });

  test('come in a body that is no form, or in body and query at once', async () => {
    const form = new URLSearchParams(bed.parametersOf()).toString();
    const browser = bed.browse({ 'content-type': 'text/plain' });
    expect((await bed.post(`/oauth2/authorize?${form}`, {})).status).toBe(400);
    expect((await browser.send('GET', '/oauth2/authorize?%zz')).status).toBe(400);
    const json = await bed.manage('POST', '/oauth2/authorize', { json: bed.parametersOf() });
    expect(json.status).toBe(400);
  });
});

describe('a form', () => {
  test('of another site is refused, whatever it knows', async () => {
    const login = await bed.browse().open(bed.authorizeUrl());
    for (const site of ['cross-site', 'same-site']) {
      const refused = await bed.browse({ 'sec-fetch-site': site }).submit(login, asAlice);
      expect(refused.status).toBe(400);
    }
  });

  test.each(['', 'x', challenge])('with the token %j signs nobody in', async (token) => {
    const browser = bed.browse();
    const login = await browser.open(bed.authorizeUrl());
    const shown = await browser.submit(login, { ...asAlice, token });
    expect(shown.status).toBe(422);
    expect(await bed.store.sessions.count()).toBe(0);
    const consent = await browser.submit(login, asAlice);
    expect((await browser.submit(consent, { token })).status).toBe(400);
    expect(await bed.store.authorizationCodes.count()).toBe(0);
  });

  test('on which one person was asked is not good for another', async () => {
    const browser = bed.browse();
    const consent = await browser.submit(await browser.open(bed.authorizeUrl()), asAlice);
    const again = await browser.open(bed.authorizeUrl({ prompt: 'login' }));
    await browser.submit(again, asBob);
    expect((await browser.submit(consent)).status).toBe(400);
    expect(await bed.store.consents.count()).toBe(0);
  });

  test('that takes another way of answering is no answer', async () => {
    const shown = await bed.browse().post('/login?transaction=x', asAlice);
    expect(shown.status).toBe(400);
    expect((await bed.browse().post('/consent', {})).status).toBe(400);
    expect((await bed.browse().open('/consent')).status).toBe(400);
    expect((await bed.browse().open('/login?x=1')).status).toBe(400);
  });
});

describe('the sign-in page', () => {
  test('answers an unknown user and a wrong password alike, and says nothing else', async () => {
    const browser = bed.browse();
    const login = await browser.open(bed.authorizeUrl());
    const wrong = await browser.submit(login, { username: 'alice', password: 'wrong' });
    const unknown = await browser.submit(login, { username: 'carol', password: 'wrong' });
    expect([wrong.status, unknown.status]).toEqual([422, 422]);
    expect(unknown.text.replace('carol', 'alice')).toBe(wrong.text);
    expect(wrong.text).toContain('role="alert"');
    expect(wrong.text).not.toContain('value="wrong"');
  });

  test('says so to whoever has to wait, right password or not', async () => {
    const browser = bed.browse();
    const login = await browser.open(bed.authorizeUrl());
    for (let i = 0; i < 12; i++) await browser.submit(login, { username: 'alice', password: 'x' });
    const locked = await browser.submit(login, asAlice);
    expect(locked.text).toMatch(/Too many attempts\. Try again in \d+ seconds\./);
    expect(await bed.store.sessions.count()).toBe(0);
  });

  test('suggests who the client hints at, and speaks the language that was asked for', async () => {
    const more = { login_hint: '"><script>', ui_locales: 'de-CH en' };
    const { text } = await bed.browse().open(bed.authorizeUrl(more));
    expect(text).toContain('value="&quot;&gt;&lt;script&gt;"');
    expect(text).toContain('<html lang="de">');
    expect(text).toContain('Anmelden');
    const other = await bed
      .browse({ 'accept-language': 'fr, de;q=0.8, en;q=0.9' })
      .open(bed.authorizeUrl());
    expect(other.text).toContain('<html lang="en">');
  });

  test('treats every name as text', async () => {
    const { text } = await bed.browse().open(bed.authorizeUrl());
    expect(text).toContain('Photo &lt;b&gt;Printer&lt;/b&gt;');
    expect(text).not.toContain('<b>');
  });

  test('lets nothing in: no script, no frame, no cache, no referrer', async () => {
    const browser = bed.browse();
    const login = await browser.open(bed.authorizeUrl());
    const consent = await browser.submit(login, asAlice);
    for (const { headers, text } of [login, consent]) {
      const policy = String(headers['content-security-policy']);
      expect(policy).toMatch(/^default-src 'none'; style-src 'sha256-[\w+/=]+'; form-action /);
      expect(policy).toContain("frame-ancestors 'none'");
      expect(policy).toContain("base-uri 'none'");
      expect(policy).not.toMatch(/unsafe|script-src|\*/);
      expect(headers).toMatchObject({
        'cache-control': 'no-store',
        'referrer-policy': 'no-referrer',
        'x-frame-options': 'DENY',
        'x-content-type-options': 'nosniff',
      });
      expect(text).not.toContain('<script');
      for (const id of text.matchAll(/<input id="(\w+)"/g)) {
        expect(text).toContain(`<label for="${id[1]}">`);
      }
    }
  });

  test('says so where an application named itself', async () => {
    const app = await bed.addApp({ name: 'Your Bank', source: 'registration' });
    const browser = bed.browse();
    const login = await browser.open(bed.authorizeUrl({ client_id: app.clientId }));
    const { text } = await browser.submit(login, asAlice);
    expect(text).toContain('gave itself the name Your Bank');
    expect(text).toContain(`registered as ${app.clientId}`);
    const known = await browser.open(bed.authorizeUrl());
    expect(known.text).not.toContain('gave itself');
  });

  test('warns before it sends anybody to a program on the own computer', async () => {
    const local = 'http://localhost:5173/cb';
    const app = await bed.addApp({
      redirectUris: ['http://localhost/cb'],
      applicationType: 'native',
    });
    const browser = bed.browse();
    const login = await browser.open(
      bed.authorizeUrl({ client_id: app.clientId, redirect_uri: local }),
    );
    const { text } = await browser.submit(login, asAlice);
    expect(text).toMatch(/class="warning">[^<]*localhost:5173/);
  });
});

test('what has ended is let go of', async () => {
  const browser = await bed.settled();
  await browser.open(bed.authorizeUrl({ prompt: 'login' }));
  bed.clock.advanceMs(26 * 3_600_000);
  await bed.authority.tick();
  expect(await bed.store.signIns.count()).toBe(0);
  expect(await bed.store.sessions.count()).toBe(0);
  expect(await bed.store.consents.count()).toBe(1);
});

test('the metadata says what the endpoint does', async () => {
  for (const name of ['oauth-authorization-server', 'openid-configuration']) {
    expect((await bed.get(`/.well-known/${name}`)).json).toMatchObject({
      authorization_endpoint: 'https://issuer.example/oauth2/authorize',
      response_types_supported: ['code', 'id_token', 'id_token token'],
      response_modes_supported: ['query', 'form_post', 'jwt', 'query.jwt', 'form_post.jwt'],
      code_challenge_methods_supported: ['S256'],
      authorization_response_iss_parameter_supported: true,
      prompt_values_supported: ['none', 'login', 'consent', 'select_account'],
      claims_parameter_supported: true,
      request_uri_parameter_supported: true,
    });
  }
});

describe('the audit trail', () => {
  test('tells who signed in and what was allowed, and no secret', async () => {
    const browser = await bed.settled();
    await browser.open(bed.authorizeUrl());
    await browser.submit(await browser.open(bed.authorizeUrl({ prompt: 'login' })), { deny: '1' });
    const rows = await bed.store.auditPending.list({ limit: 100 });
    const leaves = rows.map((row) => JSON.parse(Buffer.from(row.leaf).toString()));
    const own = leaves.filter(({ action }) => /^(?:session|authorization)\./.test(action));
    const byActor = { actor: { kind: 'user', id: bed.alice } };
    const agreed = { client: bed.app.clientId, scopes: ['openid', 'read'], acr: 'pwd' };
    const grant = { ...byActor, action: 'authorization.grant' };
    expect(own).toHaveLength(4);
    for (const wanted of [
      { ...byActor, action: 'session.create', detail: { acr: 'pwd', amr: ['pwd'] } },
      { ...grant, detail: { ...agreed, consent: 'given' } },
      { ...grant, detail: { ...agreed, consent: 'remembered' } },
      { ...byActor, action: 'authorization.deny', result: 'access_denied' },
    ]) {
      const match = expect.objectContaining({
        ...wanted,
        ...('detail' in wanted ? { detail: expect.objectContaining(wanted.detail) } : {}),
      });
      expect(own).toContainEqual(match);
    }
    const all = JSON.stringify(leaves);
    for (const secret of [...browser.jar.values(), bedPassword]) expect(all).not.toContain(secret);
    expect(await bed.store.sessions.count({ tenant: defaultTenant })).toBe(1);
  });
});
