import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { type JsonObject, limits, seededEntropy, utf8 } from '@mintmark/core';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  encryptContent,
  encryptionSizes,
  type JweEncryption,
  jweEncryptions,
} from './content-encryption.ts';
import {
  encryptionKeysIn,
  generateEncryptionKey,
  importEncryptionKey,
  type JweAlgorithm,
} from './encryption-key.ts';
import { decryptJwe, encryptJwe, encryptJwt, type JweRecipient, looksEncrypted } from './jwe.ts';
import { agreedKey, unwrapKey, wrapKey } from './key-management.ts';

const entropy = seededEntropy(11);
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();

interface Party {
  readonly privateKey: KeyObject;
  readonly jwk: JsonObject;
}

function partyOf({ privateKey, publicKey }: { privateKey: KeyObject; publicKey: KeyObject }) {
  return { privateKey, jwk: publicKey.export({ format: 'jwk' }) as JsonObject };
}

const parties: Record<string, Party> = {
  'P-256': partyOf(generateKeyPairSync('ec', { namedCurve: 'P-256' })),
  'P-384': partyOf(generateKeyPairSync('ec', { namedCurve: 'P-384' })),
  X25519: partyOf(generateKeyPairSync('x25519')),
};

beforeAll(async () => {
  const { privateKey, publicJwk } = await generateEncryptionKey('RSA-OAEP-256');
  parties['RSA'] = { privateKey, jwk: publicJwk };
});

function recipientOf(
  name: string,
  algorithm: JweAlgorithm,
  encryption: JweEncryption,
): JweRecipient {
  const key = importEncryptionKey({ ...parties[name]!.jwk, kid: name });
  if (!key.ok) throw new Error(key.refusal.reason);
  return { key: key.value, algorithm, encryption };
}

const keysOf = (...names: string[]) =>
  names.map((kid) => ({ kid, privateKey: parties[kid]!.privateKey }));

function read(token: string, ...names: string[]) {
  return decryptJwe(entropy, token, { keys: keysOf(...names) });
}

const pairs: readonly (readonly [string, JweAlgorithm])[] = [
  ['P-256', 'ECDH-ES'],
  ['P-384', 'ECDH-ES'],
  ['X25519', 'ECDH-ES'],
  ['P-256', 'ECDH-ES+A256KW'],
  ['P-384', 'ECDH-ES+A256KW'],
  ['X25519', 'ECDH-ES+A256KW'],
  ['RSA', 'RSA-OAEP-256'],
];

const header = (token: string): JsonObject =>
  JSON.parse(Buffer.from(token.split('.')[0]!, 'base64url').toString()) as JsonObject;

/** The same message under another header; its content no longer belongs to it. */
function withHeader(token: string, changed: JsonObject | string): string {
  const said = typeof changed === 'string' ? changed : JSON.stringify(changed);
  return [Buffer.from(said).toString('base64url'), ...token.split('.').slice(1)].join('.');
}

