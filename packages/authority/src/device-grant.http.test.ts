/** The device authorization grant (RFC 8628), from the device's request to its tokens. */
import { defaultTenant, limits } from '@mintmark/core';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { beforeEach, describe, expect, it } from 'vitest';
import { basicHeader, bedConfig } from './authority-bed.ts';
import {
  type Begun,
  type DeviceBed,
  deviceBed,
  deviceEndpoint as endpoint,
  deviceRules as rules,
  deviceGrantType as type,
} from './device-bed.ts';
import { buildRequest } from './http/management/request-builder.ts';

let bed: DeviceBed;
let tv: DeviceBed['tv'];

beforeEach(async () => {
  bed = await deviceBed();
  tv = bed.tv;
});

describe('a device that asks', () => {
  it('gets a code to come back with, and one for a person to type', async () => {
    const answer = await bed.post(endpoint, { scope: 'openid read' }, tv);
    expect(answer).toMatchObject({
      status: 200,
      headers: { 'cache-control': 'no-store' },
      json: {
        device_code: expect.stringMatching(/^mm_dc_/),
        user_code: expect.stringMatching(/^[B-DF-HJ-NP-TV-Z]{4}-[B-DF-HJ-NP-TV-Z]{4}$/),
        verification_uri: 'https://issuer.example/device',
        expires_in: 600,
        interval: 5,
      },
    });
    const { user_code, verification_uri_complete } = answer.json;
    expect(verification_uri_complete).toBe(`https://issuer.example/device?user_code=${user_code}`);
    const metadata = await bed.get('/.well-known/oauth-authorization-server');
    expect(metadata.json).toMatchObject({
      device_authorization_endpoint: `https://issuer.example${endpoint}`,
      grant_types_supported: expect.arrayContaining([type]),
    });
  });

  it('leaves neither code readable in the store', async () => {
    const begun = await bed.begin();
    const text = JSON.stringify(await bed.store.deviceGrants.list({ limit: 10 }));
    expect(text).not.toContain(begun.device_code.slice(-39, -6));
    expect(text).not.toContain(begun.user_code);
    expect(text).not.toContain(begun.user_code.replace('-', ''));
  });

  it('is refused where it may not', async () => {
    const refused = async (form: Record<string, string>, by?: typeof tv) => {
      const { status, json } = await bed.post(endpoint, form, by);
      return [status, json['error']];
    };
    expect(await refused({})).toEqual([401, 'invalid_client']);
    expect(await refused({}, { ...tv, secret: 'wrong' })).toEqual([401, 'invalid_client']);
    expect(await refused({ client_id: tv.clientId })).toEqual([401, 'invalid_client']);
    expect(await refused({}, bed.app)).toEqual([400, 'unauthorized_client']);
    expect(await refused({ scope: 'read admin' }, tv)).toEqual([400, 'invalid_scope']);
    expect(await refused({ scope: 'a"b' }, tv)).toEqual([400, 'invalid_scope']);
    expect(await refused({ resource: 'https://x' }, tv)).toEqual([400, 'invalid_target']);
    const query = await bed.post(`${endpoint}?scope=read`, {}, tv);
    expect(query.json['error']).toBe('invalid_request');
    expect(await bed.get(endpoint)).toMatchObject({ status: 405 });
  });

  it('may be a public client, which names itself', async () => {
    const open = await bed.addClient({ ...rules, authMethod: 'none' });
    const answer = await bed.post(endpoint, { client_id: open.clientId });
    const begun = answer.json as unknown as Begun;
    await bed.approve(begun);
    const form = { grant_type: type, device_code: begun.device_code, client_id: open.clientId };
    expect(await bed.post('/oauth2/token', form)).toMatchObject({ status: 200 });
  });

  it('may register itself for the grant, and for that needs no redirect URI', async () => {
    const made = await bed.manage('POST', '/v1/clients', {
      json: { client_name: 'TV', grant_types: [type], token_endpoint_auth_method: 'none' },
    });
    expect(made, made.text).toMatchObject({ status: 201, json: { grant_types: [type] } });
  });

  it('is bounded by its address', async () => {
    for (let i = 0; i < limits.deviceGrantsBegunPerMinute; i++) await bed.post(endpoint, {}, tv);
    const refused = await bed.post(endpoint, {}, tv);
    expect(refused).toMatchObject({
      status: 429,
      headers: { 'retry-after': '1' },
      json: { error: 'temporarily_unavailable' },
    });
    bed.clock.advanceMs(60_000);
    expect(await bed.post(endpoint, {}, tv)).toMatchObject({ status: 200 });
  });

  it('is recorded, and forgotten when it is over', async () => {
    await bed.begin({ scope: 'read' });
    expect(await bed.store.deviceGrants.count()).toBe(1);
    bed.clock.advanceMs((limits.deviceCodeSeconds + 3_700) * 1_000);
    await bed.authority.tick();
    expect(await bed.store.deviceGrants.count()).toBe(0);
    expect(await bed.records('authorization.device')).toMatchObject([
      { actor: { kind: 'client', id: tv.clientId }, detail: { scopes: ['read'] } },
    ]);
  });
});

