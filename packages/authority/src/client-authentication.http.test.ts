import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { SignJWT } from 'jose';
import { describe, expect, it } from 'vitest';
import { authorityBed, bedConfig } from './authority-bed.ts';
import type { ClientRules } from './clients/client-rules.ts';

const type = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
const { issuer } = bedConfig;
const jwksUri = 'https://app.example/jwks';

type Bed = Awaited<ReturnType<typeof authorityBed>>;

function keyPair(kid: string) {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { x = '', y = '' } = publicKey.export({ format: 'jwk' });
  return { kid, privateKey, jwk: { kty: 'EC', crv: 'P-256', x, y, kid } };
}

async function bedWithKey(rules: Partial<ClientRules> = {}) {
  const bed = await authorityBed();
  const key = keyPair('k1');
  const { clientId } = await bed.addClient({
    authMethod: 'private_key_jwt',
    ...(rules.jwksUri === undefined ? { jwks: { keys: [key.jwk] } } : {}),
    ...rules,
  });
  return { bed, key, clientId };
}

let assertions = 0;

function assert(
  bed: Bed,
  clientId: string,
  key: { readonly kid: string; readonly privateKey: KeyObject },
  more: { readonly alg?: string; readonly [claim: string]: unknown } = {},
): Promise<string> {
  const { alg = 'ES256', ...claims } = more;
  const now = Math.floor(bed.clock.nowMs() / 1000);
  const jti = `a${assertions++}`;
  return new SignJWT({ iss: clientId, sub: clientId, aud: issuer, exp: now + 60, jti, ...claims })
    .setProtectedHeader({ alg, kid: key.kid })
    .sign(key.privateKey);
}

function withAssertion(client_assertion: string, more: Record<string, string> = {}) {
  const base = { grant_type: 'client_credentials', client_assertion_type: type };
  return { ...base, client_assertion, ...more };
}

