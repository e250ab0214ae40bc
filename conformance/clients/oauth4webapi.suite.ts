/**
 * oauth4webapi, request by request and check by check: answers as signed JWTs and as forms, ID
 * tokens of every algorithm that the library knows, access tokens verified as a resource server
 * would, and answers that were tampered with, which the library must refuse for what they are.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as oauth from 'oauth4webapi';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openPerson, type Person } from '../rig/person.ts';
import { startTlsAuthority, type TlsAuthority } from '../rig/tls-authority.ts';
import { type TrustingFetch, trustingFetch } from '../rig/trusting-fetch.ts';

const back = 'https://app.example/cb';
const audience = 'https://photos.example';
const bob = { username: 'bob', password: 'nine sailors and a lantern' };
const secret = 'Secret/that+its=operator%chose';
const algorithms = ['RS256', 'PS256', 'ES256', 'EdDSA', 'ML-DSA-44'] as const;

let home: string;
let authority: TlsAuthority;
let web: TrustingFetch;
let person: Person;
let as: oauth.AuthorizationServer;

const common = {
  client_secret: secret,
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code'],
  scope: 'openid email photos:read',
  audiences: [audience],
  redirect_uris: [back],
};

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'mintmark-oauth4webapi-'));
  authority = await startTlsAuthority({ home });
  await authority.apply({
    clients: [
      ...algorithms.map((algorithm) => ({
        ...common,
        client_id: `app-${algorithm}`,
        client_name: 'Photos',
        id_token_signed_response_alg: algorithm,
        authorization_signed_response_alg: algorithm,
      })),
      {
        ...{ client_id: 'printer', client_secret: secret, client_name: 'Printer' },
        grant_types: ['urn:ietf:params:oauth:grant-type:token-exchange'],
        scope: 'photos:read',
        resources: [audience],
        audiences: ['https://paper.example'],
      },
    ],
    users: [{ ...bob, claims: { email: 'bob@example.com', email_verified: true } }],
  });
  web = trustingFetch(authority.ca);
  person = openPerson({ issuer: authority.issuer, fetch: web.fetch, ...bob });
  const issuer = new URL(authority.issuer);
  const shown = await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...own() });
  as = await oauth.processDiscoveryResponse(issuer, shown);
});

afterAll(async () => {
  await web?.close();
  await authority?.child.stop();
  rmSync(home, { recursive: true, force: true });
});

const own = () => ({ [oauth.customFetch]: web.fetch }) as object;
const basic = oauth.ClientSecretBasic(secret);

interface Asked {
  readonly client: oauth.Client;
  readonly verifier: string;
  readonly state: string;
  readonly nonce: string;
  readonly answer: Awaited<ReturnType<Person['goTo']>>;
}

async function ask(
  algorithm: (typeof algorithms)[number],
  more: Record<string, string> = {},
): Promise<Asked> {
  const client: oauth.Client = {
    client_id: `app-${algorithm}`,
    id_token_signed_response_alg: algorithm,
    authorization_signed_response_alg: algorithm,
    require_auth_time: true,
  };
  const verifier = oauth.generateRandomCodeVerifier();
  const [state, nonce] = [oauth.generateRandomState(), oauth.generateRandomNonce()];
  const url = new URL(as.authorization_endpoint ?? '');
  url.search = new URLSearchParams({
    ...{ client_id: client.client_id, redirect_uri: back, response_type: 'code', state, nonce },
    ...{ scope: 'openid email photos:read', code_challenge_method: 'S256', ...more },
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
  }).toString();
  return { client, verifier, state, nonce, answer: await person.goTo(url) };
}

async function redeem({ client, verifier, nonce }: Asked, parameters: URLSearchParams) {
  const answer = await oauth.authorizationCodeGrantRequest(
    ...([as, client, basic, parameters, back, verifier] as const),
    own(),
  );
  const copy = answer.clone();
  const tokens = await oauth.processAuthorizationCodeResponse(as, client, answer, {
    expectedNonce: nonce,
    requireIdToken: true,
  });
  // The library leaves this to whoever does not trust TLS.
  await oauth.validateApplicationLevelSignature(as, answer, own());
  return { tokens, text: await copy.text() };
}

describe('oauth4webapi', () => {
  it.each(algorithms)('reads answers and ID tokens signed by %s', async (algorithm) => {
    const asked = await ask(algorithm, { response_mode: 'query.jwt' });
    const { client, state, answer } = asked;
    expect([...answer.url.searchParams.keys()]).toEqual(['response']);
    const parameters = await oauth.validateJwtAuthResponse(as, client, answer.url, state, own());
    const { tokens } = await redeem(asked, parameters);
    const claims = oauth.getValidatedIdTokenClaims(tokens);
    expect(claims).toMatchObject({ iss: authority.issuer, auth_time: expect.any(Number) });
    const info = await oauth.userInfoRequest(as, client, tokens.access_token, own());
    const { sub = '' } = claims ?? {};
    expect(await oauth.processUserInfoResponse(as, client, sub, info)).toMatchObject({
      email: 'bob@example.com',
    });
  });

  it('reads an answer that comes as a form', async () => {
    const asked = await ask('ES256', { response_mode: 'form_post' });
    const form = asked.answer.form ?? new URLSearchParams();
    const parameters = oauth.validateAuthResponse(as, asked.client, form, asked.state);
    const { tokens } = await redeem(asked, parameters);
    expect(tokens.scope?.split(' ')).toContain('photos:read');
  });

  it('hears that the person says no, from the right server', async () => {
    const asked = await ask('ES256', { prompt: 'none', max_age: '0' });
    const read = () => oauth.validateAuthResponse(as, asked.client, asked.answer.url, asked.state);
    expect(read).toThrow(expect.objectContaining({ error: 'login_required' }));
  });

  it('refuses answers of another server, or of another sign-in', async () => {
    const { client, state, answer } = await ask('ES256');
    const changed = (name: string, value: string): URL => {
      const url = new URL(answer.url);
      url.searchParams.set(name, value);
      return url;
    };
    const read = (url: URL) => () => oauth.validateAuthResponse(as, client, url, state);
    expect(read(answer.url)).not.toThrow();
    expect(read(changed('iss', 'https://evil.example'))).toThrow('unexpected "iss"');
    expect(read(changed('state', 'another'))).toThrow('unexpected "state"');
    const url = new URL(answer.url);
    url.searchParams.delete('iss');
    expect(read(url)).toThrow('response parameter "iss" (issuer) missing');
  });

  it('verifies an access token as the server of an API, and exchanges it for another', async () => {
    const asked = await ask('ES256');
    const { client, answer, state } = asked;
    const parameters = oauth.validateAuthResponse(as, client, answer.url, state);
    const { tokens } = await redeem(asked, parameters);
    const verify = async (token: string, expected: string) => {
      const headers = { authorization: `Bearer ${token}` };
      const request = new Request('https://api.example/', { headers });
      return oauth.validateJwtAccessToken(as, request, expected, own());
    };
    const claims = await verify(tokens.access_token, audience);
    expect(claims).toMatchObject({ client_id: 'app-ES256', scope: expect.any(String) });
    await expect(verify(tokens.access_token, 'https://other.example')).rejects.toThrow();
    const exchanged = await oauth.genericTokenEndpointRequest(
      ...([as, { client_id: 'printer' }, basic] as const),
      'urn:ietf:params:oauth:grant-type:token-exchange',
      {
        audience: 'https://paper.example',
        subject_token: tokens.access_token,
        subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      },
      own(),
    );
    const printer = { client_id: 'printer' };
    const next = await oauth.processGenericTokenEndpointResponse(as, printer, exchanged);
    expect(await verify(next.access_token, 'https://paper.example')).toMatchObject({
      sub: claims.sub,
      act: { sub: 'printer' },
    });
  });

  it('refreshes, and its second use of an old token is told', async () => {
    const asked = await ask('ES256', { scope: 'openid' });
    const { client, answer, state } = asked;
    const parameters = oauth.validateAuthResponse(as, client, answer.url, state);
    const { tokens } = await redeem(asked, parameters);
    const refresh = async (token = '') => {
      const sent = await oauth.refreshTokenGrantRequest(as, client, basic, token, own());
      return oauth.processRefreshTokenResponse(as, client, sent);
    };
    const second = await refresh(tokens.refresh_token);
    const third = await refresh(second.refresh_token);
    await expect(refresh(tokens.refresh_token)).rejects.toMatchObject({ error: 'invalid_grant' });
    await expect(refresh(third.refresh_token)).rejects.toMatchObject({ error: 'invalid_grant' });
  });
});
