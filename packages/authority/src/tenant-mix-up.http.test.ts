/**
 * One client, one key, one person's name at two tenants: what is meant for one issuer is refused by
 * the other, and every answer says whose it is (RFC 9207, RFC 9700 §4.4).
 */
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { authorityBed } from './authority-bed.ts';
import { buildRequest } from './http/management/request-builder.ts';
import { addTenant, type TenantBed } from './tenant-bed.ts';

let bed: Awaited<ReturnType<typeof authorityBed>>;
let a: TenantBed;
let b: TenantBed;
const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const jwk = publicKey.export({ format: 'jwk' });
let serial = 0;

beforeAll(async () => {
  bed = await authorityBed();
  [a, b] = [await addTenant(bed, 'a'), await addTenant(bed, 'b')];
});

function jws(header: object, payload: object, key: KeyObject = privateKey): string {
  const text = [header, payload]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.');
  const signature = sign('sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' });
  return `${text}.${signature.toString('base64url')}`;
}

const now = (): number => Math.floor(bed.clock.nowMs() / 1000);
const byAssertion = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

describe('two tenants with the same client and key', () => {
  const rules = {
    ...{ client_id: 'twin', token_endpoint_auth_method: 'private_key_jwt' },
    jwks: { keys: [{ ...jwk, kid: 'k', alg: 'ES256' }] },
    assertion_audience: 'issuer_or_endpoint',
  };

  beforeAll(async () => {
    await a.addClient(rules);
    await b.addClient(rules);
  });

  async function tokenAt(tenant: TenantBed, audience: string) {
    const claims = { iss: 'twin', sub: 'twin', aud: audience, jti: `j${serial++}` };
    const client_assertion = jws({ alg: 'ES256', kid: 'k' }, { ...claims, exp: now() + 60 });
    const form = { grant_type: 'client_credentials', client_assertion };
    const asked = { ...form, client_assertion_type: byAssertion };
    return (await bed.post(tenant.at('/oauth2/token'), asked)).status;
  }

  it('take an assertion for their own issuer or endpoint alone', async () => {
    for (const path of ['', '/oauth2/token']) {
      expect(await tokenAt(a, `${a.issuer}${path}`)).toBe(200);
      expect(await tokenAt(b, `${a.issuer}${path}`)).toBe(401);
      expect(await tokenAt(a, `https://issuer.example${path}`)).toBe(401);
    }
  });

  it('spend an assertion each for itself', async () => {
    // The jti of one tenant's client says nothing of the other's.
    serial = 1_000;
    expect(await tokenAt(a, a.issuer)).toBe(200);
    serial = 1_000;
    expect(await tokenAt(b, b.issuer)).toBe(200);
    serial = 1_000;
    expect(await tokenAt(a, a.issuer)).toBe(401);
  });
});

describe('a DPoP proof', () => {
  it('counts at the tenant whose URL it names', async () => {
    const client = await a.addClient({ client_id: 'bound', client_secret: 'x'.repeat(40) });
    await b.addClient({ client_id: 'bound', client_secret: 'x'.repeat(40) });
    const basic = Buffer.from(`bound:${client.secret}`).toString('base64');
    const ask = async (tenant: TenantBed, htu: string) => {
      const header = { typ: 'dpop+jwt', alg: 'ES256', jwk };
      const dpop = jws(header, { htm: 'POST', htu, jti: `p${serial++}`, iat: now() });
      const request = buildRequest('POST', tenant.at('/oauth2/token'), {
        headers: {
          ...{ authorization: `Basic ${basic}`, dpop },
          'content-type': 'application/x-www-form-urlencoded',
        },
        body: 'grant_type=client_credentials',
      });
      return (await bed.authority.handle(request)).status;
    };
    expect(await ask(a, `${a.issuer}/oauth2/token`)).toBe(200);
    expect(await ask(b, `${a.issuer}/oauth2/token`)).toBe(400);
    expect(await ask(a, 'https://issuer.example/oauth2/token')).toBe(400);
  });
});

describe('an answer', () => {
  it('names the tenant’s issuer beside a code, beside an error, and in the ID token', async () => {
    const app = await a.addApp({ client_id: 'app' });
    await b.addApp({ client_id: 'app' });
    await a.addAlice();
    const browser = a.browse();
    const answer = await a.signIn(browser, app);
    expect(answer.get('iss')).toBe(a.issuer);
    const given = await a.exchange(answer.get('code') ?? '', app);
    const claims = Buffer.from(String(given['id_token']).split('.')[1]!, 'base64url').toString();
    expect(JSON.parse(claims)).toMatchObject({ iss: a.issuer });
    const silent = b.authorizeUrl('app').replace('prompt=consent', 'prompt=none');
    const refused = new URL((await browser.open(silent)).url).searchParams;
    expect(refused.get('error')).toBe('login_required');
    expect(refused.get('iss')).toBe(b.issuer);
  });

  it('never sets or reads a cookie of another tenant', async () => {
    const browser = b.browse();
    await browser.open(b.at('/login'));
    expect([...browser.jar.keys()].every((name) => name.endsWith('_b'))).toBe(true);
    expect(browser.jar.size).toBeGreaterThan(0);
  });
});
