/** What a revocation would end, what a query ends, and what can be taken back. */
import { defaultTenant, limits } from '@mintmark/core';
import { beforeEach, describe, expect, it } from 'vitest';
import { managementBed } from './management-bed.ts';

type Bed = Awaited<ReturnType<typeof managementBed>>;
type Client = Awaited<ReturnType<Bed['addClient']>>;

let bed: Bed;

beforeEach(async () => {
  bed = await managementBed();
});

const plain = { audiences: [], accessTokenFormat: 'jwt' } as const;

async function tokenOf(client: Client, form: Record<string, string> = {}): Promise<string> {
  const asked = { grant_type: 'client_credentials', ...form };
  const issued = await bed.post('/oauth2/token', asked, client);
  expect(issued.status).toBe(200);
  return String(issued.json['access_token']);
}

async function isActive(token: string): Promise<unknown> {
  const json = { token };
  return (await bed.call('POST', '/v1/tokens/inspect', { json })).body['active'];
}

async function makeKey(more: Record<string, unknown>): Promise<{ id: string; key: string }> {
  const made = await bed.call('POST', '/v1/keys', { json: { name: 'k', scopes: [], ...more } });
  expect(made.status).toBe(201);
  return made.body as { id: string; key: string };
}

async function verdict(key: string): Promise<unknown> {
  return (await bed.call('POST', '/v1/keys/verify', { json: { key } })).body['code'];
}

async function look(asked: Record<string, unknown>) {
  const answer = await bed.call('POST', '/v1/revocations/preview', { json: asked });
  expect(answer.status, answer.text).toBe(200);
  return answer.body;
}

function revoke(json: Record<string, unknown>) {
  return bed.call('POST', '/v1/revocations', { json: { reason: 'leaked', ...json } });
}

