import { decodeJwt, SignJWT } from 'jose';
import { beforeAll, describe, expect, it } from 'vitest';
import { bedConfig } from './authority-bed.ts';
import { type BackchannelBed, backchannelBed, cibaGrant, clientKey } from './backchannel-bed.ts';

describe('a client that asks by the back channel', () => {
  it('gets what the person agreed to, once', async () => {
    const bed = await backchannelBed();
    const begun = await bed.ask({ binding_message: 'W4SCT' });
    expect(begun.status).toBe(200);
    expect(begun.json).toEqual({
      auth_req_id: expect.stringMatching(/^mm_br_[0-9A-Za-z]{56}$/),
      expires_in: 300,
      interval: 5,
    });
    expect(begun.headers['cache-control']).toBe('no-store');
    const { authReqId, id } = await bed.asked();
    expect((await bed.answer(id, 'approve', { acr: 'mfa', amr: ['hwk', 'user'] })).status).toBe(
      204,
    );
    const given = await bed.poll(authReqId);
    expect(given.status).toBe(200);
    expect(given.json).toMatchObject({
      token_type: 'Bearer',
      scope: 'openid read',
      refresh_token: expect.any(String),
    });
    const claims = decodeJwt(String(given.json['id_token']));
    const now = Math.floor(bed.clock.nowMs() / 1000);
    expect(claims).toMatchObject({ sub: bed.alice, acr: 'mfa', amr: ['hwk', 'user'] });
    expect(claims).toMatchObject({ aud: bed.caller.clientId, auth_time: now });
    // Only tokens that are pushed name their request (§10.3.1), and no session of ours is theirs.
    expect(Object.keys(claims)).not.toContain('urn:openid:params:jwt:claim:auth_req_id');
    expect(Object.keys(claims)).not.toContain('sid');
    expect(decodeJwt(String(given.json['access_token']))).toMatchObject({ sub: bed.alice });
    const again = await bed.poll(authReqId);
    expect([again.status, again.json['error']]).toEqual([400, 'invalid_grant']);
    const refreshed = await bed.postAs('/oauth2/token', {
      grant_type: 'refresh_token',
      refresh_token: String(given.json['refresh_token']),
    });
    expect(refreshed.status).toBe(200);
  });

  it('waits while nobody has answered, and longer where it asks too soon', async () => {
    const bed = await backchannelBed();
    const { authReqId, id } = await bed.asked();
    const errors: unknown[] = [];
    const pauses = [0, 5_000, 4_999, 9_999, 15_000, 15_000];
    for (const pause of pauses) {
      bed.clock.advanceMs(pause);
      const { status, json } = await bed.poll(authReqId);
      expect(status).toBe(400);
      errors.push(json['error']);
    }
    const pending = 'authorization_pending';
    // Each that came early has added five seconds to the pause that is asked for.
    expect(errors).toEqual([pending, pending, 'slow_down', 'slow_down', pending, pending]);
    await bed.answer(id, 'approve');
    // Who was told that there is an answer has it at once.
    expect((await bed.poll(authReqId)).status).toBe(200);
  });

  it('has the pause bounded, however often it asks', async () => {
    const bed = await backchannelBed();
    const { authReqId } = await bed.asked();
    for (let i = 0; i < 30; i++) await bed.poll(authReqId);
    const [row] = await bed.store.backchannelRequests.list({ limit: 1 });
    expect(row?.pollSeconds).toBe(60);
    expect((await bed.poll(authReqId)).json['error']).toBe('slow_down');
    bed.clock.advanceMs(60_000);
    expect((await bed.poll(authReqId)).json['error']).toBe('authorization_pending');
  });

  it('learns that the person said no, for as long as the request is good', async () => {
    const bed = await backchannelBed();
    const { authReqId, id } = await bed.asked();
    expect((await bed.answer(id, 'deny')).status).toBe(204);
    expect((await bed.poll(authReqId)).json).toEqual({ error: 'access_denied' });
    bed.clock.advanceMs(300_000);
    expect((await bed.poll(authReqId)).json).toEqual({ error: 'expired_token' });
  });

  it('has as long as it asked for, within our bound', async () => {
    const bed = await backchannelBed();
    const short = await bed.ask({ requested_expiry: '10' });
    expect(short.json['expires_in']).toBe(10);
    const authReqId = String(short.json['auth_req_id']);
    bed.clock.advanceMs(9_999);
    expect((await bed.poll(authReqId)).json['error']).toBe('authorization_pending');
    bed.clock.advanceMs(1);
    expect((await bed.poll(authReqId)).json['error']).toBe('expired_token');
    expect((await bed.ask({ requested_expiry: '999999' })).json['expires_in']).toBe(3600);
  });

  it('gets nothing of an answer that came too late, or twice', async () => {
    const bed = await backchannelBed();
    const late = await bed.asked();
    bed.clock.advanceMs(300_000);
    expect((await bed.answer(late.id, 'approve')).status).toBe(409);
    const { authReqId, id } = await bed.asked();
    await bed.answer(id, 'deny');
    expect((await bed.answer(id, 'approve')).status).toBe(409);
    expect((await bed.answer(id, 'deny')).status).toBe(409);
    expect((await bed.poll(authReqId)).json['error']).toBe('access_denied');
  });

  it('gets nothing of another client’s request', async () => {
    const bed = await backchannelBed();
    const other = await bed.addClient({
      grantTypes: [cibaGrant],
      backchannelTokenDeliveryMode: 'poll',
    });
    const { authReqId, id } = await bed.asked();
    await bed.answer(id, 'approve');
    expect((await bed.poll(authReqId, other)).json).toEqual({ error: 'invalid_grant' });
    expect((await bed.poll(authReqId)).status).toBe(200);
  });

  it.each([
    ['nothing', undefined, 'invalid_request'],
    ['another text', 'mm_br_0', 'invalid_grant'],
    ['a code', 'mm_ac_0', 'invalid_grant'],
  ])('is refused with %s for auth_req_id', async (_, authReqId, error) => {
    const bed = await backchannelBed();
    const form = { grant_type: cibaGrant, auth_req_id: authReqId };
    const answer = await bed.postAs('/oauth2/token', form);
    expect([answer.status, answer.json['error']]).toEqual([400, error]);
  });

  it('gets nothing with a wrong secret in the right name', async () => {
    const bed = await backchannelBed();
    const one = await bed.asked();
    const two = await bed.asked();
    await bed.answer(one.id, 'approve');
    // The one's id with the other's secret has a checksum that is wrong, and is nothing at all.
    const mixed = one.authReqId.slice(0, 23) + two.authReqId.slice(23);
    expect((await bed.poll(mixed)).json['error']).toBe('invalid_grant');
  });
});

