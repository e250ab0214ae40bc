import { createHash } from 'node:crypto';
import { defaultTenant } from '@mintmark/core';
import { beforeEach, describe, expect, it } from 'vitest';
import { managementBed } from './management-bed.ts';

let bed: Awaited<ReturnType<typeof managementBed>>;

beforeEach(async () => {
  bed = await managementBed();
});

const settings = { name: 'ci', scopes: ['read', 'write'] };

async function made(json: Record<string, unknown> = settings) {
  const { status, body, headers } = await bed.call('POST', '/v1/keys', { json });
  expect(status).toBe(201);
  return { id: String(body['id']), key: String(body['key']), body, headers };
}

async function codeOf(key: string, more: Record<string, unknown> = {}) {
  const { status, body } = await bed.call('POST', '/v1/keys/verify', { json: { key, ...more } });
  expect(status).toBe(200);
  expect(body['active']).toBe(body['code'] === 'ok');
  return body['code'];
}

describe('POST /v1/keys', () => {
  it('shows the key in this answer only', async () => {
    const { id, key, body } = await made();
    expect(key).toMatch(/^mm_key_[0-9A-Za-z]{56}$/);
    expect(body).toMatchObject({ ...settings, status: 'active', expires_at: null });
    const shown = await bed.call('GET', `/v1/keys/${id}`);
    expect(shown.text).not.toContain(key.slice(-40));
    const listed = await bed.call('GET', '/v1/keys');
    expect(listed.text).toContain(id);
    expect(listed.text).not.toContain(key.slice(-40));
  });

  it('owns the key to who asks, and to others only with a permission of its own', async () => {
    const credential = await bed.credential('keys:write');
    const own = await bed.call('POST', '/v1/keys', { json: settings, credential });
    const self = own.body['owner'];
    expect(self).not.toBe('team-a');
    const json = { ...settings, owner: 'team-a' };
    const refused = await bed.call('POST', '/v1/keys', { json, credential });
    expect(refused).toMatchObject({ status: 403, body: { code: 'insufficient_permission' } });
    const allowed = await bed.credential('keys:write', 'keys:assign');
    const named = await bed.call('POST', '/v1/keys', { json, credential: allowed });
    expect(named.body['owner']).toBe('team-a');
    const same = { ...settings, owner: self };
    expect((await bed.call('POST', '/v1/keys', { json: same, credential })).status).toBe(201);
  });

  it('warns of countries where nobody knows any', async () => {
    const warnings = [expect.stringContaining('geo.database')];
    const { id, body } = await made({ ...settings, allowed_countries: ['DE'] });
    expect(body).toMatchObject({ warnings });
    const headers = await bed.ifMatch(`/v1/keys/${id}`);
    const json = { denied_countries: ['FR'], allowed_countries: null };
    const edited = await bed.call('PATCH', `/v1/keys/${id}`, { json, headers });
    expect(edited.body).toMatchObject({ warnings });
    expect((await made()).body).not.toHaveProperty('warnings');
    const open = await managementBed(1, undefined, { countryOf: () => 'DE' });
    const known = await open.call('POST', '/v1/keys', {
      json: { ...settings, allowed_countries: ['DE'] },
    });
    expect(known.body).not.toHaveProperty('warnings');
  });

  it('says as what a key is refused now, whatever its status', async () => {
    const json = { overlap_seconds: 5 };
    const { id } = await made();
    await bed.call('POST', `/v1/keys/${id}/rotate`, { json });
    const show = async () => (await bed.call('GET', `/v1/keys/${id}`)).body;
    expect(await show()).toMatchObject({ status: 'active', refused_as: null });
    bed.clock.advanceMs(5_000);
    expect(await show()).toMatchObject({ status: 'active', refused_as: 'expired' });
    const not_before = new Date(bed.clock.nowMs() + 60_000).toISOString();
    expect((await made({ ...settings, not_before })).body['refused_as']).toBe('not_yet_valid');
    const headers = await bed.ifMatch(`/v1/keys/${id}`);
    await bed.call('PATCH', `/v1/keys/${id}`, { json: { status: 'disabled' }, headers });
    expect(await show()).toMatchObject({ status: 'disabled', refused_as: 'disabled' });
  });

  it('keeps every setting, times to the second', async () => {
    const full = {
      ...settings,
      environment: 'live',
      plan: 'gold',
      allowed_addresses: ['192.0.2.0/24'],
      metadata: { team: { name: 'a', size: 3 } },
      not_before: '2026-01-01T00:00:00.000Z',
      expires_at: '2030-01-01T00:00:00.000Z',
    };
    const { body } = await made({ ...full, expires_at: '2030-01-01T02:00:00.7+02:00' });
    expect(body).toMatchObject(full);
  });

  it('answers a repetition with the key’s id and without the key', async () => {
    const headers = { 'idempotency-key': 'once' };
    const first = await bed.call('POST', '/v1/keys', { json: settings, headers });
    const again = await bed.call('POST', '/v1/keys', { json: settings, headers });
    const { key, ...rest } = first.body;
    expect(key).toBeDefined();
    expect(again.body).toEqual({ ...rest, secret_already_shown: true });
    expect((await bed.call('GET', '/v1/keys')).body['items']).toHaveLength(1);
  });

  it.each([
    ['no name', { scopes: [] }, '/name'],
    ['a name of two lines', { name: 'a\nb', scopes: [] }, '/name'],
    ['10,001 scopes', { name: 'a', scopes: Array(10_001).fill('a') }, '/scopes'],
    ['an unknown member', { ...settings, kind: 'admin' }, '/kind'],
    [
      'a host name as address',
      { ...settings, allowed_addresses: ['a.example'] },
      '/allowed_addresses/0',
    ],
    ['a time that is none', { ...settings, expires_at: 'tomorrow' }, '/expires_at'],
  ])('refuses %s', async (_, json, pointer) => {
    const { status, body } = await bed.call('POST', '/v1/keys', { json });
    expect(status).toBe(422);
    expect(body['errors']).toContainEqual(expect.objectContaining({ pointer }));
  });
});

