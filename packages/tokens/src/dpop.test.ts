import { generateKeyPairSync, hash } from 'node:crypto';
import type { JsonObject, UnixSeconds } from '@mintmark/core';
import fc from 'fast-check';
import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import { beforeAll, describe, expect, it } from 'vitest';
import { createProofKeys, dpopAlgorithms, verifyDpopProof } from './dpop.ts';
import { createDpopNonces } from './dpop-nonce.ts';

const now = 1_790_000_000 as UnixSeconds;
const url = 'https://api.example/things';
const claims = { htm: 'GET', htu: url, iat: now, jti: 'one' };

interface Maker {
  readonly jkt: string;
  prove(claims: JWTPayload, header?: JsonObject): Promise<string>;
}

async function maker(alg: string, more: object = {}): Promise<Maker> {
  const { privateKey, publicKey } = await generateKeyPair(alg, more);
  const jwk = await exportJWK(publicKey);
  return {
    jkt: await calculateJwkThumbprint(jwk),
    prove: (payload, header) =>
      new SignJWT(payload)
        .setProtectedHeader({ alg, typ: 'dpop+jwt', jwk, ...header } as { alg: string })
        .sign(privateKey),
  };
}

let sender: Maker;
beforeAll(async () => {
  sender = await maker('ES256');
});

function verify(
  proof: string,
  more: { readonly url?: string; readonly accessToken?: string } = {},
) {
  return verifyDpopProof(proof, { method: 'GET', url, accessToken: undefined, now, ...more });
}

function reasonOf(verdict: ReturnType<typeof verify>): string {
  if (verdict.ok) return 'ok';
  const { refusal } = verdict;
  return 'claim' in refusal ? `${refusal.reason} ${refusal.claim}` : refusal.reason;
}

async function outcome(changed: JsonObject, header?: JsonObject): Promise<string> {
  const kept = Object.entries({ ...claims, ...changed }).filter(([, value]) => value !== null);
  return reasonOf(verify(await sender.prove(Object.fromEntries(kept) as JWTPayload, header)));
}

