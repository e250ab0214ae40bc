import { defaultTenant, limits } from '@mintmark/core';
import { createLocalJWKSet, jwtVerify } from 'jose';
import { beforeEach, describe, expect, test } from 'vitest';
import { initAuthority } from './authority.ts';
import { authorityBed, basicHeader, bedConfig, operator } from './authority-bed.ts';
import { deleteClient, rotateClientSecret, updateClient } from './clients/registry.ts';

type Bed = Awaited<ReturnType<typeof authorityBed>>;
type Credentials = Awaited<ReturnType<Bed['addClient']>>;

let bed: Bed;
let client: Credentials;

beforeEach(async () => {
  bed = await authorityBed();
  client = await bed.addClient();
});

async function issue(by: Credentials = client, form: Record<string, string> = {}) {
  return bed.post('/oauth2/token', { grant_type: 'client_credentials', ...form }, by);
}

async function tokenOf(by: Credentials = client): Promise<string> {
  return (await issue(by)).json['access_token'] as string;
}

async function isActive(token: string, by: Credentials = client): Promise<unknown> {
  return (await bed.post('/oauth2/introspect', { token }, by)).json['active'];
}

describe('client credentials', () => {
  test('gives a JWT that anyone verifies from the JWKS (RFC 9068)', async () => {
    const answer = await issue(client, { scope: 'read' });
    expect(answer.status).toBe(200);
    expect(answer.headers['cache-control']).toBe('no-store');
    expect(answer.json).toMatchObject({ token_type: 'Bearer', expires_in: 600, scope: 'read' });

    const jwks = (await bed.get('/.well-known/jwks.json')).json;
    const { payload, protectedHeader } = await jwtVerify(
      answer.json['access_token'] as string,
      createLocalJWKSet(jwks as never),
      {
        issuer: bedConfig.issuer,
        audience: 'https://api.example',
        typ: 'at+jwt',
        currentDate: new Date(bed.clock.nowMs()),
      },
    );
    expect(protectedHeader.alg).toBe('ES256');
    expect(payload).toMatchObject({
      sub: client.clientId,
      client_id: client.clientId,
      scope: 'read',
      iat: 1_790_000_000,
      exp: 1_790_000_600,
    });
  });

  test('gives an opaque token that the database cannot show', async () => {
    const opaque = await bed.addClient({ accessTokenFormat: 'opaque' });
    const token = await tokenOf(opaque);
    expect(token).toMatch(/^mm_at_[0-9A-Za-z]{64}$/);
    const [row] = await bed.store.tokens.list({ limit: 10 });
    expect(token).toContain(row?.id);
    expect(JSON.stringify(row)).not.toContain(token.slice(32));
    expect(await isActive(token, opaque)).toBe(true);
  });

  test('grants all scopes of the client where it asks for none', async () => {
    expect((await issue()).json['scope']).toBe('read write');
  });

  test('records the issue in the same act', async () => {
    const { json } = await issue(client, { scope: 'read' });
    const records = await bed.store.auditPending.list({ limit: 100 });
    const leaves = records.map((row) => JSON.parse(Buffer.from(row.leaf).toString()));
    const issued = leaves.filter((leaf) => leaf.action === 'token.issue');
    expect(issued).toHaveLength(1);
    expect(issued[0]).toMatchObject({
      actor: { kind: 'client', id: client.clientId },
      detail: { scopes: ['read'], format: 'jwt', grant: 'client_credentials' },
    });
    expect(JSON.stringify(leaves)).not.toContain(json['access_token']);
    expect(JSON.stringify(leaves)).not.toContain('192.0.2.1');
  });

  test.each([
    ['a scope that it may not have', { scope: 'admin' }, 400, 'invalid_scope'],
    ['a malformed scope', { scope: 'a"b' }, 400, 'invalid_scope'],
    ['a scope list with a double space', { scope: 'read  write' }, 400, 'invalid_scope'],
    ['10,000 scopes', { scope: 'read '.repeat(9_999).concat('read') }, 400, 'invalid_scope'],
    ['a resource that it may not have', { resource: 'https://x.example' }, 400, 'invalid_target'],
    ['another grant', { grant_type: 'password' }, 400, 'unsupported_grant_type'],
    ['__proto__ as the grant', { grant_type: '__proto__' }, 400, 'unsupported_grant_type'],
    ['no grant', { grant_type: '' }, 400, 'invalid_request'],
  ])('refuses %s', async (_title, form, status, error) => {
    const answer = await issue(client, form);
    expect([answer.status, answer.json['error']]).toEqual([status, error]);
  });

  test('refuses a client that may not use the grant', async () => {
    const without = await bed.addClient({ grantTypes: [] });
    expect((await issue(without)).json['error']).toBe('unauthorized_client');
  });

  test('answers unknown client, wrong secret and disabled client alike', async () => {
    const wrong = await issue({ ...client, secret: `${client.secret}x` });
    const unknown = await issue({ clientId: 'nobody' as never, secret: client.secret });
    await disable();
    const disabled = await issue();
    expect(wrong.status).toBe(401);
    expect(wrong.json).toEqual({ error: 'invalid_client' });
    expect(wrong.headers['www-authenticate']).toMatch(/^Basic /);
    expect(unknown).toEqual(wrong);
    expect(disabled).toEqual(wrong);
  });

  test('refuses the secret in the form where the client is registered for Basic', async () => {
    const form = { client_id: client.clientId, client_secret: client.secret };
    const answer = await bed.post('/oauth2/token', { grant_type: 'client_credentials', ...form });
    expect([answer.status, answer.json['error']]).toEqual([401, 'invalid_client']);
  });

  test('stops an address that guesses before any look-up, and lets it in again later', async () => {
    const wrong = { ...client, secret: 'x'.repeat(40) };
    for (let i = 0; i < limits.failureBudgetPerMinute; i++) await issue(wrong);
    const stopped = await issue();
    expect(stopped.status).toBe(429);
    expect(Number(stopped.headers['retry-after'])).toBeGreaterThan(0);
    bed.clock.advanceMs(60_000);
    expect((await issue()).status).toBe(200);
  });

  test('issues by the client as it is now, not as it was a moment ago', async () => {
    await issue();
    const { clientId } = client;
    const now = await bed.store.clients.get(defaultTenant, clientId);
    const rules = { ...(now?.metadata as never as object), scopes: ['read'] } as never;
    const change = { clientId, version: now?.version ?? 0, rules, status: 'active' } as const;
    expect((await updateClient(bed.registry, operator, change)).ok).toBe(true);
    expect((await issue()).json['scope']).toBe('read');
  });
});

