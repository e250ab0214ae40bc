/** The claims hook, as clients of every grant and those who read their tokens meet it. */
import { type ClientId, defaultTenant, err, type JsonObject, ok } from '@mintmark/core';
import { decodeJwt } from 'jose';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { appRules, type Credentials, type GrantBed, grantBed } from './grant-bed.ts';
import { grants } from './grants/run-grant.ts';
import type { HookFailure } from './hooks/claims-hook.ts';

const exchangeType = 'urn:ietf:params:oauth:grant-type:token-exchange';
const added = { access_token: { groups: ['staff'] }, id_token: { team: 'a' } };

let bed: GrantBed;
let answer: unknown;
let failure: HookFailure | undefined;
let thrown: Error | undefined;
let asked: JsonObject[];

async function open(onFailure: 'refuse' | 'without' = 'refuse') {
  asked = [];
  answer = added;
  failure = undefined;
  thrown = undefined;
  const claimsHook = {
    ...{ deadlineMs: 500, onFailure },
    source: async (question: JsonObject) => {
      asked.push(question);
      if (thrown !== undefined) throw thrown;
      return failure === undefined ? ok(JSON.stringify(answer)) : err(failure);
    },
  };
  bed = await grantBed(1, undefined, { claimsHook });
}

beforeEach(() => open());
afterEach(() => vi.restoreAllMocks());

const tokenOf = ({ json }: { readonly json: Record<string, unknown> }) =>
  String(json['access_token']);

const introspected = async (token: string, by: Credentials) =>
  (await bed.post('/oauth2/introspect', { token }, by)).json;

const signedIn = { scopes: ['openid', 'read'], acr: 'mfa' };

describe('every grant', () => {
  // Of the very list that the token endpoint has, so that a new one cannot be forgotten here.
  it.each(grants.map((grant) => [grant.type, grant] as const))('%s', async (type, grant) => {
    const { clientId, secret } = await bed.addClient(appRules);
    await allow(clientId, type);
    vi.spyOn(grant, 'judge').mockResolvedValue(
      ok({
        subject: bed.user,
        scopes: ['read', 'write'],
        audience: { allowed: ['https://api.example'], byDefault: ['https://api.example'] },
        basis: { position: 0, family: undefined },
      }),
    );
    const given = await bed.post('/oauth2/token', { grant_type: type }, { clientId, secret });
    expect(given.status, given.text).toBe(200);
    expect(decodeJwt(tokenOf(given))).toMatchObject({ groups: ['staff'] });
    expect(asked).toMatchObject([
      { grant: type, subject: bed.user, client: { client_id: clientId } },
    ]);
    answer = { refuse: { reason: 'no' } };
    const refused = await bed.post('/oauth2/token', { grant_type: type }, { clientId, secret });
    expect(refused).toMatchObject({ status: 400, json: { error: 'access_denied' } });
  });
});

/** Beyond what a registration would let it have together. */
async function allow(clientId: ClientId, type: string): Promise<void> {
  const key = { tenant: defaultTenant, clientId };
  const row = (await bed.store.clients.get(defaultTenant, clientId))!;
  const metadata = { ...row.metadata, grantTypes: [type] };
  const step = { do: 'update', table: 'clients', where: key, set: { metadata } } as const;
  await bed.store.acts.run({ steps: [{ ...step, refused: 'x' }], audit: null });
}

describe('what the hook adds', () => {
  it('stands in both tokens, and it is asked again at each refresh', async () => {
    const first = await bed.redeem(await bed.code(signedIn));
    expect(decodeJwt(tokenOf(first))).toMatchObject({ groups: ['staff'], acr: 'mfa' });
    expect(decodeJwt(String(first.json['id_token']))).toMatchObject({ team: 'a', sub: bed.user });
    expect(decodeJwt(tokenOf(first))).not.toHaveProperty('team');
    answer = { access_token: { groups: [] } };
    const second = await bed.refresh(String(first.json['refresh_token']));
    expect(decodeJwt(tokenOf(second))).toMatchObject({ groups: [] });
    expect(asked).toMatchObject([
      {
        ...{ issuer: 'https://issuer.example', tenant: 'default', grant: 'authorization_code' },
        client: { client_id: bed.app.clientId },
        subject: bed.user,
        user: { username: 'alice', claims: { name: 'Alice', email: 'alice@example.com' } },
        ...{ scopes: ['openid', 'read'], audience: ['https://api.example'] },
        access_token: { format: 'jwt', expires_in: 600 },
        ...{ id_token: true, acr: 'mfa', amr: ['pwd'], auth_time: 1_789_999_990, sid: 'session' },
      },
      { grant: 'refresh_token', id_token: true },
    ]);
  });

  it('stands in what introspection says, of both forms', async () => {
    const app = await bed.addClient({ ...appRules, accessTokenFormat: 'opaque' });
    const opaque = tokenOf(await bed.redeem(await bed.code({}, app), {}, app));
    expect(opaque).toMatch(/^mm_at_/);
    expect(await introspected(opaque, app)).toMatchObject({ active: true, groups: ['staff'] });
    const jwt = tokenOf(await bed.redeem(await bed.code()));
    expect(await introspected(jwt, bed.app)).toMatchObject({ active: true, groups: ['staff'] });
  });

  it('does not pass into an exchanged token, about which it is asked anew', async () => {
    const token = tokenOf(await bed.redeem(await bed.code()));
    answer = {};
    const service = await bed.addClient({
      ...{ grantTypes: [exchangeType], scopes: ['read'], resources: ['https://api.example'] },
      audiences: ['https://bank.example'],
    });
    const form = {
      ...{ grant_type: exchangeType, subject_token: token, audience: 'https://bank.example' },
      subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    };
    const given = await bed.post('/oauth2/token', form, service);
    expect(decodeJwt(tokenOf(given))).not.toHaveProperty('groups');
    expect(asked.at(-1)).toMatchObject({ grant: exchangeType, act: { sub: service.clientId } });
  });

  it('of a machine says nothing of a person', async () => {
    const machine = await bed.addClient();
    await bed.post('/oauth2/token', { grant_type: 'client_credentials' }, machine);
    expect(asked).toMatchObject([{ subject: machine.clientId, id_token: false }]);
    expect(asked[0]).not.toHaveProperty('user');
    expect(asked[0]).not.toHaveProperty('auth_time');
  });

  it('is not asked for about somebody who is disabled', async () => {
    const code = await bed.code();
    const json = { status: 'disabled' };
    const done = await bed.manage('PATCH', `/v1/users/${bed.user}`, { json, ifMatch: '*' });
    expect(done.status, done.text).toBe(200);
    expect(await bed.redeem(code)).toMatchObject({ json: { error: 'invalid_grant' } });
    expect(asked).toEqual([]);
  });

  it('is on record by its names, without the values', async () => {
    answer = { access_token: { groups: ['staff'], mail: 'alice@example.com' } };
    await bed.redeem(await bed.code());
    const [record] = await bed.records('token.issue');
    expect(record).toMatchObject({ detail: { hook: 'answered', claims: ['groups', 'mail'] } });
    expect(JSON.stringify(record)).not.toContain('alice@example.com');
  });
});