describe('a preview', () => {
  it('counts what lives of a client, in whichever format, and ends nothing', async () => {
    const jwt = await bed.addClient(plain);
    const opaque = await bed.addClient({ ...plain, accessTokenFormat: 'opaque' });
    const tokens = [await tokenOf(jwt), await tokenOf(jwt), await tokenOf(opaque)];
    bed.clock.advanceMs(1_000);
    const seen = await look({ target: { kind: 'client', id: jwt.clientId } });
    expect(seen).toMatchObject({
      complete: true,
      counts: { access_tokens: 2, refresh_families: 0, api_keys: 0 },
      clients: [{ client_id: jwt.clientId, access_tokens: 2, recovers: 'by_itself' }],
    });
    expect(String(seen['breaks'])).toContain('2 access tokens are refused');
    expect(await look({ target: { kind: 'client', id: opaque.clientId } })).toMatchObject({
      counts: { access_tokens: 1 },
    });
    for (const token of tokens) expect(await isActive(token)).toBe(true);
  });

  it('counts neither what was revoked nor what has expired', async () => {
    const client = await bed.addClient(plain);
    await tokenOf(client);
    bed.clock.advanceMs(1_000);
    expect((await revoke({ target: { kind: 'client', id: client.clientId } })).status).toBe(200);
    const live = await tokenOf(client);
    bed.clock.advanceMs(1_000);
    const asked = { target: { kind: 'client', id: client.clientId } };
    expect(await look(asked)).toMatchObject({ counts: { access_tokens: 1 } });
    bed.clock.advanceMs(700_000);
    expect(await look(asked)).toMatchObject({ counts: { access_tokens: 0 } });
    expect(await isActive(live)).toBe(false);
  });

  it('names the owners of keys, of a user and of a tenant', async () => {
    const keys = [await makeKey({ owner: 'u1' }), await makeKey({ owner: 'u1' })];
    await makeKey({ owner: 'u2' });
    bed.clock.advanceMs(1);
    const user = await look({ target: { kind: 'user', id: 'u1' } });
    expect(user).toMatchObject({ counts: { api_keys: 2 }, owners: [{ owner: 'u1', api_keys: 2 }] });
    const tenant = await look({ target: { kind: 'tenant', id: defaultTenant } });
    expect(tenant).toMatchObject({ counts: { api_keys: 3 } });
    const one = await look({ target: { kind: 'key', id: keys[0]?.id } });
    expect(one).toMatchObject({ counts: { api_keys: 1 }, undo: expect.stringMatching(/never/) });
  });

  it.each(['token', 'signing_key'] as const)('finds what belongs to a %s', async (kind) => {
    const client = await bed.addClient(plain);
    const token = await tokenOf(client);
    await tokenOf(client);
    bed.clock.advanceMs(1);
    const [head, body] = token.split('.', 2).map((part) => {
      return JSON.parse(Buffer.from(part, 'base64url').toString()) as Record<string, string>;
    });
    const id = kind === 'token' ? body?.['jti'] : head?.['kid'];
    const counts = { access_tokens: kind === 'token' ? 1 : 2 };
    expect(await look({ target: { kind, id } })).toMatchObject({ counts });
  });

  it('refuses where more would end than it showed, and ends nothing then', async () => {
    const { id } = await makeKey({ owner: 'u1' });
    const other = await makeKey({ owner: 'u2', metadata: { team: 'ops' } });
    bed.clock.advanceMs(1);
    const query = { tag: { name: 'team', value: 'pay' } };
    const { preview } = await look({ query });
    for (const one of [id, other.id]) {
      const path = `/v1/keys/${one}`;
      const headers = await bed.ifMatch(path);
      await bed.call('PATCH', path, { json: { metadata: { team: 'pay' } }, headers });
    }
    const refused = await revoke({ query, preview });
    expect(refused).toMatchObject({ status: 409, body: { code: 'preview_outdated' } });
    expect(await verdict(other.key)).toBe('ok');
    const again = await look({ query });
    expect((await revoke({ query, preview: again['preview'] })).status).toBe(200);
    expect(await verdict(other.key)).toBe('revoked');
  });

  it('is of its own question and of its own time alone', async () => {
    const target = { kind: 'user', id: 'u1' };
    const { preview } = await look({ target });
    const other = await revoke({ target: { kind: 'user', id: 'u2' }, preview });
    expect(other).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
    expect((await revoke({ target, preview: 'nonsense' })).status).toBe(400);
    bed.clock.advanceMs(limits.revocationPreviewMs + 1);
    const late = await revoke({ target, preview });
    expect(late).toMatchObject({ status: 409, body: { code: 'preview_outdated' } });
  });

  it('asks for one thing: a target or a query', async () => {
    const path = '/v1/revocations/preview';
    const both = { target: { kind: 'user', id: 'u1' }, query: { client: 'x' } };
    for (const json of [{}, both, { query: {} }]) {
      expect((await bed.call('POST', path, { json })).status).toBe(422);
    }
  });
});