async function disable(): Promise<void> {
  const { clientId } = client;
  const row = await bed.store.clients.get(defaultTenant, clientId);
  const rules = row?.metadata as never;
  const version = row?.version ?? 0;
  const change = { clientId, version, rules, status: 'disabled' } as const;
  const changed = await updateClient(bed.registry, operator, change);
  expect(changed.ok).toBe(true);
  // The registry of the bed stands for another process: this one hears of it at its next round.
  await bed.authority.tick();
}

describe('introspection and revocation', () => {
  test.each(['jwt', 'opaque'] as const)('a %s token ends when its client revokes it', async (f) => {
    const owner = await bed.addClient({ accessTokenFormat: f });
    const token = await tokenOf(owner);
    const other = await tokenOf(owner);
    expect(await isActive(token, owner)).toBe(true);
    const revoked = await bed.post('/oauth2/revoke', { token }, owner);
    expect([revoked.status, revoked.text]).toEqual([200, '']);
    expect(await isActive(token, owner)).toBe(false);
    expect(await isActive(other, owner)).toBe(true);
  });

  test.each(['jwt', 'opaque'] as const)('a %s token ends at its expiry, exactly', async (f) => {
    const owner = await bed.addClient({ accessTokenFormat: f });
    const token = await tokenOf(owner);
    bed.clock.advanceMs(599_999);
    expect(await isActive(token, owner)).toBe(true);
    bed.clock.advanceMs(1);
    expect(await isActive(token, owner)).toBe(false);
  });

  test('tells a stranger nothing, and the resource it is meant for everything', async () => {
    const stranger = await bed.addClient();
    const resource = await bed.addClient({ resources: ['https://api.example'] });
    const token = await tokenOf();
    const told = await bed.post('/oauth2/introspect', { token }, stranger);
    expect(told.json).toEqual({ active: false });
    const shown = await bed.post('/oauth2/introspect', { token }, resource);
    expect(shown.json).toMatchObject({
      active: true,
      client_id: client.clientId,
      aud: 'https://api.example',
      iss: bedConfig.issuer,
      exp: 1_790_000_600,
    });
  });

  test("leaves another client's token alone, with the same answer", async () => {
    const stranger = await bed.addClient();
    const token = await tokenOf();
    const answer = await bed.post('/oauth2/revoke', { token }, stranger);
    expect([answer.status, answer.text]).toEqual([200, '']);
    expect(await isActive(token)).toBe(true);
  });

  test.each(['', 'x', 'mm_at_x', 'mm_at_'.padEnd(76, 'a'), 'a.b.c', '\u0000'.repeat(10)])(
    'takes %j as no token',
    async (token) => {
      const introspected = await bed.post('/oauth2/introspect', { token }, client);
      const revoked = await bed.post('/oauth2/revoke', { token }, client);
      const refused = token === '' || token.includes('\0');
      expect(introspected.status).toBe(refused ? 400 : 200);
      expect(introspected.json['active']).toBe(refused ? undefined : false);
      expect(revoked.status).toBe(refused ? 400 : 200);
    },
  );

  test('a disabled client loses every token that it was given', async () => {
    const resource = await bed.addClient({ resources: ['https://api.example'] });
    const token = await tokenOf();
    await disable();
    expect(await isActive(token, resource)).toBe(false);
  });

  test('a deleted client loses every token that it was given', async () => {
    const resource = await bed.addClient({ resources: ['https://api.example'] });
    const token = await tokenOf();
    const input = { clientId: client.clientId, version: 1 };
    expect((await deleteClient(bed.registry, operator, input)).ok).toBe(true);
    await bed.authority.tick();
    expect(await isActive(token, resource)).toBe(false);
    expect((await issue()).status).toBe(401);
  });

  test.each(['introspect', 'revoke'])('refuses to %s for nobody', async (what) => {
    const answer = await bed.post(`/oauth2/${what}`, { token: 'x' });
    expect([answer.status, answer.json['error']]).toEqual([401, 'invalid_client']);
  });
});

