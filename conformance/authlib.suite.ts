/**
 * A web application in Python whose framework signs people in by Authlib: from discovery through
 * the code flow with PKCE to refresh, introspection and revocation, with a secret and with a key of
 * its own. The script tells what happened, and the tests judge it.
 */
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runChild } from './rig/child.ts';
import type { Json } from './rig/exchange.ts';
import { startTlsAuthority, type TlsAuthority } from './rig/tls-authority.ts';

const python = new URL('../.cache/python/bin/python', import.meta.url).pathname;
const script = new URL('./python/web_app.py', import.meta.url).pathname;
const back = 'https://cellar.example/cb';
const carl = { username: 'carl', password: 'eleven kettles on a shelf' };
/** Authlib leaves out the encoding of RFC 6749 §2.3.1: no character here would need it. */
const secret = 'Secret-that-its-operator-chose';

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const named = { kid: 'one', use: 'sig', alg: 'ES256' };

const clients = [
  { id: 'by-secret', method: 'client_secret_basic', secret },
  { id: 'by-post', method: 'client_secret_post', secret },
  {
    ...{ id: 'by-key', method: 'private_key_jwt' },
    key: { ...privateKey.export({ format: 'jwk' }), ...named },
  },
];

const wanted = {
  clients: clients.map(({ id, method }) => ({
    client_id: id,
    client_name: 'Cellar',
    token_endpoint_auth_method: method,
    ...(method === 'private_key_jwt'
      ? {
          jwks: { keys: [{ ...publicKey.export({ format: 'jwk' }), ...named }] },
          // Authlib names the endpoint that it sends its assertions to.
          assertion_audience: 'issuer_or_endpoint',
        }
      : { client_secret: secret }),
    grant_types: ['authorization_code', 'refresh_token'],
    redirect_uris: [back],
    scope: 'openid email offline_access',
  })),
  users: [{ ...carl, claims: { email: 'carl@example.com', email_verified: true } }],
};

interface Told {
  readonly asked: string;
  readonly claims: Json;
  readonly token: Json;
  readonly userinfo: Json;
  readonly again: number;
  readonly refreshed: Json;
  readonly introspected: Json;
  readonly revoked: number;
  readonly introspected_again: Json;
}

let home: string;
let authority: TlsAuthority;
let told: Readonly<Record<string, Told>>;

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'mintmark-authlib-'));
  authority = await startTlsAuthority({ home });
  await authority.apply(wanted);
  const given = { issuer: authority.issuer, back, clients, person: carl };
  const done = await runChild(python, [script], {
    cwd: home,
    env: { REQUESTS_CA_BUNDLE: authority.caFile },
    input: JSON.stringify(given),
  });
  expect(done.code, done.stderr).toBe(0);
  told = JSON.parse(done.stdout) as typeof told;
});

afterAll(async () => {
  await authority?.child.stop();
  rmSync(home, { recursive: true, force: true });
});

describe.each(clients)('a web application by Authlib, $id', ({ id }) => {
  it('signs a person in by code and PKCE, and knows who it is', () => {
    const { asked, claims, token, userinfo, again } = told[id]!;
    expect(new URL(asked).searchParams.get('code_challenge_method')).toBe('S256');
    expect(claims).toMatchObject({ iss: authority.issuer, aud: id, sub: expect.any(String) });
    expect(token).toMatchObject({ token_type: 'Bearer', scope: 'openid email offline_access' });
    expect(userinfo).toMatchObject({ sub: claims['sub'], email: 'carl@example.com' });
    // The same way back twice: the application has forgotten the state.
    expect(again).toBe(500);
  });

  it('refreshes, introspects and revokes', () => {
    const { refreshed, introspected, revoked, introspected_again } = told[id]!;
    expect(refreshed).toEqual({ rotated: true, scope: 'openid email offline_access' });
    expect(introspected).toMatchObject({ active: true, client_id: id, iss: authority.issuer });
    expect(revoked).toBe(200);
    expect(introspected_again).toEqual({ active: false });
  });
});