describe('a device that waits', () => {
  it('is told so, and to wait longer each time it is hasty, by every node', async () => {
    const begun = await bed.begin();
    const there = await bed.replica();
    const errorOf = async (wait: number, node: { readonly post: typeof bed.post } = bed) => {
      bed.clock.advanceMs(wait * 1_000);
      const form = { grant_type: type, device_code: begun.device_code };
      const { status, json } = await node.post('/oauth2/token', form, tv);
      expect(status).toBe(400);
      return json['error'];
    };
    expect(await errorOf(0)).toBe('authorization_pending');
    expect(await errorOf(5)).toBe('authorization_pending');
    expect(await errorOf(2)).toBe('slow_down');
    // From now on it is ten seconds.
    expect(await errorOf(6, there)).toBe('slow_down');
    await bed.restart();
    expect(await errorOf(15)).toBe('authorization_pending');
    expect(await errorOf(14.5, there)).toBe('authorization_pending');
    expect(await errorOf(13)).toBe('slow_down');
  });

  it('leaves no record of its questions', async () => {
    const begun = await bed.begin();
    const before = await bed.store.auditPending.count();
    await bed.poll(begun);
    await bed.poll(begun);
    expect(await bed.store.auditPending.count()).toBe(before);
  });

  it('makes the interval no longer than its code lives, however often it asks', async () => {
    const begun = await bed.begin();
    for (let i = 0; i < 130; i++) await bed.poll(begun);
    expect((await bed.poll(begun)).json).toEqual({ error: 'slow_down' });
    const [row] = await bed.store.deviceGrants.list({ limit: 1 });
    expect(row?.intervalSeconds).toBe(limits.deviceCodeSeconds);
    // However hasty it was, an answer is not held back.
    await bed.approve(begun);
    expect(await bed.poll(begun)).toMatchObject({ status: 200 });
  });

  it('is told when its code has expired, approved or not', async () => {
    const [waiting, late] = [await bed.begin(), await bed.begin()];
    await bed.approve(late);
    bed.clock.advanceMs(limits.deviceCodeSeconds * 1_000);
    expect((await bed.poll(waiting)).json['error']).toBe('expired_token');
    expect((await bed.poll(late)).json['error']).toBe('expired_token');
  });

  it('is told that the person said no, on whichever page', async () => {
    const [first, second] = [await bed.begin(), await bed.begin()];
    const browser = bed.browse();
    const entry = await browser.open('/device');
    const signIn = await browser.submit(entry, { user_code: first.user_code });
    expect((await browser.submit(signIn, { deny: '1' })).url).toBe('/device?done=denied');
    const done = await browser.submit(await bed.ask(second, browser), { deny: '1' });
    expect(done.url).toBe('/device?done=denied');
    expect(done.text).toContain('The device has no access');
    for (const begun of [first, second]) {
      expect(await bed.poll(begun)).toMatchObject({
        status: 400,
        json: { error: 'access_denied' },
      });
    }
  });

  it.each<[string, (begun: Begun) => Record<string, string>]>([
    ['none', () => ({ device_code: '' })],
    ['nonsense', () => ({ device_code: 'x' })],
    ['the user code', ({ user_code }) => ({ device_code: user_code })],
    [
      'one whose secret is wrong',
      ({ device_code }) => ({ device_code: device_code.replace(/.{8}$/, 'AAAAAAAA') }),
    ],
  ])('gets nothing for %s', async (_, form) => {
    const begun = await bed.begin();
    await bed.approve(begun);
    const answer = await bed.poll(begun, tv, form(begun));
    expect(answer.status).toBe(400);
    expect(['invalid_grant', 'invalid_request']).toContain(answer.json['error']);
    expect(await bed.poll(begun)).toMatchObject({ status: 200 });
  });
});

