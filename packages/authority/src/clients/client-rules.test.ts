import { describe, expect, it } from 'vitest';
import { type Abilities, ruleFaults } from './check-rules.ts';
import { clientOf } from './client.ts';
import { clientAuthMethods, clientRules, grantTypes } from './client-rules.ts';
import { editedRules, freshRules, type GivenRules } from './fresh-rules.ts';

const all: Abilities = { grantTypes, authMethods: clientAuthMethods };
const defaults = { clientId: 'c', owner: 'team', algorithm: 'ES256' } as const;
const uri = 'https://app.example/cb';
const key = {
  kty: 'EC',
  crv: 'P-256',
  x: 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU',
  y: 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0',
};
const jwks = { keys: [key] };

/** The members that are refused. */
function faulty(given: GivenRules, abilities = all): readonly string[] {
  return ruleFaults(freshRules(given, defaults), abilities).map(({ member }) => member);
}

describe('a row of a client', () => {
  it('that an older version wrote gets the strictest defaults', () => {
    const metadata = {
      name: 'old',
      owner: 'team',
      grantTypes: ['client_credentials'],
      authMethod: 'client_secret_basic',
      scopes: ['read'],
      audiences: [],
      resources: [],
      accessTokenFormat: 'jwt',
      accessTokenTtlSeconds: 600,
      accessTokenAlgorithm: 'ES256',
      metadata: {},
    };
    const row = {
      ...{ tenant: 'default', clientId: 'ci', status: 'active' },
      ...{ createdAt: 1, updatedAt: 1, version: 1 },
    };
    const client = clientOf({ ...row, metadata });
    expect(client).toMatchObject({ ...metadata, clientId: 'ci', status: 'active' });
    expect(client).toMatchObject({ requirePkce: true, consent: 'required', redirectUris: [] });
    expect(client).toMatchObject({ rotateRefreshTokens: true, idTokenAlgorithm: 'RS256' });
    expect(() => clientOf({ ...row, metadata: { name: 'broken' } })).toThrow(/invalid/i);
    expect(clientOf({ ...row, status: 'odd', metadata }).status).toBe('disabled');
  });
});

describe('what is not given', () => {
  it('is the code grant where there is a redirect URI, else client credentials', () => {
    const web = freshRules({ redirectUris: [uri] }, defaults);
    expect(web).toMatchObject({ grantTypes: ['authorization_code'], responseTypes: ['code'] });
    const machine = freshRules({}, defaults);
    expect(machine).toMatchObject({ grantTypes: ['client_credentials'], responseTypes: [] });
  });

  it('is no rotation only where client and token are held by a key', () => {
    const held = { authMethod: 'private_key_jwt', jwks, dpopBoundAccessTokens: true };
    expect(freshRules(held, defaults).rotateRefreshTokens).toBe(false);
    expect(freshRules({ ...held, rotateRefreshTokens: true }, defaults).rotateRefreshTokens).toBe(
      true,
    );
    expect(freshRules({ authMethod: 'private_key_jwt' }, defaults).rotateRefreshTokens).toBe(true);
    expect(freshRules({ dpopBoundAccessTokens: true }, defaults).rotateRefreshTokens).toBe(true);
  });

  it('stays in an edit; null takes it away', () => {
    const before = freshRules({ redirectUris: [uri], logoUri: uri, consent: 'implicit' }, defaults);
    const after = editedRules(before, { logoUri: null, consent: null, name: 'new' });
    expect(after).toEqual({ ...before, logoUri: undefined, consent: 'required', name: 'new' });
    expect(editedRules(after, { grantTypes: ['client_credentials'] }).responseTypes).toEqual([]);
  });
});

