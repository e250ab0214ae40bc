/** Request objects that were encrypted to us (RFC 9101 §6.1). */

import { defaultTenant } from '@mintmark/core';
import {
  CompactEncrypt,
  exportJWK,
  generateKeyPair,
  importJWK,
  type JWTPayload,
  SignJWT,
} from 'jose';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { bedConfig } from './authority-bed.ts';
import { answerOf, type SignInBed, signInBed } from './sign-in-bed.ts';

const signing = { ...bedConfig.signing, encryptedRequests: true };

let own: Awaited<ReturnType<typeof generateKeyPair>>;
let jwks: never;
let bed: SignInBed;

beforeAll(async () => {
  own = await generateKeyPair('ES256');
  jwks = { keys: [{ ...(await exportJWK(own.publicKey)), kid: 'k1', use: 'sig' }] } as never;
});

beforeEach(async () => {
  bed = await signInBed({ jwks }, undefined, { signing });
});

async function signed(claims: JWTPayload = {}, clientId: string = bed.app.clientId) {
  const parameters = { ...bed.parametersOf(), client_id: clientId, ...claims };
  return new SignJWT({ iss: clientId, aud: bedConfig.issuer, ...parameters })
    .setProtectedHeader({ alg: 'ES256', kid: 'k1' })
    .sign(own.privateKey);
}

type Jwk = Record<string, string>;

async function encryptionJwk(): Promise<Jwk> {
  const { keys } = (await bed.get('/.well-known/jwks.json')).json as { keys: Jwk[] };
  const found = keys.filter(({ use }) => use === 'enc');
  return found[0]!;
}

async function encrypted(text: string, header: Record<string, string> = {}, jwk?: Jwk) {
  const to = jwk ?? (await encryptionJwk());
  const key = await importJWK(to, 'ECDH-ES');
  return new CompactEncrypt(Buffer.from(text))
    .setProtectedHeader({ alg: 'ECDH-ES', enc: 'A256GCM', cty: 'JWT', kid: to['kid']!, ...header })
    .encrypt(key);
}

async function open(request: string, clientId: string = bed.app.clientId) {
  const browser = await bed.settled();
  const query = new URLSearchParams({ client_id: clientId, request });
  const shown = await browser.open(`/oauth2/authorize?${query}`);
  return shown.url.includes('?') ? answerOf(shown) : { status: shown.status };
}

