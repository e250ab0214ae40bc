/**
 * HTTP message signatures (RFC 9421) over what we send, by a secret that both sides hold. The
 * receiver knows by it that a request is ours, whole, and not one that it had before.
 */
import { createHmac, hash } from 'node:crypto';
import type { UnixSeconds } from '@mintmark/core';

export interface SignatureInput {
  /** Covered components in order: name and value (§2). */
  readonly components: readonly (readonly [name: string, value: string])[];
  readonly created: UnixSeconds;
  readonly keyId: string;
  /** By which a receiver tells a repetition (§7.2.2). */
  readonly nonce?: string;
  /** Shared secret of `hmac-sha256` (§3.3.3). */
  readonly secret: Uint8Array;
}

/** @returns the headers `signature-input` and `signature`, labelled `sig1` */
export function signMessage(input: SignatureInput): Readonly<Record<string, string>> {
  const { components, created, keyId, nonce, secret } = input;
  const names = components.map(([name]) => `"${name}"`).join(' ');
  const once = nonce === undefined ? '' : `;nonce="${nonce}";alg="hmac-sha256"`;
  const parameters = `(${names});created=${created};keyid="${keyId}"${once}`;
  const lines = components.map(([name, value]) => `"${name}": ${value}`);
  // §2.5: the parameters are covered last, and no line ends the text.
  const base = [...lines, `"@signature-params": ${parameters}`].join('\n');
  const signature = createHmac('sha256', secret).update(base, 'utf8').digest('base64');
  return { 'signature-input': `sig1=${parameters}`, signature: `sig1=:${signature}:` };
}

/** RFC 9530 §2. */
export function contentDigest(body: string): string {
  return `sha-256=:${hash('sha256', body, 'base64')}:`;
}
