/**
 * What may be registered, whoever registers it: each member by itself, and members that contradict
 * one another. The same rules hold for the management API, for dynamic registration and for client
 * metadata documents.
 */
import { type JwsAlgorithm, parseAddress } from '@mintmark/core';
import { encryptionKeysIn, parseKeySet } from '@mintmark/tokens';
import { backchannelChecks } from './backchannel-rules.ts';
import {
  type ClientAuthMethod,
  type ClientRules,
  type GrantType,
  isConfidential,
  publicKeyAlgorithms,
} from './client-rules.ts';
import { isOrigin } from './origins.ts';
import { type EncryptedAnswer, encryptedAnswers } from './recipient.ts';
import { metadataUrlFault, redirectUriFault } from './redirect-uri.ts';
import { sectorUris } from './sector-uris.ts';

/** A member of the rules, and what is wrong with it, in words for whoever registers. */
export interface RuleFault {
  readonly member: keyof ClientRules;
  readonly message: string;
}

/** What this server can do: a client that needs more is refused, not left to fail. */
export interface Abilities {
  readonly grantTypes: readonly GrantType[];
  readonly authMethods: readonly ClientAuthMethod[];
  /** Whether there is a key that requests may be encrypted to. */
  readonly encryptedRequests?: boolean | undefined;
}

export type Check = (rules: ClientRules, abilities: Abilities) => RuleFault | undefined;

/** @returns what is wrong, most telling first; empty where the client may be registered */
export function ruleFaults(rules: ClientRules, abilities: Abilities): readonly RuleFault[] {
  return checks.map((check) => check(rules, abilities)).filter((fault) => fault !== undefined);
}

const checks: readonly Check[] = [
  unknownGrant,
  unknownMethod,
  responseType,
  boundAnswer,
  ...(['redirectUris', 'postLogoutRedirectUris'] as const).map(uris),
  noRedirectUri,
  frontChannelUri,
  ...(
    [
      'jwksUri',
      'backchannelLogoutUri',
      'sectorIdentifierUri',
      'initiateLoginUri',
      'clientUri',
      'logoUri',
      'policyUri',
      'tosUri',
      'backchannelClientNotificationEndpoint',
    ] as const
  ).map(url),
  requestUris,
  allowedOrigins,
  initiateLogin,
  publicClient,
  withoutPkce,
  keysTwice,
  keySet,
  keysMissing,
  ...(Object.keys(encryptedAnswers) as EncryptedAnswer[]).map(encryption),
  nothingToEncrypt,
  encryptedRequests,
  certificateSubject,
  certificateAddress,
  sector,
  refreshLife,
  ...backchannelChecks,
  ...fapi2(),
];

function unknownGrant(rules: ClientRules, { grantTypes }: Abilities): RuleFault | undefined {
  const missing = rules.grantTypes.find((grant) => !grantTypes.includes(grant));
  if (missing === undefined) return undefined;
  return { member: 'grantTypes', message: `this server has no grant ${missing}` };
}

function unknownMethod(rules: ClientRules, { authMethods }: Abilities): RuleFault | undefined {
  if (authMethods.includes(rules.authMethod)) return undefined;
  return { member: 'authMethod', message: `this server cannot verify ${rules.authMethod}` };
}

/** RFC 7591 §2.1: the two lists must agree. */
function responseType({ responseTypes, grantTypes }: ClientRules): RuleFault | undefined {
  const fault = (message: string) => ({ member: 'responseTypes', message }) as const;
  if (responseTypes.includes('code') !== grantTypes.includes('authorization_code')) {
    return fault('code goes with the grant authorization_code, and with no other');
  }
  const isFront = responseTypes.some((type) => type !== 'code');
  if (isFront !== grantTypes.includes('implicit')) {
    return fault('id_token and id_token token go with the grant implicit, and with no other');
  }
  return undefined;
}

/** Whoever asks at the authorization endpoint shows no key (RFC 9449 §5, RFC 8705 §3). */
function boundAnswer(rules: ClientRules): RuleFault | undefined {
  if (!rules.responseTypes.includes('id_token token')) return undefined;
  const isBound = rules.dpopBoundAccessTokens || rules.tlsClientCertificateBoundAccessTokens;
  if (!isBound && rules.securityProfile === 'none') return undefined;
  return { member: 'responseTypes', message: 'a token that is bound to a key needs a code' };
}

function uris(member: 'redirectUris' | 'postLogoutRedirectUris'): Check {
  return (rules) => {
    for (const uri of rules[member]) {
      const fault = redirectUriFault(uri, rules.applicationType);
      if (fault !== undefined) return { member, message: `${uri} ${fault}` };
    }
    return undefined;
  };
}

function noRedirectUri({ grantTypes, redirectUris }: ClientRules): RuleFault | undefined {
  const needing = grantTypes.find((one) => one === 'authorization_code' || one === 'implicit');
  if (needing === undefined || redirectUris.length > 0) return undefined;
  return { member: 'redirectUris', message: `the grant ${needing} needs one` };
}

