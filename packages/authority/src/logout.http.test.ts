import { defaultTenant, NetworkFault, ok } from '@mintmark/core';
import { createLocalJWKSet, decodeJwt, jwtVerify } from 'jose';
import { beforeEach, describe, expect, test } from 'vitest';
import { bedConfig } from './authority-bed.ts';
import { answerOf, asBob, type SignInBed, signInBed } from './sign-in-bed.ts';

let bed: SignInBed;
let sent: { readonly url: string; readonly body: string }[];
let answers: (number | 'unreachable')[];

const backchannel = 'https://app.example/backchannel';
const goodbye = 'https://app.example/goodbye?x=1';
const rules = {
  backchannelLogoutUri: backchannel,
  postLogoutRedirectUris: [goodbye],
  idTokenAlgorithm: 'ES256',
} as const;

beforeEach(async () => {
  bed = await signInBed(rules);
  sent = [];
  answers = [];
  const send = async ({ url, body }: { readonly url: string; readonly body: string }) => {
    sent.push({ url, body });
    const status = answers.shift() ?? 200;
    if (status === 'unreachable') throw new NetworkFault('outbound_failed', 'nobody is there');
    return ok({ status, header: () => undefined, body: new Uint8Array() });
  };
  Object.assign(bed.web, { send });
});

const isSignedIn = async (browser: ReturnType<SignInBed['browse']>) =>
  'code' in answerOf(await browser.open(bed.authorizeUrl({ prompt: 'none' })));

/** An ID token as the token endpoint makes it. */
async function idToken(claims: Record<string, unknown> = {}, typ = 'JWT'): Promise<string> {
  return bed.sign(
    { typ },
    {
      iss: bedConfig.issuer,
      sub: bed.alice,
      aud: bed.app.clientId,
      exp: 1,
      ...claims,
    },
  );
}

const logoutUrl = (more: Record<string, string> = {}) =>
  `/oauth2/logout?${new URLSearchParams(more)}`;

describe('signing out', () => {
  test('by the own page asks first, and ends the session', async () => {
    const browser = await bed.settled();
    const page = await browser.open('/logout');
    expect(page.text).toContain('You are signed in as alice');
    expect(await isSignedIn(browser)).toBe(true);
    const done = await browser.submit(page);
    expect([done.status, browser.jar.has('__Host-mm_session')]).toEqual([200, false]);
    expect(await bed.store.sessions.count()).toBe(0);
    expect((await browser.open('/logout')).text).toContain('signed out');
  });

  test('ends what the cookie was worth, too', async () => {
    const browser = await bed.settled();
    const cookie = String(browser.jar.get('__Host-mm_session'));
    await browser.submit(await browser.open('/logout'));
    browser.jar.set('__Host-mm_session', cookie);
    expect(await isSignedIn(browser)).toBe(false);
  });

  test('may be thought better of', async () => {
    const browser = await bed.settled();
    const stayed = await browser.submit(await browser.open('/logout'), { deny: '1' });
    expect(stayed.url).toBe('/account');
    expect(await isSignedIn(browser)).toBe(true);
  });

  test.each(['', 'x'])('is done by no form with the token %j', async (token) => {
    const browser = await bed.settled();
    const page = await browser.open('/logout');
    expect((await browser.submit(page, { token })).status).toBe(400);
    expect(await isSignedIn(browser)).toBe(true);
  });
});

describe('a client that knows the session', () => {
  test('signs the person out and has them back, with state', async () => {
    const browser = await bed.settled();
    const hint = await idToken();
    const done = await browser.open(
      logoutUrl({ id_token_hint: hint, post_logout_redirect_uri: goodbye, state: 's t' }),
    );
    expect(done.url).toBe(`${goodbye}&state=s%20t`);
    expect(await isSignedIn(browser)).toBe(false);
  });

  test('may send a form from its own page, which comes without cookies', async () => {
    const browser = await bed.settled();
    const form = { id_token_hint: await idToken(), post_logout_redirect_uri: goodbye };
    const crossSite = await bed
      .browse()
      .send('POST', '/oauth2/logout', new URLSearchParams(form).toString());
    expect(crossSite.status).toBe(303);
    const done = await browser.open(String(crossSite.headers['location']));
    expect(done.url).toBe(goodbye);
    expect(await isSignedIn(browser)).toBe(false);
    const own = await bed.settled();
    expect((await own.post('/oauth2/logout', { id_token_hint: await idToken() })).status).toBe(200);
    expect(await isSignedIn(own)).toBe(false);
  });

  test('asks the person where it has no token, or one of somebody or something else', async () => {
    const browser = await bed.settled();
    const other = await idToken({ sub: 'u2' });
    const session = await idToken({ sid: 'other' });
    const named = { client_id: bed.app.clientId, post_logout_redirect_uri: goodbye };
    for (const more of [{}, named, { id_token_hint: other }, { id_token_hint: session }]) {
      const page = await browser.open(logoutUrl(more));
      expect([page.status, page.url.split('?')[0]]).toEqual([200, '/oauth2/logout']);
      expect(page.text).toContain('<form');
      expect(await isSignedIn(browser)).toBe(true);
    }
    const page = await browser.open(logoutUrl({ ...named, state: 'x' }));
    expect((await browser.submit(page)).url).toBe(`${goodbye}&state=x`);
    expect(await isSignedIn(browser)).toBe(false);
  });

  test('has the person back where nobody is signed in', async () => {
    const named = { client_id: bed.app.clientId, post_logout_redirect_uri: goodbye };
    expect((await bed.browse().open(logoutUrl(named))).url).toBe(goodbye);
  });
});

