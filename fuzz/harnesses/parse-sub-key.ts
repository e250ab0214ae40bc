import { crc32 } from 'node:zlib';
import { base62Number, base64urlEncode, seededEntropy, type UnixSeconds } from '@mintmark/core';
import {
  buildSecretToken,
  derivationKeyOf,
  deriveSubKey,
  judgeSubKeyNow,
  narrowScopes,
  parseSubKey,
  type SubKeyRestrictions,
  verifySubKey,
} from '@mintmark/tokens';
import { type Harness, invariant, latin1 } from '../harness.ts';

const entropy = seededEntropy(5);
const now = 1_790_000_000 as UnixSeconds;
const prefix = 'mm';
const key = buildSecretToken({ prefix, kind: 'key', id: 'K'.repeat(17), entropy });
const derivationKey = derivationKeyOf({ keyId: key.id, secret: key.secret });

/** Sub-keys of one, two and three links. */
function sampleSubKeys(): readonly string[] {
  const times = { issuedAt: now, expiresAt: (now + 600) as UnixSeconds };
  const steps: readonly SubKeyRestrictions[] = [
    { ...times, scopes: ['a', 'b'], label: 'ci', addresses: ['192.0.2.0/24'] },
    {
      ...times,
      scopes: ['a'],
      methods: ['GET'],
      routes: ['r'],
      audiences: ['https://api.example'],
    },
    { ...times, pathPrefix: '/v1', notBefore: now },
  ];
  const texts: string[] = [];
  for (const restrictions of steps) {
    const parent = texts.at(-1) ?? key.text;
    const made = deriveSubKey({ parent, prefix, restrictions, entropy });
    if (made.ok) texts.push(made.value.text);
  }
  return texts;
}

const samples = sampleSubKeys();

/** The text, or where only its checksum is wrong, the text with a right one. */
function mended(text: string): string {
  const body = text.slice(0, -6);
  return body + base62Number(crc32(Buffer.from(body, 'latin1')), 6);
}

export const parseSubKeyHarness: Harness = {
  name: 'parse-sub-key',
  seeds: [...samples, key.text, 'mm_sub_', 'mm_sub__'],
  dictionary: ['mm_sub_', '_', '0', 'z', base64urlEncode(derivationKey)],
  run(input) {
    const given = latin1(input);
    let outcome = '';
    for (const text of [given, mended(given)]) {
      const parsed = parseSubKey(text, prefix);
      outcome = parsed.ok ? `links ${parsed.value.links.length}` : parsed.refusal.reason;
      if (!parsed.ok) continue;
      const { links, keyId } = parsed.value;
      invariant(links.length >= 1 && links.length <= 3, 'a number of links out of bounds');
      invariant(text.startsWith(`mm_sub_${keyId}`), 'the id of another key');
      invariant(narrowScopes(['a'], links).length <= 1, 'scopes that were never there');
      judgeSubKeyNow(links, { now, address: '192.0.2.1' });
      const verified = verifySubKey(parsed.value, derivationKey);
      // Without the secret, or the seed of a link, nobody makes another one.
      invariant(!verified.ok || samples.includes(text), 'a forgery');
    }
    return outcome;
  },
};
