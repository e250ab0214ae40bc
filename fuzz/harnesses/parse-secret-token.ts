import { crc32 } from 'node:zlib';
import { base62Number, freshId, seededEntropy, type UnixSeconds } from '@mintmark/core';
import {
  buildSecretToken,
  freshTokenId,
  parseSecretToken,
  partitionOfTokenId,
  type SecretTokenKind,
} from '@mintmark/tokens';
import { type Harness, invariant, latin1 } from '../harness.ts';

const kinds: readonly SecretTokenKind[] = ['key', 'pat', 'admin', 'cs', 'at', 'rt', 'ac'];

/** Tokens of every kind from one seed. */
export function sampleTokens(): readonly string[] {
  const entropy = seededEntropy(1);
  const now = 1_790_000_000 as UnixSeconds;
  return kinds.map((kind) => {
    const dated = ['at', 'rt', 'ac'].includes(kind);
    const id = dated ? freshTokenId({ now, expiresAt: now, entropy }) : freshId(entropy);
    return buildSecretToken({ prefix: 'mm', kind, id, entropy }).text;
  });
}

export const parseSecretTokenHarness: Harness = {
  name: 'parse-secret-token',
  seeds: [...sampleTokens(), 'sk_live_abc', 'mm_', 'mm__', 'ghp_0123456789'],
  dictionary: ['mm_', 'key', 'pat', 'admin', 'cs', 'at', 'rt', 'ac', '_', '__proto__', 'MM_', 'zz'],
  run(input) {
    const text = latin1(input);
    const partition = partitionOfTokenId(text);
    invariant(partition === undefined || partition < 62 ** 4, 'a partition out of range');
    const result = parseSecretToken(text, 'mm');
    if (!result.ok) return result.refusal.reason;
    const { kind, id, secret } = result.value;
    const body = `mm_${kind}_${id}${secret}`;
    invariant(body + base62Number(crc32(body), 6) === text, 'its parts do not make the text again');
    return `accepted ${kind}`;
  },
};
