import { X509Certificate } from 'node:crypto';
import type { JsonObject, PeerCertificate } from '@mintmark/core';
import { decodeJwt } from 'jose';
import { describe, expect, it } from 'vitest';
import { authorityBed } from './authority-bed.ts';
import type { ClientRules } from './clients/client-rules.ts';
import { testCertificate } from './clients/conformance/test-certificate.ts';
import { buildRequest } from './http/management/request-builder.ts';
import { openMemoryStore } from './store/memory/memory-store.ts';

type Bed = Awaited<ReturnType<typeof authorityBed>>;

const bed = (): Promise<Bed> => authorityBed(1, openMemoryStore(), { clientCertificates: true });

async function token(
  { authority }: Bed,
  clientId: string,
  certificate?: PeerCertificate,
  headers: Record<string, string> = {},
) {
  const form = { grant_type: 'client_credentials', client_id: clientId };
  const request = buildRequest('POST', '/oauth2/token', {
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    body: new URLSearchParams(form).toString(),
    certificate,
  });
  const answer = await authority.handle(request);
  return {
    status: answer.status,
    json: JSON.parse(String(answer.body)) as Record<string, unknown>,
  };
}

const subject = [
  ['C', 'DE'],
  ['O', 'Bank, Inc.'],
  ['CN', 'app.example'],
] as const;
const shown = testCertificate({
  subject,
  dns: ['App.example'],
  uri: ['https://app.example/x,y'],
  ip: ['192.0.2.7'],
  email: ['app@app.example'],
});
const trusted = { der: shown.der, trusted: true };

describe('tls_client_auth', () => {
  it.each<[string, Partial<ClientRules>]>([
    ['its whole name', { tlsClientAuthSubjectDn: 'CN=app.example,O=Bank\\, Inc.,C=DE' }],
    [
      'its name with spaces',
      { tlsClientAuthSubjectDn: 'cn = app.example, O=Bank\\2C Inc. , C=DE' },
    ],
    [
      'its name by numbers',
      { tlsClientAuthSubjectDn: '2.5.4.3=app.example,o=Bank\\, Inc.,2.5.4.6=DE' },
    ],
    ['a DNS name', { tlsClientAuthSanDns: 'app.example' }],
    ['a URI', { tlsClientAuthSanUri: 'https://app.example/x,y' }],
    ['an address', { tlsClientAuthSanIp: '::ffff:192.0.2.7' }],
    ['a mail address', { tlsClientAuthSanEmail: 'app@app.example' }],
  ])('knows a client by %s', async (_what, rules) => {
    const one = await bed();
    const { clientId } = await one.addClient({ authMethod: 'tls_client_auth', ...rules });
    expect((await token(one, clientId, trusted)).status).toBe(200);
    const untrusted = await token(one, clientId, { ...trusted, trusted: false });
    expect(untrusted).toMatchObject({ status: 401, json: { error: 'invalid_client' } });
    const other = testCertificate({ subject: [['CN', 'other.example']], dns: ['other.example'] });
    expect((await token(one, clientId, { der: other.der, trusted: true })).status).toBe(401);
    expect((await token(one, clientId)).status).toBe(401);
  });

  it.each([
    'C=DE,O=Bank\\, Inc.,CN=app.example',
    'CN=app.example',
    'CN=app.example,O=Bank\\, Inc.',
    'CN=APP.EXAMPLE,O=Bank\\, Inc.,C=DE',
    'CN=app.example,O=Bank, Inc.,C=DE',
    'OU=x,CN=app.example,O=Bank\\, Inc.,C=DE',
    'CN=*',
    '=',
  ])('knows nobody by %s', async (tlsClientAuthSubjectDn) => {
    const one = await bed();
    const rules = { authMethod: 'tls_client_auth', tlsClientAuthSubjectDn } as const;
    const { clientId } = await one.addClient(rules);
    expect((await token(one, clientId, trusted)).status).toBe(401);
  });

  it('is not passed over by a name within another', async () => {
    const one = await bed();
    const sly = testCertificate({
      subject: [['CN', 'x\nCN=app.example']],
      dns: ['x, DNS:app.example'],
    });
    for (const rules of [
      { tlsClientAuthSubjectDn: 'CN=app.example' },
      { tlsClientAuthSanDns: 'app.example' },
    ]) {
      const { clientId } = await one.addClient({ authMethod: 'tls_client_auth', ...rules });
      expect((await token(one, clientId, { der: sly.der, trusted: true })).status).toBe(401);
    }
  });
});

