import { createHash, createPrivateKey, createPublicKey } from 'node:crypto';
import type { JsonObject, JsonValue } from '@mintmark/core';
import { beforeAll, describe, expect, it } from 'vitest';
import { jwsAlgorithms } from './algorithms.ts';
import { importVerificationKey, jwkThumbprint, parseKeyMaterial } from './jwk.ts';
import { createKeySet, parseKeySet } from './key-set.ts';
import { hasRocaFingerprint } from './roca.ts';
import { generateSigningKey } from './signing-key.ts';

// RFC 7515 appendix A.3.1
const ec: JsonObject = {
  kty: 'EC',
  crv: 'P-256',
  x: 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU',
  y: 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0',
};
// RFC 8037 appendix A.2
const okp: JsonObject = {
  kty: 'OKP',
  crv: 'Ed25519',
  x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo',
};
// RFC 7638 §3.1
const rsa: JsonObject = {
  kty: 'RSA',
  n:
    '0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJ' +
    'ECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2' +
    'QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh' +
    '6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw',
  e: 'AQAB',
};
const oct: JsonObject = { kty: 'oct', k: Buffer.alloc(32, 1).toString('base64url') };
let akp: JsonObject;

beforeAll(async () => {
  const { kid: _, use: _use, ...jwk } = (await generateSigningKey('ML-DSA-44')).publicJwk;
  akp = jwk;
});

function verdict(jwk: JsonValue, algorithms = jwsAlgorithms): string {
  const result = importVerificationKey(jwk, { algorithms });
  if (result.ok) return result.value.algorithms.join(' ');
  const { refusal } = result;
  return 'member' in refusal ? `${refusal.reason} ${refusal.member}` : refusal.reason;
}

