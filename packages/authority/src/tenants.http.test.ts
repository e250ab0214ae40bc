/** Tenants through HTTP: made by the operator, each an issuer of its own, ended at once. */
import type { TenantId } from '@mintmark/core';
import { beforeEach, describe, expect, it } from 'vitest';
import { type ManagementBed, managementBed } from './management-bed.ts';
import { addTenant, type TenantBed } from './tenant-bed.ts';

let bed: ManagementBed;

beforeEach(async () => {
  bed = await managementBed();
});

const clientCredentials = { grant_type: 'client_credentials' };

async function tokenOf(tenant: TenantBed, client: { clientId: string; secret: string }) {
  const { json, status, text } = await bed.post(
    tenant.at('/oauth2/token'),
    clientCredentials,
    client,
  );
  expect(status, text).toBe(200);
  return String(json['access_token']);
}

function claimsOf(token: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString());
}

const setTenant = (tenant: string, json: Record<string, unknown>) =>
  bed.call('PATCH', `/v1/tenants/${tenant}`, { json, headers: { 'if-match': '*' } });

describe('a tenant', () => {
  it('is made with an administrator, shown, listed, named anew', async () => {
    const acme = await addTenant(bed, 'acme', { name: 'ACME Inc.' });
    const shown = await bed.call('GET', '/v1/tenants/acme');
    expect(shown.body).toMatchObject({ tenant: 'acme', name: 'ACME Inc.', status: 'active' });
    expect(shown.body['issuer']).toBe(acme.issuer);
    expect((await acme.manage('GET', '/v1/tenant')).json).toMatchObject({ tenant: 'acme' });
    expect((await setTenant('acme', { name: 'ACME' })).body['name']).toBe('ACME');
    const { items } = (await bed.call('GET', '/v1/tenants')).body;
    expect(items).toMatchObject([{ tenant: 'acme', name: 'ACME' }, { tenant: 'default' }]);
    const history = (await bed.call('GET', '/v1/audit/events?object_kind=tenant&object_id=acme'))
      .body;
    const actions = (history['items'] as { action: string }[]).map(({ action }) => action);
    expect(actions.sort()).toEqual(['tenant.create', 'tenant.update']);
  });

  it('is listed by pages', async () => {
    for (const name of ['a', 'b']) await addTenant(bed, name);
    const first = (await bed.call('GET', '/v1/tenants?limit=2')).body;
    expect(first['items']).toMatchObject([{ tenant: 'a' }, { tenant: 'b' }]);
    const rest = (await bed.call('GET', `/v1/tenants?limit=2&cursor=${first['next']}`)).body;
    expect(rest).toMatchObject({ items: [{ tenant: 'default' }], next: null });
  });

  it('is made once, and a repeated request shows no second key', async () => {
    const headers = { 'idempotency-key': 'once' };
    const json = { tenant: 'acme' };
    expect((await bed.call('POST', '/v1/tenants', { json, headers })).status).toBe(201);
    const again = await bed.call('POST', '/v1/tenants', { json, headers });
    expect(again.body).toMatchObject({ tenant: 'acme', secret_already_shown: true });
    const taken = await bed.call('POST', '/v1/tenants', { json });
    expect(taken.body['code']).toBe('already_exists');
  });

  it('has metadata in both forms, at both places, and keys of its own', async () => {
    const acme = await addTenant(bed, 'acme');
    const names = ['oauth-authorization-server', 'openid-configuration'];
    for (const name of names) {
      for (const path of [`/.well-known/${name}/t/acme`, `/t/acme/.well-known/${name}`]) {
        const { json } = await bed.get(path);
        expect(json['issuer']).toBe(acme.issuer);
        for (const [member, url] of Object.entries(json)) {
          if (/_(?:endpoint|uri)$/.test(member)) expect(url).toContain(`${acme.issuer}/`);
        }
      }
    }
    const kids = async (path: string) =>
      ((await bed.get(path)).json['keys'] as { kid: string }[]).map(({ kid }) => kid);
    const own = await kids('/t/acme/.well-known/jwks.json');
    expect(own).toHaveLength(1);
    expect(await kids('/.well-known/jwks.json')).not.toContain(own[0]);
    expect(await kids('/t/acme/.well-known/jwks.json')).toEqual(own);
  });

  it('mints by its own issuer and key', async () => {
    const acme = await addTenant(bed, 'acme');
    const client = await acme.addClient();
    const token = await tokenOf(acme, client);
    expect(claimsOf(token)).toMatchObject({ iss: acme.issuer, mm_tenant: 'acme' });
    const told = await bed.post(acme.at('/oauth2/introspect'), { token }, client);
    expect(told.json).toMatchObject({ active: true, iss: acme.issuer });
    const { servers } = (await bed.get(acme.at('/openapi.json'))).json;
    expect(servers).toEqual([{ url: acme.issuer }]);
  });

  it('is gone where its name is not known', async () => {
    expect((await bed.get('/t/nobody/.well-known/openid-configuration')).status).toBe(404);
    expect((await bed.get('/t/default/.well-known/openid-configuration')).status).toBe(404);
    expect((await bed.get('/t/nobody/livez')).status).toBe(404);
  });

  it('gets another administrator from its operator', async () => {
    const acme = await addTenant(bed, 'acme');
    const made = await bed.call('POST', '/v1/tenants/acme/admin-keys', { json: { name: 'x' } });
    const key = String(made.body['admin_key']);
    expect((await bed.manage('GET', acme.at('/v1/keys'), { key })).status).toBe(200);
    const none = await bed.call('POST', '/v1/tenants/nobody/admin-keys', { json: { name: 'x' } });
    expect(none.body['code']).toBe('wrong_state');
  });

  it('has settings of its own', async () => {
    const branding = { name: 'ACME', color: '#112233' };
    const registration = {
      ...{ mode: 'open', scopes: ['read'], audiences: [] },
      ...{ metadata_documents: false, require_pkce: true },
    };
    const clients = { grant_types: ['client_credentials'], access_token_seconds_max: 60 };
    const sessions = { idle_seconds: 600, absolute_seconds: 3600 };
    const acme = await addTenant(bed, 'acme', {
      settings: { branding, registration, clients, sessions },
    });
    const { settings } = (await acme.manage('GET', '/v1/tenant')).json;
    expect(settings).toMatchObject({ branding, registration, clients, sessions });
    const { json } = await bed.get('/t/acme/.well-known/oauth-authorization-server');
    expect(json['registration_endpoint']).toBe(`${acme.issuer}/oauth2/register`);
    expect((await bed.get('/.well-known/oauth-authorization-server')).json).not.toHaveProperty(
      'registration_endpoint',
    );
    expect(json['grant_types_supported']).toEqual(['client_credentials']);
    const client = await acme.addClient({
      grant_types: ['client_credentials', 'authorization_code'],
      redirect_uris: ['https://app.example/cb'],
    });
    const { exp, iat } = claimsOf(await tokenOf(acme, client)) as { exp: number; iat: number };
    expect(exp - iat).toBe(60);
    const form = { grant_type: 'authorization_code', code: 'x' };
    const refused = await bed.post(acme.at('/oauth2/token'), form, client);
    expect(refused.json['error']).toBe('unauthorized_client');
    expect((await bed.get('/t/acme/forgot')).text).toContain('ACME');
    expect((await bed.get('/forgot')).text).not.toContain('ACME');
  });
});

