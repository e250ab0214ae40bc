/**
 * Held equal to jose, an implementation that nobody here wrote: what one signs the other verifies,
 * and both give the same verdict on mutated tokens, but for the differences listed below.
 */
import { createSecretKey, type KeyObject } from 'node:crypto';
import { type JsonObject, type JwsAlgorithm, type SigningKeyId, utf8 } from '@mintmark/core';
import fc from 'fast-check';
import { CompactSign, calculateJwkThumbprint, compactVerify, importJWK, type JWK } from 'jose';
import { beforeAll, describe, expect, it } from 'vitest';
import { jwsAlgorithms } from './algorithms.ts';
import { importVerificationKey } from './jwk.ts';
import { assembleJws, jwsSigningInput, verifyJws } from './jws.ts';
import { createKeySet, type KeySet } from './key-set.ts';
import { generateSigningKey, localSigner } from './signing-key.ts';

interface Party {
  readonly privateKey: KeyObject;
  readonly kid: SigningKeyId;
  readonly jwk: JsonObject;
  readonly keySet: KeySet;
  readonly joseKey: Awaited<ReturnType<typeof importJWK>>;
}

const parties = new Map<JwsAlgorithm, Party>();

beforeAll(async () => {
  const rsa = await generateSigningKey('RS256');
  for (const algorithm of jwsAlgorithms) {
    const made =
      algorithm === 'HS256'
        ? sharedSecret()
        : algorithm === 'RS256' || algorithm === 'PS256'
          ? { ...rsa, publicJwk: { ...rsa.publicJwk, alg: algorithm } }
          : await generateSigningKey(algorithm);
    const { privateKey, kid, publicJwk: jwk } = made;
    const joseKey = await importJWK(jwk as JWK, algorithm);
    parties.set(algorithm, { privateKey, kid, jwk, keySet: keySetOf(jwk), joseKey });
  }
});

function sharedSecret() {
  const bytes = Buffer.alloc(32, 3);
  const kid = 'shared' as SigningKeyId;
  const publicJwk = { kty: 'oct', k: bytes.toString('base64url'), alg: 'HS256', kid };
  return { privateKey: createSecretKey(bytes), kid, publicJwk };
}

function keySetOf(jwk: JsonObject): KeySet {
  const key = importVerificationKey(jwk, { algorithms: jwsAlgorithms });
  const set = key.ok ? createKeySet({ keys: [key.value], epoch: '1' }) : key;
  if (!set.ok) throw new Error(set.refusal.reason);
  return set.value;
}

function mintOurs(algorithm: JwsAlgorithm, payload: string): string {
  const { privateKey, kid } = parties.get(algorithm)!;
  const input = jwsSigningInput({ alg: algorithm, kid, typ: 'at+jwt' }, { payload });
  return assembleJws(input, localSigner({ privateKey, algorithm, kid }).sign(utf8(input)));
}

function mintTheirs(algorithm: JwsAlgorithm, payload: string): Promise<string> {
  const { privateKey, kid } = parties.get(algorithm)!;
  return new CompactSign(utf8(JSON.stringify({ payload })))
    .setProtectedHeader({ alg: algorithm, kid, typ: 'at+jwt' })
    .sign(privateKey);
}

function acceptedByUs(token: string, algorithm: JwsAlgorithm): boolean {
  const expectation = { typ: null, algorithms: [algorithm] };
  return verifyJws(token, parties.get(algorithm)!.keySet, expectation).ok;
}

async function acceptedByJose(token: string, algorithm: JwsAlgorithm): Promise<boolean> {
  try {
    await compactVerify(token, parties.get(algorithm)!.joseKey, { algorithms: [algorithm] });
    return true;
  } catch {
    return false;
  }
}

/** Ways in which a token goes wrong, by accident or by hand. */
const mutations = fc.oneof(
  fc.record({ op: fc.constant('bit' as const), at: fc.nat(), bit: fc.nat(6) }),
  fc.record({ op: fc.constant('delete' as const), at: fc.nat() }),
  fc.record({
    op: fc.constant('insert' as const),
    at: fc.nat(),
    text: fc.constantFrom('A', '.', '=', ' ', '+', '/', '-', '\n', '%', 'é', '\0'),
  }),
  fc.record({ op: fc.constant('swap' as const), parts: fc.constantFrom('021', '102', '210') }),
  fc.record({ op: fc.constant('empty' as const), part: fc.nat(2) }),
);
type Mutation = typeof mutations extends fc.Arbitrary<infer M> ? M : never;

function mutate(token: string, mutation: Mutation): string {
  const at = 'at' in mutation ? mutation.at % token.length : 0;
  const parts = token.split('.');
  switch (mutation.op) {
    case 'bit': {
      const character = String.fromCharCode(token.charCodeAt(at) ^ (1 << mutation.bit));
      return token.slice(0, at) + character + token.slice(at + 1);
    }
    case 'delete':
      return token.slice(0, at) + token.slice(at + 1);
    case 'insert':
      return token.slice(0, at) + mutation.text + token.slice(at);
    case 'swap':
      return [...mutation.parts].map((index) => parts[Number(index)]).join('.');
    case 'empty':
      return parts.map((part, index) => (index === mutation.part ? '' : part)).join('.');
  }
}