describe('the end of what was agreed to', () => {
  const approved = async () => {
    const bed = await backchannelBed();
    const { authReqId, id } = await bed.asked({ scope: 'openid offline_access' });
    await bed.answer(id, 'approve');
    return { ...bed, authReqId };
  };

  it('comes with a revocation of its person, redeemed or not', async () => {
    const bed = await approved();
    const early = await bed.asked();
    await bed.answer(early.id, 'approve');
    const given = await bed.poll(bed.authReqId);
    const target = { kind: 'user', id: bed.alice };
    await bed.manage('POST', '/v1/revocations', { json: { target, reason: 'left' } });
    expect((await bed.poll(early.authReqId)).json['error']).toBe('invalid_grant');
    const refresh_token = String(given.json['refresh_token']);
    const again = await bed.postAs('/oauth2/token', { grant_type: 'refresh_token', refresh_token });
    expect(again.json['error']).toBe('invalid_grant');
  });

  it('comes where the person withdraws the consent', async () => {
    const bed = await approved();
    const given = await bed.poll(bed.authReqId);
    const browser = await bed.settled();
    const account = await browser.open('/account');
    expect(account.text).toContain('Call &lt;i&gt;Centre&lt;/i&gt;');
    await browser.submit(account, { withdraw: bed.caller.clientId });
    const refresh_token = String(given.json['refresh_token']);
    const again = await bed.postAs('/oauth2/token', { grant_type: 'refresh_token', refresh_token });
    expect(again.json['error']).toBe('invalid_grant');
  });

  it('comes where the person is disabled', async () => {
    const bed = await approved();
    const { headers } = await bed.manage('GET', `/v1/users/${bed.alice}`);
    const ifMatch = String(headers['etag']);
    const json = { status: 'disabled' };
    await bed.manage('PATCH', `/v1/users/${bed.alice}`, { json, ifMatch });
    expect((await bed.poll(bed.authReqId)).json['error']).toBe('invalid_grant');
    expect((await bed.ask()).json['error']).toBe('unknown_user_id');
  });

  it('narrows with what the client may ask for', async () => {
    const bed = await approved();
    const path = `/v1/clients/${bed.caller.clientId}`;
    const ifMatch = String((await bed.manage('GET', path)).headers['etag']);
    await bed.manage('PATCH', path, { json: { scope: 'openid' }, ifMatch });
    const given = await bed.poll(bed.authReqId);
    expect(given.json['scope']).toBe('openid');
  });
});