describe('a query', () => {
  it('ends tokens by client and scope, and no others', async () => {
    const client = await bed.addClient(plain);
    const other = await bed.addClient(plain);
    const write = await tokenOf(client, { scope: 'write' });
    const read = await tokenOf(client, { scope: 'read' });
    const others = await tokenOf(other, { scope: 'write' });
    bed.clock.advanceMs(1);
    const query = { client: client.clientId, scope: 'write' };
    const seen = await look({ query });
    expect(seen).toMatchObject({ counts: { access_tokens: 1 } });
    const done = await revoke({ query, preview: seen['preview'] });
    expect(done.body).toMatchObject({ state: 'done', ended: { access_tokens: 1 } });
    expect(await isActive(write)).toBe(false);
    expect(await isActive(read)).toBe(true);
    expect(await isActive(others)).toBe(true);
    const shown = await bed.call('GET', `/v1/revocations/${done.body['id']}`);
    expect(shown.body).toMatchObject({
      target: { kind: 'query' },
      state: 'done',
      feed_position: expect.any(Number),
    });
  });

  it.each([
    [{ audience: 'https://other.example' }, 1],
    [{ grant: 'client_credentials' }, 2],
    [{ grant: 'authorization_code' }, 0],
    [{ issued_before: '2000-01-01T00:00:00Z' }, 0],
    [{ issued_after: '2000-01-01T00:00:00Z' }, 2],
  ])('finds tokens by %j', async (query, count) => {
    const client = await bed.addClient({ accessTokenFormat: 'jwt' });
    await tokenOf(client, { resource: 'https://other.example' });
    await tokenOf(client, { resource: 'https://api.example' });
    bed.clock.advanceMs(1);
    expect(await look({ query })).toMatchObject({ counts: { access_tokens: count } });
  });

  it.each([
    [{ owner: 'u1' }, 'a'],
    [{ environment: 'live' }, 'b'],
    [{ tag: { name: 'teams', value: 'pay' } }, 'c'],
    [{ scope: 'orders:write' }, 'd'],
  ])('ends keys by %j', async (query, found) => {
    const keys = {
      a: await makeKey({ owner: 'u1' }),
      b: await makeKey({ owner: 'u2', environment: 'live' }),
      c: await makeKey({ owner: 'u2', metadata: { teams: ['ops', 'pay'] } }),
      d: await makeKey({ owner: 'u2', scopes: ['orders:write'] }),
    };
    bed.clock.advanceMs(1);
    const { preview } = await look({ query });
    expect((await revoke({ query, preview })).body).toMatchObject({ ended: { api_keys: 1 } });
    for (const [name, { key }] of Object.entries(keys)) {
      expect(await verdict(key)).toBe(name === found ? 'revoked' : 'ok');
    }
    const { id } = keys[found as keyof typeof keys];
    expect((await bed.call('GET', `/v1/keys/${id}`)).body['status']).toBe('revoked');
  });

  it.each([
    ['u1', 'u1', 1],
    ['u1', 'u2', 0],
  ])('of the user %s and the owner %s finds what is of both', async (user, owner, count) => {
    const keys = [await makeKey({ owner: 'u1' }), await makeKey({ owner: 'u2' })];
    bed.clock.advanceMs(1);
    const query = { user, owner };
    const { preview } = await look({ query });
    expect((await revoke({ query, preview })).body).toMatchObject({ ended: { api_keys: count } });
    const verdicts = await Promise.all(keys.map(({ key }) => verdict(key)));
    expect(verdicts).toEqual(count === 0 ? ['ok', 'ok'] : ['revoked', 'ok']);
  });

  it('needs a preview', async () => {
    const refused = await revoke({ query: { client: 'x' } });
    expect(refused).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
    const { preview } = await look({ query: { client: 'x' }, before: '2001-01-01T00:00:00Z' });
    const dated = { query: { client: 'x' }, before: '2001-01-01T00:00:00Z', preview };
    expect((await revoke(dated)).status).toBe(400);
  });

  it('is answered the same again under one Idempotency-Key', async () => {
    await makeKey({ owner: 'u1' });
    bed.clock.advanceMs(1);
    const query = { owner: 'u1' };
    const { preview } = await look({ query });
    const json = { query, preview, reason: 'leaked' };
    const headers = { 'idempotency-key': 'q1' };
    const first = await bed.call('POST', '/v1/revocations', { json, headers });
    const again = await bed.call('POST', '/v1/revocations', { json, headers });
    expect(again.body).toEqual(first.body);
  });

  it('that its process left half-way is taken on by the rounds', async () => {
    const { key } = await makeKey({ owner: 'u1' });
    bed.clock.advanceMs(1);
    const at = bed.clock.nowMs();
    const run = {
      selector: { owner: 'u1', issuedBefore: at },
      ended: { tokens: 0, families: 0, keys: 0 },
      cursor: { part: 'families' },
    };
    const row = {
      ...{ tenant: defaultTenant, id: 'left', targetKind: 'query', targetId: 'left' },
      ...{ reason: 'leaked', actor: 'admin_key:root', at, position: 0, beforeSeconds: null },
      ...{ sealedNote: null, undo: null, undoneAt: null, run: JSON.stringify(run) },
      resumeAt: at + limits.revocationRunLeaseMs,
    };
    const step = { do: 'insert', table: 'revocations', row, refused: 'taken' } as const;
    await bed.store.acts.run({ steps: [step], audit: null });
    await bed.authority.tick();
    expect(await verdict(key)).toBe('ok');
    bed.clock.advanceMs(limits.revocationRunLeaseMs);
    for (let round = 0; round < 4; round++) await bed.authority.tick();
    expect(await verdict(key)).toBe('revoked');
    const shown = await bed.call('GET', '/v1/revocations/left');
    expect(shown.body).toMatchObject({ state: 'done', ended: { api_keys: 1 } });
    expect(bed.events).toEqual([]);
  });

  it('stands in the history of each credential that it ended', async () => {
    const { id } = await makeKey({ owner: 'u1' });
    bed.clock.advanceMs(1);
    const { preview } = await look({ query: { owner: 'u1' } });
    const done = await revoke({ query: { owner: 'u1' }, preview });
    await bed.authority.tick();
    const history = await bed.call('GET', `/v1/audit/history/key/${id}`);
    expect(history.text).toContain('"key.end"');
    expect(history.text).toContain(String(done.body['id']));
  });
});

