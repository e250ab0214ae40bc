import { defaultTenant, limits, rfc3339, type UnixMs } from '@mintmark/core';
import { beforeEach, describe, expect, it } from 'vitest';
import { managementBed } from './management-bed.ts';

type Bed = Awaited<ReturnType<typeof managementBed>>;
type Item = Record<string, unknown>;

const dayMs = 86_400_000;

let bed: Bed;
let alice: string;

beforeEach(async () => {
  bed = await managementBed();
  await bed.call('PUT', '/v1/roles/dev', { json: { scopes: ['read', 'write'] } });
  const json = { username: 'alice', roles: ['dev'] };
  alice = String((await bed.call('POST', '/v1/users', { json })).body['id']);
});

const inDays = (days: number) => rfc3339((bed.clock.nowMs() + days * dayMs) as UnixMs);

function ask(more: Item = {}) {
  const json = { user: 'alice', name: 'CI', scopes: ['read'], expires_at: inDays(30), ...more };
  return bed.call('POST', '/v1/pats', { json });
}

async function pat(more: Item = {}) {
  const made = await ask(more);
  expect(made.status, made.text).toBe(201);
  return { id: String(made.body['id']), token: String(made.body['token']) };
}

const verify = async (key: string, more: Item = {}) =>
  (await bed.call('POST', '/v1/keys/verify', { json: { key, ...more } })).body;

async function edit(path: string, json: Item, method: 'PATCH' | 'PUT' = 'PATCH') {
  const done = await bed.call(method, path, { headers: await bed.ifMatch(path), json });
  expect(done.status, done.text).toBe(200);
}

