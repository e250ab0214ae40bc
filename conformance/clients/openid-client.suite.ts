/**
 * openid-client, as an application uses it that leaves nothing out: every request signed, pushed
 * and bound to a key, every answer checked. The library refuses what is not as the standards say,
 * so most of what is judged here, it judges.
 */
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as client from 'openid-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openPerson, type Person } from '../rig/person.ts';
import { startTlsAuthority, type TlsAuthority } from '../rig/tls-authority.ts';
import { type TrustingFetch, trustingFetch } from '../rig/trusting-fetch.ts';
import { startUpstream, type Upstream } from '../rig/upstream.ts';

const audience = 'https://ledger.example';
const back = 'https://app.example/cb';
const afterwards = 'https://app.example/goodbye';
const alice = { username: 'alice', password: 'a long walk on the beach' };

const signing = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const jwks = {
  keys: [{ ...signing.publicKey.export({ format: 'jwk' }), kid: 'one', use: 'sig', alg: 'ES256' }],
};

let home: string;
let upstream: Upstream;
let authority: TlsAuthority;
let plain: TrustingFetch;
let certified: TrustingFetch;
let person: Person;

const everyone = {
  client_name: 'Ledger',
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code'],
  scope: 'openid profile offline_access ledger:read',
  redirect_uris: [back],
  post_logout_redirect_uris: [afterwards],
  audiences: [audience],
};

const wanted = (target: string) => ({
  clients: [
    {
      ...everyone,
      client_id: 'strict',
      token_endpoint_auth_method: 'private_key_jwt',
      jwks,
      security_profile: 'fapi2',
      dpop_bound_access_tokens: true,
      require_signed_request_object: true,
      rotate_refresh_tokens: true,
      userinfo_signed_response_alg: 'ES256',
    },
    {
      ...everyone,
      client_id: 'certified',
      token_endpoint_auth_method: 'tls_client_auth',
      tls_client_auth_subject_dn: 'CN=ledger-app',
      tls_client_certificate_bound_access_tokens: true,
      grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
    },
  ],
  routes: [
    {
      name: 'ledger',
      match: { path_prefix: '/ledger' },
      upstream: target,
      audience,
      scopes: ['ledger:read'],
    },
  ],
  users: [{ ...alice, claims: { name: 'Alice Example', email: 'alice@example.com' } }],
});

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'mintmark-openid-client-'));
  upstream = await startUpstream();
  authority = await startTlsAuthority({
    home,
    mutualTls: true,
    env: {
      MINTMARK_AUTHORITY_DPOP_NONCES: 'true',
      MINTMARK_GATEWAY_DPOP_NONCES: 'true',
      MINTMARK_REGISTRATION_MODE: 'open',
    },
  });
  await authority.apply(wanted(upstream.origin));
  plain = trustingFetch(authority.ca);
  certified = trustingFetch(authority.ca, await authority.issueCertificate('ledger-app'));
  person = openPerson({ issuer: authority.issuer, fetch: plain.fetch, ...alice });
});

afterAll(async () => {
  await plain?.close();
  await certified?.close();
  await authority?.child.stop();
  await upstream?.close();
  rmSync(home, { recursive: true, force: true });
});

function discovered(
  clientId: string,
  authentication: client.ClientAuth,
  { fetch }: TrustingFetch = plain,
  metadata: Partial<client.ClientMetadata> = {},
): Promise<client.Configuration> {
  return client.discovery(new URL(authority.issuer), clientId, metadata, authentication, {
    [client.customFetch]: fetch as client.CustomFetch,
    execute: [client.enableNonRepudiationChecks],
  });
}

async function keyOf(key: KeyObject): Promise<client.CryptoKey> {
  const der = key.export({ format: 'der', type: 'pkcs8' });
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256' };
  return crypto.subtle.importKey('pkcs8', der, algorithm, false, ['sign']);
}

interface Started {
  readonly parameters: Record<string, string>;
  readonly checks: client.AuthorizationCodeGrantChecks & { readonly expectedState: string };
}

async function begin(scope: string): Promise<Started> {
  const pkceCodeVerifier = client.randomPKCECodeVerifier();
  const [expectedState, expectedNonce] = [client.randomState(), client.randomNonce()];
  return {
    parameters: {
      redirect_uri: back,
      scope,
      state: expectedState,
      nonce: expectedNonce,
      max_age: '300',
      code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
      code_challenge_method: 'S256',
    },
    checks: { pkceCodeVerifier, expectedState, expectedNonce, maxAge: 300, idTokenExpected: true },
  };
}

