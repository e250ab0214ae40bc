/** The URIs of a client that say whose it is: where pairwise subjects are shared (CIBA §4). */
import type { ClientRules } from './client-rules.ts';

export type SectorMember =
  | 'redirectUris'
  | 'grantTypes'
  | 'jwksUri'
  | 'backchannelTokenDeliveryMode'
  | 'backchannelClientNotificationEndpoint';

/**
 * Redirect URIs; of a client that asks by the back channel also where it is pinged or, where it is
 * not, where its keys are.
 */
export function sectorUris(rules: Pick<ClientRules, SectorMember>): readonly string[] {
  const { redirectUris, grantTypes, jwksUri, backchannelTokenDeliveryMode: mode } = rules;
  if (!grantTypes.includes('urn:openid:params:grant-type:ciba')) return redirectUris;
  const own = mode === 'ping' ? rules.backchannelClientNotificationEndpoint : jwksUri;
  return own === undefined ? redirectUris : [...redirectUris, own];
}
