/**
 * Custody of the root key: the interface that a local sealed file, an HSM by PKCS#11, Vault transit
 * and cloud KMS all implement. Everything is asynchronous because some of them are far away. Only
 * wrap, unwrap and sign may be remote; data keys and peppers are unwrapped once and kept in memory.
 * Above this line nothing knows which kind it is.
 */
import type { JwsAlgorithm } from '@mintmark/core';

export interface CustodyDescription {
  readonly kind: 'local' | 'pkcs11' | 'vault' | 'aws-kms' | 'gcp-kms' | 'azure-key-vault';
  /** The key that wraps from now on. */
  readonly currentKey: string;
  /** Every key that can still unwrap. */
  readonly keys: readonly {
    readonly id: string;
    readonly createdAt: number;
    readonly algorithm: string;
    readonly protector: string;
  }[];
}

export interface Wrapped {
  /** Id of the custody key that wrapped it. */
  readonly by: string;
  readonly wrapped: Uint8Array;
}

export interface Custody {
  describe(): Promise<CustodyDescription>;
  /**
   * @param context the identity of what is wrapped (tenant, purpose, id), bound as additional data:
   *   a wrapped key moved to another record does not open
   * @throws CustodyFault `custody_unavailable`, `custody_refused`
   */
  wrap(plaintext: Uint8Array, context: string): Promise<Wrapped>;
  /** @throws CustodyFault `custody_unavailable`, `custody_unknown_key`, `custody_tampered` */
  unwrap(wrapped: Wrapped, context: string): Promise<Uint8Array>;
  /** Signs with a key that never leaves custody. Local custody has none: `custody_unsupported`. */
  sign(keyId: string, algorithm: JwsAlgorithm, input: Uint8Array): Promise<Uint8Array>;
  /** HMAC-SHA-256 under a key derived from the root for `purpose`; 32 bytes. */
  mac(purpose: string, input: Uint8Array): Promise<Uint8Array>;
  /** Makes a new wrapping key current; what older ones wrapped still opens. @returns its id */
  rotate(): Promise<string>;
  /** Destroys a wrapping key that is not current. What it wrapped is lost for ever. */
  destroy(keyId: string): Promise<void>;
  close(): Promise<void>;
}
