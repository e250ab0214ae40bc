import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Abilities } from './check-rules.ts';
import { ruleFaults } from './check-rules.ts';
import { clientAuthMethods, grantTypes } from './client-rules.ts';
import { freshRules, type GivenRules } from './fresh-rules.ts';
import { sectorUris } from './sector-uris.ts';

const ciba = 'urn:openid:params:grant-type:ciba';
const all: Abilities = { grantTypes, authMethods: clientAuthMethods };
const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' });
const jwks = { keys: [{ ...key }] };
const endpoint = 'https://app.example/ping';

const poll: GivenRules = { grantTypes: [ciba], backchannelTokenDeliveryMode: 'poll' };
const ping: GivenRules = {
  ...poll,
  backchannelTokenDeliveryMode: 'ping',
  backchannelClientNotificationEndpoint: endpoint,
};
const fapi: GivenRules = {
  ...poll,
  ...{ securityProfile: 'fapi-ciba', authMethod: 'private_key_jwt', jwks },
  backchannelRequestAlgorithm: 'ES256',
  tlsClientCertificateBoundAccessTokens: true,
};

const faulty = (given: GivenRules): readonly string[] =>
  ruleFaults(freshRules(given, { clientId: 'c', owner: 'team', algorithm: 'ES256' }), all).map(
    (f) => f.member,
  );

describe('of a client that asks by the back channel', () => {
  it.each<[string, GivenRules]>([
    ['one that polls', poll],
    ['one that is pinged', ping],
    ['one under FAPI-CIBA', fapi],
    [
      'one with DPoP',
      { ...fapi, tlsClientCertificateBoundAccessTokens: false, dpopBoundAccessTokens: true },
    ],
    [
      'one that accepts the endpoint as audience',
      { ...fapi, assertionAudience: 'issuer_or_endpoint' },
    ],
  ])('nothing is wrong with %s', (_, given) => {
    expect(faulty(given)).toEqual([]);
  });

  it.each<[string, GivenRules, string]>([
    ['no mode', { grantTypes: [ciba] }, 'backchannelTokenDeliveryMode'],
    [
      'a mode of no grant',
      { backchannelTokenDeliveryMode: 'poll' },
      'backchannelTokenDeliveryMode',
    ],
    [
      'a ping to nowhere',
      { ...ping, backchannelClientNotificationEndpoint: null },
      'backchannelClientNotificationEndpoint',
    ],
    [
      'an endpoint without a ping',
      { ...poll, backchannelClientNotificationEndpoint: endpoint },
      'backchannelClientNotificationEndpoint',
    ],
    [
      'a ping in clear',
      { ...ping, backchannelClientNotificationEndpoint: 'http://app.example/' },
      'backchannelClientNotificationEndpoint',
    ],
    ['no proof of who it is', { ...poll, authMethod: 'none' }, 'grantTypes'],
    ['an algorithm without keys', { ...poll, backchannelRequestAlgorithm: 'ES256' }, 'jwks'],
    ['a user code', { ...poll, backchannelUserCode: true }, 'backchannelUserCode'],
    ['under FAPI-CIBA a secret', { ...fapi, authMethod: 'client_secret_basic' }, 'authMethod'],
    [
      'under FAPI-CIBA bearer tokens',
      { ...fapi, tlsClientCertificateBoundAccessTokens: false },
      'tlsClientCertificateBoundAccessTokens',
    ],
    [
      'under FAPI-CIBA unsigned requests',
      { ...fapi, backchannelRequestAlgorithm: null },
      'backchannelRequestAlgorithm',
    ],
    [
      'under FAPI-CIBA RS256 in requests',
      { ...fapi, backchannelRequestAlgorithm: 'RS256' },
      'backchannelRequestAlgorithm',
    ],
    [
      'under FAPI-CIBA RS256 in assertions',
      { ...fapi, authSigningAlgorithm: 'RS256' },
      'authSigningAlgorithm',
    ],
    [
      'under FAPI-CIBA RS256 in ID tokens',
      { ...fapi, idTokenAlgorithm: 'RS256' },
      'idTokenAlgorithm',
    ],
  ])('%s is refused', (_, given, member) => {
    expect(faulty(given)).toEqual([member]);
  });

  it('FAPI-CIBA is for nobody else', () => {
    const given = {
      ...fapi,
      grantTypes: ['client_credentials'],
      backchannelTokenDeliveryMode: null,
    };
    expect(faulty(given)).toEqual(['grantTypes']);
  });
});

describe('a sector', () => {
  const rules = (given: GivenRules) =>
    freshRules(given, { clientId: 'c', owner: 'team', algorithm: 'ES256' });

  it('is also where a client is pinged or, where it is not, where its keys are', () => {
    expect(sectorUris(rules(ping))).toEqual([endpoint]);
    expect(sectorUris(rules({ ...poll, jwksUri: 'https://keys.example/' }))).toEqual([
      'https://keys.example/',
    ]);
    expect(sectorUris(rules(poll))).toEqual([]);
    expect(sectorUris(rules({ jwksUri: 'https://keys.example/' }))).toEqual([]);
  });

  it('of several hosts needs a document', () => {
    const redirectUris = ['https://other.example/cb'];
    const given = { ...ping, redirectUris, subjectType: 'pairwise' };
    expect(faulty(given)).toEqual(['sectorIdentifierUri']);
  });
});
