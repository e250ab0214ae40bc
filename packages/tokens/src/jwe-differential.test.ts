/** Held equal to jose, which nobody here wrote: what one encrypts the other reads. */
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { type JsonObject, seededEntropy, utf8 } from '@mintmark/core';
import fc from 'fast-check';
import { CompactEncrypt, compactDecrypt } from 'jose';
import { describe, expect, it } from 'vitest';
import { jweEncryptions } from './content-encryption.ts';
import { importEncryptionKey, type JweAlgorithm } from './encryption-key.ts';
import { decryptJwe, encryptJwt } from './jwe.ts';

interface Party {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  readonly algorithms: readonly JweAlgorithm[];
}

const ecdh = ['ECDH-ES', 'ECDH-ES+A256KW'] as const;
const parties: Readonly<Record<string, Party>> = {
  'P-256': { ...generateKeyPairSync('ec', { namedCurve: 'P-256' }), algorithms: ecdh },
  'P-384': { ...generateKeyPairSync('ec', { namedCurve: 'P-384' }), algorithms: ecdh },
  X25519: { ...generateKeyPairSync('x25519'), algorithms: ecdh },
  RSA: { ...generateKeyPairSync('rsa', { modulusLength: 2048 }), algorithms: ['RSA-OAEP-256'] },
};

const entropy = seededEntropy(5);
const cases = Object.entries(parties).flatMap(([name, party]) =>
  party.algorithms.flatMap((algorithm) =>
    jweEncryptions.map((encryption) => ({ name, algorithm, encryption })),
  ),
);

function ours({ name, algorithm, encryption }: (typeof cases)[number], jwt: string): string {
  const jwk = parties[name]!.publicKey.export({ format: 'jwk' }) as JsonObject;
  const key = importEncryptionKey(jwk);
  if (!key.ok) throw new Error(key.refusal.reason);
  return encryptJwt(entropy, { key: key.value, algorithm, encryption }, jwt);
}

function readByUs(token: string, name: string): string | undefined {
  const keys = [{ kid: 'k', privateKey: parties[name]!.privateKey }];
  const result = decryptJwe(entropy, token, { keys });
  return result.ok ? Buffer.from(result.value.plaintext).toString() : undefined;
}

async function readByJose(token: string, name: string): Promise<string | undefined> {
  try {
    const { plaintext } = await compactDecrypt(token, parties[name]!.privateKey);
    return Buffer.from(plaintext).toString();
  } catch {
    return undefined;
  }
}

describe('equal to jose', () => {
  it.each(cases)('read what the other encrypted: $name, $algorithm, $encryption', async (one) => {
    expect(await readByJose(ours(one, 'a.b.c'), one.name)).toBe('a.b.c');
    const theirs = new CompactEncrypt(utf8('d.e.f')).setProtectedHeader({
      alg: one.algorithm,
      enc: one.encryption,
      cty: 'JWT',
    });
    if (one.algorithm !== 'RSA-OAEP-256') {
      theirs.setKeyManagementParameters({ apu: utf8('Alice'), apv: utf8('Bob') });
    }
    const token = await theirs.encrypt(parties[one.name]!.publicKey);
    expect(readByUs(token, one.name)).toBe('d.e.f');
  });

  it('both refuse what was changed on its way', async () => {
    const bytesOf = (token: string) =>
      token.split('.').map((part) => Buffer.from(part, 'base64url'));
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...cases),
        fc.nat(),
        fc.integer({ min: 1, max: 127 }),
        async (one, place, bits) => {
          const token = ours(one, 'a.b.c');
          const at = place % token.length;
          const character = String.fromCharCode(token.charCodeAt(at) ^ bits);
          const changed = token.slice(0, at) + character + token.slice(at + 1);
          expect(readByUs(changed, one.name)).toBeUndefined();
          // jose decodes base64url leniently: other spellings of the same bytes, which we refuse.
          const [before, after] = [bytesOf(token), bytesOf(changed)];
          const same = before.every((part, index) => after[index]?.equals(part));
          if (!same) expect(await readByJose(changed, one.name)).toBeUndefined();
        },
      ),
      { numRuns: 150 },
    );
  });
});
