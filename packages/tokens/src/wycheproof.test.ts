/**
 * Project Wycheproof's vectors against our own code paths. The verdict rule is in
 * vectors/README.md: every case matches its mark, or is named in `exceptions` with the reason.
 */
import { createPrivateKey, createPublicKey, createSecretKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import {
  base64urlEncode,
  type JsonObject,
  type JsonValue,
  type JwsAlgorithm,
  parseJson,
  seededEntropy,
} from '@mintmark/core';
import { describe, expect, it } from 'vitest';
import { aeadOpen, aeadSeal } from './aead.ts';
import { jwsAlgorithms, signatureMatches } from './algorithms.ts';
import { decryptContent, encryptContent, jweEncryptions } from './content-encryption.ts';
import { type JweAlgorithm, jweAlgorithms } from './encryption-key.ts';
import { decryptJwe } from './jwe.ts';
import { importVerificationKey } from './jwk.ts';
import { verifyJws } from './jws.ts';
import { unwrapKey, wrapKey } from './key-management.ts';
import { parseKeySet } from './key-set.ts';

type Fields = Readonly<Record<string, string>>;

interface Case {
  readonly tcId: number;
  readonly result: 'valid' | 'invalid' | 'acceptable';
  readonly fields: Fields;
}

interface Group {
  readonly group: JsonObject;
  readonly tests: readonly Case[];
}

/** Our verdict; `unsupported` gives the reason why the question does not arise for us. */
type Verdict = 'accepted' | 'refused' | { readonly unsupported: string };

/** Cases on which we differ from the mark: file, ids, our verdict, reason. */
const exceptions: readonly (readonly [
  file: string,
  ids: readonly number[],
  verdict: 'accepted' | 'refused',
  reason: string,
])[] = [
  [
    'json_web_signature',
    [372, 373],
    'refused',
    'a character outside the alphabet, to be skipped by the decoder: RFC 7515 §2 forbids it',
  ],
  [
    'json_web_signature',
    [367, 370],
    'accepted',
    'byte for byte the token of case 357, which is valid: the padding they speak of got lost',
  ],
  ['rsa_signature_2048_sha256', [8], 'refused', 'DigestInfo without NULL: RFC 8017 §9.2 note 1'],
  ['rsa_signature_3072_sha256', [8], 'refused', 'DigestInfo without NULL: RFC 8017 §9.2 note 1'],
  ['rsa_signature_4096_sha256', [8], 'refused', 'DigestInfo without NULL: RFC 8017 §9.2 note 1'],
];

function load(file: string): readonly Group[] {
  const url = new URL(`../../../vectors/wycheproof/${file}_test.json`, import.meta.url);
  const { testGroups } = JSON.parse(readFileSync(url, 'utf8')) as {
    testGroups: readonly (JsonObject & { tests: readonly (Fields & Omit<Case, 'fields'>)[] })[];
  };
  return testGroups.map((group) => ({
    group,
    tests: group.tests.map((test) => ({
      tcId: test.tcId,
      result: test.result,
      fields: test,
    })),
  }));
}

/** Judges every case of a file. @returns how many there were, and how many we do not support */
function run(file: string, judge: (test: Case, group: JsonObject) => Verdict) {
  const expected = new Map(
    exceptions
      .filter(([of]) => of === file)
      .flatMap(([, ids, verdict]) => ids.map((id) => [id, verdict] as const)),
  );
  const counts = { cases: 0, unsupported: 0 };
  for (const { group, tests } of load(file)) {
    for (const test of tests) {
      counts.cases++;
      const verdict = judge(test, group);
      const label = `${file} ${test.tcId}: ${test.fields['comment']}`;
      if (typeof verdict === 'object') {
        counts.unsupported++;
        continue;
      }
      const marked = test.result === 'invalid' ? 'refused' : 'accepted';
      const exception = expected.get(test.tcId);
      expected.delete(test.tcId);
      expect(exception, `${label} is no exception`).not.toBe(marked);
      expect(verdict, label).toBe(exception ?? marked);
    }
  }
  expect([...expected.keys()], `${file}: exceptions that no case needs`).toEqual([]);
  return counts;
}

const hex = (text: string | undefined) => Buffer.from(text ?? '', 'hex');

/** Judges a bare signature under a key in JWK form. */
function judgeSignature(jwk: JsonObject, algorithm: JwsAlgorithm, fields: Fields): Verdict {
  const { kid: _, ...rest } = jwk;
  const key = importVerificationKey(rest, { algorithms: [algorithm] });
  if (!key.ok) return 'refused';
  const input = { input: hex(fields['msg']), signature: hex(fields['sig']) };
  return signatureMatches(algorithm, key.value.keyObject, input) ? 'accepted' : 'refused';
}

/** Some groups give their key in DER alone. */
function jwkOf(group: JsonObject): JsonObject {
  const key = hex(group['publicKeyDer'] as string);
  const exported = createPublicKey({ key, format: 'der', type: 'spki' }).export({ format: 'jwk' });
  return (group['publicKeyJwk'] ?? exported) as JsonObject;
}

describe('Wycheproof: signatures', () => {
  it('ECDSA P-256 with SHA-256, r‖s', () => {
    const counts = run('ecdsa_secp256r1_sha256_p1363', ({ fields }, group) =>
      judgeSignature(jwkOf(group), 'ES256', fields),
    );
    expect(counts).toEqual({ cases: 262, unsupported: 0 });
  });

  it('Ed25519', () => {
    const counts = run('ed25519', ({ fields }, group) =>
      judgeSignature(group['publicKeyJwk'] as JsonObject, 'EdDSA', fields),
    );
    expect(counts).toEqual({ cases: 151, unsupported: 0 });
  });

  it.each([
    ['ML-DSA-44', 'mldsa_44_verify', 180],
    ['ML-DSA-65', 'mldsa_65_verify', 210],
    ['ML-DSA-87', 'mldsa_87_verify', 241],
  ] as const)('%s', (alg, file, cases) => {
    const counts = run(file, ({ fields }, group) => {
      // RFC 9964 §5: the context string of JOSE is empty.
      if (fields['ctx']) return { unsupported: 'a context string' };
      const pub = base64urlEncode(hex(group['publicKey'] as string));
      return judgeSignature({ kty: 'AKP', alg, pub }, alg, fields);
    });
    expect(counts).toEqual({ cases, unsupported: 7 });
  });

  it.each([
    ['rsa_signature_2048_sha256', 259],
    ['rsa_signature_3072_sha256', 259],
    ['rsa_signature_4096_sha256', 258],
  ] as const)('RSASSA-PKCS1-v1_5: %s', (file, cases) => {
    const counts = run(file, ({ fields }, group) =>
      judgeSignature(group['keyJwk'] as JsonObject, 'RS256', fields),
    );
    expect(counts).toEqual({ cases, unsupported: 0 });
  });

  it.each([
    ['rsa_pss_2048_sha256_mgf1_32', 108],
    ['rsa_pss_3072_sha256_mgf1_32', 108],
    ['rsa_pss_4096_sha256_mgf1_32', 108],
  ] as const)('RSASSA-PSS: %s', (file, cases) => {
    const counts = run(file, ({ fields }, group) =>
      judgeSignature(group['publicKeyJwk'] as JsonObject, 'PS256', fields),
    );
    expect(counts).toEqual({ cases, unsupported: 0 });
  });

  it('HMAC-SHA-256, whole tags under keys of 256 bits and more', () => {
    const counts = run('hmac_sha256', ({ fields }, group) => {
      if (group['tagSize'] !== 256) return { unsupported: 'a truncated tag' };
      if (hex(fields['key']).length < 32) return { unsupported: 'a short key' };
      const jwk = { kty: 'oct', k: base64urlEncode(hex(fields['key'])) };
      return judgeSignature(jwk, 'HS256', { msg: fields['msg']!, sig: fields['tag']! });
    });
    expect(counts).toEqual({ cases: 174, unsupported: 90 });
  });
});

describe('Wycheproof: AES-GCM', () => {
  it('AES-256, nonces of 96 bits, tags of 128 bits', () => {
    const counts = run('aes_gcm', ({ result, fields }, group) => {
      if (group['keySize'] !== 256) return { unsupported: 'AES with a shorter key' };
      if (group['ivSize'] !== 96) return { unsupported: 'another nonce length' };
      const key = createSecretKey(hex(fields['key']));
      const [nonce, additionalData] = [hex(fields['iv']), hex(fields['aad'])];
      const sealed = Buffer.concat([hex(fields['ct']), hex(fields['tag'])]);
      const opened = aeadOpen({ key, nonce, additionalData, sealed });
      if (opened === undefined) return 'refused';
      expect(Buffer.from(opened).toString('hex')).toBe(fields['msg']);
      if (result === 'valid') {
        const again = aeadSeal({ key, nonce, additionalData, plaintext: opened });
        expect(Buffer.from(again).equals(sealed)).toBe(true);
      }
      return 'accepted';
    });
    expect(counts).toEqual({ cases: 316, unsupported: 250 });
  });
});

describe('Wycheproof: content and key encryption', () => {
  it.each([
    ['A128CBC-HS256', 'a128cbc_hs256'],
    ['A256CBC-HS512', 'a256cbc_hs512'],
  ] as const)('%s', (encryption, file) => {
    const counts = run(file, ({ result, fields }) => {
      const [key, iv] = [hex(fields['key']), hex(fields['iv'])];
      const [additionalData, ciphertext] = [hex(fields['aad']), hex(fields['ct'])];
      const tag = hex(fields['tag']);
      const input = { key, iv, additionalData, ciphertext, tag };
      const opened = decryptContent(encryption, input);
      if (opened === undefined) return 'refused';
      expect(Buffer.from(opened).toString('hex')).toBe(fields['msg']);
      if (result === 'valid') {
        const again = encryptContent(encryption, { key, iv, additionalData, plaintext: opened });
        expect(Buffer.from(again.ciphertext).equals(ciphertext)).toBe(true);
        expect(Buffer.from(again.tag).equals(tag)).toBe(true);
      }
      return 'accepted';
    });
    expect(counts.unsupported).toBe(0);
    expect(counts.cases).toBeGreaterThan(50);
  });

  it('AES key wrap under 256 bits', () => {
    const counts = run('aes_wrap', ({ result, fields }, group) => {
      if (group['keySize'] !== 256) return { unsupported: 'a shorter key' };
      if (result === 'acceptable') return { unsupported: 'a key of one block (RFC 3394 §2)' };
      const [key, wrapped] = [hex(fields['key']), hex(fields['ct'])];
      const opened = unwrapKey(key, wrapped);
      if (opened === undefined) return 'refused';
      expect(Buffer.from(opened).toString('hex')).toBe(fields['msg']);
      if (result === 'valid') expect(Buffer.from(wrapKey(key, opened)).equals(wrapped)).toBe(true);
      return 'accepted';
    });
    expect(counts).toEqual({ cases: 165, unsupported: 98 });
  });
});

/** The public half of a private JWK; a shared secret has none. */
function publicHalf(jwk: JsonObject): JsonObject {
  if (jwk['kty'] === 'oct') return jwk;
  const { d, p, q, dp, dq, qi, ...rest } = jwk;
  return rest;
}

function judgeJws(jwks: JsonValue, jws: JsonValue | undefined): Verdict {
  if (typeof jws !== 'string') return 'refused';
  const text = JSON.stringify(jwks);
  const parsed = parseJson(text);
  if (!parsed.ok) return 'refused';
  const set = parseKeySet(parsed.value, { algorithms: jwsAlgorithms, epoch: '1' });
  if (!set.ok) return 'refused';
  const expectation = { typ: null, algorithms: jwsAlgorithms };
  return verifyJws(jws, set.value.keySet, expectation).ok ? 'accepted' : 'refused';
}

/** Algorithms of JOSE that Mintmark leaves out. */
const leftOut = ['HS384', 'HS512', 'RS384', 'RS512', 'PS384', 'PS512', 'ES512'];

function namedAlgorithm(jws: string | undefined): string {
  const header = Buffer.from(jws?.split('.')[0] ?? '', 'base64url').toString();
  return /"alg":"([^"]*)"/.exec(header)?.[1] ?? '';
}

