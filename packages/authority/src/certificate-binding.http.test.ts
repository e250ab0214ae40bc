/** Tokens that are bound to a TLS certificate, at userinfo and in exchange (RFC 8705 §3). */
import { hash } from 'node:crypto';
import type { PeerCertificate } from '@mintmark/core';
import { decodeJwt } from 'jose';
import { beforeEach, describe, expect, it } from 'vitest';
import { basicHeader } from './authority-bed.ts';
import { testCertificate } from './clients/conformance/test-certificate.ts';
import { appRules, type Credentials, type GrantBed, grantBed } from './grant-bed.ts';
import { buildRequest } from './http/management/request-builder.ts';

const grantType = 'urn:ietf:params:oauth:grant-type:token-exchange';
const accessToken = 'urn:ietf:params:oauth:token-type:access_token';
const certificateOf = (name: string): PeerCertificate => ({
  der: testCertificate({ subject: [['CN', name]] }).der,
  trusted: false,
});
const mine = certificateOf('mine.example');
const other = certificateOf('other.example');
const thumbprint = hash('sha256', mine.der, 'base64url');

let bed: GrantBed;
let app: Credentials;

beforeEach(async () => {
  bed = await grantBed();
  app = await bed.addClient({
    ...appRules,
    ...{ grantTypes: ['authorization_code', grantType], audiences: ['https://bank.example'] },
    tlsClientCertificateBoundAccessTokens: true,
  });
});

interface Sent {
  readonly form?: Record<string, string>;
  readonly by?: Credentials;
  readonly token?: string;
  readonly certificate?: PeerCertificate | undefined;
}

async function send(path: string, { form, by, token, certificate }: Sent) {
  const authorization = by ? basicHeader(by.clientId, by.secret) : `Bearer ${token}`;
  const type = { 'content-type': 'application/x-www-form-urlencoded' };
  const request = buildRequest(form === undefined ? 'GET' : 'POST', path, {
    headers: { authorization, ...(form && type) },
    ...(form && { body: new URLSearchParams(form).toString() }),
    certificate,
  });
  const { status, headers, body } = await bed.authority.handle(request);
  return { status, headers, json: JSON.parse(String(body)) as Record<string, unknown> };
}

async function boundToken(): Promise<string> {
  const form = bed.redemption(await bed.code({ scopes: ['openid', 'read'] }, app));
  const given = await send('/oauth2/token', { form, by: app, certificate: mine });
  expect(given.status).toBe(200);
  const token = String(given.json['access_token']);
  expect(decodeJwt(token)).toMatchObject({ cnf: { 'x5t#S256': thumbprint } });
  return token;
}

describe('at userinfo', () => {
  it('the certificate of the connection must be the one', async () => {
    const token = await boundToken();
    const good = await send('/oauth2/userinfo', { token, certificate: mine });
    expect(good).toMatchObject({ status: 200, json: { sub: bed.user } });
    for (const certificate of [undefined, other]) {
      const refused = await send('/oauth2/userinfo', { token, certificate });
      expect(refused).toMatchObject({ status: 401, json: { error: 'invalid_token' } });
      expect(refused.headers['www-authenticate']).toContain('Bearer');
    }
  });
});

describe('in exchange', () => {
  const exchange = async (by: Credentials, certificate?: PeerCertificate) =>
    send('/oauth2/token', {
      form: {
        ...{ grant_type: grantType, subject_token: await boundToken() },
        ...{ subject_token_type: accessToken, audience: 'https://bank.example' },
      },
      ...{ by, certificate },
    });
  const service = (more = {}) =>
    bed.addClient({
      ...{ grantTypes: [grantType], scopes: ['read'], resources: ['https://api.example'] },
      audiences: ['https://bank.example'],
      ...more,
    });
  const missing = {
    status: 400,
    json: {
      error: 'invalid_request',
      error_description: 'the subject token is bound to a key or certificate that was not shown',
    },
  };

  it('who holds the certificate exchanges its own token, for one that is bound to it', async () => {
    const given = await exchange(app, mine);
    expect(given.status).toBe(200);
    expect(decodeJwt(String(given.json['access_token']))).toMatchObject({
      cnf: { 'x5t#S256': thumbprint },
    });
    expect(await exchange(app, other)).toMatchObject(missing);
  });

  it('whoever shows it gets a bound token, whatever the registration says', async () => {
    const plain = await service();
    const given = await exchange(plain, mine);
    expect(decodeJwt(String(given.json['access_token']))).toMatchObject({
      cnf: { 'x5t#S256': thumbprint },
      act: { sub: plain.clientId },
    });
    expect(await exchange(plain)).toMatchObject(missing);
    expect(await exchange(plain, other)).toMatchObject(missing);
  });

  it('a service that was sent it may be held to a certificate of its own', async () => {
    const held = await service({ tlsClientCertificateBoundAccessTokens: true });
    const given = await exchange(held, other);
    expect(decodeJwt(String(given.json['access_token']))).toMatchObject({
      cnf: { 'x5t#S256': hash('sha256', other.der, 'base64url') },
    });
  });
});