describe('a tenant’s policy for keys', () => {
  async function demand(keys: Record<string, unknown>) {
    const path = '/v1/tenants/default';
    const headers = await bed.ifMatch(path);
    const answer = await bed.call('PATCH', path, { json: { settings: { keys } }, headers });
    expect(answer.body).toMatchObject({ settings: { keys } });
  }

  it('names what breaks it, and lists the keys that break it already', async () => {
    const { id } = await made({ ...settings, tags: ['ci'], owner: 'team-a' });
    await demand({
      ...{ owner_required: true, purpose_required: true, expiry_required: true },
      ...{ life_seconds_max: 86_400, allowed_scopes: ['read'], allowed_environments: ['live'] },
    });
    const refused = await bed.call('POST', '/v1/keys', { json: settings });
    expect(refused).toMatchObject({ status: 422, body: { code: 'policy_violated' } });
    const members = ['/owner', '/purpose', '/expires_at', '/scopes', '/environment'];
    const errors = refused.body['errors'] as { pointer: string }[];
    expect(errors.map(({ pointer }) => pointer)).toEqual(members);
    const good = {
      ...{ name: 'ok', scopes: ['read'], owner: 'team-a', purpose: 'builds', environment: 'live' },
      expires_at: new Date(bed.clock.nowMs() + 3600_000).toISOString(),
    };
    const fine = await made(good);
    expect(fine.body).toMatchObject({ purpose: 'builds', tags: [] });
    const listed = await bed.call('GET', '/v1/keys?violating=true');
    expect(listed.body['items']).toMatchObject([
      { id, owner: 'team-a', violations: [{ rule: 'purpose_required' }, {}, {}, {}] },
    ]);
    const others = await bed.call('GET', '/v1/keys?violating=false');
    expect(others.body['items']).toMatchObject([{ id: fine.id }]);
    const shown = await bed.call('GET', `/v1/keys/${id}`);
    expect(shown.body['violations']).toHaveLength(4);

    const path = `/v1/keys/${id}`;
    const patch = { json: { scopes: ['write'] }, headers: await bed.ifMatch(path) };
    expect((await bed.call('PATCH', path, patch)).body['code']).toBe('policy_violated');
    expect((await bed.call('POST', `${path}/rotate`)).body['code']).toBe('policy_violated');
    const imported = await bed.call('POST', '/v1/keys/import', {
      json: { format: { prefix: 'sk_', separator: '' }, keys: [{ hash: 'a'.repeat(64) }] },
    });
    expect(imported.body['imported']).toBe(1);
    expect((await bed.call('GET', '/v1/keys?violating=true')).body['items']).toHaveLength(2);
  });

  it('takes over what an imported key may still spend', async () => {
    const key = 'sk_0123456789abcdef';
    const hash = createHash('sha256').update(key).digest('hex');
    const credits = { remaining: 2, refill: { amount: 9, every: 'month', on: 31 } };
    const format = { prefix: 'sk_', separator: '' };
    const json = { format, keys: [{ hash, credits }] };
    await bed.call('POST', '/v1/keys/import', { json });
    expect([await codeOf(key), await codeOf(key)]).toEqual(['ok', 'ok']);
    expect(await codeOf(key)).toBe('credits_spent');
    // Sent again it gives nothing back.
    const again = await bed.call('POST', '/v1/keys/import', { json });
    expect(again.body).toMatchObject({ imported: 0, unchanged: 1 });
    expect(await codeOf(key)).toBe('credits_spent');
  });

  it('lists by tag and environment', async () => {
    const { id } = await made({ ...settings, tags: ['ci'], environment: 'test' });
    await made();
    for (const query of ['tag=ci', 'environment=test']) {
      const { body } = await bed.call('GET', `/v1/keys?${query}`);
      expect(body['items']).toMatchObject([{ id }]);
    }
  });

  it('starts a key when it is planned, also where that is changed', async () => {
    const { id, key } = await made();
    const path = `/v1/keys/${id}`;
    const at = new Date(bed.clock.nowMs() + 60_000).toISOString();
    const json = { not_before: at, owner: 'team-b', purpose: 'later', tags: ['x'] };
    const edited = await bed.call('PATCH', path, { json, headers: await bed.ifMatch(path) });
    expect(edited.body).toMatchObject({ owner: 'team-b', purpose: 'later', tags: ['x'] });
    expect(await codeOf(key)).toBe('not_yet_valid');
    bed.clock.advanceMs(60_000);
    expect(await codeOf(key)).toBe('ok');
  });
});