describe('client secrets', () => {
  test('the old secret works until its overlap ends, to the millisecond', async () => {
    const input = { clientId: client.clientId, overlapSeconds: 60 };
    const rotated = await rotateClientSecret(bed.registry, operator, input);
    const fresh = { ...client, secret: rotated.ok ? rotated.value.secret : '' };
    expect((await issue(client)).status).toBe(200);
    expect((await issue(fresh)).status).toBe(200);
    bed.clock.advanceMs(59_999);
    expect((await issue(client)).status).toBe(200);
    bed.clock.advanceMs(1);
    expect((await issue(client)).status).toBe(401);
    expect((await issue(fresh)).status).toBe(200);
  });

  test('a second rotation does not lengthen the first overlap', async () => {
    const { clientId } = client;
    await rotateClientSecret(bed.registry, operator, { clientId, overlapSeconds: 10 });
    await rotateClientSecret(bed.registry, operator, { clientId, overlapSeconds: 100 });
    bed.clock.advanceMs(10_000);
    expect((await issue(client)).status).toBe(401);
  });

  test('of two rotations at the same moment one wins', async () => {
    const input = { clientId: client.clientId, overlapSeconds: 0 };
    const both = await Promise.all([
      rotateClientSecret(bed.registry, operator, input),
      rotateClientSecret(bed.registry, operator, input),
    ]);
    expect(both.filter((one) => one.ok)).toHaveLength(1);
  });
});

describe('the installation', () => {
  test('is made once', async () => {
    const again = await initAuthority(bedConfig, bed.ports);
    expect(again).toEqual({ ok: false, refusal: { reason: 'already_initialised' } });
  });

  test.each(['oauth-authorization-server', 'openid-configuration'])(
    'names its issuer in %s from the configuration, for every origin',
    async (name) => {
      const { json, headers } = await bed.get(`/.well-known/${name}`, { host: 'evil.example' });
      expect(json).toMatchObject({
        issuer: bedConfig.issuer,
        token_endpoint: 'https://issuer.example/oauth2/token',
        jwks_uri: 'https://issuer.example/.well-known/jwks.json',
      });
      expect(headers['access-control-allow-origin']).toBe('*');
    },
  );

  test('publishes no private member of a key', async () => {
    const { json } = await bed.get('/.well-known/jwks.json');
    const [key] = json['keys'] as Record<string, unknown>[];
    expect(Object.keys(key ?? {}).sort()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y']);
  });

  test('says what it cannot do: wrong method, unknown path', async () => {
    const wrong = await bed.get('/oauth2/token');
    expect([wrong.status, wrong.headers['allow']]).toEqual([405, 'POST, OPTIONS']);
    expect((await bed.get('/nowhere')).status).toBe(404);
    expect((await bed.get('/constructor')).status).toBe(404);
  });

  test('answers its probes', async () => {
    expect((await bed.get('/livez')).status).toBe(200);
    expect((await bed.get('/readyz')).status).toBe(200);
  });

  test('sequences its audit trail by itself', async () => {
    await issue();
    await bed.authority.tick();
    expect(await bed.store.auditPending.count()).toBe(0);
    expect(await bed.store.auditLog.count()).toBeGreaterThan(2);
  });

  test('gives its feed to a gateway key, signed, and to nobody else', async () => {
    const path = '/v1/feed/snapshot';
    expect((await bed.get(path)).status).toBe(401);
    const basic = basicHeader(client.clientId, client.secret);
    expect((await bed.get(path, { authorization: basic })).status).toBe(401);
    const snapshot = await bed.get(path, { authorization: `Bearer ${bed.adminKey}` });
    expect(snapshot.status).toBe(200);
    const { epoch } = snapshot.json;
    const query = `epoch=${epoch}&after=0&node=n1&nonce=0123456789abcdef`;
    const answer = await bed.get(`/v1/feed?${query}`, { authorization: `Bearer ${bed.adminKey}` });
    expect(answer.status).toBe(200);
    expect(answer.headers['mintmark-feed-signature']).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+$/);
  });
});