it('tells a gateway in its process of tokens that a route of the first tenant takes', async () => {
  const acme = await addTenant(bed, 'acme');
  const audience = 'https://drive.example';
  const client = await acme.addClient({ access_token_format: 'opaque', audiences: [audience] });
  const credential = await tokenOf(acme, client);
  const asked = { tenant: acme.tenant as TenantId, credential, address: '192.0.2.1' };
  const introspect = () => bed.authority.introspector.introspect(asked);
  expect(await introspect()).toEqual({ active: false });
  const json = { match: {}, upstream: 'http://127.0.0.1:1', audience, tenant: 'acme' };
  expect((await bed.call('PUT', '/v1/routes/files', { json })).status).toBe(201);
  expect(await introspect()).toMatchObject({ active: true, audience: [audience] });
});

describe('a revoked tenant', () => {
  it('ends sessions, codes, families and tokens at once; who signs in again goes on', async () => {
    const acme = await addTenant(bed, 'acme');
    const other = await addTenant(bed, 'other');
    const app = await acme.addApp();
    await acme.addAlice();
    await other.addAlice();
    const browser = acme.browse();
    const first = (await acme.signIn(browser, app)).get('code') ?? '';
    const given = await acme.exchange(first, app);
    const [access = '', refresh = ''] = [given['access_token'], given['refresh_token']];
    const unused = await browser.submit(await browser.open(acme.authorizeUrl(app.clientId)));
    const code = new URL(unused.url).searchParams.get('code') ?? '';
    const elsewhere = other.browse();
    await other.signIn(elsewhere, await other.addApp());
    bed.clock.advanceMs(120_000);
    const target = { kind: 'tenant', id: 'acme' };
    const revoked = await acme.manage('POST', '/v1/revocations', { target, reason: 'breach' });
    expect(revoked.status).toBe(200);
    expect((await browser.open(acme.at('/account'))).url).toContain('/login');
    expect((await elsewhere.open(other.at('/account'))).url).toContain('/account');
    const ask = (form: Record<string, string>) => bed.post(acme.at('/oauth2/token'), form, app);
    for (const form of [
      { grant_type: 'refresh_token', refresh_token: refresh },
      {
        ...{ grant_type: 'authorization_code', code },
        redirect_uri: 'https://app.example/cb',
        code_verifier: 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk',
      },
    ]) {
      expect((await ask(form)).json['error']).toBe('invalid_grant');
    }
    const told = await bed.post(acme.at('/oauth2/introspect'), { token: access }, app);
    expect(told.json).toEqual({ active: false });
    // The rows come after it.
    expect(await bed.store.sessions.count({ tenant: 'acme', endedAt: null })).toBe(1);
    for (let rounds = 0; rounds < 12; rounds++) await bed.authority.tick();
    expect(await bed.store.sessions.count({ tenant: 'acme', endedAt: null })).toBe(0);
    expect(await bed.store.sessions.count({ tenant: 'other', endedAt: null })).toBe(1);
    bed.clock.advanceMs(1);
    const again = acme.browse();
    await acme.signIn(again, app);
    expect((await again.open(acme.at('/account'))).url).toContain('/account');
  });

  it('ends only sessions of before a moment where one is named', async () => {
    const acme = await addTenant(bed, 'acme');
    const app = await acme.addApp();
    await acme.addAlice();
    const [early, late] = [acme.browse(), acme.browse()];
    await acme.signIn(early, app);
    bed.clock.advanceMs(60_000);
    const before = new Date(bed.clock.nowMs() - 30_000).toISOString();
    await acme.signIn(late, app);
    const target = { kind: 'tenant', id: 'acme' };
    const asked = { target, reason: 'breach', before };
    expect((await acme.manage('POST', '/v1/revocations', asked)).status).toBe(200);
    expect((await early.open(acme.at('/account'))).url).toContain('/login');
    expect((await late.open(acme.at('/account'))).url).toContain('/account');
  });
});