describe('an approved device', () => {
  it('gets tokens for the person, once, and an ID token', async () => {
    const begun = await bed.begin({ scope: 'openid read' });
    await bed.approve(begun);
    const answer = await bed.poll(begun);
    expect(answer).toMatchObject({
      status: 200,
      json: { token_type: 'Bearer', scope: 'openid read', refresh_token: expect.any(String) },
    });
    const [, payload = ''] = String(answer.json['id_token']).split('.');
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString());
    expect(claims).toMatchObject({ sub: bed.alice, aud: tv.clientId, acr: 'pwd' });
    expect(claims).not.toHaveProperty('nonce');
    const token = String(answer.json['access_token']);
    const found = await bed.post('/oauth2/introspect', { token }, tv);
    expect(found.json).toMatchObject({ active: true, sub: bed.alice, client_id: tv.clientId });
  });

  it('has used its code up, and a second use ends what the first gave', async () => {
    const begun = await bed.begin();
    await bed.approve(begun);
    const first = await bed.poll(begun);
    expect((await bed.poll(begun)).json['error']).toBe('invalid_grant');
    expect((await bed.poll(begun)).json['error']).toBe('invalid_grant');
    const token = String(first.json['access_token']);
    const found = await bed.post('/oauth2/introspect', { token }, tv);
    expect(found.json).toEqual({ active: false });
    const refresh = {
      grant_type: 'refresh_token',
      refresh_token: `${first.json['refresh_token']}`,
    };
    expect((await bed.post('/oauth2/token', refresh, tv)).json['error']).toBe('invalid_grant');
    // Once: a code sent again and again does not fill the feed.
    expect(await bed.store.feed.count({ targetKind: 'family' })).toBe(1);
  });

  it('belongs to the client that began it: another changes nothing', async () => {
    const begun = await bed.begin();
    const other = await bed.addClient(rules);
    expect((await bed.poll(begun, other)).json['error']).toBe('invalid_grant');
    await bed.approve(begun);
    expect((await bed.poll(begun, other)).json['error']).toBe('invalid_grant');
    expect((await bed.poll(begun, { ...tv, secret: 'wrong' })).status).toBe(401);
    expect(await bed.poll(begun)).toMatchObject({ status: 200 });
    expect((await bed.poll(begun, other)).json['error']).toBe('invalid_grant');
    expect(await bed.store.feed.count({ targetKind: 'family' })).toBe(0);
  });

  it('gets what the client may still have, at the resource that was asked for', async () => {
    const begun = await bed.begin({ scope: 'read profile', resource: 'https://other.example' });
    await bed.approve(begun);
    const path = `/v1/clients/${tv.clientId}`;
    const edit = await bed.manage('PATCH', path, { json: { scope: 'read' }, ifMatch: '*' });
    expect(edit.status, edit.text).toBe(200);
    const answer = await bed.poll(begun);
    expect(answer).toMatchObject({ status: 200, json: { scope: 'read' } });
    const token = String(answer.json['access_token']);
    const found = await bed.post('/oauth2/introspect', { token }, tv);
    expect(found.json['aud']).toBe('https://other.example');
  });

  it('gets nothing after its person or its client has ended', async () => {
    const begun = await bed.begin();
    await bed.approve(begun);
    const where = { tenant: defaultTenant, id: bed.alice };
    for (const status of ['disabled', 'active'] as const) {
      const step = { do: 'update', table: 'users', where, set: { status } } as const;
      await bed.store.acts.run({ steps: [step], audit: null });
      // The refusal spends nothing, so that the code is good again with its person.
      if (status === 'disabled') {
        expect((await bed.poll(begun)).json['error']).toBe('invalid_grant');
      }
    }
    const other = await bed.begin();
    await bed.approve(other);
    expect((await bed.poll(begun)).status).toBe(200);
    const target = { kind: 'user', id: bed.alice };
    const made = await bed.manage('POST', '/v1/revocations', { json: { target, reason: 'left' } });
    expect(made.status, made.text).toBe(200);
    expect((await bed.poll(other)).json['error']).toBe('invalid_grant');
  });

  it('ends with its consent, with its session, and with everything of the user', async () => {
    const browser = await bed.settled();
    const get = async () => {
      const begun = await bed.begin({ scope: 'read' });
      await bed.approve(begun, browser);
      return String((await bed.poll(begun)).json['access_token']);
    };
    const isActive = async (token: string) =>
      (await bed.post('/oauth2/introspect', { token }, tv)).json['active'];

    const first = await get();
    expect(await isActive(first)).toBe(true);
    const account = await browser.open('/account');
    expect(account.text).toContain('TV &lt;b&gt;App&lt;/b&gt;');
    await browser.submit(account, { withdraw: tv.clientId });
    expect(await isActive(first)).toBe(false);

    const second = await get();
    const target = { kind: 'user', id: bed.alice };
    await bed.manage('POST', '/v1/revocations', { json: { target, reason: 'left' } });
    expect(await isActive(second)).toBe(false);
  });

  it('ends with the session in which it was approved, unless it may work while away', async () => {
    const browser = bed.browse();
    const begun = [
      await bed.begin({ scope: 'read' }),
      await bed.begin({ scope: 'offline_access' }),
    ];
    const tokens: string[] = [];
    for (const one of begun) {
      await bed.approve(one, browser);
      tokens.push(String((await bed.poll(one)).json['access_token']));
    }
    await browser.submit(await browser.open('/logout'));
    const active = tokens.map(async (token) => {
      return (await bed.post('/oauth2/introspect', { token }, tv)).json['active'];
    });
    expect(await Promise.all(active)).toEqual([false, true]);
  });

  it('gives one winner its tokens, of many that come at once on two nodes', async () => {
    const begun = await bed.begin();
    await bed.approve(begun);
    const there = await bed.replica();
    const form = { grant_type: type, device_code: begun.device_code };
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        (i % 2 === 0 ? bed : there).post('/oauth2/token', form, tv),
      ),
    );
    const statuses = answers.map(({ status }) => status).sort();
    expect(statuses).toEqual([200, ...Array.from({ length: 19 }, () => 400)]);
  });
});

