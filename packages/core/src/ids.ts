/**
 * Identifiers, each with its own type so that one is never passed for another. An identifier is
 * public: it may stand in logs, errors and audit records. It never grants anything.
 */
import type { Brand } from './brand.ts';
import { base62Encode, base62Number } from './bytes.ts';
import type { UnixSeconds } from './clock.ts';
import type { Entropy } from './entropy.ts';
import { limits } from './limits.ts';
import { err, ok, type Result } from './result.ts';

export type TenantId = Brand<string, 'TenantId'>;
export type ClientId = Brand<string, 'ClientId'>;
export type SubjectId = Brand<string, 'SubjectId'>;
/** Look-up id of an API key; part of the key itself. */
export type KeyId = Brand<string, 'KeyId'>;
/** `jti` of a token, of any kind. */
export type TokenId = Brand<string, 'TokenId'>;
export type FamilyId = Brand<string, 'FamilyId'>;
/** `kid` of a signing key: its RFC 7638 thumbprint. */
export type SigningKeyId = Brand<string, 'SigningKeyId'>;

/** The tenant that every installation begins with. */
export const defaultTenant = 'default' as TenantId;

export type IdRefusal = {
  readonly reason: 'malformed_id';
  readonly what: string;
  readonly rule: string;
};

/** Lower-case letters, digits and `-`, 1–63 long, as it stands in issuer paths and host names. */
export function parseTenantId(text: string): Result<TenantId, IdRefusal> {
  if (!/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(text)) {
    return err({ reason: 'malformed_id', what: 'tenant', rule: 'a-z, 0-9 and -, 1–63 characters' });
  }
  return ok(text as TenantId);
}

/** Client identifiers are VSCHAR (RFC 6749 appendix A.1), here without space, 1–255 long. */
export function parseClientId(text: string): Result<ClientId, IdRefusal> {
  if (text.length === 0 || text.length > limits.clientIdCharsMax || !/^[\x21-\x7e]+$/.test(text)) {
    return err({
      reason: 'malformed_id',
      what: 'client_id',
      rule: `visible ASCII without space, 1–${limits.clientIdCharsMax} characters`,
    });
  }
  return ok(text as ClientId);
}

/**
 * A fresh public identifier: 96 random bits in base62, 17 characters. Collisions are refused by the
 * store's unique keys, so 96 bits are enough.
 */
export function freshId(entropy: Entropy): string {
  return base62Encode(entropy.bytes(12), 17);
}

/**
 * A fresh identifier that sorts by the second it was made in, so that rows keyed by it are appended
 * and not scattered: 6 characters of time, then 88 random bits; 21 characters of base62.
 */
export function orderedId(now: UnixSeconds, entropy: Entropy): string {
  return base62Number(now, 6) + base62Encode(entropy.bytes(11), 15);
}
