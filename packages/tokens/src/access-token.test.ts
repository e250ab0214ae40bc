import {
  type ClientId,
  type FamilyId,
  type JsonObject,
  type JsonValue,
  limits,
  type SubjectId,
  type TenantId,
  type TokenId,
  type UnixSeconds,
  utf8,
} from '@mintmark/core';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  type AccessTokenExpectation,
  accessTokenSigningInput,
  type VerifiedAccessToken,
  verifyAccessToken,
} from './access-token.ts';
import type { AccessTokenClaims } from './claims.ts';
import { importVerificationKey } from './jwk.ts';
import { assembleJws, jwsSigningInput } from './jws.ts';
import { createKeySet, type KeySet } from './key-set.ts';
import { type GeneratedKey, generateSigningKey, localSigner } from './signing-key.ts';
import { createVerifiedCache } from './verified-cache.ts';

const now = 1_790_000_000 as UnixSeconds;
const issuer = 'https://as.example';
let key: GeneratedKey;
let keys: KeySet;

beforeAll(async () => {
  key = await generateSigningKey('ES256');
  keys = keySetOf('1', key);
});

function keySetOf(epoch: string, ...generated: readonly GeneratedKey[]): KeySet {
  const imported = generated.map(({ publicJwk }) => {
    const result = importVerificationKey(publicJwk, { algorithms: ['ES256'] });
    if (!result.ok) throw new Error(result.refusal.reason);
    return result.value;
  });
  const set = createKeySet({ keys: imported, epoch });
  if (!set.ok) throw new Error(set.refusal.reason);
  return set.value;
}

const claims: AccessTokenClaims = {
  issuer,
  subject: 'user-1' as SubjectId,
  audience: ['https://api.example'],
  clientId: 'client-1' as ClientId,
  scopes: ['read', 'write'],
  issuedAt: now,
  expiresAt: (now + 600) as UnixSeconds,
  tokenId: 'token-1' as TokenId,
  position: 42,
  tenant: 'default' as TenantId,
};

function finish(input: string, by = key): string {
  const signer = localSigner({ ...by, algorithm: 'ES256' });
  return assembleJws(input, signer.sign(utf8(input)));
}

function mint(changes: Partial<AccessTokenClaims> = {}, by = key): string {
  return finish(
    accessTokenSigningInput({ ...claims, ...changes }, { kid: by.kid, algorithm: 'ES256' }),
    by,
  );
}

const wire = {
  iss: issuer,
  sub: 'user-1',
  aud: 'https://api.example',
  client_id: 'client-1',
  scope: 'read',
  iat: now,
  exp: now + 600,
  jti: 'token-1',
  mm_tenant: 'default',
  mm_pos: 42,
};

/** Signs claims as they are given; `undefined` leaves a claim out. */
function forge(changes: Record<string, JsonValue | undefined>, header: JsonObject = {}): string {
  const payload = Object.fromEntries(
    Object.entries({ ...wire, ...changes }).filter(([, value]) => value !== undefined),
  ) as JsonObject;
  return finish(jwsSigningInput({ typ: 'at+jwt', alg: 'ES256', kid: key.kid, ...header }, payload));
}

function verify(token: string, changes: Partial<AccessTokenExpectation> = {}) {
  return verifyAccessToken(token, { issuer, keys, now, ...changes });
}

function verdict(token: string, changes: Partial<AccessTokenExpectation> = {}): string {
  const result = verify(token, changes);
  return result.ok ? 'accepted' : result.refusal.reason;
}

