/** The headers of a JSON request to a program of the operator's: signed, whole, and never twice. */
import { base64urlEncode, type Clock, type Entropy, nowSeconds } from '@mintmark/core';
import { contentDigest, signMessage } from './message-signature.ts';

export interface SigningParts {
  /** https, or http on loopback. */
  readonly url: string;
  /** At least 32 bytes. */
  readonly secret: Uint8Array;
  readonly clock: Clock;
  readonly entropy: Entropy;
}

export function signedHeaders(
  { url, secret, clock, entropy }: SigningParts,
  body: string,
): Readonly<Record<string, string>> {
  const type = 'application/json';
  const digest = contentDigest(body);
  const signed = signMessage({
    components: [
      ['@method', 'POST'],
      ['@target-uri', new URL(url).href],
      ['content-type', type],
      ['content-digest', digest],
    ],
    created: nowSeconds(clock),
    keyId: 'mintmark',
    nonce: base64urlEncode(entropy.bytes(16)),
    secret,
  });
  return { 'content-type': type, accept: type, 'content-digest': digest, ...signed };
}