describe('Wycheproof: JOSE', () => {
  it('JSON Web Signatures', () => {
    const counts = run('json_web_signature', ({ result, fields }, group) => {
      if (result === 'valid' && leftOut.includes(namedAlgorithm(fields['jws']))) {
        return { unsupported: 'an algorithm that is left out' };
      }
      const jwk = publicHalf((group['public'] ?? group['private']) as JsonObject);
      return judgeJws({ keys: [jwk] }, fields['jws']);
    });
    expect(counts).toEqual({ cases: 401, unsupported: 20 });
  });

  it('JSON Web Keys', () => {
    const counts = run('json_web_key', ({ result, fields }, group) => {
      if (result === 'valid' && leftOut.includes(namedAlgorithm(fields['jws']))) {
        return { unsupported: 'an algorithm that is left out' };
      }
      const { keys } = (group['public'] ?? group['private']) as { keys: readonly JsonObject[] };
      return judgeJws({ keys: keys.map(publicHalf) }, fields['jws']);
    });
    expect(counts).toEqual({ cases: 26, unsupported: 2 });
  });

  it('JSON Web Encryption', () => {
    const entropy = seededEntropy(1);
    const counts = run('json_web_encryption', ({ result, fields }, group) => {
      const jwk = group['private'] as JsonObject;
      const { alg, enc } = encryptionNames(fields['jwe']);
      const isOurs =
        jweAlgorithms.some((one) => one === alg) && jweEncryptions.some((one) => one === enc);
      if (result === 'valid' && !isOurs) return { unsupported: 'an algorithm that is left out' };
      // Shared secrets: there is no way to name one.
      if (jwk['kty'] === 'oct') return 'refused';
      const privateKey = createPrivateKey({ key: jwk, format: 'jwk' });
      const read = decryptJwe(entropy, fields['jwe'] ?? '', {
        keys: [{ kid: String(jwk['kid']), privateKey }],
        algorithms: [jwk['alg'] as JweAlgorithm],
      });
      if (!read.ok) return 'refused';
      if (result === 'valid') {
        expect(Buffer.from(read.value.plaintext).toString('hex')).toBe(fields['pt']);
      }
      return 'accepted';
    });
    expect(counts).toEqual({ cases: 139, unsupported: 51 });
  });
});

function encryptionNames(jwe: string | undefined): { readonly alg: string; readonly enc: string } {
  const header = Buffer.from(jwe?.split('.')[0] ?? '', 'base64url').toString();
  const named = (name: string) => new RegExp(`"${name}":\\s*"([^"]*)"`).exec(header)?.[1] ?? '';
  return { alg: named('alg'), enc: named('enc') };
}