describe('a reason', () => {
  it('that is no code stays out of the record that lasts for ever, and can be read', async () => {
    const reason = 'Alice Smith left her laptop in a train';
    const made = await revoke({ target: { kind: 'user', id: 'u1' }, reason });
    const shown = await bed.call('GET', `/v1/revocations/${made.body['id']}`);
    expect(shown.body).toMatchObject({ reason, reason_code: 'other' });
    const list = await bed.call('GET', '/v1/revocations');
    expect(list.body['items']).toMatchObject([{ reason }]);
    const [key] = (await bed.call('GET', '/v1/signing-keys')).body['items'] as { kid: string }[];
    const path = `/v1/signing-keys/${key?.kid}/emergency`;
    const ended = await bed.call('POST', path, { json: { reason } });
    const emergency = await bed.call('GET', `/v1/revocations/${ended.body['revocation']}`);
    expect(emergency.body).toMatchObject({ reason, reason_code: 'other' });
    await bed.call('POST', '/v1/custody/rotate', { json: { what: 'data', reason } });
    await bed.call('POST', '/v1/signing-keys/rotate', { json: { reason } });
    await bed.authority.tick();
    const log = await bed.call('GET', '/v1/audit/export');
    expect(log.text).not.toContain('laptop');
    const events = await bed.call('GET', '/v1/audit/events?personal=include');
    expect(events.text.split('laptop').length - 1).toBe(4);
  });

  it('that is a code stands in the record', async () => {
    const made = await revoke({ target: { kind: 'user', id: 'u1' }, reason: 'device_lost' });
    const shown = await bed.call('GET', `/v1/revocations/${made.body['id']}`);
    expect(shown.body).toMatchObject({ reason: 'device_lost', reason_code: 'device_lost' });
  });

  it('is shown with the moment that it was asked for', async () => {
    const before = '2026-01-02T03:04:05.000Z';
    const made = await revoke({ target: { kind: 'user', id: 'u1' }, before });
    const shown = await bed.call('GET', `/v1/revocations/${made.body['id']}`);
    expect(shown.body).toMatchObject({ before });
  });
});