describe('a request by the back channel is refused', () => {
  let bed: BackchannelBed;
  beforeAll(async () => {
    bed = await backchannelBed();
  });

  it.each([
    ['without a hint', { login_hint: undefined }, 'invalid_request'],
    ['with two hints', { id_token_hint: 'x' }, 'invalid_request'],
    ['for nobody we know', { login_hint: 'carol' }, 'unknown_user_id'],
    ['with a hint of a thousand characters', { login_hint: 'a'.repeat(1000) }, 'invalid_request'],
    [
      'with a hint token that is none',
      { login_hint: undefined, login_hint_token: 'x' },
      'invalid_request',
    ],
    [
      'with an ID token that is none',
      { login_hint: undefined, id_token_hint: 'x' },
      'invalid_request',
    ],
    ['without a scope', { scope: undefined }, 'invalid_request'],
    ['without openid', { scope: 'read' }, 'invalid_scope'],
    ['with a scope that is not its own', { scope: 'openid write' }, 'invalid_scope'],
    ['with a malformed scope', { scope: 'openid  read' }, 'invalid_scope'],
    ['with a resource that is not its own', { resource: 'https://no.example' }, 'invalid_target'],
    ['with a user code', { user_code: '1234' }, 'invalid_request'],
    ['with a request by reference', { request_uri: 'https://app.example/r' }, 'invalid_request'],
    ['with rich authorization', { authorization_details: '[]' }, 'invalid_authorization_details'],
    [
      'with a request that is none',
      { request: 'x', scope: undefined, login_hint: undefined },
      'invalid_request',
    ],
    ['with no life', { requested_expiry: '0' }, 'invalid_request'],
    ['with a life that is no number', { requested_expiry: '1.5' }, 'invalid_request'],
    ['with a hundred classes', { acr_values: 'a '.repeat(100) }, 'invalid_request'],
    ['with a long message', { binding_message: 'x'.repeat(101) }, 'invalid_binding_message'],
    ['with lines', { binding_message: 'one\ntwo' }, 'invalid_binding_message'],
    ['with turned text', { binding_message: 'pay \u202e0001' }, 'invalid_binding_message'],
    ['with unseen text', { binding_message: 'pay\u200b' }, 'invalid_binding_message'],
  ])('%s', async (_, form, error) => {
    const answer = await bed.ask(form);
    expect([answer.status, answer.json['error']]).toEqual([400, error]);
    expect(answer.json).not.toHaveProperty('auth_req_id');
  });

  it('takes a message that everybody can read', async () => {
    expect((await bed.ask({ binding_message: 'Überweisung 品川 👍 1,50 €' })).status).toBe(200);
  });

  it('from a client that is not registered for it', async () => {
    const other = await bed.addClient({ scopes: ['openid'] });
    expect((await bed.ask({ scope: 'openid' }, other)).json).toEqual({
      error: 'unauthorized_client',
    });
    expect((await bed.poll('x', other)).json).toEqual({ error: 'unauthorized_client' });
  });

  it('from nobody, and from a client that cannot prove who it is', async () => {
    const form = { scope: 'openid', login_hint: 'alice' };
    const nobody = await bed.post('/oauth2/bc-authorize', form);
    expect([nobody.status, nobody.json['error']]).toEqual([401, 'invalid_client']);
    const wrong = await bed.ask({}, { ...bed.caller, secret: 'wrong' });
    expect([wrong.status, wrong.json['error']]).toEqual([401, 'invalid_client']);
  });

  it('with repeated parameters, in a query, or as another type', async () => {
    const twice = await bed.post('/oauth2/bc-authorize?scope=openid', {}, bed.caller);
    expect([twice.status, twice.json['error']]).toEqual([400, 'invalid_request']);
    const path = '/oauth2/bc-authorize';
    expect((await bed.get(path)).status).toBe(405);
  });

  it('where too many wait for the person already', async () => {
    const bed = await backchannelBed();
    const ids: string[] = [];
    for (let i = 0; i < 20; i++) ids.push((await bed.asked()).id);
    const full = await bed.ask();
    expect([full.status, full.json['error']]).toEqual([403, 'access_denied']);
    expect((await bed.ask({ login_hint: 'bob' })).status).toBe(200);
    await bed.answer(ids[0]!, 'deny');
    expect((await bed.ask()).status).toBe(200);
  });
});