describe('openid-client, with signed and pushed requests and DPoP with nonces', () => {
  let config: client.Configuration;
  let DPoP: client.DPoPHandle;
  let tokens: Awaited<ReturnType<typeof client.authorizationCodeGrant>>;

  beforeAll(async () => {
    const key = await keyOf(signing.privateKey);
    config = await discovered('strict', client.PrivateKeyJwt({ key, kid: 'one' }), plain, {
      id_token_signed_response_alg: 'ES256',
      userinfo_signed_response_alg: 'ES256',
    });
    DPoP = client.getDPoPHandle(config, await client.randomDPoPKeyPair('ES256'));
    const { parameters, checks } = await begin('openid profile offline_access ledger:read');
    const signed = await client.buildAuthorizationUrlWithJAR(config, parameters, {
      key,
      kid: 'one',
    });
    const pushed = await client.buildAuthorizationUrlWithPAR(config, signed.searchParams, { DPoP });
    expect([...pushed.searchParams.keys()].sort()).toEqual(['client_id', 'request_uri']);
    const { url } = await person.goTo(pushed);
    tokens = await client.authorizationCodeGrant(config, url, checks, undefined, { DPoP });
  });

  it('signs a person in', () => {
    expect(tokens).toMatchObject({ token_type: 'dpop', scope: expect.stringContaining('openid') });
    expect(tokens.claims()).toMatchObject({ iss: authority.issuer, aud: 'strict' });
    expect(tokens.claims()?.['amr']).toContain('pwd');
  });

  it('reads signed claims of the person', async () => {
    const { sub } = tokens.claims()!;
    const info = await client.fetchUserInfo(config, tokens.access_token, sub, { DPoP });
    expect(info).toMatchObject({ sub, name: 'Alice Example' });
    expect(info).not.toHaveProperty('email');
  });

  it('calls an API behind the gateway, and nobody else can with its token', async () => {
    const url = new URL('/ledger/entries', authority.gateway);
    const call = (handle?: client.DPoPHandle) =>
      client.fetchProtectedResource(config, tokens.access_token, url, 'GET', null, undefined, {
        ...(handle === undefined ? {} : { DPoP: handle }),
      });
    const answer = await call(DPoP);
    expect(answer.status).toBe(200);
    const thief = client.getDPoPHandle(config, await client.randomDPoPKeyPair('ES256'));
    await expect(call(thief)).rejects.toMatchObject({ status: 401 });
    await expect(call()).rejects.toMatchObject({ status: 401 });
  });

  it('refreshes, hears what its token is, revokes it, and hears that it is gone', async () => {
    const refresh = tokens.refresh_token ?? '';
    const next = await client.refreshTokenGrant(config, refresh, undefined, { DPoP });
    expect(next.refresh_token).not.toBe(refresh);
    expect(next.claims()).toMatchObject({ sub: tokens.claims()?.sub });
    const known = await client.tokenIntrospection(config, next.access_token);
    expect(known).toMatchObject({ active: true, client_id: 'strict', token_type: 'DPoP' });
    expect(known.cnf).toHaveProperty('jkt');
    await client.tokenRevocation(config, next.refresh_token ?? '');
    expect(await client.tokenIntrospection(config, next.access_token)).toEqual({ active: false });
    const again = client.refreshTokenGrant(config, next.refresh_token ?? '', undefined, { DPoP });
    await expect(again).rejects.toMatchObject({ error: 'invalid_grant' });
  });

  it('signs the person out', async () => {
    const url = client.buildEndSessionUrl(config, {
      post_logout_redirect_uri: afterwards,
      id_token_hint: tokens.id_token ?? '',
      state: 'bye',
    });
    const { url: end } = await person.goTo(url);
    expect(end.href).toBe(`${afterwards}?state=bye`);
    const { parameters, checks } = await begin('openid');
    const key = await keyOf(signing.privateKey);
    const silent = { ...parameters, prompt: 'none' };
    const signed = await client.buildAuthorizationUrlWithJAR(config, silent, { key, kid: 'one' });
    const pushed = await client.buildAuthorizationUrlWithPAR(config, signed.searchParams, { DPoP });
    const answer = await person.goTo(pushed);
    const refused = client.authorizationCodeGrant(config, answer.url, checks, undefined, { DPoP });
    await expect(refused).rejects.toMatchObject({ error: 'login_required' });
  });
});

describe('openid-client, with a certificate', () => {
  it('gets a token that counts over its own connection only', async () => {
    const config = await discovered('certified', client.TlsClientAuth(), certified);
    const { parameters, checks } = await begin('openid ledger:read');
    const { url } = await person.goTo(client.buildAuthorizationUrl(config, parameters));
    const tokens = await client.authorizationCodeGrant(config, url, checks);
    expect(tokens.token_type).toBe('bearer');
    const api = new URL('/ledger/entries', authority.gateway);
    const answer = await client.fetchProtectedResource(config, tokens.access_token, api, 'GET');
    expect(answer.status).toBe(200);
    const headers = { authorization: `Bearer ${tokens.access_token}` };
    expect((await plain.fetch(api, { headers })).status).toBe(401);
    const own = await client.clientCredentialsGrant(config, { scope: 'ledger:read' });
    expect(own).not.toHaveProperty('refresh_token');
  });
});

describe('openid-client, registering itself', () => {
  it('becomes a client that signs people in', async () => {
    const metadata = {
      ...{ redirect_uris: [back], client_name: 'Fresh', scope: 'openid profile' },
      // What the library does where it is told nothing.
      token_endpoint_auth_method: 'client_secret_post',
    };
    const config = await client.dynamicClientRegistration(
      new URL(authority.issuer),
      metadata,
      undefined,
      { [client.customFetch]: plain.fetch as client.CustomFetch },
    );
    expect(config.clientMetadata().client_id).toBeTypeOf('string');
    const { parameters, checks } = await begin('openid profile');
    const { url } = await person.goTo(client.buildAuthorizationUrl(config, parameters));
    const tokens = await client.authorizationCodeGrant(config, url, checks);
    const sub = tokens.claims()?.sub ?? '';
    expect(await client.fetchUserInfo(config, tokens.access_token, sub)).toMatchObject({ sub });
  });
});
