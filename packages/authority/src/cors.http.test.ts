import { describe, expect, it } from 'vitest';
import { authorityBed } from './authority-bed.ts';
import { buildRequest } from './http/management/request-builder.ts';

type Bed = Awaited<ReturnType<typeof authorityBed>>;

const app = 'https://app.example';
const forApplications = ['/oauth2/token', '/oauth2/par', '/oauth2/revoke', '/oauth2/userinfo'];
const forAnybody = [
  '/.well-known/oauth-authorization-server',
  '/.well-known/openid-configuration',
  '/.well-known/jwks.json',
];
const forNobody = ['/oauth2/authorize', '/oauth2/introspect', '/login', '/oauth2/register'];
const code = { grantTypes: ['authorization_code'], responseTypes: ['code'] } as const;

async function bedWithApp(): Promise<Bed & { readonly clientId: string }> {
  const bed = await authorityBed();
  const redirectUris = [`${app}/cb`, `${app}/other`, 'com.example.app:/cb'];
  const { clientId } = await bed.addClient({
    ...code,
    redirectUris,
    applicationType: 'native',
    authMethod: 'none',
  });
  return Object.assign(bed, { clientId });
}

async function send(bed: Bed, method: string, path: string, headers: Record<string, string>) {
  const answer = await bed.authority.handle(buildRequest(method, path, { headers }));
  return { status: answer.status, headers: answer.headers };
}

function preflight(bed: Bed, path: string, origin: string) {
  const asked = {
    'access-control-request-method': 'POST',
    'access-control-request-headers': 'dpop, content-type',
  };
  return send(bed, 'OPTIONS', path, { origin, ...asked });
}

/** Names of the headers that tell a browser what it may show to whom. */
function sharing(headers: Readonly<Record<string, unknown>>): readonly string[] {
  return Object.keys(headers).filter((name) => name.startsWith('access-control-'));
}

describe('pages of a registered origin', () => {
  it('may read what the endpoints for applications answer, nonces and challenges too', async () => {
    const bed = await bedWithApp();
    for (const path of forApplications) {
      const { status, headers } = await send(bed, 'POST', path, { origin: app });
      expect(status, path).toBeGreaterThanOrEqual(400);
      expect(headers['access-control-allow-origin'], path).toBe(app);
      expect(headers['access-control-expose-headers']).toContain('DPoP-Nonce');
      expect(headers['access-control-expose-headers']).toContain('WWW-Authenticate');
      expect(headers).not.toHaveProperty('access-control-allow-credentials');
      expect(headers['vary']).toBe('Origin');
    }
  });

  it('may send proofs, as the preflight is told without running anything', async () => {
    const bed = await bedWithApp();
    const records = await bed.store.auditLog.count({});
    for (const path of forApplications) {
      const { status, headers } = await preflight(bed, path, app);
      expect(status, path).toBe(204);
      expect(headers).toMatchObject({
        'access-control-allow-origin': app,
        'access-control-allow-methods': path === '/oauth2/userinfo' ? 'GET, POST' : 'POST',
        'access-control-max-age': '600',
        vary: 'Origin',
      });
      expect(headers['access-control-allow-headers']).toContain('DPoP');
      expect(headers['access-control-allow-headers']).toContain('Authorization');
      expect(headers).not.toHaveProperty('access-control-allow-credentials');
    }
    expect(await bed.store.auditLog.count({})).toBe(records);
  });

  it('are those that the client names, where it names any', async () => {
    const bed = await bedWithApp();
    const path = `/v1/clients/${bed.clientId}`;
    const edit = async (json: object) => {
      const ifMatch = String((await bed.manage('GET', path)).headers['etag']);
      return (await bed.manage('PATCH', path, { json, ifMatch })).status;
    };
    const named = 'http://localhost:5173';
    const isShared = async (origin: string) =>
      sharing((await preflight(bed, '/oauth2/token', origin)).headers).length > 0;
    expect(await edit({ allowed_origins: [named] })).toBe(200);
    expect([await isShared(app), await isShared(named)]).toEqual([false, true]);
    expect(await edit({ allowed_origins: null })).toBe(200);
    expect([await isShared(app), await isShared(named)]).toEqual([true, false]);
    expect(await edit({ status: 'disabled' })).toBe(200);
    expect(await isShared(app)).toBe(false);
    expect(await edit({ status: 'active' })).toBe(200);
    expect(await isShared(app)).toBe(true);
    for (const faulty of ['https://a.example/', 'https://A.example', 'http://a.example', '*']) {
      expect(await edit({ allowed_origins: [faulty] }), faulty).toBe(422);
    }
    const ifMatch = String((await bed.manage('GET', path)).headers['etag']);
    expect((await bed.manage('DELETE', path, { ifMatch })).status).toBe(204);
    expect(await isShared(app)).toBe(false);
    expect(await bed.store.clientOrigins.count({})).toBe(0);
  });
});

describe('pages of any other origin', () => {
  const others = ['https://evil.example', 'null', `${app}.evil.example`, 'http://app.example'];

  it('read nothing, and caches keep the answers apart', async () => {
    const bed = await bedWithApp();
    for (const origin of [...others, `${app}:444`, `${app}/`, 'x'.repeat(10_000)]) {
      for (const path of forApplications) {
        const asked = await preflight(bed, path, origin);
        const sent = await send(bed, 'POST', path, { origin });
        for (const { headers } of [asked, sent]) {
          expect(sharing(headers), `${origin} ${path}`).toEqual([]);
          expect(headers['vary']).toBe('Origin');
        }
      }
    }
  });

  it('read metadata and keys', async () => {
    const bed = await bedWithApp();
    for (const path of forAnybody) {
      const { status, headers } = await send(bed, 'GET', path, { origin: others[0]! });
      expect([status, headers['access-control-allow-origin']], path).toEqual([200, '*']);
      expect((await preflight(bed, path, others[0]!)).headers).toMatchObject({
        'access-control-allow-origin': '*',
        'access-control-allow-headers': '*',
      });
    }
  });

  it('read no page, and no endpoint that is for servers, from whatever origin', async () => {
    const bed = await bedWithApp();
    for (const path of forNobody) {
      for (const origin of [app, others[0]!]) {
        expect(sharing((await preflight(bed, path, origin)).headers), path).toEqual([]);
        expect(sharing((await send(bed, 'POST', path, { origin })).headers), path).toEqual([]);
      }
    }
  });
});
