/**
 * A Java application that signs people in by Nimbus' OAuth 2.0 SDK, once with a certificate and
 * once with a signed assertion and DPoP; requests are pushed, ID tokens and issuers verified. The
 * program tells what happened, and the tests judge it.
 */
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runChild } from './rig/child.ts';
import type { Json } from './rig/exchange.ts';
import { openPerson, type Person } from './rig/person.ts';
import { startTlsAuthority, type TlsAuthority } from './rig/tls-authority.ts';
import { type TrustingFetch, trustingFetch } from './rig/trusting-fetch.ts';
import { startUpstream, type Upstream } from './rig/upstream.ts';

const packages = new URL('../.cache/java/*', import.meta.url).pathname;
const program = new URL('./java/SignIn.java', import.meta.url).pathname;
const back = 'https://ledger.example/cb';
const audience = 'https://ledger.example/api';
const dora = { username: 'dora', password: 'seven lamps above the harbour' };
const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const named = { kid: 'one', use: 'sig', alg: 'ES256' };

const common = {
  client_name: 'Ledger',
  grant_types: ['authorization_code', 'refresh_token'],
  redirect_uris: [back],
  scope: 'openid email ledger:read',
  audiences: [audience],
  security_profile: 'fapi2',
};

const wanted = (upstream: string) => ({
  clients: [
    {
      ...{ ...common, client_id: 'by-certificate', token_endpoint_auth_method: 'tls_client_auth' },
      tls_client_auth_subject_dn: 'CN=by-certificate',
      tls_client_certificate_bound_access_tokens: true,
    },
    {
      ...{ ...common, client_id: 'by-key', token_endpoint_auth_method: 'private_key_jwt' },
      jwks: { keys: [{ ...publicKey.export({ format: 'jwk' }), ...named }] },
      dpop_bound_access_tokens: true,
    },
  ],
  routes: [
    {
      name: 'ledger',
      match: { path_prefix: '/ledger' },
      upstream,
      audience,
      scopes: ['ledger:read'],
    },
  ],
  users: [{ ...dora, claims: { email: 'dora@example.com' } }],
});

interface Told {
  readonly certificate: Readonly<Record<string, unknown>> & { readonly claims: Json };
  readonly key: Readonly<Record<string, unknown>> & { readonly claims: Json };
}

let home: string;
let upstream: Upstream;
let authority: TlsAuthority;
let web: TrustingFetch;
let desk: Awaited<ReturnType<typeof openDesk>>;
let told: Told;

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'mintmark-nimbus-'));
  upstream = await startUpstream();
  authority = await startTlsAuthority({
    home,
    mutualTls: true,
    env: { MINTMARK_AUTHORITY_DPOP_NONCES: 'true', MINTMARK_GATEWAY_DPOP_NONCES: 'true' },
  });
  await authority.apply(wanted(upstream.origin));
  web = trustingFetch(authority.ca);
  desk = await openDesk(openPerson({ issuer: authority.issuer, fetch: web.fetch, ...dora }));
  const { issuer, ca } = authority;
  const given = {
    ...{ issuer, ca, back, desk: desk.url, api: `${authority.gateway}/ledger/entries` },
    certificate: await authority.issueCertificate('by-certificate'),
    key: { ...privateKey.export({ format: 'jwk' }), kid: 'one' },
  };
  const done = await runChild('java', ['-cp', packages, program], {
    cwd: home,
    input: JSON.stringify(given),
  });
  expect(done.code, done.stderr).toBe(0);
  told = JSON.parse(done.stdout) as Told;
});

afterAll(async () => {
  await web?.close();
  await desk?.close();
  await authority?.child.stop();
  await upstream?.close();
  rmSync(home, { recursive: true, force: true });
});

/** Where the program sends its person: answers with the address that the person came to. */
async function openDesk(person: Person) {
  const server = createServer((request, answer) => {
    const url = new URL(request.url ?? '/', 'http://127.0.0.1').searchParams.get('url') ?? '';
    person.goTo(url).then(
      (arrival) => answer.end(arrival.url.href),
      (error: unknown) => answer.writeHead(500).end(String(error)),
    );
  });
  const { promise: listening, resolve } = Promise.withResolvers<void>();
  server.listen(0, '127.0.0.1', resolve);
  await listening;
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    close: () => new Promise((done) => server.close(done)),
  };
}

describe('a Java application by Nimbus’ SDK', () => {
  it('signs a person in with a certificate, which the tokens are bound to', () => {
    const { claims, ...rest } = told.certificate;
    expect(claims).toMatchObject({ iss: authority.issuer, aud: 'by-certificate' });
    expect(rest).toEqual({ thumbprint: true, over_own: 200, over_other: 401 });
  });

  it('signs a person in with a key, whose proofs its tokens need', () => {
    const { claims, userinfo, ...rest } = told.key;
    expect(claims).toMatchObject({ iss: authority.issuer, aud: 'by-key' });
    expect(userinfo).toMatchObject({ sub: claims['sub'], email: 'dora@example.com' });
    expect(rest).toEqual({
      with_proof: 200,
      by_thief: 401,
      thumbprint: true,
      refreshed: true,
      revoked: 200,
      active_afterwards: false,
    });
  });
});