describe('scopes', () => {
  it('are cut for this token, and for the refresh token not', async () => {
    answer = { scopes: ['openid'] };
    const first = await bed.redeem(await bed.code(signedIn));
    expect(first.json).toMatchObject({ scope: 'openid' });
    expect(decodeJwt(tokenOf(first))['scope']).toBe('openid');
    answer = {};
    const second = await bed.refresh(String(first.json['refresh_token']));
    expect(second.json).toMatchObject({ scope: 'openid read' });
    // Without openid there is nobody to speak of.
    answer = { scopes: ['read'] };
    const third = await bed.refresh(String(second.json['refresh_token']));
    expect(third.json).toMatchObject({ scope: 'read' });
    expect(third.json).not.toHaveProperty('id_token');
  });

  it('are never widened', async () => {
    answer = { scopes: ['read', 'write', 'admin'] };
    const given = await bed.redeem(await bed.code());
    expect(given).toMatchObject({ status: 503, json: { error: 'temporarily_unavailable' } });
  });
});

describe('a refusal', () => {
  it('is access_denied, is on record with its reason, and spends nothing', async () => {
    answer = { refuse: { reason: 'not on Sundays' } };
    const code = await bed.code();
    const refused = await bed.redeem(code);
    expect(refused).toMatchObject({ status: 400, json: { error: 'access_denied' } });
    expect(refused.text).not.toContain('Sunday');
    expect(await bed.records('token.refuse')).toMatchObject([
      {
        result: 'hook_refused',
        why: 'not on Sundays',
        object: { kind: 'client', id: bed.app.clientId },
      },
    ]);
    answer = {};
    expect((await bed.redeem(code)).status).toBe(200);
  });
});

describe('a failure', () => {
  it('refuses the token until it is over, and an operator is told', async () => {
    failure = 'timeout';
    const code = await bed.code();
    const refused = await bed.redeem(code);
    expect(refused).toMatchObject({ status: 503, json: { error: 'temporarily_unavailable' } });
    expect(refused.headers).toMatchObject({ 'retry-after': '1' });
    expect(bed.events).toMatchObject([
      { where: 'claims hook', error: { code: 'claims_hook_failed' } },
    ]);
    expect(await bed.records('token.issue')).toEqual([]);
    failure = undefined;
    expect((await bed.redeem(code)).status).toBe(200);
  });

  it('brings what the program threw before an operator', async () => {
    thrown = new Error('no such table');
    expect(await bed.redeem(await bed.code())).toMatchObject({ status: 503 });
    expect(bed.events).toMatchObject([{ error: { code: 'claims_hook_failed', cause: thrown } }]);
  });

  it('makes the token without, where the operator said so, and the record says it', async () => {
    await open('without');
    answer = { access_token: { sub: 'mallory', groups: ['admin'] }, scopes: ['read'] };
    const given = await bed.redeem(await bed.code());
    expect(given).toMatchObject({ status: 200, json: { scope: 'read write' } });
    const claims = decodeJwt(tokenOf(given));
    expect(claims).toMatchObject({ sub: bed.user });
    expect(claims).not.toHaveProperty('groups');
    expect(await bed.records('token.issue')).toMatchObject([
      { detail: { hook: 'reserved_claim' } },
    ]);
  });
});

it('calls are counted by what came of them', async () => {
  await bed.redeem(await bed.code());
  answer = { refuse: { reason: 'no' } };
  await bed.redeem(await bed.code());
  failure = 'server_error';
  await bed.redeem(await bed.code());
  const { text } = await bed.manage('GET', '/metrics');
  expect(text).toContain('\nmintmark_claims_hook_calls_total 3\n');
  expect(text).toContain('\nmintmark_claims_hook_refusals_total 1\n');
  expect(text).toContain('\nmintmark_claims_hook_failures_total 1\n');
});