describe('an encrypted message', () => {
  it.each(
    pairs.flatMap(([key, algorithm]) =>
      jweEncryptions.map((encryption) => [key, algorithm, encryption] as const),
    ),
  )('is read by the key it was made for: %s, %s, %s', (name, algorithm, encryption) => {
    const to = recipientOf(name, algorithm, encryption);
    const token = encryptJwt(entropy, to, 'a.b.c');
    expect(header(token)).toMatchObject({ alg: algorithm, enc: encryption, kid: name, cty: 'JWT' });
    const result = read(token, 'P-384', 'P-256', 'X25519', 'RSA');
    expect(result.ok && text(result.value.plaintext)).toBe('a.b.c');
    expect(result.ok && result.value.key.kid).toBe(name);
    expect(looksEncrypted(token)).toBe(true);
  });

  it('never uses a key, an IV or an ephemeral key twice', () => {
    const to = recipientOf('P-256', 'ECDH-ES+A256KW', 'A256GCM');
    const [one, two] = [1, 2].map(() => encryptJwt(entropy, to, 'x'));
    const [a, b] = [one!.split('.'), two!.split('.')];
    for (const part of [0, 1, 2, 3, 4]) expect(a[part]).not.toBe(b[part]);
  });

  it('is refused alike whatever part of it was changed', () => {
    for (const [name, algorithm] of pairs) {
      for (const encryption of jweEncryptions) {
        const token = encryptJwt(entropy, recipientOf(name, algorithm, encryption), 'a.b.c');
        const parts = token.split('.');
        for (const part of [1, 2, 3, 4]) {
          if (parts[part] === '') continue;
          const bytes = Buffer.from(parts[part]!, 'base64url');
          for (const at of [0, bytes.length - 1]) {
            const flipped = Buffer.from(bytes);
            flipped[at]! ^= 1;
            const changed = parts.with(part, flipped.toString('base64url')).join('.');
            expect(read(changed, name)).toEqual(refused('undecryptable'));
          }
          const cut = parts.with(part, bytes.subarray(1).toString('base64url')).join('.');
          expect(read(cut, name)).toEqual(refused('undecryptable'));
        }
        const renamed = withHeader(token, { ...header(token), typ: 'x' });
        expect(read(renamed, name)).toEqual(refused('undecryptable'));
      }
    }
  });

  it('without a key name is read by whichever key can', () => {
    const key = importEncryptionKey(parties['P-256']!.jwk);
    const to = { ...recipientOf('P-256', 'ECDH-ES', 'A256GCM'), key: key.ok && key.value };
    const token = encryptJwt(entropy, to as JweRecipient, 'x.y.z');
    expect(read(token, 'RSA', 'P-384', 'P-256').ok).toBe(true);
    expect(read(token, 'P-384')).toEqual(refused('undecryptable'));
  });

  it('is refused where its form is another', () => {
    const token = encryptJwt(entropy, recipientOf('P-256', 'ECDH-ES', 'A256GCM'), 'x');
    expect(read('a'.repeat(limits.tokenCharsMax + 1))).toEqual(refused('too_long'));
    for (const bad of [
      '',
      'a.b.c',
      `${token}.`,
      token.slice(0, token.lastIndexOf('.')),
      `.${token.split('.').slice(1).join('.')}`,
      `${token}=`,
      token.replace('.', '.=').replace('=.', '.'),
    ].filter((one) => one !== token)) {
      expect(read(bad, 'P-256')).toEqual(refused('malformed'));
    }
  });

  it.each([
    ['{"alg":"ECDH-ES","alg":"ECDH-ES","enc":"A256GCM"}', 'malformed_header'],
    ['[]', 'malformed_header'],
    [{ alg: 'ECDH-ES', enc: 'A256GCM' }, 'malformed_header'],
    [{ alg: 'ECDH-ES', enc: 'A256GCM', epk: 'x' }, 'malformed_header'],
    [{ alg: 'ECDH-ES', enc: 'A256GCM', epk: {}, kid: 1 }, 'malformed_header'],
    [{ alg: 'ECDH-ES', enc: 'A256GCM', epk: {}, apu: '=' }, 'malformed_header'],
    [{ alg: 'ECDH-ES', enc: 'A256GCM', epk: {}, apv: 1 }, 'malformed_header'],
    [{ alg: 'RSA-OAEP-256', enc: 'A256GCM', epk: {} }, 'malformed_header'],
    [{ alg: 'RSA1_5', enc: 'A256GCM' }, 'algorithm_not_allowed'],
    [{ alg: 'RSA-OAEP', enc: 'A256GCM' }, 'algorithm_not_allowed'],
    [{ alg: 'dir', enc: 'A256GCM' }, 'algorithm_not_allowed'],
    [{ alg: 'PBES2-HS256+A128KW', enc: 'A256GCM', p2c: 1e9 }, 'algorithm_not_allowed'],
    [{ alg: 'ECDH-ES', enc: 'A192GCM', epk: {} }, 'algorithm_not_allowed'],
    [{ alg: 'ECDH-ES', enc: 'A256GCM', epk: {}, crit: ['exp'] }, 'unsupported_critical'],
    [{ alg: 'ECDH-ES', enc: 'A256GCM', epk: {}, zip: 'DEF' }, 'unsupported_header'],
    [{ alg: 'ECDH-ES', enc: 'A256GCM', epk: {}, kid: 'other' }, 'unknown_key'],
    [{ alg: 'RSA-OAEP-256', enc: 'A256GCM' }, 'unknown_key'],
    [{ alg: 'ECDH-ES', enc: 'A256GCM', epk: {} }, 'undecryptable'],
  ])('with the header %j is refused: %s', (changed, reason) => {
    const token = encryptJwt(entropy, recipientOf('P-256', 'ECDH-ES', 'A256GCM'), 'x');
    expect(read(withHeader(token, changed as JsonObject), 'P-256')).toEqual(refused(reason));
  });

  it('holds its sender to what was agreed upon', () => {
    const token = encryptJwt(entropy, recipientOf('P-256', 'ECDH-ES', 'A256GCM'), 'x');
    const keys = keysOf('P-256');
    for (const only of [
      { algorithms: ['RSA-OAEP-256'] as const },
      { encryptions: ['A128GCM'] as const },
    ]) {
      const result = decryptJwe(entropy, token, { keys, ...only });
      expect(result).toEqual(refused('algorithm_not_allowed'));
    }
  });

  it.each([
    ['a private key', { kty: 'EC', crv: 'P-256', x: 'AA', y: 'AA', d: 'AA' }],
    ['another curve', parties['P-384']!.jwk],
    ['RSA', { kty: 'RSA', n: 'AQAB', e: 'AQAB' }],
    ['no point of the curve', { kty: 'EC', crv: 'P-256', x: 'A'.repeat(43), y: 'A'.repeat(43) }],
  ])('is refused with an ephemeral key that is %s', (_, epk) => {
    const token = encryptJwt(entropy, recipientOf('P-256', 'ECDH-ES', 'A256GCM'), 'x');
    const changed = withHeader(token, { ...header(token), epk: epk as JsonObject });
    expect(read(changed, 'P-256')).toEqual(refused('undecryptable'));
  });

  it('is refused with an ephemeral key of small order (RFC 7748 §6.1)', () => {
    const token = encryptJwt(entropy, recipientOf('X25519', 'ECDH-ES', 'A256GCM'), 'x');
    const epk = { kty: 'OKP', crv: 'X25519', x: 'A'.repeat(43) };
    const changed = withHeader(token, { ...header(token), epk });
    expect(read(changed, 'X25519')).toEqual(refused('undecryptable'));
  });

  it('is not made for a key that does another algorithm, or with a key of another length', () => {
    const to = recipientOf('P-256', 'RSA-OAEP-256', 'A256GCM');
    expect(() => encryptJwe(entropy, to, { plaintext: utf8('x') })).toThrow(TypeError);
    const input = { additionalData: utf8(''), plaintext: utf8('') };
    for (const encryption of jweEncryptions) {
      const { keyBytes, ivBytes } = encryptionSizes[encryption];
      const [key, iv] = [Buffer.alloc(keyBytes), Buffer.alloc(ivBytes)];
      const short = { ...input, key: key.subarray(1), iv };
      expect(() => encryptContent(encryption, short)).toThrow(RangeError);
      const cut = { ...input, key, iv: iv.subarray(1) };
      expect(() => encryptContent(encryption, cut)).toThrow(RangeError);
    }
  });
});