describe('a device with a DPoP key', () => {
  async function prover() {
    const { publicKey, privateKey } = await generateKeyPair('ES256');
    const jwk = await exportJWK(publicKey);
    let count = 0;
    return (path: string) =>
      new SignJWT({
        ...{ htm: 'POST', htu: `${bedConfig.issuer}${path}`, jti: `${count++}` },
        iat: Math.floor(bed.clock.nowMs() / 1000),
      })
        .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk })
        .sign(privateKey);
  }

  async function send(path: string, form: Record<string, string>, dpop?: string) {
    const authorization = basicHeader(tv.clientId, tv.secret);
    const headers = {
      'content-type': 'application/x-www-form-urlencoded',
      authorization,
      ...(dpop === undefined ? {} : { dpop }),
    };
    const body = new URLSearchParams(form).toString();
    const answer = await bed.authority.handle(buildRequest('POST', path, { headers, body }));
    return { status: answer.status, json: JSON.parse(String(answer.body)) };
  }

  it('gets bound tokens where the token request shows it', async () => {
    const prove = await prover();
    const begun = await bed.begin();
    await bed.approve(begun);
    const form = { grant_type: type, device_code: begun.device_code };
    const answer = await send('/oauth2/token', form, await prove('/oauth2/token'));
    expect(answer).toMatchObject({ status: 200, json: { token_type: 'DPoP' } });
  });

  it('that it began with must come back with it', async () => {
    const [prove, other] = [await prover(), await prover()];
    const answer = await send(endpoint, {}, await prove(endpoint));
    const begun = answer.json as Begun;
    await bed.approve(begun);
    const form = { grant_type: type, device_code: begun.device_code };
    const refused = { status: 400, json: { error: 'invalid_grant' } };
    expect(await send('/oauth2/token', form)).toEqual(refused);
    expect(await send('/oauth2/token', form, await other('/oauth2/token'))).toEqual(refused);
    expect((await send('/oauth2/token', form, await prove('/oauth2/token'))).status).toBe(200);
  });

  it('is refused a proof that is bad, or was used', async () => {
    const prove = await prover();
    const proof = await prove(endpoint);
    expect((await send(endpoint, {}, await prove('/oauth2/par'))).json.error).toBe(
      'invalid_dpop_proof',
    );
    expect((await send(endpoint, {}, proof)).status).toBe(200);
    expect((await send(endpoint, {}, proof)).json.error).toBe('invalid_dpop_proof');
  });
});

it('leaves the approval and the refusal in the trail', async () => {
  const [first, second] = [await bed.begin({ scope: 'read' }), await bed.begin()];
  await bed.approve(first);
  const browser = bed.browse();
  await browser.submit(await bed.ask(second, browser), { deny: '1' });
  expect(await bed.records('authorization.grant')).toMatchObject([
    { actor: { kind: 'user', id: bed.alice }, detail: { client: tv.clientId, scopes: ['read'] } },
  ]);
  expect(await bed.records('authorization.deny')).toMatchObject([
    { actor: { kind: 'user', id: bed.alice }, result: 'access_denied' },
  ]);
});