describe('a proof that jose made', () => {
  it.each(['ES256', 'PS256', 'RS256', 'EdDSA', 'Ed25519'])('by %s is taken', async (alg) => {
    const one = await maker(alg);
    const value = { jkt: one.jkt, jti: 'one', endsAt: now + 61, nonce: undefined };
    expect(verify(await one.prove(claims))).toEqual({ ok: true, value });
  });

  it('by an algorithm that we do not have, or that may not be used here, is refused', async () => {
    const one = await maker('ES384');
    expect(reasonOf(verify(await one.prove(claims)))).toBe('malformed_key');
    const narrow = {
      method: 'GET',
      url,
      accessToken: undefined,
      now,
      algorithms: ['EdDSA'],
    } as const;
    const refused = verifyDpopProof(await sender.prove(claims), narrow);
    expect(refused).toMatchObject({ refusal: { reason: 'algorithm_not_allowed' } });
  });

  it('names only asymmetric algorithms in challenges', () => {
    expect(dpopAlgorithms).not.toContain('HS256');
    expect(dpopAlgorithms.length).toBeGreaterThan(4);
  });

  it('carries the nonce on', async () => {
    const proof = await sender.prove({ ...claims, nonce: 'n' });
    expect(verify(proof)).toMatchObject({ value: { nonce: 'n' } });
  });

  it.each<[string, JsonObject, string]>([
    ['of another method', { htm: 'POST' }, 'wrong_method'],
    ['of a method in lower case', { htm: 'get' }, 'wrong_method'],
    ['of no method', { htm: null }, 'wrong_method'],
    ['of another host', { htu: 'https://other.example/things' }, 'wrong_url'],
    ['of another path', { htu: 'https://api.example/thing' }, 'wrong_url'],
    ['of another scheme', { htu: 'http://api.example/things' }, 'wrong_url'],
    ['of another port', { htu: 'https://api.example:8443/things' }, 'wrong_url'],
    ['of a path in another case', { htu: 'https://api.example/Things' }, 'wrong_url'],
    [
      'of a path with an encoded slash',
      { htu: 'https://api.example%2fthings' },
      'malformed_claims htu',
    ],
    ['of no URL', { htu: null }, 'malformed_claims htu'],
    ['of a path alone', { htu: '/things' }, 'malformed_claims htu'],
    ['of a URL with a user', { htu: 'https://u@api.example/things' }, 'malformed_claims htu'],
    ['of a URL with a backslash', { htu: 'https://api.example\\things' }, 'malformed_claims htu'],
    ['of a list', { htu: [url] }, 'malformed_claims htu'],
    ['too old by a second', { iat: now - 61 }, 'too_old'],
    ['too old, with a nonce', { iat: now - 61, nonce: 'n' }, 'too_old'],
    ['of the future', { iat: now + 61 }, 'not_yet_valid'],
    ['of no time', { iat: null }, 'malformed_claims iat'],
    ['of a time in text', { iat: '1790000000' }, 'malformed_claims iat'],
    ['of a time without end', { iat: 1e99 }, 'malformed_claims iat'],
    ['without id', { jti: null }, 'malformed_claims jti'],
    ['with an empty id', { jti: '' }, 'malformed_claims jti'],
    ['with an endless id', { jti: 'x'.repeat(2000) }, 'malformed_claims jti'],
    ['with a nonce that is no text', { nonce: 1 }, 'malformed_claims nonce'],
  ])('%s is refused', async (_what, changed, reason) => {
    expect(await outcome(changed)).toBe(reason);
  });

  it.each<[string, JsonObject]>([
    ['a minute old', { iat: now - 60 }],
    ['from a clock a minute ahead', { iat: now + 60 }],
    ['with query and fragment', { htu: `${url}?a=b#c` }],
  ])('%s is taken', async (_what, changed) => {
    expect(await outcome(changed)).toBe('ok');
  });

  it.each<[string, JsonObject, string]>([
    ['plain JWT', { typ: 'JWT' }, 'wrong_type'],
    ['an access token', { typ: 'at+jwt' }, 'wrong_type'],
    ['nothing', { typ: null }, 'wrong_type'],
  ])('that calls itself %s is refused', async (_what, header, reason) => {
    expect(await outcome({}, header)).toBe(reason);
  });

  it('ignores a key id, and keys by reference', async () => {
    expect(await outcome({}, { kid: 'x', jku: 'https://evil.example', x5u: 'https://x' })).toBe(
      'ok',
    );
  });

  it('is refused without key, and with a private, a weak, or a shared one', async () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const weak = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey;
    const keys = [
      null,
      {},
      'key',
      privateKey.export({ format: 'jwk' }),
      weak.export({ format: 'jwk' }),
      { kty: 'oct', k: Buffer.alloc(32).toString('base64url') },
    ] as JsonObject[];
    for (const jwk of keys) expect(await outcome({}, { jwk })).toBe('malformed_key');
  });

  it('is refused where another key signed it', async () => {
    const other = await exportJWK((await generateKeyPair('ES256')).publicKey);
    expect(await outcome({}, { jwk: other as JsonObject })).toBe('bad_signature');
  });

  it.each([
    '',
    'x',
    '.',
    'a.b.c',
    'e30.e30.',
    `${'A'.repeat(20_000)}.A.A`,
    'e30.e30.AA, e30.e30.AA',
  ])('is not %j', (proof) => {
    expect(verify(proof).ok).toBe(false);
  });

  it('of symmetric or no algorithm is refused, whatever key stands in it', async () => {
    const proof = await sender.prove(claims);
    const [header = '', payload] = proof.split('.');
    const parsed = JSON.parse(Buffer.from(header, 'base64url').toString());
    for (const alg of ['none', 'None', 'HS256']) {
      const changed = Buffer.from(JSON.stringify({ ...parsed, alg })).toString('base64url');
      const reason = 'algorithm_not_allowed';
      expect(verify(`${changed}.${payload}.AA`)).toMatchObject({ refusal: { reason } });
    }
  });

  it('is bound to the access token beside it', async () => {
    const accessToken = 'a.b.c';
    const ath = hash('sha256', accessToken, 'base64url');
    const bound = await sender.prove({ ...claims, ath });
    expect(verify(bound, { accessToken }).ok).toBe(true);
    for (const [proof, token] of [
      [bound, 'a.b.d'],
      [await sender.prove(claims), accessToken],
      [await sender.prove({ ...claims, ath: `${ath}=` }), accessToken],
    ] as const) {
      expect(reasonOf(verify(proof, { accessToken: token }))).toBe('wrong_access_token');
    }
  });

  it('whose payload is no object is refused', async () => {
    const proof = await sender.prove(claims);
    expect(verify(proof.replace(/\.[^.]*\./, '.W10.')).ok).toBe(false);
  });
});