describe('GET /v1/keys', () => {
  it('pages through all, by owner and by status', async () => {
    for (let i = 0; i < 5; i++) {
      bed.clock.advanceMs(1000);
      await made({ ...settings, name: `k${i}`, owner: i % 2 === 0 ? 'even' : 'odd' });
    }
    const names: unknown[] = [];
    let next: unknown = '';
    while (next !== null) {
      const cursor = next === '' ? '' : `&cursor=${next}`;
      const { body } = await bed.call('GET', `/v1/keys?limit=2${cursor}`);
      names.push(...(body['items'] as { name: string }[]).map(({ name }) => name));
      next = body['next'];
    }
    expect(names).toEqual(['k4', 'k3', 'k2', 'k1', 'k0']);
    const even = await bed.call('GET', '/v1/keys?owner=even&limit=2');
    expect(even.body['items']).toHaveLength(2);
    expect(even.body['next']).not.toBeNull();
    const revoked = await bed.call('GET', '/v1/keys?status=revoked');
    expect(revoked.body).toEqual({ items: [], next: null });
  });
});

describe('the life of a key', () => {
  it('is verified, disabled, enabled, rotated and revoked, and its story is told', async () => {
    const { id, key } = await made();
    expect(await codeOf(key)).toBe('ok');
    expect(await codeOf(key, { scopes: ['admin'] })).toBe('insufficient_scope');

    const path = `/v1/keys/${id}`;
    const disable = { json: { status: 'disabled' }, headers: await bed.ifMatch(path) };
    expect((await bed.call('PATCH', path, disable)).body['status']).toBe('disabled');
    expect(await codeOf(key)).toBe('disabled');
    const enable = { json: { status: 'active' }, headers: await bed.ifMatch(path) };
    expect((await bed.call('PATCH', path, enable)).status).toBe(200);

    const rotate = { json: { overlap_seconds: 60 } };
    const rotated = await bed.call('POST', `${path}/rotate`, rotate);
    expect(rotated.status).toBe(201);
    const successor = String(rotated.body['key']);
    expect([await codeOf(key), await codeOf(successor)]).toEqual(['ok', 'ok']);
    bed.clock.setWallMs(Date.parse(String(rotated.body['previous_expires_at'])));
    expect([await codeOf(key), await codeOf(successor)]).toEqual(['expired', 'ok']);
    const twice = await bed.call('POST', `${path}/rotate`, rotate);
    expect(twice).toMatchObject({ status: 409, body: { code: 'wrong_state' } });

    const target = { kind: 'key', id: rotated.body['id'] };
    const revocation = { json: { target, reason: 'leaked' } };
    expect((await bed.call('POST', '/v1/revocations', revocation)).status).toBe(200);
    expect(await codeOf(successor)).toBe('revoked');

    const history = await bed.call('GET', `/v1/audit/history/key/${id}?personal=include`);
    const items = history.body['items'] as { action: string; object: { id: string } }[];
    expect(items.map(({ action }) => action).sort()).toEqual([
      'key.create',
      'key.rotate',
      'key.update',
      'key.update',
      'revocation.create',
    ]);
  });

  it('shows what was used, once it was counted', async () => {
    const { id, key } = await made();
    await codeOf(key, { address: '198.51.100.7' });
    await codeOf(key, { address: '198.51.100.7', scopes: ['none'] });
    await bed.authority.tick();
    expect((await bed.call('GET', `/v1/keys/${id}`)).body).toMatchObject({
      uses_allowed: 1,
      uses_denied: 1,
      last_address: '198.51.100.7',
    });
  });

  it('counts what still uses the old key, and records who comes too late', async () => {
    const { id, key } = await made();
    await codeOf(key);
    const rotate = { json: { overlap_seconds: 10 } };
    const rotated = await bed.call('POST', `/v1/keys/${id}/rotate`, rotate);
    const successor = String(rotated.body['key']);
    for (const text of [key, key, successor]) expect(await codeOf(text)).toBe('ok');
    await bed.authority.tick();
    const shown = await bed.call('GET', `/v1/keys/${id}`);
    expect(shown.body).toMatchObject({ uses_allowed: 3, uses_in_overlap: 2 });
    const next = await bed.call('GET', `/v1/keys/${rotated.body['id']}`);
    expect(next.body).toMatchObject({ uses_allowed: 1, uses_in_overlap: 0 });

    bed.clock.advanceMs(10_000);
    for (let i = 0; i < 3; i++) expect(await codeOf(key)).toBe('expired');
    await bed.authority.tick();
    await bed.authority.close();
    const history = await bed.call('GET', `/v1/audit/history/key/${id}`);
    expect(history.body['items']).toContainEqual(
      expect.objectContaining({
        action: 'security.refused',
        result: 'rotated_key_used',
        detail: expect.objectContaining({ count: 3 }),
      }),
    );
  });

  it('is held back on suspicion, with each attempt in its history, and released', async () => {
    const { id, key } = await made();
    const path = `/v1/keys/${id}`;
    const json = { reason: 'seen in a public log' };
    const held = await bed.call('POST', `${path}/quarantine`, { json });
    expect(held).toMatchObject({ status: 200, body: { status: 'quarantined' } });
    expect(held.body['quarantine']).toMatchObject(json);
    for (const address of ['198.51.100.7', '198.51.100.7', '198.51.100.9']) {
      expect(await codeOf(key, { address })).toBe('quarantined');
    }
    const asked = await bed.authority.introspector.introspect({
      ...{ tenant: defaultTenant, credential: key, address: '198.51.100.8' },
    });
    expect(asked).toEqual({ active: false });
    expect((await bed.call('POST', `${path}/quarantine`, { json })).status).toBe(409);
    const patch = { json: { status: 'active' }, headers: await bed.ifMatch(path) };
    expect((await bed.call('PATCH', path, patch)).status).toBe(409);
    expect((await bed.call('POST', `${path}/rotate`)).status).toBe(409);
    expect((await bed.call('POST', `${path}/quarantine`, { json: {} })).status).toBe(422);
    const listed = await bed.call('GET', '/v1/keys?status=quarantined');
    expect(listed.body['items']).toHaveLength(1);

    const released = await bed.call('POST', `${path}/release`, { json });
    expect(released.body).toMatchObject({ status: 'active', quarantine: null });
    expect(await codeOf(key)).toBe('ok');
    expect((await bed.call('POST', `${path}/release`, { json })).status).toBe(409);
    await bed.authority.tick();
    await bed.authority.close();
    const history = await bed.call('GET', `/v1/audit/history/key/${id}?personal=include`);
    const items = history.body['items'] as Record<string, Record<string, unknown>>[];
    const evidence = items.filter(({ result }) => String(result) === 'quarantined_key_used');
    const told = evidence.map(({ personal, detail }) => [personal?.['address'], detail?.['count']]);
    expect(told.sort()).toEqual([
      ['198.51.100.7', 2],
      ['198.51.100.8', 1],
      ['198.51.100.9', 1],
    ]);
    expect(items.map(({ action }) => String(action))).toEqual(
      expect.arrayContaining(['key.quarantine', 'key.release']),
    );
  });

  it('keeps the keys of others held back without a permission of its own', async () => {
    const credential = await bed.credential('keys:write');
    const { id } = await made({ ...settings, owner: 'team-a' });
    const json = { reason: 'r' };
    const held = await bed.call('POST', `/v1/keys/${id}/quarantine`, { json, credential });
    expect(held.status).toBe(200);
    const refused = await bed.call('POST', `/v1/keys/${id}/release`, { json, credential });
    expect(refused).toMatchObject({ status: 403, body: { code: 'insufficient_permission' } });
    for (const act of ['quarantine', 'release']) {
      expect((await bed.call('POST', `/v1/keys/none/${act}`, { json })).status).toBe(404);
    }
  });

  it('rotates without a body, with a day of overlap', async () => {
    const { id } = await made();
    const { body } = await bed.call('POST', `/v1/keys/${id}/rotate`);
    const seconds = (Date.parse(String(body['previous_expires_at'])) - bed.clock.nowMs()) / 1000;
    expect(seconds).toBe(86_400);
  });

  it('repeats a rotation without rotating again', async () => {
    const { id } = await made();
    const headers = { 'idempotency-key': 'r1' };
    const first = await bed.call('POST', `/v1/keys/${id}/rotate`, { json: {}, headers });
    const again = await bed.call('POST', `/v1/keys/${id}/rotate`, { json: {}, headers });
    const { key, ...rest } = first.body;
    expect(again.body).toEqual({ ...rest, secret_already_shown: true });
  });

  it('is not edited without If-Match, nor under an old one', async () => {
    const { id } = await made();
    const path = `/v1/keys/${id}`;
    const headers = await bed.ifMatch(path);
    expect((await bed.call('PATCH', path, { json: { name: 'b' } })).status).toBe(428);
    expect((await bed.call('PATCH', path, { json: { name: 'b' }, headers })).status).toBe(200);
    expect((await bed.call('PATCH', path, { json: { name: 'c' }, headers })).status).toBe(412);
  });

  it('does not mix admin keys with API keys', async () => {
    await bed.credential('keys:read');
    const [admin] = (await bed.call('GET', '/v1/admin-keys')).body['items'] as { id: string }[];
    expect((await bed.call('GET', `/v1/keys/${admin?.id}`)).status).toBe(404);
    const json = { target: { kind: 'key', id: admin?.id }, reason: 'x' };
    expect((await bed.call('POST', '/v1/revocations', { json })).status).toBe(404);
    const { id } = await made();
    expect((await bed.call('GET', `/v1/admin-keys/${id}`)).status).toBe(404);
  });
});