describe('verifyAccessToken', () => {
  it('returns the claims that were minted, whatever they are', () => {
    const seconds = (min: number, max: number) =>
      fc.integer({ min: now + min, max: now + max }).map((each) => each as UnixSeconds);
    const text = fc.string({ minLength: 1, maxLength: 40 });
    const scope = fc.stringMatching(/^[\x21\x23-\x5b\x5d-\x7e]{1,20}$/);
    const arbitrary = fc.record(
      {
        issuer: fc.constant(issuer),
        subject: text as fc.Arbitrary<SubjectId>,
        audience: fc.array(text, { minLength: 1, maxLength: 3 }),
        clientId: fc.stringMatching(/^[\x21-\x7e]{1,40}$/) as fc.Arbitrary<ClientId>,
        scopes: fc.array(scope, { maxLength: 5 }),
        issuedAt: seconds(-100, 0),
        expiresAt: seconds(1, 3600),
        notBefore: seconds(-100, 60),
        tokenId: text as fc.Arbitrary<TokenId>,
        position: fc.maxSafeNat(),
        tenant: fc.stringMatching(/^[a-z0-9]{1,63}$/) as fc.Arbitrary<TenantId>,
        family: text as fc.Arbitrary<FamilyId>,
        confirmation: fc.constant({ jkt: 'x' }),
      },
      {
        requiredKeys: [
          'issuer',
          'subject',
          'audience',
          'clientId',
          'scopes',
          'issuedAt',
          'expiresAt',
          'tokenId',
          'position',
          'tenant',
        ],
      },
    );
    fc.assert(
      fc.property(arbitrary, (minted) => {
        const result = verify(mint(minted));
        if (!result.ok) throw new Error(JSON.stringify(result.refusal));
        expect(result.value).toMatchObject(minted);
        expect(Object.hasOwn(result.value, 'family')).toBe(Object.hasOwn(minted, 'family'));
        expect(result.value.use).toBe(minted.confirmation ? 'bound' : 'bearer');
      }),
    );
  });

  it('writes the shape of RFC 9068 §2.2', () => {
    const parts = mint().split('.');
    const [header, payload] = parts.map((part) => Buffer.from(part, 'base64url').toString());
    expect(JSON.parse(header!)).toEqual({ typ: 'at+jwt', alg: 'ES256', kid: key.kid });
    expect(JSON.parse(payload!)).toEqual({ ...wire, scope: 'read write' });
  });

  it('keeps every signed claim for policies, with the key that signed', () => {
    const result = verify(forge({ roles: ['a'] }));
    expect(result).toMatchObject({
      ok: true,
      value: { payload: { roles: ['a'] }, keyId: key.kid, algorithm: 'ES256' },
    });
  });

  it('tells a bound token from a bearer token', () => {
    expect(verify(forge({}))).toMatchObject({ ok: true, value: { use: 'bearer' } });
    expect(verify(forge({ cnf: { jkt: 'abc' } }))).toMatchObject({
      ok: true,
      value: { use: 'bound', confirmation: { jkt: 'abc' } },
    });
  });

  it.each([
    ['iss', [undefined, '', 1, null, ['https://as.example'], 'x'.repeat(1025)]],
    ['sub', [undefined, '', 1, null, {}]],
    ['aud', [undefined, '', 1, null, [], [''], ['a', 1], {}, Array(101).fill('a')]],
    ['client_id', [undefined, '', 1, null, 'with space', 'x'.repeat(256)]],
    ['scope', ['', ' ', 'a  b', ' a', 'a ', 'a"', 1, null, ['a'], 'x'.repeat(129)]],
    ['scope', [Array(101).fill('a').join(' '), Array(10_000).fill('a').join(' ').slice(0, 9000)]],
    ['iat', [undefined, '1790000000', -1, null, 1e99, true, [now]]],
    ['exp', [undefined, '1790000600', -1, null, 1e99, 253_402_300_800, {}, false]],
    ['nbf', ['1', -1, null, 1e99, {}]],
    ['jti', [undefined, '', 1, null, 'x'.repeat(1025)]],
    ['mm_tenant', [undefined, '', 1, null, 'Upper', 'a_b', '-']],
    ['mm_pos', [undefined, '1', -1, null, 0.5, 2 ** 53, 1e99]],
    ['mm_family', ['', 1, null, {}]],
    ['cnf', [null, '', 'x', [], {}, ['jkt']]],
  ] as [string, JsonValue[]][])('refuses a malformed %s', (claim, values) => {
    for (const value of values) {
      expect(verify(forge({ [claim]: value })), JSON.stringify(value)).toEqual({
        ok: false,
        refusal: { reason: 'malformed_claims', claim },
      });
    }
  });

  it.each(['', '[]', 'null', '"x"', '{"iss":1,"iss":2}', '{"a":'.repeat(500), '{"__proto__":{}}'])(
    'refuses the payload %.20j, which is no object of claims',
    (payload) => {
      const header = jwsSigningInput({ typ: 'at+jwt', alg: 'ES256', kid: key.kid }, {});
      const input = `${header.split('.')[0]}.${Buffer.from(payload).toString('base64url')}`;
      const refusal = { reason: 'malformed_claims', claim: undefined };
      expect(verify(finish(input))).toEqual({ ok: false, refusal });
    },
  );

  it('refuses a payload that is not UTF-8', () => {
    const header = jwsSigningInput({ typ: 'at+jwt', alg: 'ES256', kid: key.kid }, {});
    const payload = Buffer.from(JSON.stringify({ ...wire, sub: 'é' }), 'latin1');
    const input = `${header.split('.')[0]}.${payload.toString('base64url')}`;
    expect(verdict(finish(input))).toBe('malformed_claims');
  });

  it.each([
    ['JWT', 'wrong_type'],
    ['id_token+jwt', 'wrong_type'],
    ['dpop+jwt', 'wrong_type'],
    ['application/at+jwt', 'accepted'],
  ])('judges a token of type %s: %s', (typ, expected) => {
    expect(verdict(forge({}, { typ }))).toBe(expected);
  });

  it('refuses another issuer, however alike', () => {
    for (const iss of ['https://as.example/', 'https://AS.example', 'http://as.example']) {
      expect(verdict(mint({ issuer: iss }))).toBe('wrong_issuer');
    }
  });

  it('demands the audience only where the caller names one', () => {
    const token = mint({ audience: ['a', 'b'] });
    expect(verdict(token)).toBe('accepted');
    expect(verdict(token, { audience: 'b' })).toBe('accepted');
    expect(verdict(token, { audience: 'c' })).toBe('wrong_audience');
    expect(verdict(mint({ audience: ['ab'] }), { audience: 'a' })).toBe('wrong_audience');
  });

  it('ends a token exactly at its expiry, later only by the tolerance asked for', () => {
    const at = (seconds: number) => ({ now: (claims.expiresAt + seconds) as UnixSeconds });
    expect(verdict(mint(), at(-1))).toBe('accepted');
    expect(verdict(mint(), at(0))).toBe('expired');
    expect(verdict(mint(), { ...at(29), clockSkewSeconds: 30 })).toBe('accepted');
    expect(verdict(mint(), { ...at(30), clockSkewSeconds: 30 })).toBe('expired');
    expect(verdict(forge({ exp: now + 0.9 }))).toBe('expired');
  });

  it.each([-1, 61, Number.NaN])('throws on a tolerance of %d seconds', (clockSkewSeconds) => {
    expect(() => verify(mint(), { clockSkewSeconds })).toThrow(RangeError);
  });

  it('begins a token up to one tolerance early', () => {
    const begin = (seconds: number) => ({ notBefore: (now + seconds) as UnixSeconds });
    const skew = limits.clockSkewSeconds;
    expect(verdict(mint(begin(skew)))).toBe('accepted');
    expect(verdict(mint(begin(skew + 1)))).toBe('not_yet_valid');
    expect(verdict(mint({ issuedAt: (now + skew + 1) as UnixSeconds }))).toBe('not_yet_valid');
    expect(verdict(forge({ nbf: now + skew + 0.1 }))).toBe('not_yet_valid');
  });

  it('refuses a life longer than revocations are kept', () => {
    const life = (seconds: number) => ({ expiresAt: (now + seconds) as UnixSeconds });
    expect(verdict(mint(life(limits.accessTokenTtlSecondsMax)))).toBe('accepted');
    expect(verdict(mint(life(limits.accessTokenTtlSecondsMax + 1)))).toBe('lifetime_too_long');
  });

  it('refuses a good token whose signature belongs to another', async () => {
    const [header, payload] = mint().split('.');
    const other = mint({ subject: 'user-2' as SubjectId }).split('.')[2];
    expect(verdict(`${header}.${payload}.${other}`)).toBe('bad_signature');
    const stranger = await generateSigningKey('ES256');
    expect(verdict(mint({}, { ...stranger, kid: key.kid }))).toBe('bad_signature');
    expect(verdict(mint({}, stranger))).toBe('unknown_key');
  });

  it('refuses an algorithm that the caller does not allow', () => {
    expect(verdict(mint(), { algorithms: ['EdDSA'] })).toBe('algorithm_not_allowed');
  });

  it('refuses an overlong token before it reads or hashes any of it', () => {
    const cache = createVerifiedCache<VerifiedAccessToken>({ entriesMax: 10 });
    expect(verdict('a'.repeat(limits.tokenCharsMax + 1), { cache })).toBe('too_long');
  });
});

