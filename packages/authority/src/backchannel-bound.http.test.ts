/** Tokens of the back channel that are bound to a key, and clients that prove themselves by one. */
import { createHash } from 'node:crypto';
import { nowSeconds } from '@mintmark/core';
import { decodeJwt, exportJWK, generateKeyPair, SignJWT } from 'jose';
import { describe, expect, it } from 'vitest';
import { authorityBed, bedConfig } from './authority-bed.ts';
import { backchannelBed, cibaGrant, clientKey } from './backchannel-bed.ts';
import { testCertificate } from './clients/conformance/test-certificate.ts';
import { buildRequest } from './http/management/request-builder.ts';
import { openMemoryStore } from './store/memory/memory-store.ts';

const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
const form = { 'content-type': 'application/x-www-form-urlencoded' };

describe('with private_key_jwt', () => {
  const { key, jwks } = clientKey();
  let ids = 0;

  const start = async (rules: Parameters<typeof backchannelBed>[0] = {}) => {
    const bed = await backchannelBed({ authMethod: 'private_key_jwt', jwks, ...rules });
    const { clientId } = bed.caller;
    const assertion = (aud: unknown = bedConfig.issuer) =>
      new SignJWT({
        ...{ iss: clientId, sub: clientId, aud: aud as string, jti: `a${++ids}` },
        exp: nowSeconds(bed.clock) + 60,
      })
        .setProtectedHeader({ alg: 'ES256', kid: 'k1' })
        .sign(key);
    const send = async (path: string, fields: Record<string, string>, aud?: unknown) => {
      const proof = {
        client_assertion_type: assertionType,
        client_assertion: await assertion(aud),
      };
      return bed.post(path, { ...proof, ...fields });
    };
    return { bed, send, assertion };
  };

  it('a client asks and redeems, each assertion once', async () => {
    const { bed, send, assertion } = await start();
    const wish = { scope: 'openid', login_hint: 'alice' };
    const client_assertion = await assertion();
    const proof = { client_assertion_type: assertionType, client_assertion };
    const begun = await bed.post('/oauth2/bc-authorize', { ...wish, ...proof });
    expect(begun.status).toBe(200);
    const again = await bed.post('/oauth2/bc-authorize', { ...wish, ...proof });
    expect([again.status, again.json['error']]).toEqual([401, 'invalid_client']);
    const auth_req_id = String(begun.json['auth_req_id']);
    const redeem = { grant_type: cibaGrant, auth_req_id };
    const polled = {
      ...redeem,
      client_assertion_type: assertionType,
      client_assertion: await assertion(),
    };
    expect((await bed.post('/oauth2/token', polled)).json['error']).toBe('authorization_pending');
    // A poll that finds nothing has spent what it proved itself by.
    expect((await bed.post('/oauth2/token', polled)).json['error']).toBe('invalid_client');
    await bed.answer(auth_req_id.split('_')[2]!.slice(0, 17), 'approve');
    expect((await send('/oauth2/token', redeem)).status).toBe(200);
  });

  it('an assertion names the endpoint only where the client may', async () => {
    const wish = { scope: 'openid', login_hint: 'alice' };
    const endpoint = `${bedConfig.issuer}/oauth2/bc-authorize`;
    const strict = await start();
    expect((await strict.send('/oauth2/bc-authorize', wish, endpoint)).status).toBe(401);
    const lenient = await start({ assertionAudience: 'issuer_or_endpoint' });
    expect((await lenient.send('/oauth2/bc-authorize', wish, endpoint)).status).toBe(200);
    expect((await lenient.send('/oauth2/bc-authorize', wish)).status).toBe(200);
  });
});

it('DPoP binds what is redeemed to its key, and the proof counts once', async () => {
  const bed = await backchannelBed({ dpopBoundAccessTokens: true });
  const { publicKey, privateKey } = await generateKeyPair('ES256');
  const jwk = await exportJWK(publicKey);
  const { authReqId, id } = await bed.asked();
  await bed.answer(id, 'approve');
  const htu = `${bedConfig.issuer}/oauth2/token`;
  const proof = await new SignJWT({ htm: 'POST', htu, iat: nowSeconds(bed.clock), jti: 'p1' })
    .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk })
    .sign(privateKey);
  const without = await bed.poll(authReqId);
  expect(without.json['error']).toBe('invalid_dpop_proof');
  const basic = Buffer.from(`${bed.caller.clientId}:${bed.caller.secret}`).toString('base64');
  const send = () =>
    bed.authority.handle(
      buildRequest('POST', '/oauth2/token', {
        headers: { ...form, authorization: `Basic ${basic}`, dpop: proof },
        body: new URLSearchParams({ grant_type: cibaGrant, auth_req_id: authReqId }).toString(),
      }),
    );
  const given = await send();
  expect(given.status).toBe(200);
  const body = JSON.parse(String(given.body)) as Record<string, unknown>;
  expect(body['token_type']).toBe('DPoP');
  expect(decodeJwt(String(body['access_token']))).toMatchObject({
    cnf: { jkt: expect.any(String) },
  });
  expect((await send()).status).toBe(400);
});

it('a certificate proves the client at both endpoints, and binds its tokens', async () => {
  const bed = await authorityBed(1, openMemoryStore(), { clientCertificates: true });
  const shown = testCertificate({ subject: [['CN', 'app.example']], dns: ['app.example'] });
  const certificate = { der: shown.der, trusted: true };
  await bed.addUser('alice');
  const { clientId } = await bed.addClient({
    ...{ grantTypes: [cibaGrant], scopes: ['openid'], backchannelTokenDeliveryMode: 'poll' },
    ...{ authMethod: 'tls_client_auth', tlsClientAuthSanDns: 'app.example' },
    tlsClientCertificateBoundAccessTokens: true,
  });
  const send = async (path: string, fields: Record<string, string>, by?: typeof certificate) => {
    const answer = await bed.authority.handle(
      buildRequest('POST', path, {
        headers: form,
        body: new URLSearchParams({ client_id: clientId, ...fields }).toString(),
        certificate: by,
      }),
    );
    return JSON.parse(String(answer.body)) as Record<string, unknown>;
  };
  const wish = { scope: 'openid', login_hint: 'alice' };
  expect(await send('/oauth2/bc-authorize', wish)).toEqual({ error: 'invalid_client' });
  const { auth_req_id } = await send('/oauth2/bc-authorize', wish, certificate);
  const redeem = { grant_type: cibaGrant, auth_req_id: String(auth_req_id) };
  expect(await send('/oauth2/token', redeem, certificate)).toEqual({
    error: 'authorization_pending',
  });
  const id = String(auth_req_id).split('_')[2]!.slice(0, 17);
  await bed.manage('POST', `/v1/authentication-requests/${id}/approve`);
  expect(await send('/oauth2/token', redeem)).toEqual({ error: 'invalid_client' });
  const given = await send('/oauth2/token', redeem, certificate);
  const thumbprint = createHash('sha256').update(shown.der).digest('base64url');
  expect(decodeJwt(String(given['access_token']))).toMatchObject({
    cnf: { 'x5t#S256': thumbprint },
  });
});
