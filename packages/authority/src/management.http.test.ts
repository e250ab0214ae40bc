import { limits } from '@mintmark/core';
import { beforeEach, describe, expect, it } from 'vitest';
import { managementBed } from './management-bed.ts';

let bed: Awaited<ReturnType<typeof managementBed>>;

beforeEach(async () => {
  bed = await managementBed();
});

describe('authentication', () => {
  async function refused(credential: string | null, headers: Record<string, string> = {}) {
    const answer = await bed.call('GET', '/v1/keys', { credential, headers });
    expect(answer.status).toBe(401);
    const { request_id: _, ...body } = answer.body;
    return { body, challenge: answer.headers['www-authenticate'] };
  }

  it('says no error code to whoever sent no credential', async () => {
    expect((await refused(null)).challenge).toBe('Bearer realm="mintmark"');
  });

  it('answers unknown, wrong, disabled, expired and foreign credentials alike', async () => {
    const expiring = { name: 'x', permissions: ['keys:read'], expires_at: '2030-01-01T00:00:00Z' };
    const key = (await bed.call('POST', '/v1/admin-keys', { json: expiring })).body['key'];
    // Newest first is by the moment, so the next one needs a moment of its own.
    bed.clock.advanceMs(1);
    const revoked = await bed.credential('keys:read');
    const [row] = (await bed.call('GET', '/v1/admin-keys')).body['items'] as { id: string }[];
    const headers = { 'if-match': '*' };
    await bed.call('DELETE', `/v1/admin-keys/${row?.id}`, { headers });
    const api = (await bed.call('POST', '/v1/keys', { json: { name: 'k', scopes: ['*'] } })).body;
    bed.clock.setWallMs(Date.parse('2029-12-31T23:59:59Z'));
    expect((await bed.call('GET', '/v1/keys', { credential: String(key) })).status).toBe(200);
    bed.clock.setWallMs(Date.parse('2030-01-01T00:00:00Z'));

    const unknown = await refused(`mm_admin_${'0'.repeat(56)}`);
    expect(unknown.challenge).toBe('Bearer realm="mintmark", error="invalid_token"');
    expect(await refused(String(key))).toEqual(unknown);
    expect(await refused(revoked)).toEqual(unknown);
    expect(await refused(`${bed.adminKey}x`)).toEqual(unknown);
    expect(await refused(String(api['key']))).toEqual(unknown);
    expect(await refused(null, { authorization: 'Basic YTpi' })).toEqual(unknown);
    expect(await refused(null, { authorization: 'Bearer a b' })).toEqual(unknown);
  });

  it('takes an access token whose audience it is, with its scopes as permissions', async () => {
    const audience = 'https://issuer.example/v1';
    for (const accessTokenFormat of ['jwt', 'opaque'] as const) {
      const rules = { audiences: [audience], scopes: ['keys:read'], accessTokenFormat };
      const client = await bed.addClient(rules);
      const issued = await bed.post('/oauth2/token', { grant_type: 'client_credentials' }, client);
      const credential = String(issued.json['access_token']);
      expect((await bed.call('GET', '/v1/keys', { credential })).status).toBe(200);
      const json = { name: 'k', scopes: [] };
      expect((await bed.call('POST', '/v1/keys', { json, credential })).status).toBe(403);
    }
  });

  it('takes no access token that is meant for another audience', async () => {
    for (const accessTokenFormat of ['jwt', 'opaque'] as const) {
      const elsewhere = { audiences: ['https://api.example'], scopes: ['keys:read'] };
      const client = await bed.addClient({ ...elsewhere, accessTokenFormat });
      const issued = await bed.post('/oauth2/token', { grant_type: 'client_credentials' }, client);
      const { challenge } = await refused(String(issued.json['access_token']));
      expect(challenge).toContain('invalid_token');
    }
  });

  it('binds a key to the addresses it was made for', async () => {
    const json = { name: 'x', permissions: ['keys:read'], allowed_addresses: ['10.0.0.0/8'] };
    const credential = String((await bed.call('POST', '/v1/admin-keys', { json })).body['key']);
    const from = async (address: string) =>
      (await bed.call('GET', '/v1/keys', { credential, address })).status;
    expect([await from('10.1.2.3'), await from('192.0.2.1')]).toEqual([200, 401]);
  });

  it('looks nothing up for an address that has spent its failures', async () => {
    for (let i = 0; i < limits.failureBudgetPerMinute; i++) await refused(`mm_admin_${i}`);
    const stopped = await bed.call('GET', '/v1/keys');
    expect(stopped).toMatchObject({ status: 429, body: { code: 'too_many_failures' } });
    expect(Number(stopped.headers['retry-after'])).toBeGreaterThan(0);
    expect((await bed.call('GET', '/v1/keys', { address: '198.51.100.1' })).status).toBe(200);
    bed.clock.advanceMs(60_000);
    expect((await bed.call('GET', '/v1/keys')).status).toBe(200);
  });

  it('goes on for a key and a client that were good there, whoever guesses too', async () => {
    const client = await bed.addClient({});
    const grant = { grant_type: 'client_credentials' };
    const token = async (secret: string) =>
      (await bed.post('/oauth2/token', grant, { ...client, secret })).status;
    expect((await bed.call('GET', '/v1/keys')).status).toBe(200);
    expect(await token(client.secret)).toBe(200);
    for (let i = 0; i < limits.failureBudgetPerMinute; i++) await refused(`mm_admin_${i}`);
    expect((await bed.call('GET', '/v1/keys', { credential: 'mm_admin_x' })).status).toBe(429);
    expect((await bed.call('GET', '/v1/keys')).status).toBe(200);
    expect(await token(client.secret)).toBe(200);
    for (let i = 0; i < limits.failureBudgetPerMinute; i++) await token('wrong');
    expect(await token(client.secret)).toBe(429);
    expect((await bed.call('GET', '/v1/keys')).status).toBe(200);
  });

  it('leaves one record of many refusals', async () => {
    for (let i = 0; i < 50; i++) await refused(`mm_admin_${i}`);
    await bed.authority.close();
    const found = await bed.call('GET', '/v1/audit/events?action=security.refused');
    expect(found.body['items']).toMatchObject([
      { result: 'malformed', detail: { surface: 'management', count: 50 } },
    ]);
  });
});