describe('an encrypted request', () => {
  it.each([{}, { alg: 'ECDH-ES+A256KW' }, { enc: 'A128CBC-HS256' }])(
    'is a signed one inside: %j',
    async (header) => {
      expect(await open(await encrypted(await signed(), header))).toMatchObject({
        code: expect.any(String),
        state: 'st-1',
      });
    },
  );

  it('is taken when pushed', async () => {
    const request = await encrypted(await signed());
    const form = { client_id: bed.app.clientId, request };
    expect((await bed.post('/oauth2/par', form, bed.app)).status).toBe(201);
  });

  it('is refused alike, whatever is wrong with it', async () => {
    const { publicKey } = await generateKeyPair('ECDH-ES');
    const foreign = { ...((await exportJWK(publicKey)) as Jwk), kid: 'x' };
    const good = await encrypted(await signed());
    for (const request of [
      await encrypted(await signed(), {}, foreign),
      await encrypted(await signed(), { cty: 'text/plain' }),
      await encrypted(JSON.stringify(bed.parametersOf())),
      await encrypted(good),
      `${good.slice(0, -4)}AAAA`,
    ]) {
      expect(await open(request)).not.toHaveProperty('code');
    }
  });

  it('is what a client is held to that has said so, and as it has said', async () => {
    const rules = {
      jwks,
      requestObjectKeyEncryption: 'ECDH-ES',
      requestObjectEncryption: 'A256GCM',
    } as const;
    const { clientId } = await bed.addApp({ ...rules, consent: 'implicit' });
    const inner = await signed({}, clientId);
    expect(await open(await encrypted(inner), clientId)).toHaveProperty('code');
    expect(await open(inner, clientId)).not.toHaveProperty('code');
    const otherwise = await encrypted(inner, { enc: 'A128GCM' });
    expect(await open(otherwise, clientId)).not.toHaveProperty('code');
  });

  it('is read with the key before, as long as tokens of its time live', async () => {
    const before = await encryptionJwk();
    const json = { algorithm: 'ECDH-ES' };
    expect((await bed.manage('POST', '/v1/signing-keys/rotate', { json })).status).toBe(200);
    const statuses = async () => {
      const rows = await bed.store.signingKeys.list({ where: { tenant: defaultTenant }, limit: 9 });
      const ours = rows.filter(({ algorithm }) => algorithm === 'ECDH-ES');
      return ours.map(({ status }) => status).sort();
    };
    expect(await statuses()).toEqual(['active', 'published']);
    bed.clock.advanceMs((signing.publishAheadSeconds + 120) * 1000);
    for (let i = 0; i < 8; i++) await bed.authority.tick();
    expect(await statuses()).toEqual(['active', 'retiring']);
    expect(await open(await encrypted(await signed(), {}, before))).toHaveProperty('code');
    bed.clock.advanceMs((86_400 + 120) * 1000);
    for (let i = 0; i < 8; i++) await bed.authority.tick();
    expect(await statuses()).toContain('retired');
    expect((await encryptionJwk())['kid']).not.toBe(before['kid']);
    expect(await open(await encrypted(await signed(), {}, before))).not.toHaveProperty('code');
  });

  it('is no business of gateways: they hear of keys that sign alone', async () => {
    const rows = await bed.store.feed.list({ where: { tenant: defaultTenant }, limit: 100 });
    const told = rows.flatMap(({ entry }) => (entry.type === 'signing_key' ? [entry.jwk] : []));
    expect(told.map((jwk) => jwk['use'])).toEqual(told.map(() => 'sig'));
    const { keys } = (await bed.get('/.well-known/jwks.json')).json as { keys: Jwk[] };
    expect(keys.map(({ use }) => use).sort()).toContain('enc');
    const snapshot = await bed.authority.feed.snapshot(defaultTenant);
    expect(JSON.stringify(snapshot)).not.toContain('"use":"enc"');
  });
});

describe('a server with a key for requests', () => {
  const ask = async (of: SignInBed) => (await of.get('/.well-known/openid-configuration')).json;
  const json = {
    ...{ client_name: 'a', redirect_uris: ['https://app.example/cb'] },
    request_object_encryption_alg: 'ECDH-ES',
  };

  it('says so, and lets clients say that they use it', async () => {
    expect(await ask(bed)).toMatchObject({
      request_object_encryption_alg_values_supported: ['ECDH-ES', 'ECDH-ES+A256KW'],
      request_object_encryption_enc_values_supported: expect.arrayContaining(['A256GCM']),
    });
    const made = await bed.manage('POST', '/v1/clients', { json });
    expect(made).toMatchObject({ status: 201, json: { request_object_encryption_alg: 'ECDH-ES' } });
    const bad = { ...json, request_object_encryption_alg: null };
    const enc = { ...bad, request_object_encryption_enc: 'A256GCM' };
    expect((await bed.manage('POST', '/v1/clients', { json: enc })).status).toBe(422);
  });

  it('is what others are not', async () => {
    const without = await signInBed();
    expect(await ask(without)).not.toHaveProperty('request_object_encryption_alg_values_supported');
    expect((await without.manage('POST', '/v1/clients', { json })).status).toBe(422);
    const request = await encrypted('a.b.c');
    const query = new URLSearchParams({ client_id: without.app.clientId, request });
    const shown = await without.browse().open(`/oauth2/authorize?${query}`);
    expect(answerOf(shown)).toMatchObject({ error: 'invalid_request_object' });
  });
});
