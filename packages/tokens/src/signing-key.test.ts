import { createSecretKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import type { JwsAlgorithm, SigningKeyId } from '@mintmark/core';
import { beforeAll, describe, expect, it } from 'vitest';
import { jwsAlgorithms } from './algorithms.ts';
import { importVerificationKey } from './jwk.ts';
import { type AsymmetricAlgorithm, generateSigningKey, localSigner } from './signing-key.ts';

const kid = 'k' as SigningKeyId;
/** PS256 signs with the same keys as RS256. */
const generated: readonly AsymmetricAlgorithm[] = [
  'ES256',
  'EdDSA',
  'RS256',
  'ML-DSA-44',
  'ML-DSA-65',
  'ML-DSA-87',
];
const keys = new Map<JwsAlgorithm, KeyObject>([['HS256', createSecretKey(Buffer.alloc(32))]]);

beforeAll(async () => {
  for (const algorithm of generated) {
    keys.set(algorithm, (await generateSigningKey(algorithm)).privateKey);
  }
});

describe('localSigner', () => {
  it('throws on a key of another type than its algorithm needs', () => {
    for (const algorithm of jwsAlgorithms) {
      for (const [of, privateKey] of keys) {
        const make = () => localSigner({ privateKey, algorithm, kid });
        const fits = (algorithm === 'PS256' ? 'RS256' : algorithm) === of;
        if (fits) expect(make()).toMatchObject({ algorithm, kid });
        else expect(make, `${algorithm} with a key of ${of}`).toThrow(TypeError);
      }
    }
  });

  it('throws on keys that are too short, of another curve, or public', () => {
    const ec384 = generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey;
    const rsa1024 = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey;
    const { publicKey } = generateKeyPairSync('ed25519');
    const misfits: readonly (readonly [JwsAlgorithm, KeyObject])[] = [
      ['HS256', createSecretKey(Buffer.alloc(31))],
      ['ES256', ec384],
      ['RS256', rsa1024],
      ['PS256', rsa1024],
      ['EdDSA', publicKey],
    ];
    for (const [algorithm, privateKey] of misfits) {
      expect(() => localSigner({ privateKey, algorithm, kid }), algorithm).toThrow(TypeError);
    }
  });
});

describe('generateSigningKey', () => {
  it.each(generated)(
    'publishes a key of %s under its thumbprint, with alg and use, and nothing private',
    async (algorithm) => {
      const { publicJwk, kid } = await generateSigningKey(algorithm);
      expect(publicJwk).toMatchObject({ kid, alg: algorithm, use: 'sig' });
      const imported = importVerificationKey(publicJwk, { algorithms: [algorithm] });
      expect(imported).toMatchObject({ ok: true, value: { thumbprint: kid, kid } });
    },
  );

  it('makes RSA keys of 3072 bits', () => {
    expect(keys.get('RS256')!.asymmetricKeyDetails).toMatchObject({
      modulusLength: 3072,
      publicExponent: 65537n,
    });
  });
});
