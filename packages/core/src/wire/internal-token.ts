/**
 * The token by which a gateway tells an upstream who calls, in place of the credential that came
 * from outside. It is signed by the gateway's own key, whose public half the authority publishes,
 * so that an upstream needs nothing but a key set; and it is good for one method and path alone.
 */
import type { TenantId } from '../ids.ts';

export const internalToken = {
  /** `typ` of its header (RFC 8725 §3.11). */
  type: 'mm-internal+jwt',
  /** Below the issuer of the gateway's tenant, and where a gateway's operations are. */
  keySetPath: '/.well-known/internal-jwks.json',
  /** Where gateways hand in their public keys. */
  publishPath: '/v1/gateway-keys',
} as const;

/** What the gateway says of itself and of the request: no credential's claims take their place. */
export const internalClaims: readonly string[] = [
  ...['iss', 'aud', 'sub', 'exp', 'nbf', 'iat', 'jti', 'cnf'],
  ...['client_id', 'scope', 'tenant', 'node', 'htm', 'htp', 'qsh', 'act'],
];

/** Publishes the public key by which a node signs, for as long as it asks again in time. */
export interface NodeKeyRegistry {
  /**
   * @param input.jwk an EC P-256 key with `kid` (its thumbprint), `alg` and `use`
   * @throws NetworkFault or StoreFault: it is not known whether anybody can find the key
   */
  publish(input: {
    readonly tenant: TenantId;
    readonly node: string;
    readonly jwk: Readonly<Record<string, unknown>>;
  }): Promise<void>;
}