/** OpenID Connect Dynamic Client Registration §2, `application_type`. */
function frontChannelUri(rules: ClientRules): RuleFault | undefined {
  if (rules.applicationType !== 'web' || !rules.grantTypes.includes('implicit')) return undefined;
  if (rules.redirectUris.every((uri) => /^https:/i.test(uri))) return undefined;
  return { member: 'redirectUris', message: 'must be https with the grant implicit' };
}

type UrlMember =
  | 'jwksUri'
  | 'backchannelLogoutUri'
  | 'sectorIdentifierUri'
  | 'initiateLoginUri'
  | 'clientUri'
  | 'logoUri'
  | 'policyUri'
  | 'tosUri'
  | 'backchannelClientNotificationEndpoint';

function url(member: UrlMember): Check {
  return (rules) => {
    const value = rules[member];
    const fault = value === undefined ? undefined : metadataUrlFault(value);
    return fault === undefined ? undefined : { member, message: fault };
  };
}

/** OpenID Connect Core §6.2: a fragment is the hash of what stands there. */
function requestUris({ requestUris }: ClientRules): RuleFault | undefined {
  for (const uri of requestUris) {
    const fault = metadataUrlFault(uri.split('#', 1)[0]!);
    if (fault !== undefined) return { member: 'requestUris', message: `${uri} ${fault}` };
  }
  return undefined;
}

/** As a browser writes it; in plain only on loopback, like a redirect URI. */
function allowedOrigins({ allowedOrigins: origins = [] }: ClientRules): RuleFault | undefined {
  const isFaulty = (origin: string) =>
    !isOrigin(origin) || metadataUrlFault(`${origin}/`) !== undefined;
  const faulty = origins.find(isFaulty);
  if (faulty === undefined) return undefined;
  const message = `${faulty} must be an origin, https or on loopback, without a path`;
  return { member: 'allowedOrigins', message };
}

/** OpenID Connect Dynamic Client Registration §2: https, wherever it is. */
function initiateLogin({ initiateLoginUri: uri }: ClientRules): RuleFault | undefined {
  if (uri === undefined || /^https:/.test(uri)) return undefined;
  return { member: 'initiateLoginUri', message: 'must be https' };
}

/** RFC 6749 §4.4: the client credentials grant is for confidential clients only. */
function publicClient(rules: ClientRules): RuleFault | undefined {
  if (isConfidential(rules) || !rules.grantTypes.includes('client_credentials')) return undefined;
  return { member: 'grantTypes', message: 'client_credentials needs a client that authenticates' };
}

function withoutPkce(rules: ClientRules): RuleFault | undefined {
  if (rules.requirePkce) return undefined;
  if (isConfidential(rules) && rules.redirectUris.length > 0) return undefined;
  const message = 'may be false only for a confidential client with redirect URIs';
  return { member: 'requirePkce', message };
}

function keysTwice({ jwks, jwksUri }: ClientRules): RuleFault | undefined {
  if (jwks === undefined || jwksUri === undefined) return undefined;
  return { member: 'jwksUri', message: 'cannot be given beside jwks (RFC 7591 §2)' };
}

/** Broken and private keys are told here, where somebody can mend them. */
function keySet({ jwks }: ClientRules): RuleFault | undefined {
  if (jwks === undefined) return undefined;
  const algorithms: readonly JwsAlgorithm[] = publicKeyAlgorithms;
  const parsed = parseKeySet(jwks, { algorithms, epoch: '' });
  if (!parsed.ok) return { member: 'jwks', message: `cannot be used: ${parsed.refusal.reason}` };
  const broken = parsed.value.skipped.find(({ refusal }) => !isForeign(refusal.reason));
  if (broken === undefined) return undefined;
  return { member: 'jwks', message: `key ${broken.index} is refused: ${broken.refusal.reason}` };
}

/** Keys for encryption, or of a kind that we do not know, may stand in a set. */
function isForeign(reason: string): boolean {
  return ['wrong_use', 'unsupported_key_type', 'algorithm_not_allowed'].includes(reason);
}

function keysMissing(rules: ClientRules): RuleFault | undefined {
  const { authMethod, jwks, jwksUri } = rules;
  const needs = authMethod === 'private_key_jwt' || authMethod === 'self_signed_tls_client_auth';
  if (!needs || jwks !== undefined || jwksUri !== undefined) return undefined;
  return { member: 'jwks', message: `${authMethod} needs jwks or jwks_uri` };
}

/** OpenID Connect Dynamic Client Registration §2: who is encrypted to has a key for that. */
function encryption(answer: EncryptedAnswer): Check {
  const [member, contentMember] = encryptedAnswers[answer];
  return (rules) => {
    const algorithm = rules[member];
    if (algorithm === undefined) {
      if (rules[contentMember] === undefined) return undefined;
      return { member: contentMember, message: 'means nothing without the algorithm for its key' };
    }
    if (rules.jwksUri !== undefined) return undefined;
    const keys = rules.jwks === undefined ? [] : encryptionKeysIn(rules.jwks);
    if (keys.some(({ algorithms }) => algorithms.includes(algorithm))) return undefined;
    return { member, message: 'needs a key for it in jwks, or jwks_uri' };
  };
}

