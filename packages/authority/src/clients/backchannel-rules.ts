/** What may be registered of a client that asks people by the back channel (CIBA §4, FAPI-CIBA). */
import type { Check, RuleFault } from './check-rules.ts';
import { type ClientRules, isConfidential } from './client-rules.ts';

const ciba = 'urn:openid:params:grant-type:ciba';

function isAsking({ grantTypes }: ClientRules): boolean {
  return grantTypes.includes(ciba);
}

/** CIBA §4: it says how it learns of the answer. */
function deliveryMode(rules: ClientRules): RuleFault | undefined {
  const { backchannelTokenDeliveryMode: mode } = rules;
  if ((mode !== undefined) === isAsking(rules)) return undefined;
  const message =
    mode === undefined ? `the grant ${ciba} needs it: poll or ping` : `goes with the grant ${ciba}`;
  return { member: 'backchannelTokenDeliveryMode', message };
}

function notificationEndpoint(rules: ClientRules): RuleFault | undefined {
  const { backchannelTokenDeliveryMode: mode } = rules;
  const { backchannelClientNotificationEndpoint: endpoint } = rules;
  if ((endpoint !== undefined) === (mode === 'ping')) return undefined;
  const message = endpoint === undefined ? 'ping needs one' : 'goes with ping only';
  return { member: 'backchannelClientNotificationEndpoint', message };
}

/** CIBA §7.1: who asks has authenticated; anybody could call people up otherwise. */
function authenticates(rules: ClientRules): RuleFault | undefined {
  if (!isAsking(rules) || isConfidential(rules)) return undefined;
  return { member: 'grantTypes', message: `${ciba} needs a client that authenticates` };
}

function signedByKeys(rules: ClientRules): RuleFault | undefined {
  const { backchannelRequestAlgorithm: algorithm, jwks, jwksUri } = rules;
  if (algorithm === undefined || jwks !== undefined || jwksUri !== undefined) return undefined;
  const message = 'backchannel_authentication_request_signing_alg needs jwks or jwks_uri';
  return { member: 'jwks', message };
}

function noUserCode({ backchannelUserCode }: ClientRules): RuleFault | undefined {
  if (!backchannelUserCode) return undefined;
  return { member: 'backchannelUserCode', message: 'user codes are not supported' };
}

/** FAPI-CIBA §5.2.2, with DPoP beside certificates as FAPI 2.0 has it. */
function fapiCiba(): readonly Check[] {
  const rule =
    (member: keyof ClientRules, message: string, holds: (rules: ClientRules) => boolean): Check =>
    (rules) =>
      rules.securityProfile !== 'fapi-ciba' || holds(rules)
        ? undefined
        : { member, message: `${message} under fapi-ciba` };
  const methods = ['private_key_jwt', 'tls_client_auth', 'self_signed_tls_client_auth'];
  return [
    rule('grantTypes', `must have ${ciba}`, isAsking),
    rule('authMethod', 'must be private_key_jwt or of mutual TLS', ({ authMethod }) =>
      methods.includes(authMethod),
    ),
    rule(
      'tlsClientCertificateBoundAccessTokens',
      'or dpop_bound_access_tokens must be true',
      (rules) => rules.tlsClientCertificateBoundAccessTokens || rules.dpopBoundAccessTokens,
    ),
    rule('backchannelRequestAlgorithm', 'must be set, and not RS256', (rules) =>
      isStrong(rules.backchannelRequestAlgorithm ?? 'RS256'),
    ),
    rule('authSigningAlgorithm', 'cannot be RS256', (rules) =>
      isStrong(rules.authSigningAlgorithm),
    ),
    rule('idTokenAlgorithm', 'cannot be RS256', (rules) => isStrong(rules.idTokenAlgorithm)),
  ];
}

function isStrong(algorithm: string | undefined): boolean {
  return algorithm !== 'RS256';
}

export const backchannelChecks: readonly Check[] = [
  deliveryMode,
  notificationEndpoint,
  authenticates,
  signedByKeys,
  noUserCode,
  ...fapiCiba(),
];