describe('registration refuses', () => {
  const confidential = { redirectUris: [uri] };
  const mtls = { authMethod: 'tls_client_auth', tlsClientAuthSanDns: 'app.example' };

  it.each<[string, GivenRules]>([
    ['nothing where all is given well', confidential],
    ['no PKCE-less confidential client', { ...confidential, requirePkce: false }],
    ['no key', { authMethod: 'private_key_jwt', jwks }],
    ['no foreign keys in a set', { jwks: { keys: [key, { kty: 'EC', crv: 'P-521' }] } }],
    ['no keys for encryption', { jwks: { keys: [{ ...key, use: 'enc' }] } }],
    ['no certificate', mtls],
    ['no public client', { ...confidential, authMethod: 'none' }],
    ['no hash behind a request URI', { requestUris: ['https://app.example/r#hash'] }],
  ])('%s', (_what, given) => {
    expect(faulty(given)).toEqual([]);
  });

  it.each<[string, GivenRules, string]>([
    ['a fragment', { redirectUris: [`${uri}#x`] }, 'redirectUris'],
    ['the code grant without redirect URI', { grantTypes: ['authorization_code'] }, 'redirectUris'],
    ['code without its grant', { responseTypes: ['code'] }, 'responseTypes'],
    ['its grant without code', { ...confidential, responseTypes: [] }, 'responseTypes'],
    ['post-logout tricks', { postLogoutRedirectUris: ['data:x'] }, 'postLogoutRedirectUris'],
    ['a logo by script', { logoUri: 'javascript:x' }, 'logoUri'],
    ['keys by plain http', { jwksUri: 'http://app.example/jwks' }, 'jwksUri'],
    ['a request URI inside', { requestUris: ['http://10.0.0.1/'] }, 'requestUris'],
    ['a public client without redirect', { authMethod: 'none' }, 'grantTypes'],
    ['plain http', { initiateLoginUri: 'http://localhost/start' }, 'initiateLoginUri'],
    ['no PKCE, public', { ...confidential, authMethod: 'none', requirePkce: false }, 'requirePkce'],
    ['no PKCE, no redirect URI', { requirePkce: false }, 'requirePkce'],
    ['keys twice', { jwks, jwksUri: uri }, 'jwksUri'],
    ['a private key', { jwks: { keys: [{ ...key, d: 'AA' }] } }, 'jwks'],
    ['a key off the curve', { jwks: { keys: [{ ...key, x: key.y }] } }, 'jwks'],
    ['no set of keys', { jwks: {} }, 'jwks'],
    ['private_key_jwt without keys', { authMethod: 'private_key_jwt' }, 'jwks'],
    ['a certificate of nobody', { authMethod: 'tls_client_auth' }, 'tlsClientAuthSubjectDn'],
    ['two subjects', { ...mtls, tlsClientAuthSanUri: uri }, 'tlsClientAuthSanDns'],
    ['a subject without use', { tlsClientAuthSanDns: 'x' }, 'tlsClientAuthSanDns'],
    [
      'no address',
      { ...mtls, tlsClientAuthSanDns: null, tlsClientAuthSanIp: '1.2' },
      'tlsClientAuthSanIp',
    ],
    [
      'an idle life beyond the whole',
      { refreshTokenIdleSeconds: 31_536_000 },
      'refreshTokenIdleSeconds',
    ],
    [
      'pairwise subjects over several hosts',
      { redirectUris: [uri, 'https://other.example/cb'], subjectType: 'pairwise' },
      'sectorIdentifierUri',
    ],
  ])('%s', (_what, given, member) => {
    expect(faulty(given)).toEqual([member]);
  });

  it('grants and methods that this server does not have', () => {
    const few: Abilities = { grantTypes: ['client_credentials'], authMethods: ['none'] };
    expect(faulty(confidential, few)).toEqual(['grantTypes', 'authMethod']);
  });

  const fapi = {
    ...confidential,
    ...{ securityProfile: 'fapi2', authMethod: 'private_key_jwt', jwks },
    dpopBoundAccessTokens: true,
  };

  it.each<[string, GivenRules, readonly string[]]>([
    ['nothing of its own', {}, []],
    ['secrets', { authMethod: 'client_secret_basic' }, ['authMethod']],
    ['no PKCE', { requirePkce: false }, ['requirePkce']],
    [
      'requests that are not pushed',
      { requirePushedAuthorizationRequests: false },
      ['requirePushedAuthorizationRequests'],
    ],
    ['bearer tokens', { dpopBoundAccessTokens: false }, ['dpopBoundAccessTokens']],
    [
      'audiences beside the issuer',
      { assertionAudience: 'issuer_or_endpoint' },
      ['assertionAudience'],
    ],
    ['RS256 of the client', { authSigningAlgorithm: 'RS256' }, ['authSigningAlgorithm']],
    ['RS256 in ID tokens', { idTokenAlgorithm: 'RS256' }, ['idTokenAlgorithm']],
    ['RS256 in requests', { requestObjectAlgorithm: 'RS256' }, ['requestObjectAlgorithm']],
    [
      'RS256 in responses',
      { authorizationResponseAlgorithm: 'RS256' },
      ['authorizationResponseAlgorithm'],
    ],
    ['plain redirects', { redirectUris: ['http://localhost/cb'] }, ['redirectUris']],
  ])('under FAPI 2.0: %s', (_what, given, members) => {
    expect(faulty({ ...fapi, ...given })).toEqual(members);
  });

  it('nothing that the schema itself would not read back', () => {
    const rules = freshRules(fapi, defaults);
    expect(clientRules.parse(JSON.parse(JSON.stringify(rules)))).toEqual(rules);
  });
});