describe('POST /v1/keys/verify', () => {
  it('tells whoever has not the secret nothing of the key', async () => {
    const { id, key } = await made();
    const last = key.slice(-40, -6);
    const json = { key: key.replace(last, [...last].reverse().join('')) };
    const { body } = await bed.call('POST', '/v1/keys/verify', { json });
    expect(body).toEqual({ active: false, code: 'malformed' });
    expect(JSON.stringify(body)).not.toContain(id);
  });

  it('stops looking after an address that guesses', async () => {
    const json = { key: `unknown-${'x'.repeat(40)}`, address: '203.0.113.9' };
    const codes = new Set<unknown>();
    for (let i = 0; i < 125; i++) {
      codes.add((await bed.call('POST', '/v1/keys/verify', { json })).body['code']);
    }
    expect([...codes]).toEqual(['malformed', 'too_many_failures']);
    const { key } = await made();
    expect(await codeOf(key, { address: '203.0.113.9' })).toBe('too_many_failures');
    expect(await codeOf(key, { address: '203.0.113.10' })).toBe('ok');
  });

  it('lets nobody lock an address out of anything else by naming it', async () => {
    const created = await bed.call('POST', '/v1/admin-keys', {
      json: { name: 'x', permissions: ['keys:read'] },
    });
    const json = { key: `unknown-${'x'.repeat(40)}`, address: '203.0.113.9' };
    for (let i = 0; i < 125; i++) await bed.call('POST', '/v1/keys/verify', { json });
    const credential = String(created.body['key']);
    const there = await bed.call('GET', '/v1/keys', { credential, address: '203.0.113.9' });
    expect(there.status).toBe(200);
  });
});