describe('nobody is sent anywhere, or signed out', () => {
  test.each([
    ['a place that is not registered', { post_logout_redirect_uri: `${goodbye}&y=2` }],
    ['a place of no client', { client_id: '', post_logout_redirect_uri: goodbye }],
    ['a client that there is not', { client_id: 'nobody' }],
    ['a token that is none', { id_token_hint: 'a.b.c' }],
  ])('by %s', async (_title, more) => {
    const browser = await bed.settled();
    const shown = await browser.open(logoutUrl({ client_id: bed.app.clientId, ...more }));
    expect([shown.status, shown.headers['location']]).toEqual([400, undefined]);
    expect(await isSignedIn(browser)).toBe(true);
  });

  test.each([
    ['another issuer', { iss: 'https://evil.example' }, 'JWT'],
    ['no subject', { sub: 1 }, 'JWT'],
    ['an access token', {}, 'at+jwt'],
    ['a logout token', {}, 'logout+jwt'],
    ['another client', { aud: 'other' }, 'JWT'],
  ])('by a token of %s', async (_title, claims, typ) => {
    const browser = await bed.settled();
    const hint = await idToken(claims, typ);
    const more = { id_token_hint: hint, client_id: bed.app.clientId };
    expect((await browser.open(logoutUrl(more))).status).toBe(400);
    expect(await isSignedIn(browser)).toBe(true);
  });

  test('by a parameter that stands twice', async () => {
    const browser = await bed.settled();
    const twice = `${logoutUrl({ id_token_hint: await idToken() })}&state=a&state=b`;
    expect((await browser.open(twice)).status).toBe(400);
  });
});

