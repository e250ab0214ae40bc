import { createHmac, createSecretKey, type KeyObject, sign } from 'node:crypto';
import {
  base64urlEncode,
  type JsonObject,
  type JsonValue,
  type JwsAlgorithm,
  limits,
  type SigningKeyId,
  utf8,
} from '@mintmark/core';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { jwsAlgorithms } from './algorithms.ts';
import { importVerificationKey } from './jwk.ts';
import { assembleJws, type JwsExpectation, jwsSigningInput, verifyJws } from './jws.ts';
import { createKeySet, type KeySet } from './key-set.ts';
import { generateSigningKey, localSigner } from './signing-key.ts';

const secret = createSecretKey(Buffer.alloc(32, 9));
const hs256Jwk = { kty: 'oct', k: Buffer.alloc(32, 9).toString('base64url'), kid: 'shared' };

interface TestKey {
  readonly privateKey: KeyObject;
  readonly kid: SigningKeyId;
  readonly jwk: JsonObject;
}
const keys = new Map<JwsAlgorithm, TestKey>([
  ['HS256', { privateKey: secret, kid: 'shared' as SigningKeyId, jwk: hs256Jwk }],
]);

beforeAll(async () => {
  for (const algorithm of jwsAlgorithms) {
    if (algorithm === 'HS256' || algorithm === 'PS256') continue;
    const { privateKey, publicJwk, kid } = await generateSigningKey(algorithm);
    keys.set(algorithm, { privateKey, kid, jwk: publicJwk });
  }
  const rsa = keys.get('RS256')!;
  keys.set('PS256', { ...rsa, jwk: { ...rsa.jwk, alg: 'PS256' } });
});

const any: JwsExpectation = { typ: null, algorithms: jwsAlgorithms };

function keySetOf(...jwks: readonly JsonObject[]): KeySet {
  const imported = jwks.map((jwk) => {
    const key = importVerificationKey(jwk, { algorithms: jwsAlgorithms });
    if (!key.ok) throw new Error(key.refusal.reason);
    return key.value;
  });
  const set = createKeySet({ keys: imported, epoch: '1' });
  if (!set.ok) throw new Error(set.refusal.reason);
  return set.value;
}

function mint(algorithm: JwsAlgorithm, header: JsonObject = {}, payload: JsonValue = { a: 1 }) {
  const { privateKey, kid } = keys.get(algorithm)!;
  const input = jwsSigningInput({ alg: algorithm, kid, ...header }, payload);
  return assembleJws(input, localSigner({ privateKey, algorithm, kid }).sign(utf8(input)));
}

/** Signs what no honest signer would: the header's bytes as they are given. */
function forge(header: string | Uint8Array, payload = '{}') {
  const bytes = typeof header === 'string' ? utf8(header) : header;
  const input = `${base64urlEncode(bytes)}.${base64urlEncode(utf8(payload))}`;
  const { privateKey } = keys.get('ES256')!;
  const options = { key: privateKey, dsaEncoding: 'ieee-p1363' } as const;
  return assembleJws(input, sign('sha256', utf8(input), options));
}

function verdict(token: string, set: KeySet, expectation = any): string {
  const result = verifyJws(token, set, expectation);
  return result.ok ? 'accepted' : result.refusal.reason;
}

const es256 = () => keySetOf(keys.get('ES256')!.jwk);