describe('POST /v1/keys/import', () => {
  const hash = (text: string) => createHash('sha256').update(text).digest('hex');
  const format = { prefix: 'old_', separator: '.' };

  it('takes a page over, says what it could not, and changes nothing the second time', async () => {
    const keys = [
      { id: 'a', hash: hash('old_a.1'), scopes: ['read'], owner: 'team-a' },
      { id: 'b', hash: 'nonsense', scopes: [] },
    ];
    const first = await bed.call('POST', '/v1/keys/import', { json: { format, keys } });
    const conflicts = [{ index: 1, id: 'b', reason: 'malformed_hash' }];
    expect(first.body).toEqual({ imported: 1, unchanged: 0, conflicts });
    const again = await bed.call('POST', '/v1/keys/import', { json: { format, keys } });
    expect(again.body).toEqual({ imported: 0, unchanged: 1, conflicts });
    expect(await codeOf('old_a.1', { scopes: ['read'] })).toBe('ok');
    const shown = await bed.call('GET', '/v1/keys/a');
    expect(shown.body).toMatchObject({ imported: true, owner: 'team-a', name: 'a' });
  });

  it('refuses a prefix that is ours, and owners that the caller may not name', async () => {
    const ours = { format: { prefix: 'mm_key_', separator: '.' }, keys: [] };
    const refused = await bed.call('POST', '/v1/keys/import', { json: ours });
    expect(refused).toMatchObject({ status: 422, body: { errors: [{ pointer: '/format' }] } });
    const credential = await bed.credential('keys:write');
    const keys = [{ id: 'a', hash: hash('x'), scopes: [], owner: 'team-a' }];
    const other = await bed.call('POST', '/v1/keys/import', { json: { format, keys }, credential });
    expect(other.status).toBe(403);
  });
});