describe('a key to encrypt to', () => {
  const jwk = parties['P-256']!.jwk;

  it.each([
    ['x', 'not_an_object'],
    [{ ...jwk, kid: '' }, 'malformed_member'],
    [{ ...jwk, use: 'sig' }, 'wrong_use'],
    [{ ...jwk, key_ops: ['verify'] }, 'wrong_use'],
    [{ ...jwk, key_ops: 1 }, 'malformed_member'],
    [{ ...jwk, d: 'AA' }, 'private_key'],
    [{ ...jwk, alg: 'ES256' }, 'algorithm_not_allowed'],
    [{ ...jwk, crv: 'P-521' }, 'unsupported_key_type'],
    [{ ...jwk, x: 'AA' }, 'malformed_member'],
    [{ ...jwk, y: 'AA' }, 'malformed_member'],
    [{ kty: 'OKP', crv: 'X25519', x: 'AA' }, 'malformed_member'],
    [{ ...jwk, x: 'A'.repeat(43) }, 'invalid_key'],
    [{ kty: 'RSA', n: 'AQAB', e: 'AQAB' }, 'weak_key'],
  ])('%j is refused: %s', (bad, reason) => {
    expect(importEncryptionKey(bad as JsonObject)).toMatchObject({
      ok: false,
      refusal: { reason },
    });
  });

  it('is narrowed by its own alg, and taken out of a set in its order', () => {
    const [one, two, ...more] = encryptionKeysIn({
      keys: [
        { ...jwk, use: 'sig', alg: 'ES256' },
        { ...jwk, kid: 'a', alg: 'ECDH-ES', key_ops: ['deriveBits'] },
        'x',
        { ...parties['X25519']!.jwk, kid: 'b', use: 'enc' },
      ],
    });
    expect(one).toMatchObject({ kid: 'a', algorithms: ['ECDH-ES'], curve: 'P-256' });
    expect(two).toMatchObject({ kid: 'b', algorithms: ['ECDH-ES', 'ECDH-ES+A256KW'] });
    expect(more).toEqual([]);
    expect(encryptionKeysIn({ keys: 1 })).toEqual([]);
    expect(encryptionKeysIn([])).toEqual([]);
  });

  it('of our own is named by its thumbprint, and is for encryption alone', async () => {
    const { publicJwk, kid, privateKey } = await generateEncryptionKey('ECDH-ES');
    expect(publicJwk).toMatchObject({ kty: 'EC', crv: 'P-256', kid, use: 'enc' });
    expect(publicJwk).not.toHaveProperty('alg');
    const key = importEncryptionKey(publicJwk);
    if (!key.ok) throw new Error(key.refusal.reason);
    expect(key.value.thumbprint).toBe(kid);
    const to = { key: key.value, algorithm: 'ECDH-ES', encryption: 'A128GCM' } as const;
    const token = encryptJwt(entropy, to, 'x');
    expect(decryptJwe(entropy, token, { keys: [{ kid, privateKey }] }).ok).toBe(true);
  });
});