describe('private_key_jwt', () => {
  it('gets a token, once for each assertion', async () => {
    const { bed, key, clientId } = await bedWithKey();
    const form = withAssertion(await assert(bed, clientId, key));
    const first = await bed.post('/oauth2/token', form);
    expect(first).toMatchObject({ status: 200, json: { token_type: 'Bearer' } });
    const again = await bed.post('/oauth2/token', form);
    expect(again).toMatchObject({ status: 401, json: { error: 'invalid_client' } });
    // Another node, another endpoint: the store remembers, not a process.
    const other = await bed.replica();
    expect((await other.post('/oauth2/token', form)).status).toBe(401);
    expect((await other.post('/oauth2/introspect', { ...form, token: 'x' })).status).toBe(401);
  });

  it('has one winner of many racing uses', async () => {
    const { bed, key, clientId } = await bedWithKey();
    const other = await bed.replica();
    const form = withAssertion(await assert(bed, clientId, key), { client_id: clientId });
    const racers = Array.from({ length: 20 }, (_, i) => (i % 2 === 0 ? bed : other));
    const answers = await Promise.all(racers.map((one) => one.post('/oauth2/token', form)));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
  });

  it('is spent at endpoints that make no token, too', async () => {
    const { bed, key, clientId } = await bedWithKey();
    const form = withAssertion(await assert(bed, clientId, key), { token: 'nothing' });
    expect(await bed.post('/oauth2/introspect', form)).toMatchObject({ json: { active: false } });
    expect((await bed.post('/oauth2/introspect', form)).status).toBe(401);
    expect((await bed.post('/oauth2/token', form)).status).toBe(401);
  });

  it('is not spent by a request that came to nothing', async () => {
    const { bed, key, clientId } = await bedWithKey();
    const form = withAssertion(await assert(bed, clientId, key));
    const refused = await bed.post('/oauth2/token', { ...form, scope: 'too-much' });
    expect(refused.json['error']).toBe('invalid_scope');
    expect((await bed.post('/oauth2/token', form)).status).toBe(200);
  });

  it('is refused beside another method, and a client_id is none', async () => {
    const { bed, key, clientId } = await bedWithKey();
    const form = withAssertion(await assert(bed, clientId, key), { client_id: clientId });
    const basic = { clientId, secret: 'x' };
    for (const refused of [
      await bed.post('/oauth2/token', form, basic),
      await bed.post('/oauth2/token', { ...form, client_secret: 'x' }),
    ]) {
      expect(refused).toMatchObject({ status: 400, json: { error: 'invalid_request' } });
    }
    expect((await bed.post('/oauth2/token', form)).status).toBe(200);
  });

  it('answers with the method that was used, never asking a browser for a password', async () => {
    const { bed, key, clientId } = await bedWithKey();
    const wrong = withAssertion(await assert(bed, clientId, key, { sub: clientId, aud: 'x' }));
    const asserted = await bed.post('/oauth2/token', wrong);
    expect(asserted.headers['www-authenticate']).toMatch(/^private_key_jwt /);
    const post = { grant_type: 'client_credentials', client_id: clientId, client_secret: 'x' };
    const posted = await bed.post('/oauth2/token', post);
    expect(posted.headers['www-authenticate']).toMatch(/^client_secret_post /);
    const basic = await bed.post('/oauth2/token', withoutClient, { clientId, secret: 'x' });
    expect(basic.headers['www-authenticate']).toMatch(/^Basic /);
  });

  it('takes endpoints as audience only where the client may name them', async () => {
    const strict = await bedWithKey();
    const aud = `${issuer}/oauth2/token`;
    const toEndpoint = withAssertion(
      await assert(strict.bed, strict.clientId, strict.key, { aud }),
    );
    expect((await strict.bed.post('/oauth2/token', toEndpoint)).status).toBe(401);
    const { bed, clientId, key } = await bedWithKey({ assertionAudience: 'issuer_or_endpoint' });
    const form = withAssertion(await assert(bed, clientId, key, { aud: [aud] }));
    expect((await bed.post('/oauth2/token', form)).status).toBe(200);
  });

  it('never takes them under FAPI 2.0, whatever the row says', async () => {
    const { bed, clientId, key } = await bedWithKey({
      securityProfile: 'fapi2',
      assertionAudience: 'issuer_or_endpoint',
    });
    const aud = `${issuer}/oauth2/token`;
    const form = withAssertion(await assert(bed, clientId, key, { aud }));
    expect((await bed.post('/oauth2/token', form)).status).toBe(401);
  });

  it('is signed by the one algorithm that the client registered', async () => {
    const { bed, clientId, key } = await bedWithKey({ authSigningAlgorithm: 'PS256' });
    const form = withAssertion(await assert(bed, clientId, key));
    expect((await bed.post('/oauth2/token', form)).status).toBe(401);
  });

  it('of an unknown client, of one with a secret, or of a disabled one is refused', async () => {
    const { bed, key, clientId } = await bedWithKey();
    const secret = await bed.addClient();
    for (const id of ['nobody', secret.clientId]) {
      const form = withAssertion(await assert(bed, id, key));
      expect(await bed.post('/oauth2/token', form)).toMatchObject({ status: 401 });
    }
    const path = `/v1/clients/${clientId}`;
    await bed.manage('PATCH', path, { json: { status: 'disabled' }, ifMatch: '*' });
    const form = withAssertion(await assert(bed, clientId, key));
    expect((await bed.post('/oauth2/token', form)).status).toBe(401);
  });
});

const withoutClient = { grant_type: 'client_credentials' };