describe('importVerificationKey', () => {
  it('gives a key without alg what its type can do and its issuer may', () => {
    expect(verdict(ec)).toBe('ES256');
    expect(verdict(okp)).toBe('EdDSA');
    expect(verdict(rsa)).toBe('RS256 PS256');
    expect(verdict(oct)).toBe('HS256');
    expect(verdict(akp)).toBe('ML-DSA-44');
    expect(verdict(rsa, ['PS256', 'ES256'])).toBe('PS256');
    expect(verdict(rsa, ['ES256'])).toBe('algorithm_not_allowed');
    expect(verdict(oct, ['RS256', 'ES256'])).toBe('algorithm_not_allowed');
  });

  it('gives a key with alg that one algorithm or nothing', () => {
    expect(verdict({ ...rsa, alg: 'PS256' })).toBe('PS256');
    expect(verdict({ ...rsa, alg: 'PS256' }, ['RS256'])).toBe('algorithm_not_allowed');
    expect(verdict({ ...okp, alg: 'Ed25519' })).toBe('EdDSA');
    for (const alg of ['ES256', 'HS256', 'RS384', 'none', '', 'RSA-OAEP', 1, null, ['RS256']]) {
      expect(verdict({ ...rsa, alg }), JSON.stringify(alg)).toBe('algorithm_not_allowed');
    }
  });

  it('demands of AKP keys that they name their algorithm (RFC 9964 §4)', () => {
    const { alg: _, ...unnamed } = akp;
    expect(verdict(unnamed)).toBe('unsupported_key_type');
    expect(verdict({ ...akp, alg: 'ML-DSA-65' })).toBe('malformed_member pub');
    expect(verdict({ ...akp, alg: 'ES256' })).toBe('unsupported_key_type');
    expect(verdict({ ...akp, pub: 'AAAA' })).toBe('malformed_member pub');
  });

  it.each(['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'priv'])(
    'refuses an asymmetric key that carries the private member %s',
    (member) => {
      for (const jwk of [rsa, ec, okp, akp]) {
        expect(verdict({ ...jwk, [member]: 'AQAB' })).toBe('private_key');
        expect(verdict({ ...jwk, [member]: null })).toBe('private_key');
      }
    },
  );

  it.each([
    [{ use: 'enc' }, 'wrong_use'],
    [{ use: null }, 'wrong_use'],
    [{ use: 'SIG' }, 'wrong_use'],
    [{ use: 'sig' }, 'ES256'],
    [{ key_ops: ['verify'] }, 'ES256'],
    [{ key_ops: ['sign', 'verify'] }, 'ES256'],
    [{ key_ops: [] }, 'wrong_use'],
    [{ key_ops: ['encrypt'] }, 'wrong_use'],
    [{ key_ops: 'verify' }, 'malformed_member key_ops'],
    [{ kid: 'a' }, 'ES256'],
    [{ kid: '' }, 'malformed_member kid'],
    [{ kid: 1 }, 'malformed_member kid'],
    [{ kid: null }, 'malformed_member kid'],
    [{ kid: 'x'.repeat(513) }, 'malformed_member kid'],
    [{ x5c: ['ignored'], anything: {} }, 'ES256'],
  ] as [JsonObject, string][])('judges a key with %.60j: %s', (members, expected) => {
    expect(verdict({ ...ec, ...members })).toBe(expected);
  });

  it.each([null, 1, 'EC', [], [ec]] as JsonValue[])('refuses %j, which is no object', (jwk) => {
    expect(verdict(jwk)).toBe('not_an_object');
  });

  it.each([
    {},
    { kty: 'ec' },
    { kty: 'EC', crv: 'P-384' },
    { kty: 'EC', crv: 'secp256k1' },
    { kty: 'OKP', crv: 'X25519' },
    { kty: 'OKP', crv: 'Ed448' },
    { kty: 'toString' },
  ] as JsonObject[])('knows no key of type %j', (type) => {
    expect(verdict({ x: ec['x']!, y: ec['y']!, ...type })).toBe('unsupported_key_type');
  });

  it('refuses members that are missing, not strict base64url, or of another length', () => {
    const spoil = (text: JsonValue | undefined) => [
      null,
      1,
      '',
      `${text}=`,
      ` ${text}`,
      `${text}AAAA`,
      `${text}`.slice(0, 40),
      `${text}`.replace(/.$/, '+'),
    ];
    for (const [jwk, member] of [
      [ec, 'x'],
      [ec, 'y'],
      [okp, 'x'],
    ] as const) {
      for (const value of spoil(jwk[member])) {
        expect(verdict({ ...jwk, [member]: value })).toBe(`malformed_member ${member}`);
      }
    }
    for (const value of [null, '', 'AAECAw', `${rsa['n']}=`, '!']) {
      expect(verdict({ ...rsa, n: value })).toBe('malformed_member n');
    }
    for (const value of [null, '', 'AAEAAQ', 'AQABAQABAQABAQAB']) {
      expect(verdict({ ...rsa, e: value })).toBe('malformed_member e');
    }
    for (const value of [null, '!', 'A'.repeat(2000)]) {
      expect(verdict({ ...oct, k: value })).toBe('malformed_member k');
    }
  });

  it('refuses a point that is not on the curve', () => {
    expect(verdict({ ...ec, y: ec['x']! })).toBe('invalid_key');
  });

  it('refuses weak keys: short ones, even moduli, exponents of one or even', () => {
    const n = Buffer.from(`${rsa['n']}`, 'base64url');
    const encode = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64url');
    expect(verdict({ ...rsa, n: encode(n.subarray(0, 255)) })).toBe('weak_key');
    expect(verdict({ ...rsa, n: encode([0x7f, ...n.subarray(1)] as never) })).toBe('weak_key');
    const even = Buffer.from(n);
    even[255]! &= 0xfe;
    expect(verdict({ ...rsa, n: encode(even) })).toBe('weak_key');
    expect(verdict({ ...rsa, e: 'AQ' })).toBe('weak_key');
    expect(verdict({ ...rsa, e: 'AQAA' })).toBe('weak_key');
    expect(verdict({ ...rsa, e: 'Aw' })).toBe('RS256 PS256');
    expect(verdict({ ...rsa, n: encode(Buffer.alloc(1025, 0xff)) })).toBe('malformed_member n');
    expect(verdict({ ...oct, k: Buffer.alloc(31, 1).toString('base64url') })).toBe('weak_key');
    expect(verdict({ ...oct, k: '' })).toBe('weak_key');
  });
});

describe('hasRocaFingerprint', () => {
  it('finds a modulus that is a power of 65537 modulo every small prime, and no other', () => {
    const primorial = [
      3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97,
      101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
    ].reduce((product, prime) => product * BigInt(prime), 1n);
    const bytes = (number: bigint) => Buffer.from(number.toString(16).padStart(512, '0'), 'hex');
    const broken = 65537n ** 7n + primorial * (2n ** 1700n + 12345n);
    expect(hasRocaFingerprint(bytes(broken))).toBe(true);
    expect(hasRocaFingerprint(bytes(broken + 2n))).toBe(false);
    expect(hasRocaFingerprint(Buffer.from(`${rsa['n']}`, 'base64url'))).toBe(false);
  });
});

describe('jwkThumbprint', () => {
  const thumbprint = (jwk: JsonObject) => {
    const material = parseKeyMaterial(jwk);
    return material.ok ? jwkThumbprint(material.value) : material.refusal.reason;
  };

  it('is that of RFC 7638 §3.1 and RFC 8037 appendix A.3', () => {
    expect(thumbprint({ ...rsa, kid: 'any', alg: 'RS256' })).toBe(
      'NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs',
    );
    expect(thumbprint(okp)).toBe('kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k');
  });

  it('is that of RFC 9964 for the ML-DSA-44 key from a seed of zeros', () => {
    // PKCS #8 with the seed alone (RFC 9881 §6): OID 2.16.840.1.101.3.4.3.17, [0] seed.
    const head = '3034020100300b06096086480165030403110422' + '8020';
    const der = Buffer.from(head + '00'.repeat(32), 'hex');
    const seeded = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
    const jwk = createPublicKey(seeded).export({ format: 'jwk' }) as JsonObject;
    expect(thumbprint(jwk)).toBe('T4xl70S7MT6Zeq6r9V9fPJGVn76wfnXJ21-gyo0Gu6o');
  });

  it('hashes the required members in order for every other type', () => {
    const expected = createHash('sha256')
      .update(JSON.stringify({ crv: ec['crv'], kty: 'EC', x: ec['x'], y: ec['y'] }))
      .digest('base64url');
    expect(thumbprint(ec)).toBe(expected);
    expect(thumbprint(oct)).toHaveLength(43);
  });
});

describe('key sets', () => {
  const options = { algorithms: jwsAlgorithms, epoch: '1' };
  const named = (jwk: JsonObject, kid: string) => ({ ...jwk, kid });

  it('looks a key up by its kid, and leaves out what it cannot use', () => {
    const jwks = { keys: [named(ec, 'a'), named({ ...ec, use: 'enc' }, 'a'), named(rsa, 'b'), 1] };
    const result = parseKeySet(jwks, options);
    if (!result.ok) throw new Error(result.refusal.reason);
    const { keySet, skipped } = result.value;
    expect(keySet.lookup('b')?.algorithms).toEqual(['RS256', 'PS256']);
    expect(keySet.lookup('c')).toBeUndefined();
    expect(keySet.lookup(undefined)).toBeUndefined();
    expect(keySet.lookup('__proto__')).toBeUndefined();
    expect(skipped).toEqual([
      { index: 1, refusal: { reason: 'wrong_use' } },
      { index: 3, refusal: { reason: 'not_an_object' } },
    ]);
  });

  it.each([
    [{ keys: [named(ec, 'a'), named(okp, 'a')] }, 'duplicate_kid'],
    [{ keys: [named(ec, 'a'), named({ ...okp, x: 'AA' }, 'a')] }, 'duplicate_kid'],
    [{ keys: [named(ec, 'a'), named(oct, 'b')] }, 'mixed_symmetry'],
    [{ keys: [named(oct, 'b'), named(ec, 'a')] }, 'mixed_symmetry'],
    [{ keys: {} }, 'not_a_key_set'],
    [{}, 'not_a_key_set'],
    [[named(ec, 'a')], 'not_a_key_set'],
    [{ keys: Array(101).fill(1) }, 'not_a_key_set'],
  ] as [JsonValue, string][])('refuses the set of case %#: %s', (jwks, reason) => {
    const result = parseKeySet(jwks, options);
    expect(result.ok ? 'accepted' : result.refusal.reason).toBe(reason);
  });

  it('may be empty, and then knows no key', () => {
    const result = createKeySet({ keys: [], epoch: '1' });
    expect(result.ok && result.value.lookup(undefined)).toBeUndefined();
  });
});
