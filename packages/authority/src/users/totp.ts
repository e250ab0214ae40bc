/**
 * Time-based one-time passwords (RFC 6238) in the parameters that every authenticator app knows:
 * HMAC-SHA-1, six digits, steps of thirty seconds. Pure; single use is `factors.ts`'s.
 */
import { createHmac } from 'node:crypto';
import { equalConstantTime, limits, type UnixSeconds, utf8 } from '@mintmark/core';

const stepSeconds = 30;
const digits = 6;

/** Bytes of a secret: the length of the MAC, as RFC 4226 §4 recommends. */
export const totpSecretBytes = 20;

/** The code of one time step (RFC 4226 §5.3). */
export function totpCode(secret: Uint8Array, step: number): string {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(step));
  const mac = createHmac('sha1', secret).update(counter).digest();
  const offset = mac[mac.length - 1]! & 0x0f;
  const number = mac.readUInt32BE(offset) & 0x7fff_ffff;
  return String(number % 10 ** digits).padStart(digits, '0');
}

export function totpStep(now: UnixSeconds): number {
  return Math.floor(now / stepSeconds);
}

/**
 * The time step that a code belongs to, of those that are near enough. All are compared, so that
 * the time taken says nothing.
 *
 * @param text as typed: spaces count nothing
 * @returns undefined where it belongs to none
 */
export function matchTotp(secret: Uint8Array, text: string, now: UnixSeconds): number | undefined {
  // Bounded first: nobody types more.
  const code = text.length > 32 ? '' : text.replace(/\s/g, '');
  if (!/^[0-9]{6}$/.test(code)) return undefined;
  const presented = utf8(code);
  const current = totpStep(now);
  let matched: number | undefined;
  for (let away = -limits.totpStepsWindow; away <= limits.totpStepsWindow; away++) {
    const expected = utf8(totpCode(secret, current + away));
    if (equalConstantTime(expected, presented)) matched = current + away;
  }
  return matched;
}

/**
 * What an authenticator app reads out of a QR code (the Key URI format that all of them share).
 *
 * @param label.issuer whose account it is, `label.account` which; both are shown by the app
 */
export function totpUri(
  secret: Uint8Array,
  label: { readonly issuer: string; readonly account: string },
): string {
  const issuer = encodeURIComponent(label.issuer);
  const account = encodeURIComponent(label.account);
  const parameters = `secret=${base32(secret)}&issuer=${issuer}&algorithm=SHA1`;
  return `otpauth://totp/${issuer}:${account}?${parameters}&digits=${digits}&period=${stepSeconds}`;
}

/** RFC 4648 §6, without padding. */
export function base32(bytes: Uint8Array): string {
  let text = '';
  let value = 0;
  let bits = 0;
  for (const byte of bytes) {
    value = (value << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += alphabet[(value >> bits) & 31];
    }
    value &= (1 << bits) - 1;
  }
  return bits === 0 ? text : text + alphabet[(value << (5 - bits)) & 31];
}

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