describe('keys behind a URL', () => {
  it('are fetched once, and again for a key that is not among them, once in 30 s', async () => {
    const { bed, key, clientId } = await bedWithKey({ jwksUri });
    bed.web.pages.set(jwksUri, { keys: [key.jwk] });
    const use = async (one: typeof key) =>
      (await bed.post('/oauth2/token', withAssertion(await assert(bed, clientId, one)))).status;
    expect(await use(key)).toBe(200);
    expect(await use(key)).toBe(200);
    expect(bed.web.asked).toEqual([jwksUri]);

    const next = keyPair('k2');
    bed.web.pages.set(jwksUri, { keys: [key.jwk, next.jwk] });
    expect(await use(next)).toBe(401);
    expect(bed.web.asked).toHaveLength(1);
    bed.clock.advanceMs(30_000);
    expect(await use(next)).toBe(200);
    expect(await use(keyPair('k3'))).toBe(401);
    expect(bed.web.asked).toHaveLength(2);
  });

  it('are asked for again after five minutes, so that a key taken away ends', async () => {
    const { bed, key, clientId } = await bedWithKey({ jwksUri });
    bed.web.pages.set(jwksUri, { keys: [key.jwk] });
    const use = async () =>
      (await bed.post('/oauth2/token', withAssertion(await assert(bed, clientId, key)))).status;
    expect(await use()).toBe(200);
    bed.web.pages.set(jwksUri, { keys: [keyPair('k1').jwk] });
    bed.clock.advanceMs(300_000);
    expect(await use()).toBe(401);
  });

  it.each([
    ['nothing', undefined],
    ['no set of keys', { hello: 'world' }],
    ['a set with a shared secret', { keys: [{ kty: 'oct', k: 'AAAA', kid: 'k1' }] }],
  ])(
    'that turn out to be %s verify nothing, and are not asked for at once again',
    async (_, page) => {
      const { bed, key, clientId } = await bedWithKey({ jwksUri });
      if (page !== undefined) bed.web.pages.set(jwksUri, page);
      const use = async () =>
        (await bed.post('/oauth2/token', withAssertion(await assert(bed, clientId, key)))).status;
      expect(await use()).toBe(401);
      expect(await use()).toBe(401);
      expect(bed.web.asked).toHaveLength(1);
      bed.web.pages.set(jwksUri, { keys: [key.jwk] });
      bed.clock.advanceMs(30_000);
      expect(await use()).toBe(200);
    },
  );

  it('are fetched once for many who ask at the same time', async () => {
    const { bed, key, clientId } = await bedWithKey({ jwksUri });
    bed.web.pages.set(jwksUri, { keys: [key.jwk] });
    const forms = await Promise.all(
      Array.from({ length: 10 }, async () => withAssertion(await assert(bed, clientId, key))),
    );
    await Promise.all(forms.map((form) => bed.post('/oauth2/token', form)));
    expect(bed.web.asked).toHaveLength(1);
  });
});

describe('a public client', () => {
  it('is known by its id alone, and one that must prove itself is not', async () => {
    const bed = await authorityBed();
    const open = await bed.addClient({ authMethod: 'none' });
    const closed = await bed.addClient();
    const revoke = (client_id: string) => bed.post('/oauth2/revoke', { client_id, token: 'x' });
    expect((await revoke(open.clientId)).status).toBe(200);
    expect((await revoke(closed.clientId)).status).toBe(401);
    expect((await revoke('nobody')).status).toBe(401);
  });

  it('introspects nothing, and the metadata do not offer it', async () => {
    const bed = await authorityBed();
    const { clientId: client_id } = await bed.addClient({ authMethod: 'none' });
    const asked = await bed.post('/oauth2/introspect', { client_id, token: 'x' });
    expect(asked).toMatchObject({ status: 401, json: { error: 'invalid_client' } });
    const { json } = await bed.get('/.well-known/openid-configuration');
    expect(json['introspection_endpoint_auth_methods_supported']).not.toContain('none');
    expect(json['revocation_endpoint_auth_methods_supported']).toContain('none');
  });

  it('is refused where it shows a secret, for it has none', async () => {
    const bed = await authorityBed();
    const { clientId } = await bed.addClient({ authMethod: 'none' });
    const form = { token: 'x' };
    const shown = await bed.post('/oauth2/revoke', form, { clientId, secret: 'x' });
    expect(shown).toMatchObject({ status: 401, json: { error: 'invalid_client' } });
    const rotate = `/v1/clients/${clientId}/secrets/rotate`;
    expect(await bed.manage('POST', rotate, { json: {} })).toMatchObject({ status: 409 });
    const json = { ...publicClient, client_secret: 'a-secret-of-my-own' };
    expect((await bed.manage('POST', '/v1/clients', { json })).status).toBe(409);
    const made = await bed.manage('POST', '/v1/clients', { json: publicClient });
    expect(made.status).toBe(201);
    expect(made.json).not.toHaveProperty('client_secret');
  });
});

const publicClient = { grant_types: [], token_endpoint_auth_method: 'none' };
