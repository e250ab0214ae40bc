import { defaultTenant } from '@mintmark/core';
import { beforeEach, describe, expect, it } from 'vitest';
import { managementBed } from './management-bed.ts';
import { rightsOf } from './roles/rights.ts';

type Bed = Awaited<ReturnType<typeof managementBed>>;
type Item = Record<string, unknown>;

let bed: Bed;
beforeEach(async () => {
  bed = await managementBed();
});

const role = (name: string, scopes: readonly string[], more: Item = {}) =>
  bed.call('PUT', `/v1/roles/${name}`, { json: { scopes, ...more } });
const group = (name: string, roles: readonly string[]) =>
  bed.call('PUT', `/v1/groups/${name}`, { json: { roles } });

async function user(username: string, more: Item = {}) {
  const { body, status, text } = await bed.call('POST', '/v1/users', {
    json: { username, ...more },
  });
  expect(status, text).toBe(201);
  return String(body['id']);
}

async function edit(id: string, json: Item) {
  const headers = await bed.ifMatch(`/v1/users/${id}`);
  return bed.call('PATCH', `/v1/users/${id}`, { headers, json });
}

const rights = async (id: string) =>
  [...(await rightsOf(bed.store, defaultTenant, id)).scopes].sort();

describe('the rights of a user', () => {
  it('are the scopes of all roles, direct and by groups', async () => {
    await role('reader', ['read']);
    await role('writer', ['read', 'write']);
    await group('staff', ['writer']);
    const id = await user('alice', { roles: ['reader'] });
    expect(await rights(id)).toEqual(['read']);
    const edited = await edit(id, { groups: ['staff'] });
    expect(edited.body).toMatchObject({ roles: ['reader'], groups: ['staff'] });
    expect(await rights(id)).toEqual(['read', 'write']);
    await edit(id, { groups: [] });
    expect(await rights(id)).toEqual(['read']);
    expect(await rights('nobody')).toEqual([]);
  });

  it('follow each change of a role or group', async () => {
    await role('reader', ['read']);
    await group('staff', ['reader']);
    const id = await user('alice', { groups: ['staff'] });
    const headers = await bed.ifMatch('/v1/roles/reader');
    await bed.call('PUT', '/v1/roles/reader', { headers, json: { scopes: ['look'] } });
    expect(await rights(id)).toEqual(['look']);
    const seen = { headers: await bed.ifMatch('/v1/groups/staff') };
    await bed.call('PUT', '/v1/groups/staff', { ...seen, json: { roles: [] } });
    expect(await rights(id)).toEqual([]);
  });

  it('are not given again by a role or group that is made anew', async () => {
    await role('reader', ['read']);
    await group('staff', ['reader']);
    const id = await user('alice', { roles: ['reader'], groups: ['staff'] });
    for (const path of ['/v1/groups/staff', '/v1/roles/reader']) {
      const gone = await bed.call('DELETE', path, { headers: await bed.ifMatch(path) });
      expect(gone.status).toBe(204);
    }
    await role('reader', ['read']);
    await group('staff', ['reader']);
    expect(await rights(id)).toEqual([]);
    const { body } = await bed.call('GET', `/v1/users/${id}`);
    expect(body).toMatchObject({ roles: [], groups: [] });
  });

  it('end with the user', async () => {
    await role('reader', ['read']);
    const id = await user('alice', { roles: ['reader'] });
    const headers = await bed.ifMatch(`/v1/users/${id}`);
    await bed.call('DELETE', `/v1/users/${id}`, { headers });
    expect(await rights(id)).toEqual([]);
  });

  it('stand in the record of whoever gave them', async () => {
    await role('reader', ['read']);
    const id = await user('alice');
    await edit(id, { roles: ['reader'] });
    await bed.authority.tick();
    const found = await bed.call('GET', `/v1/audit/events?object_kind=user&object_id=${id}`);
    expect(found.text).toContain('"roles":["reader"]');
  });
});

describe('/v1/roles and /v1/groups', () => {
  it('are written as a whole, by whoever has seen what stands there', async () => {
    const made = await role('reader', ['read', 'read'], { description: 'May look' });
    expect(made.status).toBe(201);
    expect(made.body).toMatchObject({
      scopes: ['read'],
      description: 'May look',
      exclusive: false,
    });
    expect((await role('reader', ['all'])).status).toBe(428);
    const old = { 'if-match': '"7"' };
    const wrong = await bed.call('PUT', '/v1/roles/reader', { headers: old, json: { scopes: [] } });
    expect(wrong.status).toBe(412);
    const unseen = await bed.call('PUT', '/v1/roles/x', { headers: old, json: { scopes: [] } });
    expect(unseen.status).toBe(412);
    const misnamed = await role('reader', [], { name: 'other' });
    expect(misnamed.status).toBe(422);
    expect((await bed.call('DELETE', '/v1/roles/reader', { headers: old })).status).toBe(412);
    expect((await bed.call('DELETE', '/v1/roles/none', { headers: old })).status).toBe(404);
    expect((await bed.call('DELETE', '/v1/groups/none', { headers: old })).status).toBe(404);
    expect((await bed.call('GET', '/v1/groups/none')).status).toBe(404);
    expect((await bed.call('GET', '/v1/roles/none')).status).toBe(404);
  });

  it('name only what there is', async () => {
    expect((await group('staff', ['ghost'])).status).toBe(422);
    const id = await user('alice');
    expect((await edit(id, { roles: ['ghost'] })).body).toMatchObject({
      errors: [{ pointer: '/roles' }],
    });
    expect((await edit(id, { groups: ['ghost'] })).status).toBe(422);
    const json = { username: 'bob', roles: ['ghost'] };
    expect((await bed.call('POST', '/v1/users', { json })).status).toBe(422);
  });

  it('keep a role that a group has', async () => {
    await role('reader', ['read']);
    await group('staff', ['reader']);
    const headers = await bed.ifMatch('/v1/roles/reader');
    const refused = await bed.call('DELETE', '/v1/roles/reader', { headers });
    expect(refused.status).toBe(409);
    expect(refused.text).toContain('staff');
  });

  it('are listed by name, in pages', async () => {
    for (const name of ['c', 'a', 'b']) await role(name, []);
    for (const name of ['z', 'y']) await group(name, ['a']);
    const first = await bed.call('GET', '/v1/roles?limit=2');
    expect((first.body['items'] as Item[]).map(({ name }) => name)).toEqual(['a', 'b']);
    const next = encodeURIComponent(String(first.body['next']));
    const second = await bed.call('GET', `/v1/roles?limit=2&cursor=${next}`);
    expect(second.body).toMatchObject({ items: [{ name: 'c' }], next: null });
    const groups = await bed.call('GET', '/v1/groups');
    expect(groups.body).toMatchObject({ items: [{ name: 'y', roles: ['a'] }, { name: 'z' }] });
  });

  it('are for those who may', async () => {
    const credential = await bed.credential('roles:read', 'users:write');
    const json = { scopes: [] };
    expect((await bed.call('PUT', '/v1/roles/x', { credential, json })).status).toBe(403);
    expect((await bed.call('GET', '/v1/roles', { credential })).status).toBe(200);
  });
});
