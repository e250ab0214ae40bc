/**
 * A record sealed under a data key: how everything secret stands in the database, in backups and in
 * feeds. The record's identity (tenant, table, id) is authenticated with it, so that a sealed value
 * moved to another row does not open.
 *
 * Form: version (1 byte, 1), length of the key id (1 byte), key id, nonce (12 bytes), ciphertext,
 * tag (16 bytes). Authenticated besides the ciphertext: all before the nonce, then the context.
 */
import type { KeyObject } from 'node:crypto';
import { concatBytes, type Entropy, err, ok, type Result, utf8, utf8Decode } from '@mintmark/core';
import { aeadKeyBytes, aeadNonceBytes, aeadOpen, aeadSeal, aeadTagBytes } from './aead.ts';

const version = 1;
const keyIdBytesMax = 64;

export type SealedRecordRefusal = { readonly reason: 'malformed' | 'wrong_key' | 'tampered' };

/**
 * Seals a record.
 *
 * @param input.key AES-256; the caller counts its uses and retires it before 2^31 of them
 * @param input.keyId names the key in the sealed bytes; 1–64 bytes of UTF-8
 * @param input.context the record's identity; needed again to open it, and not kept in the bytes
 * @throws RangeError on a key or key id of another size
 */
export function sealRecord(input: {
  readonly key: KeyObject;
  readonly keyId: string;
  readonly entropy: Entropy;
  readonly context: string;
  readonly plaintext: Uint8Array;
}): Uint8Array {
  const { key, entropy, context, plaintext } = input;
  const keyId = utf8(input.keyId);
  if (key.symmetricKeySize !== aeadKeyBytes) throw new RangeError('sealRecord: key');
  if (keyId.length === 0 || keyId.length > keyIdBytesMax) throw new RangeError('sealRecord: keyId');
  const head = concatBytes(Uint8Array.of(version, keyId.length), keyId);
  const nonce = entropy.bytes(aeadNonceBytes);
  const additionalData = concatBytes(head, utf8(context));
  return concatBytes(head, nonce, aeadSeal({ key, nonce, additionalData, plaintext }));
}

/** @returns the id of the key that opens the bytes, or undefined where they are no sealed record */
export function sealedKeyId(sealed: Uint8Array): string | undefined {
  const headBytes = headLength(sealed);
  return headBytes === undefined ? undefined : utf8Decode(sealed.subarray(2, headBytes));
}

/**
 * Opens a sealed record.
 *
 * @param input.key the key that `sealedKeyId` names; @param input.context as it was sealed
 * @returns the plaintext; refusals: malformed, wrong_key (no AES-256 key), tampered (changed, moved
 *   to another identity, or another key: authenticated encryption cannot tell which)
 */
export function openRecord(input: {
  readonly key: KeyObject;
  readonly context: string;
  readonly sealed: Uint8Array;
}): Result<Uint8Array, SealedRecordRefusal> {
  const { key, context, sealed } = input;
  const headBytes = headLength(sealed);
  if (headBytes === undefined) return err({ reason: 'malformed' });
  if (key.symmetricKeySize !== aeadKeyBytes) return err({ reason: 'wrong_key' });
  const plaintext = aeadOpen({
    key,
    nonce: sealed.subarray(headBytes, headBytes + aeadNonceBytes),
    additionalData: concatBytes(sealed.subarray(0, headBytes), utf8(context)),
    sealed: sealed.subarray(headBytes + aeadNonceBytes),
  });
  return plaintext === undefined ? err({ reason: 'tampered' }) : ok(plaintext);
}

/** Bytes before the nonce, or undefined where the form is not kept. */
function headLength(sealed: Uint8Array): number | undefined {
  const keyIdBytes = sealed[1] ?? 0;
  if (sealed[0] !== version || keyIdBytes === 0 || keyIdBytes > keyIdBytesMax) return undefined;
  const headBytes = 2 + keyIdBytes;
  return sealed.length < headBytes + aeadNonceBytes + aeadTagBytes ? undefined : headBytes;
}