describe('verifyAccessToken with a cache', () => {
  const freshCache = () => createVerifiedCache<VerifiedAccessToken>({ entriesMax: 10 });

  it('gives the same evidence at the second sight', () => {
    const cache = freshCache();
    const token = mint();
    const first = verify(token, { cache });
    const second = verify(token, { cache });
    expect(first.ok && second.ok && second.value === first.value).toBe(true);
  });

  it('judges time, audience and algorithm at every sight', () => {
    const cache = freshCache();
    const token = mint();
    expect(verdict(token, { cache })).toBe('accepted');
    const later = claims.expiresAt as UnixSeconds;
    expect(verdict(token, { cache, now: later })).toBe('expired');
    expect(verdict(token, { cache, audience: 'else' })).toBe('wrong_audience');
    expect(verdict(token, { cache, algorithms: ['EdDSA'] })).toBe('algorithm_not_allowed');
    expect(verdict(token, { cache, now: (now - 100) as UnixSeconds })).toBe('not_yet_valid');
    expect(verdict(token, { cache })).toBe('accepted');
  });

  it('forgets with the key, with the epoch, and for another issuer', async () => {
    const cache = freshCache();
    const token = mint();
    expect(verdict(token, { cache })).toBe('accepted');
    const other = keySetOf('1', await generateSigningKey('ES256'));
    expect(verdict(token, { cache, keys: other })).toBe('unknown_key');
    expect(verdict(token, { cache, issuer: 'https://other.example' })).toBe('wrong_issuer');
    const replaced = { ...(await generateSigningKey('ES256')), kid: key.kid };
    const sameKid = keySetOf('1', {
      ...replaced,
      publicJwk: { ...replaced.publicJwk, kid: key.kid },
    });
    expect(verdict(token, { cache, keys: sameKid })).toBe('bad_signature');
    expect(verdict(token, { cache, keys: keySetOf('2', key) })).toBe('accepted');
  });

  it('lets nothing in that was refused', () => {
    const cache = freshCache();
    const token = mint();
    verify(`${token.slice(0, -2)}AA`, { cache });
    verify(mint({ expiresAt: now }), { cache });
    verify(forge({ sub: 1 }), { cache });
    verify('garbage', { cache });
    expect(cache.size()).toBe(0);
  });
});