describe('the URL of a proof', () => {
  it.each([
    ['HTTPS://API.example/things', url],
    ['https://api.example:443/things', url],
    ['https://api.example/x/../things', url],
    ['https://api.example/./things', url],
    ['https://api.example/%74hings', url],
    ['https://api.example', 'https://api.example/'],
    ['https://api.example/a%2fb', 'https://api.example/a%2Fb'],
    ['https://api.example/%7Euser', 'https://api.example/~user'],
    ['http://127.0.0.1:80/', 'http://127.0.0.1/'],
    ['https://[2001:DB8::1]/', 'https://[2001:db8::1]/'],
  ])('%s is that of %s, either way', async (one, two) => {
    const first = await sender.prove({ ...claims, htu: one });
    const second = await sender.prove({ ...claims, htu: two });
    expect(reasonOf(verify(first, { url: two }))).toBe('ok');
    expect(reasonOf(verify(second, { url: one }))).toBe('ok');
  });

  it.each([
    ['https://api.example/a%2fb', 'https://api.example/a/b'],
    ['https://api.example/things/', url],
    ['https://api.example//things', url],
    ['https://api.example/%2574hings', url],
    ['https://api.example/a;b', 'https://api.example/a%3Bb'],
  ])('%s is not %s', async (one, two) => {
    const proof = await sender.prove({ ...claims, htu: one });
    expect(reasonOf(verify(proof, { url: two }))).toBe('wrong_url');
  });
});

describe('a nonce', () => {
  const nonces = createDpopNonces(new Uint8Array(32).fill(7));

  it('is known for a minute at least and two at most', () => {
    const nonce = nonces.current(now);
    for (const later of [0, 59, 60]) {
      expect(nonces.accepts(nonce, (now + later) as UnixSeconds)).toBe(true);
    }
    expect(nonces.accepts(nonce, (now + 120) as UnixSeconds)).toBe(false);
    expect(nonces.accepts(nonce, (now - 120) as UnixSeconds)).toBe(false);
  });

  it('of another key, or made up, is not known', () => {
    const others = createDpopNonces(new Uint8Array(32).fill(8));
    expect(nonces.accepts(others.current(now), now)).toBe(false);
    fc.assert(
      fc.property(fc.string({ maxLength: 80 }), (text) => {
        expect(nonces.accepts(text, now)).toBe(false);
      }),
    );
    const nonce = nonces.current(now);
    const flipped = nonce.slice(0, -2) + (nonce.endsWith('AA') ? 'BA' : 'AA');
    expect(nonces.accepts(flipped, now)).toBe(false);
  });
});

describe('keys of proofs', () => {
  const expectation = { method: 'GET', url, accessToken: undefined, now };

  it('are remembered, and each proof is still judged by its signature and claims', async () => {
    const keys = createProofKeys();
    const other = await maker('ES256');
    for (const one of [sender, other, sender]) {
      const verdict = verifyDpopProof(await one.prove(claims), expectation, keys);
      expect(verdict).toMatchObject({ ok: true, value: { jkt: one.jkt } });
    }
    expect(keys.size).toBe(2);
    const [header, payload] = (await sender.prove(claims)).split('.');
    const signature = (await other.prove(claims)).split('.')[2];
    const forged = `${header}.${payload}.${signature}`;
    expect(reasonOf(verifyDpopProof(forged, expectation, keys))).toBe('bad_signature');
    const late = await sender.prove({ ...claims, iat: now - 100 });
    expect(reasonOf(verifyDpopProof(late, expectation, keys))).toBe('too_old');
  });

  it('are remembered after a good signature only, and not with long headers', async () => {
    const keys = createProofKeys();
    const proof = await sender.prove(claims);
    verifyDpopProof(`${proof.slice(0, -8)}AAAAAAAA`, expectation, keys);
    expect(keys.size).toBe(0);
    const long = await sender.prove(claims, { note: 'x'.repeat(1_024) });
    expect(reasonOf(verifyDpopProof(long, expectation, keys))).toBe('ok');
    expect(keys.size).toBe(0);
  });
});