describe('a personal access token', () => {
  it('may what it was made for, in the name of its user', async () => {
    const { id, token } = await pat();
    expect(token).toMatch(/^mm_pat_/);
    expect(await verify(token)).toMatchObject({ active: true, id, owner: alice, scopes: ['read'] });
    expect(await verify(token, { scopes: ['write'] })).toMatchObject({
      code: 'insufficient_scope',
    });
    const shown = await bed.call('GET', `/v1/pats/${id}`);
    expect(shown.text).not.toContain(token);
    expect(shown.body).toMatchObject({ user: alice, effective_scopes: ['read'], audience: null });
    expect(shown.body['last_used_at']).not.toBe('never');
  });

  it('never may more than its user at the moment of use', async () => {
    const { token } = await pat({ scopes: ['read', 'write'] });
    await edit('/v1/roles/dev', { scopes: ['read'] }, 'PUT');
    expect(await verify(token)).toMatchObject({ active: true, scopes: ['read'] });
    await edit(`/v1/users/${alice}`, { roles: [] });
    expect(await verify(token)).toMatchObject({ active: true, scopes: [] });
    await edit(`/v1/users/${alice}`, { roles: ['dev'] });
    expect(await verify(token)).toMatchObject({ active: true, scopes: ['read'] });
  });

  it('ends with its user', async () => {
    const { token } = await pat();
    bed.clock.advanceMs(1_000);
    const headers = await bed.ifMatch(`/v1/users/${alice}`);
    await bed.call('POST', `/v1/users/${alice}/disable`, { headers });
    expect(await verify(token)).toMatchObject({ active: false, code: 'revoked' });
    expect((await ask()).status).toBe(409);
  });

  it('is good at its resources alone', async () => {
    const { token } = await pat({ audience: ['https://api.example'] });
    expect(await verify(token, { resource: 'https://api.example' })).toMatchObject({
      active: true,
    });
    for (const use of [{}, { resource: 'https://other.example' }]) {
      expect(await verify(token, use)).toMatchObject({ code: 'resource_restricted' });
    }
  });

  it('is told by introspection as what it is now', async () => {
    const client = await bed.addClient();
    const { token, id } = await pat({ audience: ['https://api.example'] });
    const form = { token };
    const bare = await bed.post('/oauth2/introspect', form, client);
    expect(bare.json).toEqual({ active: false });
    const asked = await bed.call('POST', '/v1/tokens/inspect', { json: { token } });
    expect(asked.body).toMatchObject({ active: true, id, subject: alice });
  });

  it('opens nothing of the management API', async () => {
    await bed.call('PUT', '/v1/roles/boss', { json: { scopes: ['users:read', '*'] } });
    await edit(`/v1/users/${alice}`, { roles: ['dev', 'boss'] });
    const audience = ['https://issuer.example/v1'];
    const { token } = await pat({ scopes: ['users:read'], audience });
    expect((await bed.call('GET', '/v1/users', { credential: token })).status).toBe(401);
  });

  it('is revoked, and listed by its user', async () => {
    const { id, token } = await pat();
    await bed.call('POST', '/v1/users', { json: { username: 'bob', roles: ['dev'] } });
    await pat({ user: 'bob' });
    expect((await bed.call('GET', '/v1/pats?user=alice')).body['items']).toHaveLength(1);
    expect((await bed.call('GET', '/v1/pats')).body['items']).toHaveLength(2);
    expect((await bed.call('GET', '/v1/pats?user=nobody')).body['items']).toEqual([]);
    expect((await bed.call('POST', `/v1/pats/${id}/revoke`)).status).toBe(204);
    expect(await verify(token)).toMatchObject({ code: 'revoked' });
    expect((await bed.call('POST', '/v1/pats/none/revoke')).status).toBe(404);
    expect((await bed.call('POST', '/v1/pats/none/approve')).status).toBe(404);
    expect((await bed.call('POST', `/v1/pats/${id}/approve`)).status).toBe(409);
    expect((await bed.call('GET', '/v1/pats/none')).status).toBe(404);
  });

  it('is no API key: nobody edits or rotates it as one', async () => {
    const { id } = await pat();
    const headers = { 'if-match': '"1"' };
    const json = { scopes: ['write'] };
    expect((await bed.call('PATCH', `/v1/keys/${id}`, { headers, json })).status).toBe(404);
    expect((await bed.call('POST', `/v1/keys/${id}/rotate`, { json: {} })).status).toBe(404);
    expect((await bed.call('GET', '/v1/keys')).body['items']).toEqual([]);
  });

  it('is made once for one Idempotency-Key, and shown once', async () => {
    const headers = { 'idempotency-key': 'one' };
    const json = { user: alice, name: 'CI', scopes: ['read'], expires_at: inDays(1) };
    const first = await bed.call('POST', '/v1/pats', { headers, json });
    const second = await bed.call('POST', '/v1/pats', { headers, json });
    expect(second.body['id']).toBe(first.body['id']);
    expect(second.body).toMatchObject({ secret_already_shown: true });
    expect(second.text).not.toContain('mm_pat_');
  });

  it('is told to its user when it is made, and before it ends', async () => {
    await pat({ expires_at: inDays(20) });
    bed.clock.advanceMs(14 * dayMs);
    for (let round = 0; round < 240; round++) await bed.authority.tick();
    const told = (await bed.call('GET', '/v1/notices')).body['items'] as Item[];
    expect(told.map(({ kind, owner }) => [kind, owner])).toEqual([
      ['pat.expiring', alice],
      ['pat.created', alice],
    ]);
  });
});

describe('what a token may not be made for', () => {
  it.each([
    ['nobody', { user: 'nobody' }, '/user'],
    ['what its user may not', { scopes: ['admin'] }, '/scopes'],
    ['longer than the policy allows', { expires_at: '2031-01-01T00:00:00Z' }, '/expires_at'],
    ['the past', { expires_at: '2020-01-01T00:00:00Z' }, '/expires_at'],
  ])('is %s', async (_, more, pointer) => {
    const refused = await ask(more);
    expect(refused.status).toBe(422);
    expect(refused.body).toMatchObject({ errors: [{ pointer }] });
  });

  it('has an end', async () => {
    expect((await ask({ expires_at: undefined })).status).toBe(422);
  });

  it('is more than a person can oversee', async () => {
    for (let i = 0; i < limits.patsPerUserMax; i++) await pat();
    expect((await ask()).status).toBe(409);
  });
});

