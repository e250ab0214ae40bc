/**
 * User codes (RFC 8628 §6.1): eight letters that a person reads off one screen and types on
 * another. Twenty consonants: no vowels, so that no words come about; no digits, so that 0 and O, 1
 * and I are not taken for one another. That is 34.5 bits for ten minutes, and guessing is bounded
 * where codes are typed. At rest there is a keyed hash: a plain one of so little would be undone.
 */
import { createHmac } from 'node:crypto';
import { base64urlEncode, type Entropy, limits, type TenantId } from '@mintmark/core';

const letters = 'BCDFGHJKLMNPQRSTVWXZ';
const length = 8;
/** The largest multiple of the alphabet below 256: what is above would favour its first letters. */
const fairBytes = 240;

/** Eight letters, as `parseUserCode` gives them. */
export function freshUserCode(entropy: Entropy): string {
  let code = '';
  while (code.length < length) {
    for (const byte of entropy.bytes(length)) {
      if (byte < fairBytes && code.length < length) code += letters[byte % letters.length];
    }
  }
  return code;
}

/** As people see it: `WDJB-MJHT`. */
export function formatUserCode(code: string): string {
  return `${code.slice(0, length / 2)}-${code.slice(length / 2)}`;
}

/**
 * What a person typed: case, dashes and spaces do not matter, nor do the wide letters that some
 * keyboards write.
 *
 * @returns eight letters; undefined where no code can be meant
 */
export function parseUserCode(typed: string): string | undefined {
  if (typed.length > limits.userCodeCharsMax) return undefined;
  const code = typed
    .normalize('NFKC')
    .replace(/[\s\p{Dash_Punctuation}_.]/gu, '')
    .toUpperCase();
  return code.length === length && [...code].every((one) => letters.includes(one))
    ? code
    : undefined;
}

/** @param key from custody, of this installation alone */
export function hashUserCode(key: Uint8Array, tenant: TenantId, code: string): string {
  return base64urlEncode(createHmac('sha256', key).update(`${tenant}\0${code}`).digest());
}
