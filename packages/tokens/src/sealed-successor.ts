/**
 * The successor of a rotated refresh token, sealed so that only the predecessor opens it. A client
 * whose answer was lost presents the old token again and gets the identical new one, though the
 * server keeps no token in clear: the database alone cannot open what is sealed here.
 */
import { createSecretKey } from 'node:crypto';
import { concatBytes, type Entropy, utf8, utf8Decode } from '@mintmark/core';
import { aeadNonceBytes, aeadOpen, aeadSeal } from './aead.ts';
import { deriveKey } from './derive-key.ts';

/** Which rotation of which family: sealed bytes moved elsewhere do not open. */
export interface Rotation {
  readonly tenant: string;
  /** Look-up id that all tokens of the family carry. */
  readonly id: string;
  /** Of the successor. */
  readonly generation: number;
}

/**
 * @param input.predecessor the secret part of the token that was presented (192 random bits)
 * @param input.successor the whole text of the token that takes its place
 */
export function sealSuccessor(input: {
  readonly predecessor: string;
  readonly successor: string;
  readonly rotation: Rotation;
  readonly entropy: Entropy;
}): Uint8Array {
  const { predecessor, successor, rotation, entropy } = input;
  const nonce = entropy.bytes(aeadNonceBytes);
  const additionalData = contextOf(rotation);
  const key = keyOf(predecessor, additionalData);
  return concatBytes(nonce, aeadSeal({ key, nonce, additionalData, plaintext: utf8(successor) }));
}

/** @returns the successor's text, or undefined where this is not the predecessor */
export function openSuccessor(input: {
  readonly predecessor: string;
  readonly sealed: Uint8Array;
  readonly rotation: Rotation;
}): string | undefined {
  const { predecessor, sealed, rotation } = input;
  const additionalData = contextOf(rotation);
  const plaintext = aeadOpen({
    key: keyOf(predecessor, additionalData),
    nonce: sealed.subarray(0, aeadNonceBytes),
    additionalData,
    sealed: sealed.subarray(aeadNonceBytes),
  });
  return plaintext === undefined ? undefined : utf8Decode(plaintext);
}

function contextOf({ tenant, id, generation }: Rotation): Uint8Array {
  return utf8(`mintmark refresh successor\0${tenant}\0${id}\0${generation}`);
}

function keyOf(secret: string, info: Uint8Array) {
  return createSecretKey(deriveKey(secret, info));
}