describe('undoing', () => {
  function undo(id: unknown) {
    const json = { reason: 'requested' };
    return bed.call('POST', `/v1/revocations/${id}/undo`, { json });
  }

  async function newest(): Promise<Record<string, unknown>> {
    const { body } = await bed.call('GET', '/v1/revocations');
    return (body['items'] as Record<string, unknown>[])[0] ?? {};
  }

  it('enables a disabled client again; its tokens of before stay refused', async () => {
    const client = await bed.addClient(plain);
    const old = await tokenOf(client);
    const path = `/v1/clients/${client.clientId}`;
    const headers = await bed.ifMatch(path);
    await bed.call('PATCH', path, { json: { status: 'disabled' }, headers });
    const asked = { grant_type: 'client_credentials' };
    expect((await bed.post('/oauth2/token', asked, client)).status).toBe(401);
    const row = await newest();
    expect(row).toMatchObject({ undo: { possible: true, why_not: null } });
    const done = await undo(row['id']);
    expect(done).toMatchObject({ status: 200, body: { enabled: { kind: 'client' } } });
    expect(await isActive(await tokenOf(client))).toBe(true);
    expect(await isActive(old)).toBe(false);
    expect(await newest()).toMatchObject({
      undo: { possible: false, undone_at: expect.any(String) },
    });
    const again = await undo(row['id']);
    expect(again).toMatchObject({ status: 409, body: { detail: 'it was undone before' } });
    const history = await bed.call('GET', `/v1/audit/history/client/${client.clientId}`);
    expect(history.text).toContain('revocation.undo');
  });

  it('enables a disabled user again', async () => {
    const id = await bed.addUser('alice');
    const path = `/v1/users/${id}`;
    await bed.call('POST', `${path}/disable`, { headers: await bed.ifMatch(path) });
    expect((await undo((await newest())['id'])).status).toBe(200);
    expect((await bed.call('GET', path)).body['status']).toBe('active');
  });

  it.each(['client', 'user'])('of a %s needs what enabling it needs', async (kind) => {
    const id = kind === 'user' ? await bed.addUser('alice') : (await bed.addClient(plain)).clientId;
    const path = `/v1/${kind}s/${id}`;
    const headers = await bed.ifMatch(path);
    await bed.call('PATCH', path, { json: { status: 'disabled' }, headers });
    const { id: row } = await newest();
    const other = kind === 'user' ? 'clients:write' : 'users:write';
    const undoAs = async (...permissions: string[]) => {
      const credential = await bed.credential('revocations:write', ...permissions);
      const json = { reason: 'requested' };
      return bed.call('POST', `/v1/revocations/${row}/undo`, { json, credential });
    };
    const problem = { status: 403, body: { code: 'insufficient_permission' } };
    expect(await undoAs()).toMatchObject(problem);
    expect(await undoAs(other)).toMatchObject(problem);
    expect((await bed.call('GET', path)).body['status']).toBe('disabled');
    expect((await undoAs(`${kind}s:write`)).status).toBe(200);
  });

  it('is refused where somebody has changed it since', async () => {
    const id = await bed.addUser('alice');
    const path = `/v1/users/${id}`;
    await bed.call('POST', `${path}/disable`, { headers: await bed.ifMatch(path) });
    const row = await newest();
    const headers = await bed.ifMatch(path);
    expect((await bed.call('PATCH', path, { json: { username: 'al' }, headers })).status).toBe(200);
    const refused = await undo(row['id']);
    expect(refused).toMatchObject({ status: 409, body: { code: 'wrong_state' } });
    expect((await bed.call('GET', path)).body['status']).toBe('disabled');
  });

  it.each(['token', 'family', 'client', 'user', 'tenant', 'key'])(
    'is refused of a %s that was ended, with words that help',
    async (kind) => {
      const ids: Record<string, () => Promise<string>> = {
        client: async () => (await bed.addClient(plain)).clientId,
        key: async () => (await makeKey({})).id,
        tenant: async () => defaultTenant,
      };
      const id = (await ids[kind]?.()) ?? 'x';
      const made = await revoke({ target: { kind, id } });
      expect(made.status, made.text).toBe(200);
      const refused = await undo(made.body['id']);
      expect(refused).toMatchObject({ status: 409, body: { code: 'wrong_state' } });
      expect(String(refused.body['detail'])).toMatch(/^cannot be undone: .{20}/);
    },
  );

  it('of what is not there is answered so', async () => {
    expect((await undo('none')).status).toBe(404);
  });
});