describe('a disabled tenant', () => {
  it('is gone at once, with its tokens, and its keys work again when it is enabled', async () => {
    const acme = await addTenant(bed, 'acme');
    const client = await acme.addClient();
    const token = await tokenOf(acme, client);
    const key = String(
      (await acme.manage('POST', '/v1/keys', { name: 'k', scopes: [] })).json['key'],
    );
    const head = () => bed.get('/t/acme/.well-known/openid-configuration');
    const app = await acme.addApp();
    await acme.addAlice();
    const browser = acme.browse();
    await acme.signIn(browser, app);
    expect((await setTenant('acme', { status: 'disabled' })).body['status']).toBe('disabled');
    expect((await head()).status).toBe(404);
    expect((await acme.manage('GET', '/v1/keys')).status).toBe(404);
    const asked = { tenant: 'acme', credential: key, address: '192.0.2.1' } as never;
    expect(await bed.authority.introspector.introspect(asked)).toEqual({ active: false });
    await setTenant('acme', { status: 'active' });
    expect((await head()).status).toBe(200);
    const told = await bed.post(acme.at('/oauth2/introspect'), { token }, client);
    expect(told.json).toEqual({ active: false });
    expect((await browser.open(acme.at('/account'))).url).toContain('/login');
    expect((await acme.manage('POST', '/v1/keys/verify', { key })).json['active']).toBe(true);
  });

  it('mints nothing in a process that has not heard of it', async () => {
    const acme = await addTenant(bed, 'acme');
    const client = await acme.addClient();
    const other = await bed.replica();
    const ask = () => other.post(acme.at('/oauth2/token'), clientCredentials, client);
    expect((await ask()).status).toBe(200);
    await setTenant('acme', { status: 'disabled' });
    expect((await ask()).status).not.toBe(200);
    bed.clock.advanceMs(500);
    expect((await ask()).status).toBe(404);
  });

  it('is never the first one, and only a disabled one is deleted', async () => {
    expect((await setTenant('default', { status: 'disabled' })).body['code']).toBe('wrong_state');
    await addTenant(bed, 'acme');
    const remove = (name: string) =>
      bed.call('DELETE', `/v1/tenants/${name}`, { headers: { 'if-match': '*' } });
    expect((await remove('default')).body['code']).toBe('wrong_state');
    expect((await remove('acme')).body['code']).toBe('wrong_state');
    expect((await remove('nobody')).body['code']).toBe('not_found');
    await setTenant('acme', { status: 'disabled' });
    expect((await remove('acme')).status).toBe(204);
    expect((await bed.call('GET', '/v1/tenants/acme')).status).toBe(404);
    expect((await setTenant('acme', { status: 'active' })).body['code']).toBe('not_found');
    const again = await bed.call('POST', '/v1/tenants', { json: { tenant: 'acme' } });
    expect(again.body['code']).toBe('already_exists');
  });

  it('is not served while the store is away, for it may be disabled', async () => {
    await addTenant(bed, 'acme');
    const other = await bed.replica();
    await bed.store.upkeep.close();
    const metadata = '/.well-known/openid-configuration';
    expect((await other.get(`/t/acme${metadata}`)).status).toBe(503);
    expect((await other.get(metadata)).status).toBe(200);
  });

  it('is changed by whoever has seen it as it is', async () => {
    await addTenant(bed, 'acme');
    const headers = { 'if-match': '"7"' };
    const json = { name: 'x' };
    const late = await bed.call('PATCH', '/v1/tenants/acme', { json, headers });
    expect(late.body['code']).toBe('version_mismatch');
    const gone = await bed.call('DELETE', '/v1/tenants/acme', { headers });
    expect(gone.body['code']).toBe('version_mismatch');
  });
});