describe('whom a client means', () => {
  it('is said by an ID token that it got, expired or not', async () => {
    const bed = await backchannelBed();
    const { authReqId, id } = await bed.asked();
    await bed.answer(id, 'approve');
    const idToken = String((await bed.poll(authReqId)).json['id_token']);
    bed.clock.advanceMs(7 * 86_400_000);
    const again = await bed.asked({ login_hint: undefined, id_token_hint: idToken });
    const shown = await bed.manage('GET', `/v1/authentication-requests/${again.id}`);
    expect(shown.json['subject']).toBe(bed.alice);
    const other = await bed.addClient({
      ...{ grantTypes: [cibaGrant], scopes: ['openid'], backchannelTokenDeliveryMode: 'poll' },
    });
    const form = { scope: 'openid', login_hint: undefined, id_token_hint: idToken };
    expect((await bed.ask(form, other)).json['error']).toBe('invalid_request');
  });

  it('is said by the name in any spelling', async () => {
    const bed = await backchannelBed();
    expect((await bed.ask({ login_hint: 'ALICE' })).status).toBe(200);
  });

  describe('is said by a token that it signed', async () => {
    const { key, jwks } = clientKey();
    const bed = await backchannelBed({ jwks });
    const ask = async (claims: Record<string, unknown>, signer = key) => {
      const bare = { scope: undefined, login_hint: undefined };
      const login_hint_token = await new SignJWT(bed.claimsOf({ ...bare, ...claims }))
        .setProtectedHeader({ alg: 'ES256', kid: 'k1' })
        .sign(signer);
      return bed.ask({ login_hint: undefined, login_hint_token });
    };
    const subject = { format: 'iss_sub', iss: bedConfig.issuer, sub: bed.alice };

    it.each([
      ['the subject', { sub_id: subject }, 200, undefined],
      ['the name', { sub_id: { format: 'opaque', id: 'alice' } }, 200, undefined],
      [
        'an address that is a name',
        { sub_id: { format: 'email', email: 'alice' } },
        200,
        undefined,
      ],
      ['somebody unknown', { sub_id: { ...subject, sub: 'x' } }, 400, 'unknown_user_id'],
      [
        'another issuer',
        { sub_id: { ...subject, iss: 'https://x.example' } },
        400,
        'invalid_request',
      ],
      ['an unknown format', { sub_id: { format: 'did', id: 'x' } }, 400, 'invalid_request'],
      ['nobody', {}, 400, 'invalid_request'],
      ['for another server', { sub_id: subject, aud: 'https://x.example' }, 400, 'invalid_request'],
      ['by another client', { sub_id: subject, iss: 'x' }, 400, 'invalid_request'],
      ['without an end', { sub_id: subject, exp: undefined }, 400, 'invalid_request'],
      ['that has ended', { sub_id: subject, exp: 1 }, 400, 'expired_login_hint_token'],
    ])('naming %s', async (_, claims, status, error) => {
      const answer = await ask(claims);
      expect([answer.status, answer.json['error']]).toEqual([status, error]);
    });

    it('and by no other key', async () => {
      const answer = await ask({ sub_id: subject }, clientKey().key);
      expect(answer.json['error']).toBe('invalid_request');
    });
  });
});