describe('many personal tokens at once', () => {
  const preview = (act: Item, more: Item = {}) =>
    bed.call('POST', '/v1/keys/bulk', { json: { filter: { kind: 'pat', ...more }, act } });

  it('are found, held back and revoked; keys of the same owner are not', async () => {
    const { token } = await pat();
    await pat();
    const own = { name: 'k', scopes: [], owner: alice };
    const key = await bed.call('POST', '/v1/keys', { json: own });
    const filter = {
      owner: alice,
      created_before: new Date(bed.clock.nowMs() + 1e3).toISOString(),
    };
    const { body } = await preview({ do: 'quarantine', reason: 'laptop stolen' }, filter);
    expect(body['count']).toBe(2);
    const ran = await bed.call('POST', `/v1/keys/bulk/${String(body['id'])}/run`);
    expect(ran.body).toEqual({ count: 2, done: 2, changed: 2 });
    expect(await verify(token)).toMatchObject({ active: false, code: 'quarantined' });
    const again = await preview({ do: 'revoke', reason: 'lost' }, { owner: alice });
    await bed.call('POST', `/v1/keys/bulk/${String(again.body['id'])}/run`);
    expect(await verify(token)).toMatchObject({ active: false, code: 'revoked' });
    const shown = await bed.call('GET', `/v1/keys/${String(key.body['id'])}`);
    expect(shown.body['status']).toBe('active');
  });

  it.each([{ do: 'disable' }, { do: 'set_owner', owner: 'bob' }, { do: 'add_tag', tag: 'x' }])(
    'are not edited for their users: %j',
    async (act) => {
      const refused = await preview(act, { owner: alice });
      expect(refused).toMatchObject({ status: 409, body: { code: 'wrong_state' } });
    },
  );

  it('need a permission of their own, previewed and done', async () => {
    await pat();
    const json = { filter: { kind: 'pat', owner: alice }, act: { do: 'quarantine', reason: 'x' } };
    const keysOnly = await bed.credential('keys:*');
    const refused = await bed.call('POST', '/v1/keys/bulk', { json, credential: keysOnly });
    expect(refused.body['detail']).toContain('pats:write');
    const both = await bed.credential('keys:*', 'pats:write');
    const { body } = await bed.call('POST', '/v1/keys/bulk', { json, credential: both });
    // The right was taken away since.
    const [actor] = (await bed.store.keyBulks.list({ limit: 1 })).map((row) => row.actor);
    const where = { tenant: defaultTenant, id: String(actor).split(':')[1]! };
    const set = { scopes: ['keys:*'] };
    await bed.store.acts.run({ steps: [{ do: 'update', table: 'keys', where, set }], audit: null });
    bed.clock.advanceMs(2_000);
    const path = `/v1/keys/bulk/${String(body['id'])}/run`;
    const late = await bed.call('POST', path, { credential: both });
    expect([late.status, late.body['code']]).toEqual([403, 'insufficient_permission']);
  });

  it('need another condition than their kind', async () => {
    expect((await preview({ do: 'revoke', reason: 'x' })).status).toBe(422);
  });
});