describe('verifyJws', () => {
  it.each(jwsAlgorithms)('accepts what a signer of %s signed, with its payload', (algorithm) => {
    const set = keySetOf(keys.get(algorithm)!.jwk);
    const result = verifyJws(mint(algorithm, { typ: 'x+jwt' }, { b: [2] }), set, {
      typ: 'x+jwt',
      algorithms: [algorithm],
    });
    expect(result).toMatchObject({ ok: true, value: { algorithm, key: set.keys[0] } });
    expect(result.ok && Buffer.from(result.value.payload).toString()).toBe('{"b":[2]}');
  });

  it.each(jwsAlgorithms)('refuses every change of one bit in a token of %s', (algorithm) => {
    const set = keySetOf(keys.get(algorithm)!.jwk);
    const bytes = Buffer.from(mint(algorithm), 'latin1');
    const place = fc.record({ index: fc.nat(bytes.length - 1), bit: fc.nat(7) });
    fc.assert(
      fc.property(place, ({ index, bit }) => {
        const mutated = Buffer.from(bytes);
        mutated[index]! ^= 1 << bit;
        expect(verifyJws(mutated.toString('latin1'), set, any).ok).toBe(false);
      }),
      { numRuns: 150 },
    );
  });

  it('refuses a signature with one character more or less, and every truncation', () => {
    const token = mint('ES256');
    expect(verdict(`${token}A`, es256())).not.toBe('accepted');
    for (let length = 0; length < token.length; length++) {
      expect(verifyJws(token.slice(0, length), es256(), any).ok).toBe(false);
    }
  });

  it('judges the form before all else', () => {
    const cases: readonly (readonly [string, string])[] = [
      ['', 'malformed'],
      ['.', 'malformed'],
      ['..', 'malformed'],
      ['.e30.e30', 'malformed'],
      ['e30', 'malformed'],
      ['e30.e30', 'malformed'],
      ['e30.e30.', 'algorithm_not_allowed'],
      ['e30=.e30.AA', 'malformed'],
      ['e31.e30.AA', 'malformed'],
      ['{}.{}.AA', 'malformed'],
      [`${base64urlEncode(utf8('[]'))}.e30.AA`, 'malformed_header'],
      [`${base64urlEncode(utf8('null'))}.e30.AA`, 'malformed_header'],
      [`${base64urlEncode(Buffer.from([0xff]))}.e30.AA`, 'malformed_header'],
      [`${base64urlEncode(utf8('{"alg":"ES256","alg":"none"}'))}.e30.AA`, 'malformed_header'],
      [`${base64urlEncode(utf8('{"__proto__":{"alg":"ES256"}}'))}.e30.AA`, 'malformed_header'],
      [`${base64urlEncode(utf8('{"a":'.repeat(2000)))}.e30.AA`, 'malformed_header'],
      ['x'.repeat(16 * 1024 + 1), 'too_long'],
    ];
    for (const [token, expected] of cases) {
      expect(verdict(token, es256()), token.slice(0, 80)).toBe(expected);
    }
  });

  it('refuses a fourth part, white space, padding and the other base64 alphabet', () => {
    const token = mint('ES256');
    const [header, payload, signature] = token.split('.') as [string, string, string];
    for (const changed of [
      `${token}.`,
      `${token}.AA`,
      ` ${token}`,
      `${token}\n`,
      `${header}=.${payload}.${signature}`,
      `${header}.${payload}=.${signature}`,
      `${header}.${payload}.${signature}==`,
      `${header}.${payload} .${signature}`,
      `${header}..${signature}`,
      `${header}.${payload}.${signature.slice(0, -1)}+`,
    ]) {
      expect(verifyJws(changed, es256(), any).ok, changed).toBe(false);
    }
  });

  it.each([
    'none',
    'None',
    'NONE',
    'nOnE',
    '',
    'HS256 ',
    'hs256',
    'ES384',
    'RS1',
    'dir',
    'toString',
    null,
    1,
    ['ES256'],
    { alg: 'ES256' },
  ])('refuses the algorithm %j, with and without a signature', (alg) => {
    const { kid } = keys.get('ES256')!;
    const header = JSON.stringify({ alg, kid });
    const unsigned = `${base64urlEncode(utf8(header))}.e30.`;
    expect(verdict(forge(header), es256())).toBe('algorithm_not_allowed');
    expect(verdict(unsigned, es256())).toBe('algorithm_not_allowed');
  });

  it('refuses an HMAC made with the public key of an asymmetric one, in every spelling', () => {
    for (const algorithm of ['ES256', 'RS256', 'EdDSA'] as const) {
      const { jwk, kid } = keys.get(algorithm)!;
      const set = keySetOf(jwk);
      const { keyObject } = set.keys[0]!;
      const spellings = [
        keyObject.export({ type: 'spki', format: 'pem' }),
        keyObject.export({ type: 'spki', format: 'der' }),
        JSON.stringify(jwk),
        '',
      ];
      for (const spelling of spellings) {
        const input = jwsSigningInput({ alg: 'HS256', kid }, {});
        const mac = createHmac('sha256', spelling).update(input).digest();
        expect(verdict(assembleJws(input, mac), set)).toBe('algorithm_not_allowed');
      }
    }
  });

  it('holds an RSA key to the algorithm it names, and to either where it names none', () => {
    const { alg: _, ...unnamed } = keys.get('RS256')!.jwk;
    expect(verdict(mint('PS256'), keySetOf(keys.get('RS256')!.jwk))).toBe('algorithm_not_allowed');
    expect(verdict(mint('RS256'), keySetOf(keys.get('PS256')!.jwk))).toBe('algorithm_not_allowed');
    expect(verdict(mint('RS256'), keySetOf(unnamed))).toBe('accepted');
    expect(verdict(mint('PS256'), keySetOf(unnamed))).toBe('accepted');
    const onlyPs256 = { typ: null, algorithms: ['PS256'] } as const;
    expect(verdict(mint('RS256'), keySetOf(unnamed), onlyPs256)).toBe('algorithm_not_allowed');
  });

  it('takes Ed25519 as the name of EdDSA on that curve (RFC 9864 §2.2)', () => {
    expect(verdict(mint('EdDSA', { alg: 'Ed25519' }), keySetOf(keys.get('EdDSA')!.jwk))).toBe(
      'accepted',
    );
  });

  it.each([
    [{ crit: ['exp'], exp: 1 }, 'unsupported_critical'],
    [{ crit: ['b64'], b64: false }, 'unsupported_critical'],
    [{ crit: [] }, 'unsupported_critical'],
    [{ crit: null }, 'unsupported_critical'],
    [{ zip: 'DEF' }, 'unsupported_header'],
    [{ b64: false }, 'unsupported_header'],
    [{ b64: true }, 'accepted'],
    [{ unknown: { deep: [1] } }, 'accepted'],
    [{ kid: 1 }, 'malformed_header'],
    [{ kid: null }, 'malformed_header'],
  ] as [JsonObject, string][])('judges a signed header with %j: %s', (header, expected) => {
    expect(verdict(mint('ES256', header), es256())).toBe(expected);
  });

  it.each(['jwk', 'jku', 'x5u', 'x5c', 'x5t'])('pays no regard to %s in a header', async (name) => {
    const stranger = await generateSigningKey('ES256');
    const value = name === 'jwk' ? stranger.publicJwk : 'https://attacker.example/keys';
    const { kid } = keys.get('ES256')!;
    const input = jwsSigningInput({ alg: 'ES256', kid, [name]: value }, {});
    const signer = localSigner({ ...stranger, algorithm: 'ES256' });
    expect(verdict(assembleJws(input, signer.sign(utf8(input))), es256())).toBe('bad_signature');
    expect(verdict(mint('ES256', { [name]: value }), es256())).toBe('accepted');
  });

  it.each([
    ['at+jwt', 'at+jwt', 'accepted'],
    ['AT+JWT', 'at+jwt', 'accepted'],
    ['application/at+jwt', 'at+jwt', 'accepted'],
    ['Application/AT+jwt', 'at+jwt', 'accepted'],
    ['JWT', 'at+jwt', 'wrong_type'],
    ['application/application/at+jwt', 'at+jwt', 'wrong_type'],
    ['at+jwt ', 'at+jwt', 'wrong_type'],
    ['', 'at+jwt', 'wrong_type'],
    [undefined, 'at+jwt', 'wrong_type'],
    [['at+jwt'], 'at+jwt', 'wrong_type'],
    [undefined, null, 'accepted'],
  ])('judges typ %j where %j is expected: %s', (typ, expected, outcome) => {
    const header = typ === undefined ? {} : { typ };
    const expectation = { typ: expected, algorithms: jwsAlgorithms };
    expect(verdict(mint('ES256', header), es256(), expectation)).toBe(outcome);
  });

  it('tells which key it did not know, so that the caller can fetch it once', () => {
    const set = keySetOf(keys.get('EdDSA')!.jwk);
    const { kid } = keys.get('ES256')!;
    expect(verifyJws(mint('ES256'), set, any)).toEqual({
      ok: false,
      refusal: { reason: 'unknown_key', kid },
    });
  });

  it('takes a token without kid where the set has one key only', () => {
    const { alg, typ } = { alg: 'ES256', typ: 'JWT' };
    const token = forge(JSON.stringify({ alg, typ }));
    expect(verdict(token, es256())).toBe('accepted');
    expect(verdict(token, keySetOf(keys.get('ES256')!.jwk, keys.get('EdDSA')!.jwk))).toBe(
      'unknown_key',
    );
  });

  it('refuses DER, and r or s of zero, of the order, and beyond it', () => {
    const { privateKey, kid } = keys.get('ES256')!;
    const input = jwsSigningInput({ alg: 'ES256', kid }, {});
    const der = sign('sha256', utf8(input), { key: privateKey, dsaEncoding: 'der' });
    expect(verdict(assembleJws(input, der), es256())).toBe('bad_signature');
    const good = sign('sha256', utf8(input), { key: privateKey, dsaEncoding: 'ieee-p1363' });
    const order = Buffer.from(
      'ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551',
      'hex',
    );
    for (const part of [Buffer.alloc(32), order, Buffer.alloc(32, 0xff)]) {
      for (const other of [part, good.subarray(0, 32), good.subarray(32)]) {
        for (const signature of [Buffer.concat([part, other]), Buffer.concat([other, part])]) {
          expect(verdict(assembleJws(input, signature), es256())).toBe('bad_signature');
        }
      }
    }
    expect(verdict(assembleJws(input, good), es256())).toBe('accepted');
  });

  it.each([
    ['EdDSA', 0],
    ['EdDSA', 63],
    ['EdDSA', 65],
    ['ML-DSA-44', 2419],
    ['ML-DSA-44', 3309],
    ['RS256', 0],
    ['RS256', 383],
    ['HS256', 0],
    ['HS256', 31],
  ] as [JwsAlgorithm, number][])('refuses a signature of %s with %i bytes', (algorithm, length) => {
    const input = jwsSigningInput({ alg: algorithm, kid: keys.get(algorithm)!.kid }, {});
    const token = assembleJws(input, new Uint8Array(length));
    expect(verdict(token, keySetOf(keys.get(algorithm)!.jwk))).toBe('bad_signature');
  });

  it('accepts an empty payload, and one that is not JSON', () => {
    const { kid } = keys.get('ES256')!;
    expect(verdict(forge(JSON.stringify({ alg: 'ES256', kid }), ''), es256())).toBe('accepted');
    expect(verdict(forge(JSON.stringify({ alg: 'ES256', kid }), '\0{'), es256())).toBe('accepted');
  });
});

describe('the memory of headers', () => {
  it('holds what was verified, up to its bound, and nothing that was refused', () => {
    const set = es256();
    verifyJws(`${mint('ES256').slice(0, -4)}AAAA`, set, any);
    expect(set.headers.size).toBe(0);
    for (let i = 0; i <= limits.jwsHeadersMax; i++) {
      expect(verdict(mint('ES256', { i }), set)).toBe('accepted');
    }
    expect(set.headers.size).toBe(limits.jwsHeadersMax);
  });

  it('does not make up for what the header lacks', () => {
    const set = es256();
    expect(verdict(mint('ES256', { typ: 'JWT' }), set)).toBe('accepted');
    const strict = { typ: 'at+jwt', algorithms: jwsAlgorithms };
    expect(verdict(mint('ES256', { typ: 'JWT' }), set, strict)).toBe('wrong_type');
    const token = mint('ES256', { typ: 'JWT' });
    expect(verdict(`${token.slice(0, -4)}AAAA`, set)).toBe('bad_signature');
    expect(verdict(token, set, { typ: null, algorithms: ['EdDSA'] })).toBe('algorithm_not_allowed');
  });
});
