/** The claims about revocation that hold on every store, through the authority's own interfaces. */
import { clientSubject, defaultTenant, limits, rfc3339, type UnixMs } from '@mintmark/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { buildRequest } from '../http/management/request-builder.ts';
import { managementBed } from '../management-bed.ts';
import type { Store } from '../store/store.ts';

export function describeRevocation(open: () => Promise<Store>): void {
  let store: Store;
  let bed: Awaited<ReturnType<typeof managementBed>>;

  beforeEach(async () => {
    store = await open();
    bed = await managementBed(1, store);
  });
  afterEach(() => store.upkeep.close());

  async function revoke(kind: string, id: string, before?: UnixMs) {
    const moment = before === undefined ? {} : { before: rfc3339(before) };
    const json = { target: { kind, id }, reason: 'test', ...moment };
    const answer = await bed.call('POST', '/v1/revocations', { json });
    return answer.status;
  }

  async function makeKey(owner: string): Promise<{ readonly id: string; readonly key: string }> {
    const made = await bed.call('POST', '/v1/keys', { json: { name: 'k', scopes: [], owner } });
    return made.body as { id: string; key: string };
  }

  async function verdict(key: string): Promise<unknown> {
    return (await bed.call('POST', '/v1/keys/verify', { json: { key } })).body['code'];
  }

  /** What a gateway is told, in this process and apart. */
  async function introspected(token: string): Promise<boolean> {
    const within = await bed.authority.introspector.introspect({
      tenant: defaultTenant,
      credential: token,
      address: '127.0.0.1',
    });
    const headers = {
      authorization: `Bearer ${bed.adminKey}`,
      'content-type': 'application/x-www-form-urlencoded',
    };
    const body = new URLSearchParams({ token, address: '127.0.0.1' }).toString();
    const request = buildRequest('POST', '/oauth2/introspect', { headers, body });
    const apart = JSON.parse(String((await bed.authority.handle(request)).body));
    expect(apart.active).toBe(within.active);
    if (within.active) expect(apart.iat).toBe(within.issuedAt);
    return within.active;
  }

  async function tokenOf(client: { clientId: string; secret: string }): Promise<string> {
    const issued = await bed.post('/oauth2/token', { grant_type: 'client_credentials' }, client);
    return String(issued.json['access_token']);
  }

  /** For the issuer itself, which a gateway's routes take where they name nothing. */
  const plain = { audiences: [], accessTokenFormat: 'jwt' } as const;

  describe('of a user', () => {
    it('ends every key that the user owns at once, and none of anybody else', async () => {
      const keys = [await makeKey('u1'), await makeKey('u1')];
      const other = await makeKey('u2');
      bed.clock.advanceMs(1);
      expect(await verdict(keys[0]!.key)).toBe('ok');
      expect(await revoke('user', 'u1')).toBe(200);
      for (const { key } of keys) {
        expect(await verdict(key)).toBe('revoked');
        expect(await introspected(key)).toBe(false);
      }
      expect(await verdict(other.key)).toBe('ok');
      expect(await introspected(other.key)).toBe(true);
    });

    it('leaves an owner, who may be a person, out of the record that lasts for ever', async () => {
      const { id } = await makeKey('alice@example.com');
      expect(await revoke('user', 'alice@example.com')).toBe(200);
      await bed.authority.tick();
      const log = await bed.call('GET', '/v1/audit/export');
      expect(String(log.text)).toContain(id);
      expect(String(log.text)).not.toContain('alice');
      const path = '/v1/audit/events?action=revocation.create&personal=include';
      expect((await bed.call('GET', path)).body['items']).toMatchObject([
        { personal: { owner: 'alice@example.com' } },
      ]);
    });

    it('leaves alone a key that the user is given afterwards', async () => {
      await makeKey('u1');
      expect(await revoke('user', 'u1')).toBe(200);
      bed.clock.advanceMs(1);
      expect(await verdict((await makeKey('u1')).key)).toBe('ok');
    });

    it('ends an old key for good, whatever happens to its row, however long it takes', async () => {
      const { id, key } = await makeKey('u1');
      bed.clock.advanceMs(90 * 86_400_000);
      await bed.authority.tick();
      expect(await revoke('user', 'u1')).toBe(200);
      const edited = await bed.call('PATCH', `/v1/keys/${id}`, {
        json: { name: 'edited' },
        headers: await bed.ifMatch(`/v1/keys/${id}`),
      });
      expect(edited.status).toBe(200);
      expect(await verdict(key)).toBe('revoked');
      bed.clock.advanceMs((limits.accessTokenTtlSecondsMax + 7200) * 1000);
      expect(await verdict(key)).toBe('revoked');
      await bed.restart();
      expect(await verdict(key)).toBe('revoked');
    });

    it('gives an old key no successor', async () => {
      const { id } = await makeKey('u1');
      bed.clock.advanceMs(3600_000);
      expect(await revoke('user', 'u1')).toBe(200);
      const rotated = await bed.call('POST', `/v1/keys/${id}/rotate`, { json: {} });
      expect(rotated).toMatchObject({ status: 409, body: { code: 'wrong_state' } });
    });

    it('brings rows after the entry, through a restart, each with a record', async () => {
      const made = await Promise.all(
        Array.from({ length: limits.rotationRowsMax + 5 }, () => makeKey('u1')),
      );
      bed.clock.advanceMs(3600_000);
      expect(await revoke('user', 'u1')).toBe(200);
      await bed.restart();
      for (let round = 0; round < 12; round++) await bed.authority.tick();
      const rows = await store.keys.list({
        where: { tenant: defaultTenant, owner: 'u1' },
        orderBy: ['tenant', 'owner', 'createdAt', 'id'],
        limit: 1_000,
      });
      expect(rows.map(({ status }) => status)).toEqual(made.map(() => 'revoked'));
      const history = await bed.call('GET', `/v1/audit/history/key/${made[0]!.id}`);
      expect(history.text).toContain('its owner was revoked');
    });

    it('ends keys when the user is disabled, and not when he gets a new password', async () => {
      const user = { username: 'alice', password: 'correct horse battery' };
      const made = await bed.call('POST', '/v1/users', { json: user });
      const path = `/v1/users/${made.body['id']}`;
      const { key } = await makeKey(String(made.body['id']));
      bed.clock.advanceMs(1);
      const json = { password: 'battery staple correct' };
      const edited = await bed.call('PATCH', path, { json, headers: await bed.ifMatch(path) });
      expect([edited.status, await verdict(key)]).toEqual([200, 'ok']);
      const disabled = await bed.call('POST', `${path}/disable`, {
        headers: await bed.ifMatch(path),
      });
      expect(disabled.status).toBe(200);
      expect(await verdict(key)).toBe('revoked');
    });

    it('is never taken for the client of the same name', async () => {
      const client = await bed.addClient(plain);
      const own = await tokenOf(client);
      const key = await makeKey(client.clientId);
      const clients = await makeKey(clientSubject(client.clientId));
      bed.clock.advanceMs(1);
      expect(await revoke('user', client.clientId)).toBe(200);
      expect(await introspected(own)).toBe(true);
      expect(await verdict(key.key)).toBe('revoked');
      expect(await verdict(clients.key)).toBe('ok');
      expect(await revoke('user', clientSubject(client.clientId))).toBe(200);
      expect(await introspected(own)).toBe(false);
      expect(await verdict(clients.key)).toBe('revoked');
    });
  });

  describe('of all before a moment', () => {
    it('ends the tokens of before to the second, and issues new ones', async () => {
      const client = await bed.addClient(plain);
      const old = await tokenOf(client);
      bed.clock.advanceMs(10_000);
      const moment = bed.clock.nowMs();
      const young = await tokenOf(client);
      bed.clock.advanceMs(10_000);
      expect(await revoke('client', client.clientId, moment)).toBe(200);
      expect(await introspected(old)).toBe(false);
      expect(await introspected(young)).toBe(true);
      expect(await introspected(await tokenOf(client))).toBe(true);
    });

    it('ends keys by when they were made', async () => {
      const old = await makeKey('u1');
      bed.clock.advanceMs(10_000);
      const moment = bed.clock.nowMs();
      const young = await makeKey('u1');
      bed.clock.advanceMs(10_000);
      expect(await revoke('user', 'u1', moment)).toBe(200);
      expect([await verdict(old.key), await verdict(young.key)]).toEqual(['revoked', 'ok']);
    });

    it.each([['token'], ['key'], ['signing_key']])('is refused of one %s', async (kind) => {
      expect(await revoke(kind, 'x', bed.clock.nowMs())).toBe(400);
    });

    it('is refused of a moment to come', async () => {
      const later = (bed.clock.nowMs() + 1_000) as UnixMs;
      expect(await revoke('user', 'u1', later)).toBe(400);
    });
  });

  describe('of the tenant', () => {
    it('ends its tokens and keys, and no administrator', async () => {
      const client = await bed.addClient(plain);
      const token = await tokenOf(client);
      const { key } = await makeKey('u1');
      bed.clock.advanceMs(1);
      expect(await revoke('tenant', defaultTenant)).toBe(200);
      expect([await introspected(token), await verdict(key)]).toEqual([false, 'revoked']);
      expect(await introspected(await tokenOf(client))).toBe(true);
      expect((await bed.call('GET', '/v1/keys')).status).toBe(200);
    });

    it('is refused of another tenant than one’s own', async () => {
      expect(await revoke('tenant', 'other')).toBe(404);
    });
  });

  describe('introspection by a gateway', () => {
    it('tells of tokens for the audiences of its routes, and of no other', async () => {
      const client = await bed.addClient({ audiences: ['https://api.example'] });
      const token = await tokenOf(client);
      expect(await introspected(token)).toBe(false);
      const route = { name: 'api', match: {}, upstream: 'http://127.0.0.1:1' };
      const json = { ...route, audience: 'https://api.example' };
      expect((await bed.call('PUT', '/v1/routes/api', { json })).status).toBe(201);
      expect(await introspected(token)).toBe(true);
      const headers = await bed.ifMatch('/v1/routes/api');
      expect((await bed.call('DELETE', '/v1/routes/api', { headers })).status).toBe(204);
      expect(await introspected(token)).toBe(false);
    });
  });
}