describe('back-channel logout', () => {
  const tokenOf = (body: string) => new URLSearchParams(body).get('logout_token') ?? '';

  test('tells the clients of the session by a signed token, once', async () => {
    const browser = await bed.settled();
    const [session] = await bed.store.sessions.list({ limit: 1 });
    await browser.submit(await browser.open('/logout'));
    await bed.authority.tick();
    expect(sent.map(({ url }) => url)).toEqual([backchannel]);
    const jwks = (await bed.get('/.well-known/jwks.json')).json;
    const { payload, protectedHeader } = await jwtVerify(
      tokenOf(sent[0]?.body ?? ''),
      createLocalJWKSet(jwks as never),
      {
        issuer: bedConfig.issuer,
        audience: bed.app.clientId,
        typ: 'logout+jwt',
        currentDate: new Date(bed.clock.nowMs()),
      },
    );
    expect(protectedHeader.alg).toBe('ES256');
    expect(payload).toMatchObject({
      sub: bed.alice,
      sid: session?.id,
      jti: expect.any(String),
      events: { 'http://schemas.openid.net/event/backchannel-logout': {} },
    });
    expect(payload).not.toHaveProperty('nonce');
    await bed.authority.tick();
    expect(sent).toHaveLength(1);
    expect(await bed.store.sessionClients.count()).toBe(0);
  });

  test('names the person as the client knows them: so do hints', async () => {
    bed = await signInBed({ ...rules, subjectType: 'pairwise' });
    Object.assign(bed.web, {
      async send({ url, body }: { readonly url: string; readonly body: string }) {
        sent.push({ url, body });
        return ok({ status: 200, header: () => undefined, body: new Uint8Array() });
      },
    });
    const browser = await bed.settled();
    const silent = async (there: typeof browser, sub: string) => {
      const hint = { prompt: 'none', id_token_hint: await idToken({ sub }) };
      return answerOf(await there.open(bed.authorizeUrl(hint)));
    };
    expect(await silent(browser, bed.alice)).toMatchObject({ error: 'login_required' });
    await browser.submit(await browser.open('/logout'));
    await bed.authority.tick();
    const { sub } = decodeJwt(tokenOf(sent[0]?.body ?? ''));
    expect(sub).toMatch(/^[\w-]{43}$/);
    expect(await silent(await bed.settled(), sub!)).toMatchObject({ code: expect.any(String) });
  });

  test('is tried again later and later, through a crash, and given up on record', async () => {
    const browser = await bed.settled();
    await browser.submit(await browser.open('/logout'));
    answers = ['unreachable', 500, 400, 302, 'unreachable', 500, 500, 500];
    const pauses: number[] = [];
    for (let at = 0; at < 20_000 && (await bed.store.sessionClients.count()) > 0; at += 10) {
      const before = sent.length;
      await bed.authority.tick();
      await bed.authority.close();
      if (sent.length > before) pauses.push(at);
      if (before === 1) await bed.restart();
      bed.clock.advanceMs(10_000);
    }
    expect(sent).toHaveLength(8);
    const gaps = pauses.slice(1).map((at, i) => at - (pauses[i] ?? 0));
    expect(gaps).toEqual([...gaps].sort((a, b) => a - b));
    const rows = await bed.store.auditLog.list({ limit: 1_000 });
    expect(rows.some(({ leaf }) => Buffer.from(leaf).includes('client_not_reached'))).toBe(true);
  });

  test('of two processes is done by one', async () => {
    const browser = await bed.settled();
    await browser.submit(await browser.open('/logout'));
    const { authority } = await bed.replica();
    await Promise.all([bed.authority.tick(), authority.tick()]);
    expect(sent).toHaveLength(1);
  });

  test('tells nobody who does not want to hear, or is gone', async () => {
    const browser = await bed.settled();
    await browser.submit(await browser.open('/logout'));
    const path = `/v1/clients/${bed.app.clientId}`;
    const { headers } = await bed.manage('GET', path);
    const deleted = await bed.manage('DELETE', path, { ifMatch: String(headers['etag']) });
    expect(deleted.status).toBe(204);
    await bed.authority.tick();
    expect([sent.length, await bed.store.sessionClients.count()]).toEqual([0, 0]);
  });

  test.each(['disabled', 'password set', 'deleted', 'revoked', 'another person'])(
    'follows every end of a session: %s',
    async (how) => {
      const browser = await bed.settled();
      const path = `/v1/users/${bed.alice}`;
      const ifMatch = String((await bed.manage('GET', path)).headers['etag']);
      if (how === 'another person') {
        const login = await browser.open(bed.authorizeUrl({ prompt: 'login' }));
        await browser.submit(login, asBob);
      } else if (how === 'revoked') {
        const target = { kind: 'user', id: bed.alice };
        await bed.manage('POST', '/v1/revocations', { json: { target, reason: 'gone' } });
      } else if (how === 'deleted') {
        await bed.manage('DELETE', path, { ifMatch });
      } else {
        const json = how === 'disabled' ? { status: 'disabled' } : { password: 'another one 4711' };
        await bed.manage('PATCH', path, { json, ifMatch });
      }
      await bed.authority.tick();
      expect(await bed.store.sessions.count({ subject: bed.alice })).toBe(0);
      expect(sent).toHaveLength(1);
    },
  );
});

describe('the tokens of a session', () => {
  async function grantedTargets(): Promise<unknown[]> {
    const rows = await bed.store.feed.list({ where: { tenant: defaultTenant }, limit: 1_000 });
    return rows.flatMap(({ targetKind, targetId }) => (targetKind === 'family' ? [targetId] : []));
  }

  test('end with it, but for those that may work while the person is away', async () => {
    const browser = await bed.settled();
    await browser.submit(await browser.open(bed.authorizeUrl({ scope: 'openid offline_access' })));
    const codes = await bed.store.authorizationCodes.list({ limit: 10 });
    const scopesOf = (row: (typeof codes)[number]) => row.terms['scopes'] as readonly string[];
    const online = codes.filter((row) => !scopesOf(row).includes('offline_access'));
    expect([codes.length, online.length]).toEqual([2, 1]);
    await browser.submit(await browser.open('/logout'));
    expect(await grantedTargets()).toEqual(online.map(({ family }) => family));
  });

  test('end with the consent, all of them', async () => {
    const browser = await bed.settled();
    await browser.submit(await browser.open(bed.authorizeUrl({ scope: 'openid offline_access' })));
    const account = await browser.open('/account');
    expect(account.text).toContain('Photo &lt;b&gt;Printer');
    const after = await browser.submit(account, { withdraw: bed.app.clientId });
    expect([after.url, after.status]).toEqual(['/account', 200]);
    expect(after.text).not.toContain('Photo');
    expect(await grantedTargets()).toHaveLength(2);
    expect((await browser.open(bed.authorizeUrl())).url).toMatch(/^\/consent/);
  });
});