describe('a token that was disabled because nobody used it', () => {
  it('works again once it is enabled, and only such a one does', async () => {
    const { token, id } = await pat();
    const set = { status: 'disabled', unusedToldAt: 1 } as const;
    const where = { tenant: defaultTenant, id };
    await bed.store.acts.run({
      steps: [{ do: 'update', table: 'keys', where, set }],
      audit: null,
    });
    bed.clock.advanceMs(1_000);
    expect(await verify(token)).toMatchObject({ code: 'disabled' });
    const enabled = await bed.call('POST', `/v1/pats/${id}/enable`);
    expect(enabled).toMatchObject({ status: 200, body: { status: 'active' } });
    expect(await verify(token)).toMatchObject({ active: true });
    expect((await bed.store.keys.get(defaultTenant, id))?.unusedToldAt).toBeNull();
    expect((await bed.call('POST', `/v1/pats/${id}/enable`)).status).toBe(200);
    await bed.call('POST', `/v1/pats/${id}/revoke`);
    expect((await bed.call('POST', `/v1/pats/${id}/enable`)).status).toBe(409);
    expect((await bed.call('POST', '/v1/pats/none/enable')).status).toBe(404);
  });
});

describe('the policy of the organisation', () => {
  const put = (json: Item) => edit('/v1/pat-policy', json, 'PUT');

  it('has safe defaults, and is written by whoever has seen it', async () => {
    const { body } = await bed.call('GET', '/v1/pat-policy');
    expect(body).toEqual({
      max_life_seconds: 366 * 86_400,
      allowed_scopes: null,
      requires_approval: false,
      makers: null,
    });
    await put({ max_life_seconds: 600 });
    const headers = { 'if-match': '"1"' };
    const late = await bed.call('PUT', '/v1/pat-policy', { headers, json: {} });
    expect(late.status).toBe(412);
  });

  it('shortens the life of tokens that are there', async () => {
    const { token, id } = await pat();
    await put({ max_life_seconds: 86_400 });
    expect(await verify(token)).toMatchObject({ active: true });
    const { body } = await bed.call('GET', `/v1/pats/${id}`);
    expect(body['expires_at']).toBe(inDays(1));
    bed.clock.advanceMs(dayMs);
    expect(await verify(token)).toMatchObject({ code: 'expired' });
  });

  it('takes scopes away from tokens that are there', async () => {
    const { token } = await pat({ scopes: ['read', 'write'] });
    await put({ allowed_scopes: ['read'] });
    expect(await verify(token)).toMatchObject({ scopes: ['read'] });
    expect((await ask({ scopes: ['write'] })).status).toBe(422);
  });

  it('may ask for approval, of tokens that are there too', async () => {
    const { token, id } = await pat();
    await put({ requires_approval: true });
    expect(await verify(token)).toMatchObject({ active: false, code: 'awaiting_approval' });
    const waiting = await bed.call('GET', '/v1/pats?awaiting_approval=true');
    expect(waiting.body['items']).toMatchObject([{ id, awaiting_approval: true }]);
    const credential = await bed.credential('pats:write', 'pats:read');
    const mine = await bed.call('POST', `/v1/pats/${id}/approve`, { credential });
    expect(mine.status).toBe(403);
    const approved = await bed.call('POST', `/v1/pats/${id}/approve`);
    expect(approved.body).toMatchObject({ approved: true, awaiting_approval: false });
    expect(await verify(token)).toMatchObject({ active: true });
    expect((await bed.call('POST', `/v1/pats/${id}/approve`)).status).toBe(200);
    expect((await bed.call('GET', '/v1/pats?awaiting_approval=true')).body['items']).toEqual([]);
    const told = await bed.call('GET', '/v1/notices');
    expect(told.text).toContain('pat.approved');
  });

  it('says who may make any', async () => {
    const headers = await bed.ifMatch('/v1/pat-policy');
    const json = { makers: ['dev', 'lead'] };
    const nobodys = await bed.call('PUT', '/v1/pat-policy', { json, headers });
    expect(nobodys).toMatchObject({
      status: 422,
      body: { errors: [{ pointer: '/makers/1', message: 'no such role' }] },
    });
    await bed.call('PUT', '/v1/roles/lead', { json: { scopes: [] } });
    await put({ makers: ['lead'] });
    expect((await ask()).status).toBe(409);
    await edit(`/v1/users/${alice}`, { roles: ['dev', 'lead'] });
    expect((await ask()).status).toBe(201);
  });
});