describe('the description', () => {
  it('is served to anybody, and has no default responses', async () => {
    const served = await bed.call('GET', '/openapi.json', { credential: null });
    expect(served.status).toBe(200);
    expect(served.text).not.toContain('"default":');
    expect(Object.keys(bed.description.paths)).toEqual(
      expect.arrayContaining(['/v1/keys', '/v1/keys/{id}/rotate', '/v1/keys/verify']),
    );
  });

  it('names a permission for every endpoint', async () => {
    for (const [path, operations] of Object.entries(bed.description.paths)) {
      for (const [method, operation] of Object.entries(operations)) {
        expect([method, path, operation.responses['401'] !== undefined]).toEqual([
          method,
          path,
          true,
        ]);
      }
    }
  });

  it('is a page for people, which runs and loads nothing', async () => {
    const page = await bed.call('GET', '/docs', { credential: null });
    expect(page.headers['content-type']).toBe('text/html; charset=utf-8');
    expect(page.headers['content-security-policy']).toContain("default-src 'none'");
    expect(page.text).not.toMatch(/<script|src=|@import|url\(/);
    expect(page.text).toContain('id="not_found"');
    expect(page.text).toContain('/v1/keys/{id}/rotate');
  });
});

describe('every endpoint that needs a permission', () => {
  it('refuses a credential that has all the others', async () => {
    const { permissions } = await import('./admin/permission.ts');
    for (const [path, operations] of Object.entries(bed.description.paths)) {
      for (const [method, operation] of Object.entries(operations)) {
        const text = (operation as unknown as { description: string }).description;
        const needed = /Needs the permission `(.*)`/.exec(text)?.[1];
        const others = permissions.filter((permission) => permission !== needed);
        const credential = await bed.credential(...others);
        const target = path.replaceAll(/\{\w+\}/g, 'x');
        const answer = await bed.call(method.toUpperCase() as 'GET', target, { credential });
        expect([target, answer.status]).toEqual([target, 403]);
        expect(answer.body['detail']).toBe(`needs ${needed}`);
      }
    }
  });
});

describe('/metrics', () => {
  it('shows counters to whoever may read them, and nothing to anybody else', async () => {
    const credential = await bed.credential('metrics:read');
    const { status, headers, text } = await bed.call('GET', '/metrics', { credential });
    expect([status, headers['content-type']]).toEqual([
      200,
      'text/plain; version=0.0.4; charset=utf-8',
    ]);
    expect(text).toMatch(/^mintmark_feed_head \d+$/m);
    expect(headers['cache-control']).toBe('no-store');
    const stranger = await bed.call('GET', '/metrics', { credential: null });
    expect([stranger.status, stranger.text.includes('mintmark_feed_head')]).toEqual([401, false]);
    const other = await bed.credential('keys:*', 'feed:read');
    expect((await bed.call('GET', '/metrics', { credential: other })).status).toBe(403);
  });

  it('takes what Prometheus says that it accepts', async () => {
    const accept =
      'application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1';
    expect((await bed.call('GET', '/metrics', { headers: { accept } })).status).toBe(200);
  });
});
