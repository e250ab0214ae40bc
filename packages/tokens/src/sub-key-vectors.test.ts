/** The vectors, read by our parser and by a reader that follows docs/sub-keys.md alone. */
import { createPrivateKey, createPublicKey, hkdfSync, verify } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { parseSubKey, verifySubKey } from './sub-key.ts';

interface Vectors {
  readonly id: string;
  readonly secret: string;
  readonly derivation_key: string;
  readonly cases: readonly { name: string; text: string; result: string; links?: string[] }[];
}

const file = new URL('../../../vectors/sub-keys/sub-keys.json', import.meta.url);
const vectors: Vectors = JSON.parse(readFileSync(file, 'utf8'));

function resultOf(text: string): string {
  const parsed = parseSubKey(text, 'mm');
  if (!parsed.ok) return parsed.refusal.reason;
  const verified = verifySubKey(parsed.value, Buffer.from(vectors.derivation_key, 'base64url'));
  return verified.ok ? 'valid' : verified.refusal.reason;
}

describe('vectors/sub-keys', () => {
  it.each(vectors.cases)('$name: $result', ({ text, result }) => {
    expect(resultOf(text)).toBe(result);
  });

  it.each(vectors.cases.filter((one) => one.result === 'valid'))(
    '$name, by a reader that shares no code',
    ({ text, links }) => {
      expect(readBy(text)).toEqual(links);
    },
  );
});

const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

function number(text: string): bigint {
  return [...text].reduce((sum, digit) => sum * 62n + BigInt(digits.indexOf(digit)), 0n);
}

function unblocked(text: string): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < text.length; at += 43) {
    const block = text.slice(at, at + 43);
    let size = 1;
    while (Math.ceil((8 * size) / Math.log2(62)) < block.length) size++;
    parts.push(
      Buffer.from(
        number(block)
          .toString(16)
          .padStart(size * 2, '0'),
        'hex',
      ),
    );
  }
  return Buffer.concat(parts);
}

function publicKeyOf(seed: Buffer): string {
  const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]);
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  return createPublicKey(key).export({ format: 'jwk' }).x!;
}

function readBy(text: string): string[] {
  expect(number(text.slice(-6))).toBe(BigInt(crc32(text.slice(0, -6))));
  const id = text.slice(7, 24);
  expect(id).toBe(vectors.id);
  const bytes = unblocked(text.slice(24, -6));
  const info = `mintmark sub-key seed\0${id}`;
  let pub = publicKeyOf(Buffer.from(hkdfSync('sha256', vectors.secret, '', info, 32)));
  expect(pub).toBe(vectors.derivation_key);
  const found: string[] = [];
  let before: Buffer = Buffer.alloc(0);
  let at = 2;
  for (let index = 0; index < bytes[1]!; index++) {
    const end = at + 2 + bytes.readUInt16BE(at);
    const json = bytes.subarray(at + 2, end);
    const signature = bytes.subarray(end, end + 64);
    const place = Buffer.from([1, index]);
    const signed = Buffer.concat([Buffer.from(`mintmark sub-key\0${id}`), place, before, json]);
    const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: pub }, format: 'jwk' });
    expect(verify(null, signed, key, signature)).toBe(true);
    pub = JSON.parse(json.toString()).pub;
    found.push(json.toString());
    before = signature;
    at = end + 64;
  }
  expect(publicKeyOf(bytes.subarray(at))).toBe(pub);
  return found;
}
