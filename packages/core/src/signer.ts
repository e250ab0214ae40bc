import type { SigningKeyId } from './ids.ts';

/** The JOSE algorithms that Mintmark signs and verifies with (RFC 7518, 8037, 9864, 9964). */
export type JwsAlgorithm =
  | 'HS256'
  | 'RS256'
  | 'PS256'
  | 'ES256'
  | 'EdDSA'
  | 'ML-DSA-44'
  | 'ML-DSA-65'
  | 'ML-DSA-87';

/**
 * A private key that can be used but not read. Local keys answer at once; those in an HSM or a
 * cloud answer later, so every caller awaits.
 */
export interface Signer {
  readonly kid: SigningKeyId;
  readonly algorithm: JwsAlgorithm;
  /**
   * @param input the JWS signing input
   * @returns the signature in its JOSE form (ECDSA: r‖s, RFC 7518 §3.4)
   * @throws CustodyFault when the key cannot be used; nothing was issued
   */
  sign(input: Uint8Array): Promise<Uint8Array> | Uint8Array;
}