describe('examples of the standards', () => {
  it('agrees on the key of RFC 7518 appendix C', () => {
    const alice = {
      kty: 'EC',
      crv: 'P-256',
      x: 'gI0GAILBdu7T53akrFmMyGcsF3n5dO7MmwNBHKW5SV0',
      y: 'SLW_xSffzlPWrHEVI30DHM_4egVwt3NQqeUD7nMFpps',
      d: '0_NxaRPUMQoAJt50Gz8YiTr8gRTwyEaCumd-MToTmIo',
    };
    const bob = {
      kty: 'EC',
      crv: 'P-256',
      x: 'weNJy2HscCSM6AEDTDg04biOvhFhyyWvOHQfeF_PxMQ',
      y: 'e8lnCO-AlStT-NJVX-crhB7QRYhiix03illJOVAOyck',
    };
    const to = importEncryptionKey(bob);
    if (!to.ok) throw new Error(to.refusal.reason);
    const privateKey = createPrivateKey({ key: alice, format: 'jwk' });
    const agreed = agreedKey(
      { privateKey, publicKey: to.value.keyObject },
      // 16 bytes of key: the example's A128GCM.
      {
        algorithm: 'ECDH-ES',
        encryption: 'A128GCM',
        partyU: utf8('Alice'),
        partyV: utf8('Bob'),
      },
    );
    expect(Buffer.from(agreed).toString('base64url')).toBe('VqqN6vgjbSBcIijNcacQGg');
  });

  it('wraps 256 bits under 256 bits as RFC 3394 §4.6 does', () => {
    const kek = Buffer.from(Array.from({ length: 32 }, (_, index) => index));
    const key = Buffer.from(
      '00112233445566778899aabbccddeeff000102030405060708090a0b0c0d0e0f',
      'hex',
    );
    const wrapped = wrapKey(kek, key);
    expect(Buffer.from(wrapped).toString('hex')).toBe(
      '28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21',
    );
    expect(Buffer.from(unwrapKey(kek, wrapped)!).equals(key)).toBe(true);
  });
});

function refused(reason: unknown) {
  return { ok: false, refusal: { reason } };
}
