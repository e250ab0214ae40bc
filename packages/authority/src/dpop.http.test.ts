import { nowSeconds } from '@mintmark/core';
import { calculateJwkThumbprint, decodeJwt, exportJWK, generateKeyPair, SignJWT } from 'jose';
import { beforeAll, describe, expect, it } from 'vitest';
import { authorityBed, basicHeader, bedConfig } from './authority-bed.ts';
import { buildRequest } from './http/management/request-builder.ts';
import { openMemoryStore } from './store/memory/memory-store.ts';

type Bed = Awaited<ReturnType<typeof authorityBed>>;
type Sender = Awaited<ReturnType<typeof generateKeyPair>>;

const url = `${bedConfig.issuer}/oauth2/token`;
const form = { grant_type: 'client_credentials' };
let sender: Sender;
let jkt: string;
let proofs = 0;

beforeAll(async () => {
  sender = await generateKeyPair('ES256');
  jkt = await calculateJwkThumbprint(await exportJWK(sender.publicKey));
});

async function prove(bed: Bed, changed: Record<string, unknown> = {}): Promise<string> {
  const iat = nowSeconds(bed.clock);
  return new SignJWT({ htm: 'POST', htu: url, iat, jti: `p${proofs++}`, ...changed })
    .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk: await exportJWK(sender.publicKey) })
    .sign(sender.privateKey);
}

async function token(
  bed: Pick<Bed, 'authority'>,
  client: { readonly clientId: string; readonly secret: string },
  dpop?: string,
) {
  const headers = {
    'content-type': 'application/x-www-form-urlencoded',
    authorization: basicHeader(client.clientId, client.secret),
    ...(dpop === undefined ? {} : { dpop }),
  };
  const body = new URLSearchParams(form).toString();
  const answer = await bed.authority.handle(
    buildRequest('POST', '/oauth2/token', { headers, body }),
  );
  const json = JSON.parse(String(answer.body)) as Record<string, unknown>;
  return { status: answer.status, headers: answer.headers, json };
}

describe('a token request with a DPoP proof', () => {
  it('gives a JWT that is bound to the key', async () => {
    const bed = await authorityBed();
    const client = await bed.addClient();
    const given = await token(bed, client, await prove(bed));
    expect(given).toMatchObject({ status: 200, json: { token_type: 'DPoP' } });
    expect(decodeJwt(String(given.json['access_token']))['cnf']).toEqual({ jkt });
    expect((await token(bed, client)).json['token_type']).toBe('Bearer');
  });

  it('gives an opaque token whose key introspection shows', async () => {
    const bed = await authorityBed();
    const client = await bed.addClient({ accessTokenFormat: 'opaque' });
    const { json } = await token(bed, client, await prove(bed));
    const asked = { token: String(json['access_token']) };
    const shown = await bed.post('/oauth2/introspect', asked, client);
    expect(shown.json).toMatchObject({ active: true, token_type: 'DPoP', cnf: { jkt } });
    const bearer = { token: String((await token(bed, client)).json['access_token']) };
    const plain = await bed.post('/oauth2/introspect', bearer, client);
    expect(plain.json).toMatchObject({ token_type: 'Bearer' });
    expect(plain.json).not.toHaveProperty('cnf');
  });

  it('is taken once, by whichever node', async () => {
    const bed = await authorityBed();
    const other = await bed.replica();
    const client = await bed.addClient();
    const proof = await prove(bed);
    const racers = [bed, other, bed, other, bed, other];
    const answers = await Promise.all(racers.map((node) => token(node, client, proof)));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    const again = await token(other, client, proof);
    expect(again).toMatchObject({ status: 400, json: { error: 'invalid_dpop_proof' } });
  });

  it.each<[string, Record<string, unknown>]>([
    ['of another endpoint', { htu: `${bedConfig.issuer}/oauth2/par` }],
    ['of another host', { htu: 'https://evil.example/oauth2/token' }],
    ['of another method', { htm: 'GET' }],
    ['of long ago', { iat: 1 }],
  ])('is refused where the proof is %s', async (_what, changed) => {
    const bed = await authorityBed();
    const client = await bed.addClient();
    const refused = await token(bed, client, await prove(bed, changed));
    expect(refused).toMatchObject({ status: 400, json: { error: 'invalid_dpop_proof' } });
  });

  it('is judged after the client: who cannot prove who he is learns nothing of it', async () => {
    const bed = await authorityBed();
    const { clientId } = await bed.addClient();
    const refused = await token(bed, { clientId, secret: 'wrong' }, 'no proof');
    expect(refused.json['error']).toBe('invalid_client');
  });

  it('is needed by a client that is registered for it', async () => {
    const bed = await authorityBed();
    const client = await bed.addClient({ dpopBoundAccessTokens: true });
    const refused = await token(bed, client);
    expect(refused).toMatchObject({ status: 400, json: { error: 'invalid_dpop_proof' } });
    expect((await token(bed, client, await prove(bed))).status).toBe(200);
  });

  it('makes tokens that the management API does not take from a bearer', async () => {
    const bed = await authorityBed();
    const client = await bed.addClient({
      scopes: ['clients:read'],
      audiences: [`${bedConfig.issuer}/v1`],
    });
    const plain = String((await token(bed, client)).json['access_token']);
    expect((await bed.manage('GET', '/v1/clients', { key: plain })).status).toBe(200);
    const bound = String((await token(bed, client, await prove(bed))).json['access_token']);
    expect((await bed.manage('GET', '/v1/clients', { key: bound })).status).toBe(401);
  });
});

describe('nonces of the token endpoint', () => {
  it('are offered with each answer to a proof, and must be ours where one is sent', async () => {
    const bed = await authorityBed();
    const client = await bed.addClient();
    const first = await token(bed, client, await prove(bed));
    const nonce = String(first.headers['dpop-nonce']);
    expect((await token(bed, client, await prove(bed, { nonce }))).status).toBe(200);
    // Every node knows it.
    const other = await bed.replica();
    expect((await token(other, client, await prove(bed, { nonce }))).status).toBe(200);
    const foreign = await token(bed, client, await prove(bed, { nonce: 'x' }));
    expect(foreign).toMatchObject({ status: 400, json: { error: 'use_dpop_nonce' } });
    expect(foreign.headers['dpop-nonce']).toBe(nonce);
    expect((await token(bed, client)).headers).not.toHaveProperty('dpop-nonce');
  });

  it('are needed where the operator says so, and nothing is spent by being sent back', async () => {
    const bed = await authorityBed(1, openMemoryStore(), { requireDpopNonce: true });
    const client = await bed.addClient();
    const jti = 'kept';
    const refused = await token(bed, client, await prove(bed, { jti }));
    expect(refused).toMatchObject({ status: 400, json: { error: 'use_dpop_nonce' } });
    const nonce = String(refused.headers['dpop-nonce']);
    expect((await token(bed, client, await prove(bed, { jti, nonce }))).status).toBe(200);
    expect((await token(bed, client, await prove(bed, { jti, nonce }))).status).toBe(400);
  });
});