describe('self_signed_tls_client_auth', () => {
  const jwk = (pem: X509Certificate): JsonObject => {
    const { x = '', y = '' } = pem.publicKey.export({ format: 'jwk' });
    return { kty: 'EC', crv: 'P-256', x, y };
  };
  const rules = { authMethod: 'self_signed_tls_client_auth' } as const;

  it('knows a client by a key that it registered, whoever vouches for it', async () => {
    const one = await bed();
    const jwks = { keys: [jwk(new X509Certificate(shown.der))] };
    const { clientId } = await one.addClient({ ...rules, jwks });
    const certificate = { der: shown.der, trusted: false };
    expect((await token(one, clientId, certificate)).status).toBe(200);
    const stranger = testCertificate({ subject }).der;
    expect((await token(one, clientId, { der: stranger, trusted: true })).status).toBe(401);
    expect((await token(one, clientId)).status).toBe(401);
  });

  it('finds keys behind a URL, and refuses where they cannot be had', async () => {
    const one = await bed();
    const jwksUri = 'https://app.example/jwks';
    const { clientId } = await one.addClient({ ...rules, jwksUri });
    const certificate = { der: shown.der, trusted: false };
    expect((await token(one, clientId, certificate)).status).toBe(401);
    one.web.pages.set(jwksUri, { keys: [jwk(new X509Certificate(shown.der))] });
    one.clock.advanceMs(30_000);
    expect((await token(one, clientId, certificate)).status).toBe(200);
  });
});

describe('a certificate', () => {
  it('beside another method is no second one, and is not needed', async () => {
    const one = await bed();
    const { clientId, secret } = await one.addClient();
    const authorization = `Basic ${Buffer.from(`${clientId}:${secret}`).toString('base64')}`;
    expect((await token(one, clientId, trusted, { authorization })).status).toBe(200);
    expect((await token(one, clientId, trusted)).status).toBe(401);
  });

  it('binds the tokens of a client that is registered for it', async () => {
    const one = await bed();
    const { clientId } = await one.addClient({
      authMethod: 'tls_client_auth',
      tlsClientAuthSanDns: 'app.example',
      tlsClientCertificateBoundAccessTokens: true,
    });
    const { json } = await token(one, clientId, trusted);
    expect(json['token_type']).toBe('Bearer');
    const thumbprint = new X509Certificate(shown.der).fingerprint256.replaceAll(':', '');
    const expected = Buffer.from(thumbprint, 'hex').toString('base64url');
    expect(decodeJwt(String(json['access_token']))['cnf']).toEqual({ 'x5t#S256': expected });
  });

  it.each(['jwt', 'opaque'] as const)('is shown by introspection: %s', async (format) => {
    const one = await bed();
    const { clientId, secret } = await one.addClient({
      accessTokenFormat: format,
      tlsClientCertificateBoundAccessTokens: true,
    });
    const authorization = `Basic ${Buffer.from(`${clientId}:${secret}`).toString('base64')}`;
    const { json } = await token(one, clientId, trusted, { authorization });
    const form = { token: String(json['access_token']) };
    const shownAs = await one.post('/oauth2/introspect', form, { clientId, secret });
    const digest = new X509Certificate(shown.der).fingerprint256.replaceAll(':', '');
    expect(shownAs.json).toMatchObject({
      active: true,
      cnf: { 'x5t#S256': Buffer.from(digest, 'hex').toString('base64url') },
    });
  });

  it('is needed where tokens are to be bound to it', async () => {
    const one = await bed();
    const { clientId, secret } = await one.addClient({
      tlsClientCertificateBoundAccessTokens: true,
    });
    const authorization = `Basic ${Buffer.from(`${clientId}:${secret}`).toString('base64')}`;
    const refused = await token(one, clientId, undefined, { authorization });
    expect(refused).toMatchObject({ status: 400, json: { error: 'invalid_request' } });
    // Bound to a certificate, whoever issued it.
    const bound = await token(one, clientId, { ...trusted, trusted: false }, { authorization });
    expect(bound.status).toBe(200);
  });

  it('is asked for by configuration, and the metadata says so', async () => {
    const metadata = async (one: Bed) =>
      (await one.get('/.well-known/oauth-authorization-server')).json;
    const methods = 'token_endpoint_auth_methods_supported';
    const flag = 'tls_client_certificate_bound_access_tokens';
    const certified = await metadata(await bed());
    expect(certified[methods]).toContain('self_signed_tls_client_auth');
    expect(certified[flag]).toBe(true);
    const plain = await authorityBed();
    expect((await metadata(plain))[methods]).not.toContain('tls_client_auth');
    expect((await metadata(plain))[flag]).toBe(false);
    const json = {
      token_endpoint_auth_method: 'tls_client_auth',
      tls_client_auth_san_dns: 'app.example',
    };
    expect((await plain.manage('POST', '/v1/clients', { json })).status).toBe(422);
    expect((await (await bed()).manage('POST', '/v1/clients', { json })).status).toBe(201);
  });
});
