/**
 * Token Status List (RFC-ietf-oauth-status-list): by one bit string an issuer says of many tokens
 * whether they are still good, to whoever has no other way to ask. Which bits are a token's stands
 * in the token (`status.status_list`); the string travels in a signed JWT of its own type.
 */
import { deflateSync, inflateSync } from 'node:zlib';
import type { JwsAlgorithm } from '@mintmark/core';
import {
  base64urlDecode,
  base64urlEncode,
  err,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  limits,
  ok,
  type Result,
  type SigningKeyId,
  type UnixSeconds,
} from '@mintmark/core';
import { jwsSigningInput } from './jws.ts';

/** §5.1 of the standard. */
const statusListType = 'statuslist+jwt';

/** Bits an entry has (§4.1). */
export type StatusBits = 1 | 2 | 4 | 8;

/** §7.1; the other values are for applications. */
export const tokenStatus = { valid: 0, invalid: 1, suspended: 2 } as const;

/**
 * The bit string of a list: entries from the lowest bits of each byte on (§4.1).
 *
 * @param input.statuses by index; an entry that is not named is 0, valid
 * @throws RangeError where an index or a value does not fit
 */
export function packStatuses(input: {
  readonly bits: StatusBits;
  readonly size: number;
  readonly statuses: Iterable<readonly [index: number, status: number]>;
}): Uint8Array {
  const { bits, size, statuses } = input;
  const packed = new Uint8Array(Math.ceil((size * bits) / 8));
  for (const [index, status] of statuses) {
    const fits = index >= 0 && index < size && status >= 0 && status < 2 ** bits;
    if (!fits) throw new RangeError('packStatuses: index or status');
    const at = index * bits;
    packed[Math.floor(at / 8)]! |= status << (at % 8);
  }
  return packed;
}

/** The text to be signed for a list (§5.1). */
export function statusListSigningInput(
  list: {
    /** Where the list stands; tokens name it (`status.status_list.uri`). */
    readonly uri: string;
    readonly issuedAt: UnixSeconds;
    readonly expiresAt: UnixSeconds;
    /** How long a reader may go without a newer one. */
    readonly ttlSeconds: number;
    readonly bits: StatusBits;
    readonly packed: Uint8Array;
  },
  key: { readonly kid: SigningKeyId; readonly algorithm: JwsAlgorithm },
): string {
  const { uri: sub, issuedAt: iat, expiresAt: exp, ttlSeconds: ttl, bits, packed } = list;
  const header = { typ: statusListType, alg: key.algorithm, kid: key.kid };
  const lst = compressStatuses(packed);
  return jwsSigningInput(header, { sub, iat, exp, ttl, status_list: { bits, lst } });
}

/** DEFLATE in the ZLIB format, at its best (§4.1), in base64url. */
export function compressStatuses(packed: Uint8Array): string {
  return base64urlEncode(deflateSync(packed, { level: 9 }));
}

export interface StatusList {
  readonly bits: StatusBits;
  /** Entries there are; those that fill the last byte up are among them. */
  readonly size: number;
  /** @returns undefined beyond the end: then the token must be refused (§8.3) */
  at(index: number): number | undefined;
}

export interface StatusListRefusal {
  readonly reason: 'malformed_list' | 'list_too_long';
}

/**
 * Reads `status_list` of a list whose signature was verified.
 *
 * @returns the list; refusals: malformed_list, list_too_long (more than `limits.statusListBytesMax`
 *   behind its compression)
 */
export function readStatusList(value: JsonValue): Result<StatusList, StatusListRefusal> {
  const { bits, lst }: JsonObject = isJsonObject(value) ? value : {};
  if (bits !== 1 && bits !== 2 && bits !== 4 && bits !== 8)
    return err({ reason: 'malformed_list' });
  const compressed = typeof lst === 'string' ? base64urlDecode(lst) : undefined;
  if (compressed === undefined) return err({ reason: 'malformed_list' });
  const packed = inflate(compressed);
  if (!packed.ok) return packed;
  const perByte = 8 / bits;
  const bytes = packed.value;
  return ok({
    bits,
    size: bytes.length * perByte,
    at(index) {
      if (!Number.isSafeInteger(index) || index < 0) return undefined;
      const byte = bytes[Math.floor(index / perByte)];
      return byte === undefined
        ? undefined
        : (byte >> ((index % perByte) * bits)) & (2 ** bits - 1);
    },
  });
}

function inflate(compressed: Uint8Array): Result<Uint8Array, StatusListRefusal> {
  try {
    return ok(inflateSync(compressed, { maxOutputLength: limits.statusListBytesMax }));
  } catch (error) {
    const isLong = error instanceof RangeError;
    return err({ reason: isLong ? 'list_too_long' : 'malformed_list' });
  }
}
