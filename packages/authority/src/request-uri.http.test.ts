/** Request objects by reference (RFC 9101 §5.2, OpenID Connect Core §6.2), over HTTP. */
import { hash } from 'node:crypto';
import { limits } from '@mintmark/core';
import {
  CompactEncrypt,
  exportJWK,
  generateKeyPair,
  importJWK,
  type JWTPayload,
  SignJWT,
  UnsecuredJWT,
} from 'jose';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { bedConfig } from './authority-bed.ts';
import { buildRequest } from './http/management/request-builder.ts';
import { answerOf, redirectUri, type SignInBed, signInBed } from './sign-in-bed.ts';

const url = 'https://app.example/request.jwt';
const signing = { ...bedConfig.signing, encryptedRequests: true };

let own: Awaited<ReturnType<typeof generateKeyPair>>;
let jwks: never;
let bed: SignInBed;

beforeAll(async () => {
  own = await generateKeyPair('ES256');
  jwks = { keys: [{ ...(await exportJWK(own.publicKey)), kid: 'k1', use: 'sig' }] } as never;
});

beforeEach(async () => {
  bed = await signInBed({ jwks, requestUris: [url] }, undefined, { signing });
});

const claims = () => ({ iss: bed.app.clientId, aud: bedConfig.issuer, ...bed.parametersOf() });

function signed(more: JWTPayload = {}) {
  const jwt = new SignJWT({ ...claims(), ...more });
  return jwt.setProtectedHeader({ alg: 'ES256', kid: 'k1' }).sign(own.privateKey);
}

function publish(text: string, type = 'application/oauth-authz-req+jwt'): string {
  bed.web.texts.set(url, { text, headers: new Headers({ 'content-type': type }) });
  return text;
}

async function open(uri: string, more: Record<string, string> = {}) {
  const query = new URLSearchParams({ client_id: bed.app.clientId, request_uri: uri, ...more });
  return (await bed.settled()).open(`/oauth2/authorize?${query}`);
}

const plain = { redirect_uri: redirectUri, state: 'plain' };

describe('a request by reference', () => {
  test('is taken by its signature, whatever its fragment says', async () => {
    const text = publish(await signed());
    for (const of of [text, 'x']) {
      const uri = `${url}#${hash('sha256', of, 'base64url')}`;
      expect(answerOf(await open(uri))).toMatchObject({ code: expect.any(String), state: 'st-1' });
    }
  });

  test('may be encrypted to us', async () => {
    const { keys } = (await bed.get('/.well-known/jwks.json')).json as {
      keys: Record<string, string>[];
    };
    const to = keys.find(({ use }) => use === 'enc')!;
    const inner = Buffer.from(await signed());
    const header = { alg: 'ECDH-ES', enc: 'A256GCM', cty: 'JWT', kid: to['kid']! };
    const sealing = new CompactEncrypt(inner).setProtectedHeader(header);
    publish(await sealing.encrypt(await importJWK(to, 'ECDH-ES')));
    expect(answerOf(await open(url))).toMatchObject({ code: expect.any(String), state: 'st-1' });
  });

  test('is signed, or none', async () => {
    publish(new UnsecuredJWT(claims()).encode());
    expect(answerOf(await open(url, plain))).toMatchObject({ error: 'invalid_request_object' });
  });

  test.each<[string, () => unknown]>([
    ['nothing', () => undefined],
    ['a page', async () => publish(await signed(), 'text/html')],
    ['too much', async () => publish(await signed({ pad: 'x'.repeat(limits.tokenCharsMax) }))],
  ])('is told to the registered redirect URI where %s is there', async (_what, put) => {
    await put();
    expect(answerOf(await open(url, plain))).toMatchObject({
      error: 'invalid_request_uri',
      state: 'plain',
    });
    const evil = await open(url, { redirect_uri: 'https://evil.example/' });
    expect([evil.status, evil.headers['location']]).toEqual([400, undefined]);
  });

  test('is asked for only where the client registered it', async () => {
    bed = await signInBed({ jwks });
    publish(await signed());
    expect(answerOf(await open(url, plain))).toMatchObject({ error: 'invalid_request_uri' });
    expect(bed.web.asked).toEqual([]);
  });

  test('may be registered by the client itself', async () => {
    const policy = { scopes: ['openid'], audiences: [], metadataDocuments: false };
    const registration = { ...policy, mode: 'open', requirePkce: true } as const;
    bed = await signInBed({}, undefined, { registration });
    const wish = { client_name: 'App', redirect_uris: [redirectUri], request_uris: [url], jwks };
    const headers = { 'content-type': 'application/json' };
    const made = await bed.authority.handle(
      buildRequest('POST', '/oauth2/register', { headers, json: wish }),
    );
    const { client_id, request_uris } = JSON.parse(String(made.body));
    expect([made.status, request_uris]).toEqual([201, [url]]);
    publish(await signed({ iss: client_id, client_id, scope: 'openid' }));
    const shown = await open(url, { client_id });
    expect(shown.url).toMatch(/^\/consent/);
  });
});
