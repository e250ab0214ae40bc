/** Nobody gets more than he has, by no way through the management API. */
import { beforeEach, describe, expect, it } from 'vitest';
import { createKey } from './apikeys/create-key.ts';
import { noKeyPolicy } from './apikeys/key-policy.ts';
import { authorityBed, bedConfig, operator } from './authority-bed.ts';

const managementAudience = `${bedConfig.issuer}/v1`;

type Bed = Awaited<ReturnType<typeof authorityBed>>;
let bed: Bed;

beforeEach(async () => {
  bed = await authorityBed();
});

async function adminKey(...permissions: string[]): Promise<string> {
  return keyOf({ name: 'x', permissions });
}

async function keyOf(json: Record<string, unknown>): Promise<string> {
  return String((await bed.manage('POST', '/v1/admin-keys', { json })).json['key']);
}

const needs = (detail: string) => ({ code: 'insufficient_permission', detail });

describe('a client whose tokens are for the management API', () => {
  const json = { client_name: 'x', audiences: [managementAudience], scope: 'keys:read' };

  it('does what its scopes say, and no more', async () => {
    const { client_id, client_secret } = (await bed.manage('POST', '/v1/clients', { json })).json;
    const client = { clientId: String(client_id), secret: String(client_secret) };
    const form = { grant_type: 'client_credentials' };
    const key = String((await bed.post('/oauth2/token', form, client)).json['access_token']);
    expect(await bed.manage('GET', '/v1/keys', { key })).toMatchObject({ status: 200 });
    expect(await bed.manage('GET', '/v1/clients', { key })).toMatchObject({ status: 403 });
  });

  it.each(['*', 'keys:*', 'other keys:read', 'clients:write admin_keys:write'])(
    'is not made with "%s" by whoever may only make clients',
    async (scope) => {
      const key = await adminKey('clients:write', 'clients:read');
      const made = await bed.manage('POST', '/v1/clients', { key, json: { ...json, scope } });
      expect(made).toMatchObject({ status: 403, json: { code: 'insufficient_permission' } });
    },
  );

  it('is made with what its maker holds, and with scopes that mean nothing here', async () => {
    const key = await adminKey('clients:write', 'keys:*');
    const scope = 'keys:read clients:write other';
    const made = await bed.manage('POST', '/v1/clients', { key, json: { ...json, scope } });
    expect(made.status).toBe(201);
  });

  it('is what no edit may turn another one into', async () => {
    const key = await adminKey('clients:write', 'clients:read');
    for (const [before, change] of [
      [{ scope: '*' }, { audiences: ['https://a.example', managementAudience] }],
      [{ audiences: [managementAudience] }, { scope: 'audit:read' }],
    ]) {
      const made = await bed.manage('POST', '/v1/clients', { key, json: before });
      expect(made.status).toBe(201);
      const path = `/v1/clients/${made.json['client_id']}`;
      const ifMatch = String(made.headers['etag']);
      const edited = await bed.manage('PATCH', path, { key, json: change, ifMatch });
      expect(edited).toMatchObject({ status: 403, json: { code: 'insufficient_permission' } });
    }
  });

  it('keeps its secret from whoever holds less', async () => {
    const made = await bed.manage('POST', '/v1/clients', { json });
    const path = `/v1/clients/${made.json['client_id']}/secrets/rotate`;
    const key = await adminKey('clients:*');
    expect(await bed.manage('POST', path, { key })).toMatchObject({
      status: 403,
      json: needs('its tokens could do keys:read on this API'),
    });
    expect(await bed.manage('POST', path)).toMatchObject({ status: 201 });
  });
});