/**
 * The first difference: jose decodes base64url leniently (white space, padding, unused bits), so a
 * token has many spellings there. We accept one: what is denied or cached by its text is denied.
 */
function respelled(mutated: string, token: string): boolean {
  const [header, payload, signature, ...more] = mutated.split('.');
  const [ourHeader, ourPayload, ourSignature] = token.split('.');
  const bytes = (text = '') => Buffer.from(text, 'base64url');
  const sameSigned = header === ourHeader && payload === ourPayload && more.length === 0;
  return sameSigned && bytes(signature).equals(bytes(ourSignature));
}

describe('equal to jose', () => {
  it.each(jwsAlgorithms)('verify what the other signed with %s', async (algorithm) => {
    const ours = mintOurs(algorithm, 'ours');
    const { payload, protectedHeader } = await compactVerify(ours, parties.get(algorithm)!.joseKey);
    expect(Buffer.from(payload).toString()).toBe('{"payload":"ours"}');
    expect(protectedHeader).toMatchObject({ alg: algorithm, typ: 'at+jwt' });
    const theirs = await mintTheirs(algorithm, 'theirs');
    const result = verifyJws(theirs, parties.get(algorithm)!.keySet, {
      typ: 'at+jwt',
      algorithms: [algorithm],
    });
    expect(result.ok && Buffer.from(result.value.payload).toString()).toBe('{"payload":"theirs"}');
  });

  it.each(jwsAlgorithms)('both refuse a mutated token of %s', async (algorithm) => {
    const token = mintOurs(algorithm, 'x');
    await fc.assert(
      fc.asyncProperty(mutations, async (mutation) => {
        const mutated = mutate(token, mutation);
        fc.pre(mutated !== token);
        expect(acceptedByUs(mutated, algorithm)).toBe(false);
        if (respelled(mutated, token)) return;
        expect(await acceptedByJose(mutated, algorithm)).toBe(false);
      }),
      { numRuns: 120 },
    );
  });

  it('both give one verdict on headers that only their signer could have made', async () => {
    const headers: readonly JsonObject[] = [
      { alg: 'ES256' },
      { alg: 'ES256', kid: parties.get('ES256')!.kid, x5u: 'https://a.example', jku: 'b' },
      { alg: 'ES256', crit: ['exp'], exp: 1 },
      { alg: 'ES256', crit: [] },
      { alg: 'ES256', crit: 'b64' },
      { alg: 'ES384' },
      { alg: 'none' },
      { alg: 'HS256' },
      { alg: 1 },
      {},
      { ALG: 'ES256' },
    ];
    const { privateKey } = parties.get('ES256')!;
    const signer = localSigner({ privateKey, algorithm: 'ES256', kid: 'k' as SigningKeyId });
    const verdicts = await Promise.all(
      headers.map(async (header) => {
        const input = jwsSigningInput(header, {});
        const token = assembleJws(input, signer.sign(utf8(input)));
        expect(acceptedByUs(token, 'ES256'), JSON.stringify(header)).toBe(
          await acceptedByJose(token, 'ES256'),
        );
        return acceptedByUs(token, 'ES256');
      }),
    );
    expect(verdicts.filter(Boolean)).toHaveLength(2);
  });

  /**
   * The other differences, by choice: duplicate names and `__proto__` in a header (two might see
   * two headers), `zip` and `b64: false` outside `crit` (another reader might obey), and `b64`
   * itself (RFC 7797).
   */
  it.each([
    '{"alg":"ES256","alg":"ES256"}',
    '{"alg":"ES256","__proto__":{}}',
    '{"alg":"ES256","zip":"DEF"}',
    '{"alg":"ES256","b64":false}',
    '{"alg":"ES256","b64":true,"crit":["b64"]}',
  ])('we refuse, jose accepts: %s', async (header) => {
    const { privateKey } = parties.get('ES256')!;
    const signer = localSigner({ privateKey, algorithm: 'ES256', kid: 'k' as SigningKeyId });
    const input = `${Buffer.from(header).toString('base64url')}.e30`;
    const token = assembleJws(input, signer.sign(utf8(input)));
    expect(await acceptedByJose(token, 'ES256')).toBe(true);
    expect(acceptedByUs(token, 'ES256')).toBe(false);
  });

  it.each(jwsAlgorithms)('gives a key of %s the same thumbprint', async (algorithm) => {
    const { jwk, keySet } = parties.get(algorithm)!;
    expect(keySet.keys[0]!.thumbprint).toBe(await calculateJwkThumbprint(jwk as JWK, 'sha256'));
  });
});