function encryptedRequests(rules: ClientRules, able: Abilities): RuleFault | undefined {
  const { requestObjectKeyEncryption, requestObjectEncryption } = rules;
  if (requestObjectKeyEncryption === undefined) {
    if (requestObjectEncryption === undefined) return undefined;
    const message = 'means nothing without the algorithm for its key';
    return { member: 'requestObjectEncryption', message };
  }
  if (able.encryptedRequests === true) return undefined;
  const message = 'this server has no key that requests could be encrypted to';
  return { member: 'requestObjectKeyEncryption', message };
}

/** What a client gets itself is encrypted to the resource that it is for. */
function nothingToEncrypt(rules: ClientRules): RuleFault | undefined {
  if (rules.accessTokenKeyEncryption === undefined || rules.resources.length > 0) return undefined;
  return { member: 'accessTokenKeyEncryption', message: 'is for a client that serves resources' };
}

const subjectMembers = [
  'tlsClientAuthSubjectDn',
  'tlsClientAuthSanDns',
  'tlsClientAuthSanUri',
  'tlsClientAuthSanIp',
  'tlsClientAuthSanEmail',
] as const;

/** RFC 8705 §2.1.2: exactly one says whose certificate it is. */
function certificateSubject(rules: ClientRules): RuleFault | undefined {
  const given = subjectMembers.filter((member) => rules[member] !== undefined);
  const wanted = rules.authMethod === 'tls_client_auth' ? 1 : 0;
  if (given.length === wanted) return undefined;
  const message =
    wanted === 1
      ? 'tls_client_auth needs exactly one of tls_client_auth_subject_dn and …_san_…'
      : 'goes with tls_client_auth only';
  return { member: given[0] ?? 'tlsClientAuthSubjectDn', message };
}

function certificateAddress({ tlsClientAuthSanIp: address }: ClientRules): RuleFault | undefined {
  if (address === undefined || parseAddress(address) !== undefined) return undefined;
  return { member: 'tlsClientAuthSanIp', message: 'must be an IPv4 or IPv6 address' };
}

/** OpenID Connect Core §8.1: hosts that differ have no sector in common unless a document says. */
function sector(rules: ClientRules): RuleFault | undefined {
  const { subjectType, sectorIdentifierUri } = rules;
  if (subjectType !== 'pairwise' || sectorIdentifierUri !== undefined) return undefined;
  const hosts = new Set(
    sectorUris(rules).map((uri) => (URL.canParse(uri) ? new URL(uri).host : undefined)),
  );
  if (hosts.size <= 1) return undefined;
  const message = 'is needed where pairwise subjects meet URIs of several hosts';
  return { member: 'sectorIdentifierUri', message };
}

function refreshLife(rules: ClientRules): RuleFault | undefined {
  if (rules.refreshTokenIdleSeconds <= rules.refreshTokenTtlSeconds) return undefined;
  const message = 'cannot be longer than refresh_token_ttl_seconds';
  return { member: 'refreshTokenIdleSeconds', message };
}

/** FAPI 2.0 Security Profile §5.3.2.1. */
function fapi2(): readonly Check[] {
  const rule =
    (member: keyof ClientRules, message: string, holds: (rules: ClientRules) => boolean): Check =>
    (rules) =>
      rules.securityProfile !== 'fapi2' || holds(rules)
        ? undefined
        : { member, message: `${message} under fapi2` };
  const methods = ['private_key_jwt', 'tls_client_auth', 'self_signed_tls_client_auth'];
  const strong = (algorithm: string | undefined): boolean => algorithm !== 'RS256';
  return [
    rule('authMethod', 'must be private_key_jwt or of mutual TLS', ({ authMethod }) =>
      methods.includes(authMethod),
    ),
    rule('requirePkce', 'must be true', ({ requirePkce }) => requirePkce),
    rule(
      'requirePushedAuthorizationRequests',
      'must be true',
      ({ requirePushedAuthorizationRequests }) => requirePushedAuthorizationRequests,
    ),
    rule(
      'dpopBoundAccessTokens',
      'or tls_client_certificate_bound_access_tokens must be true',
      (rules) => rules.dpopBoundAccessTokens || rules.tlsClientCertificateBoundAccessTokens,
    ),
    rule(
      'assertionAudience',
      'must be the issuer',
      (rules) => rules.assertionAudience === 'issuer',
    ),
    rule('authSigningAlgorithm', 'cannot be RS256', (rules) => strong(rules.authSigningAlgorithm)),
    rule('idTokenAlgorithm', 'cannot be RS256', (rules) => strong(rules.idTokenAlgorithm)),
    rule('requestObjectAlgorithm', 'cannot be RS256', (rules) =>
      strong(rules.requestObjectAlgorithm),
    ),
    rule('authorizationResponseAlgorithm', 'cannot be RS256', (rules) =>
      strong(rules.authorizationResponseAlgorithm),
    ),
    rule('redirectUris', 'must be https or of the client’s own machine', (rules) =>
      rules.redirectUris.every((uri) => /^https:/.test(uri) || rules.applicationType === 'native'),
    ),
  ];
}