describe('an API key of somebody else', () => {
  it('is neither made, imported nor rotated into a new one without keys:assign', async () => {
    const key = await adminKey('keys:read', 'keys:write');
    const settings = { name: 'x', owner: 'team', scopes: [] };
    const made = await createKey(
      { ...bed.registry, sealer: bed.sealer, keyPolicy: () => noKeyPolicy },
      { requester: operator, settings },
    );
    const id = made.ok ? made.value.row.id : '';
    const hash = 'a'.repeat(64);
    const format = { prefix: 'sk_', separator: '' };
    for (const [path, json] of [
      ['/v1/keys', settings],
      ['/v1/keys/import', { format, keys: [{ hash, owner: 'team', scopes: [] }] }],
      [`/v1/keys/${id}/rotate`, { overlap_seconds: 0 }],
    ] as const) {
      const refused = await bed.manage('POST', path, { key, json });
      expect(refused).toMatchObject({ status: 403, json: { code: 'insufficient_permission' } });
    }
    expect(await bed.store.keys.get('default', id)).toMatchObject({ successor: null });
    const path = `/v1/keys/${id}/rotate`;
    expect(await bed.manage('POST', path)).toMatchObject({ status: 201 });
  });

  it('is disabled without keys:assign, and not changed otherwise', async () => {
    const key = await adminKey('keys:read', 'keys:write');
    const settings = { name: 'x', owner: 'team', scopes: ['read'] };
    const made = await bed.manage('POST', '/v1/keys', { json: settings });
    const path = `/v1/keys/${made.json['id']}`;
    const edit = (json: Record<string, unknown>) =>
      bed.manage('PATCH', path, { key, json, ifMatch: '*' });
    expect(await edit({ status: 'disabled' })).toMatchObject({ status: 200 });
    for (const json of [
      { scopes: ['read', 'write'] },
      { status: 'active' },
      { status: 'disabled', allowed_addresses: null },
      { expires_at: null },
    ]) {
      const refused = await edit(json);
      expect(refused).toMatchObject({ status: 403, json: { code: 'insufficient_permission' } });
    }
    const kept = { status: 200, json: { status: 'disabled', scopes: ['read'] } };
    expect(await bed.manage('GET', path)).toMatchObject(kept);
  });
});

describe('an admin key that holds more', () => {
  it('is neither made nor ended by one that holds less', async () => {
    const key = await adminKey('admin_keys:*');
    const json = { name: 'x', permissions: ['*'] };
    expect(await bed.manage('POST', '/v1/admin-keys', { key, json })).toMatchObject({
      status: 403,
    });
    const { items } = (await bed.manage('GET', '/v1/admin-keys')).json as {
      items: { id: string; permissions: string[] }[];
    };
    const root = items.find(({ permissions }) => permissions.includes('*'))!;
    const path = `/v1/admin-keys/${root.id}`;
    expect(await bed.manage('DELETE', path, { key, ifMatch: '*' })).toMatchObject({
      status: 403,
      json: needs('the key holds *'),
    });
    expect(await bed.manage('GET', '/v1/keys')).toMatchObject({ status: 200 });
  });
});

describe('an admin key that ends, or works from some addresses only', () => {
  const ends = new Date(1_790_000_000_000 + 3_600_000).toISOString();
  const json = { name: 'x', permissions: ['admin_keys:*'] };

  it.each([
    [{ expires_at: ends }, {}, 'expires_at'],
    [{ expires_at: ends }, { expires_at: '2099-01-01T00:00:00Z' }, 'expires_at'],
    [{ allowed_addresses: ['192.0.2.0/24'] }, {}, 'allowed_addresses'],
    [
      { allowed_addresses: ['192.0.2.0/24'] },
      { allowed_addresses: ['0.0.0.0/0'] },
      'allowed_addresses',
    ],
  ])('with %j makes none with %j', async (bounds, wanted, setting) => {
    const key = await keyOf({ ...json, ...bounds });
    const refused = await bed.manage('POST', '/v1/admin-keys', {
      key,
      json: { ...json, ...wanted },
    });
    expect(refused).toMatchObject({
      status: 403,
      json: needs(`${setting} must be given, within that of the key that makes it`),
    });
    const made = await bed.manage('POST', '/v1/admin-keys', { key, json: { ...json, ...bounds } });
    expect(made.status).toBe(201);
  });

  it('makes no client that would act here without these bounds', async () => {
    const permissions = ['clients:*', 'keys:*'];
    const key = await keyOf({ name: 'x', permissions, expires_at: ends });
    const audiences = [managementAudience];
    const make = (scope: string) =>
      bed.manage('POST', '/v1/clients', { key, json: { audiences, scope } });
    expect((await make('keys:read')).status).toBe(403);
    expect((await make('other')).status).toBe(201);
  });
});
