import { generateSigningKey } from '@mintmark/tokens';
import { describe, expect, it } from 'vitest';
import { authorityBed, bedConfig } from './authority-bed.ts';
import type { RegistrationPolicy } from './clients/registration.ts';
import { buildRequest } from './http/management/request-builder.ts';
import { openMemoryStore } from './store/memory/memory-store.ts';

type Bed = Awaited<ReturnType<typeof authorityBed>>;

const policy: RegistrationPolicy = {
  mode: 'open',
  scopes: ['openid', 'mcp'],
  audiences: ['https://mcp.example'],
  metadataDocuments: false,
  requirePkce: true,
};
const path = '/oauth2/register';
const redirect_uris = ['https://app.example/cb'];
/** Grants that ask no person. */
const machineGrants = ['client_credentials', 'urn:ietf:params:oauth:grant-type:jwt-bearer'];
const { publicJwk } = await generateSigningKey('ES256');
const jwks = { keys: [publicJwk] };

function open(more: Partial<RegistrationPolicy> = {}): Promise<Bed> {
  return authorityBed(1, openMemoryStore(), { registration: { ...policy, ...more } });
}

async function send(
  bed: Bed,
  method: string,
  target: string,
  input: { readonly json?: unknown; readonly token?: string } = {},
) {
  const { json, token } = input;
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const answer = await bed.authority.handle(buildRequest(method, target, { headers, json }));
  const body = answer.body === undefined ? {} : JSON.parse(String(answer.body));
  return { status: answer.status, headers: answer.headers, json: body as Record<string, unknown> };
}

const register = (bed: Bed, json: unknown, token?: string) =>
  send(bed, 'POST', path, { json, ...(token === undefined ? {} : { token }) });

describe('registration', () => {
  it('takes a device, which needs no place to be sent back to', async () => {
    const bed = await open();
    const wish = {
      client_name: 'TV',
      token_endpoint_auth_method: 'none',
      grant_types: ['urn:ietf:params:oauth:grant-type:device_code', 'refresh_token'],
    };
    const made = await register(bed, wish);
    expect(made).toMatchObject({ status: 201, json: { grant_types: wish.grant_types } });
    const client_id = String(made.json['client_id']);
    const begun = await bed.post('/oauth2/device_authorization', { client_id, scope: 'mcp' });
    expect(begun).toMatchObject({ status: 200 });
    const more = await bed.post('/oauth2/device_authorization', { client_id, scope: 'admin' });
    expect(more.json).toEqual({ error: 'invalid_scope' });
  });

  it('gives a stranger a client that the operator’s bounds hold', async () => {
    const bed = await open();
    const wish = {
      redirect_uris,
      client_name: 'App',
      scope: 'admin',
      token_endpoint_auth_method: 'none',
      grant_types: ['authorization_code', 'implicit', 'client_credentials'],
      response_types: ['code', 'id_token code'],
      'client_name#ja': 'アプリ',
      id_token_encrypted_response_alg: null,
      owner: 'root',
      audiences: ['https://issuer.example/v1'],
      resources: ['https://all.example'],
      consent: 'implicit',
      require_pkce: false,
      access_token_ttl_seconds: 86_400,
    };
    const { status, headers, json } = await register(bed, wish);
    expect(status).toBe(201);
    expect(headers['cache-control']).toBe('no-store');
    expect(json).toMatchObject({
      redirect_uris,
      client_name: 'App',
      scope: 'openid mcp',
      token_endpoint_auth_method: 'none',
      grant_types: ['authorization_code'],
      response_types: ['code'],
      owner: 'registration',
      audiences: ['https://mcp.example'],
      resources: [],
      consent: 'required',
      require_pkce: true,
      access_token_ttl_seconds: 600,
    });
    expect(json).not.toHaveProperty('client_secret');
    expect(json['client_id_issued_at']).toBe(Math.floor(bed.clock.nowMs() / 1000));
    const shown = await bed.manage('GET', `/v1/clients/${json['client_id']}`);
    expect(shown.json).toMatchObject({ client_name: 'App', status: 'active' });
  });

  it('lets tokens into the front channel for who asks by name alone', async () => {
    const both = ['authorization_code', 'implicit'];
    const cases = [
      [{ grant_types: both }, [['authorization_code'], ['code']]],
      [{ grant_types: both, response_types: ['code'] }, [['authorization_code'], ['code']]],
      [{ response_types: ['code', 'id_token'] }, [['authorization_code'], ['code']]],
      [{ response_types: ['id_token'] }, [['implicit'], ['id_token']]],
      [
        { grant_types: both, response_types: ['token id_token'] },
        [both, ['code', 'id_token token']],
      ],
    ] as const;
    for (const [wish, expected] of cases) {
      const { json } = await register(await open(), { redirect_uris, ...wish });
      expect([json['grant_types'], json['response_types']]).toEqual(expected);
    }
  });

  it.each([
    ['plain HTTP', { redirect_uris: ['http://127.0.0.1/cb'] }, 'invalid_redirect_uri'],
    ['bound tokens', { dpop_bound_access_tokens: true }, 'invalid_client_metadata'],
  ])('keeps tokens in the front channel from %s', async (_, more, error) => {
    const front = { grant_types: ['implicit'], response_types: ['id_token token'] };
    const refused = await register(await open(), { redirect_uris, ...front, ...more });
    expect(refused).toMatchObject({ status: 400, json: { error } });
  });

  it('demands PKCE of a confidential client only where the operator does', async () => {
    const wishes = [
      [{ redirect_uris }, false],
      [{ redirect_uris, token_endpoint_auth_method: 'none' }, true],
    ] as const;
    for (const [wish, expected] of wishes) {
      const strict = await register(await open(), wish);
      expect(strict.json['require_pkce'] ?? strict.json).toBe(true);
      const easy = await register(await open({ requirePkce: false }), wish);
      expect(easy.json['require_pkce'] ?? easy.json).toBe(expected);
    }
  });

  it.each(machineGrants)('holds a machine with %s to the scopes it named', async (grant) => {
    const bed = await open({ mode: 'token' });
    const { json: key } = await bed.manage('POST', '/v1/admin-keys', {
      json: { name: 'registrar', permissions: ['clients:register'] },
    });
    const wish = { grant_types: [grant], jwks, scope: 'mcp admin' };
    const { status, json } = await register(bed, wish, String(key['key']));
    expect([status, json['grant_types'], json['scope']]).toEqual([201, [grant], 'mcp']);
  });

  it.each(machineGrants)('lets no stranger be a machine with %s', async (grant) => {
    const wish = { grant_types: [grant, 'refresh_token'], jwks };
    const refused = await register(await open(), wish);
    expect(refused).toMatchObject({ status: 400, json: { error: 'invalid_client_metadata' } });
    expect(refused.json['error_description']).toBe(
      `grant_types: ${grant} needs a registration credential; ask an administrator`,
    );
    // One that can do something else is cut to that.
    const cut = await register(await open(), {
      ...{ redirect_uris, jwks },
      grant_types: [grant, 'authorization_code'],
    });
    expect(cut).toMatchObject({ status: 201, json: { grant_types: ['authorization_code'] } });
  });

  it('gives a secret that never ends, and is not the registration’s token', async () => {
    const bed = await open();
    const { json } = await register(bed, { redirect_uris });
    const clientId = String(json['client_id']);
    expect(json).toMatchObject({ scope: 'openid mcp', client_secret_expires_at: 0 });
    const client = { clientId, secret: String(json['client_secret']) };
    const form = { token: 'x' };
    expect((await bed.post('/oauth2/revoke', form, client)).status).toBe(200);
    const other = { clientId, secret: String(json['registration_access_token']) };
    expect((await bed.post('/oauth2/revoke', form, other)).status).toBe(401);
    // Nor does the turn of the one touch the other.
    await bed.manage('POST', `/v1/clients/${clientId}/secrets/rotate`, {
      json: { overlap_seconds: 0 },
    });
    expect((await bed.post('/oauth2/revoke', form, client)).status).toBe(401);
    const uri = String(json['registration_client_uri']).slice(bedConfig.issuer.length);
    expect((await send(bed, 'GET', uri, { token: other.secret })).status).toBe(200);
  });

  it.each<[string, unknown, string]>([
    ['a bad redirect URI', { redirect_uris: ['javascript:x'] }, 'invalid_redirect_uri'],
    ['a fragment', { redirect_uris: ['https://app.example/#x'] }, 'invalid_redirect_uri'],
    ['no redirect URI', {}, 'invalid_redirect_uri'],
    ['nothing that is built', { redirect_uris, grant_types: ['implicit'] }, 'ok'],
    [
      'another response type',
      { redirect_uris, response_types: ['token'] },
      'invalid_client_metadata',
    ],
    [
      'an unknown method',
      { redirect_uris, token_endpoint_auth_method: 'magic' },
      'invalid_client_metadata',
    ],
    [
      'unsigned ID tokens',
      { redirect_uris, id_token_signed_response_alg: 'none' },
      'invalid_client_metadata',
    ],
    ['a text for a list', { redirect_uris: 'https://app.example/cb' }, 'invalid_client_metadata'],
    ['a list', [], 'invalid_client_metadata'],
    ['markup of a logo', { redirect_uris, logo_uri: 'javascript:x' }, 'invalid_client_metadata'],
    [
      'a private key',
      { redirect_uris, jwks: { keys: [{ kty: 'EC', d: 'x' }] } },
      'invalid_client_metadata',
    ],
    [
      'a certificate',
      { redirect_uris, token_endpoint_auth_method: 'tls_client_auth' },
      'invalid_client_metadata',
    ],
  ])('answers %s as the standard says', async (_what, json, error) => {
    const answer = await register(await open(), json);
    if (error === 'ok') expect(answer.json).toMatchObject({ grant_types: [] });
    else expect(answer).toMatchObject({ status: 400, json: { error } });
  });

  it('is off unless the operator says otherwise', async () => {
    const bed = await authorityBed();
    expect((await register(bed, { redirect_uris })).status).toBe(404);
    const metadata = await bed.get('/.well-known/openid-configuration');
    expect(metadata.json).not.toHaveProperty('registration_endpoint');
    const opened = await (await open()).get('/.well-known/openid-configuration');
    expect(opened.json['registration_endpoint']).toBe(`${bedConfig.issuer}${path}`);
  });

  it('asks for a credential that may register, where the operator says so', async () => {
    const bed = await open({ mode: 'token' });
    expect((await register(bed, { redirect_uris })).status).toBe(401);
    expect((await register(bed, { redirect_uris }, 'nonsense')).status).toBe(401);
    const key = async (...permissions: readonly string[]) =>
      String(
        (await bed.manage('POST', '/v1/admin-keys', { json: { name: 'k', permissions } })).json[
          'key'
        ],
      );
    expect((await register(bed, { redirect_uris }, await key('clients:read'))).status).toBe(401);
    const registrar = await key('clients:register');
    const machine = { grant_types: ['client_credentials'] };
    const made = await register(bed, machine, registrar);
    expect(made).toMatchObject({ status: 201, json: { grant_types: ['client_credentials'] } });
    expect((await bed.manage('GET', '/v1/clients', { key: registrar })).status).toBe(403);
  });

  it('is bounded for each address', async () => {
    const bed = await open();
    const answers: number[] = [];
    for (let i = 0; i < 130; i++) answers.push((await register(bed, { redirect_uris })).status);
    expect(answers.at(0)).toBe(201);
    expect(answers.at(-1)).toBe(429);
  });

  it('holds redirect URIs to the document of their sector', async () => {
    const bed = await open();
    const sector_identifier_uri = 'https://app.example/sector';
    const wish = { redirect_uris, subject_type: 'pairwise', sector_identifier_uri };
    const error = 'invalid_client_metadata';
    expect(await register(bed, wish)).toMatchObject({ status: 400, json: { error } });
    bed.web.pages.set(sector_identifier_uri, ['https://other.example/cb']);
    expect((await register(bed, wish)).status).toBe(400);
    bed.web.pages.set(sector_identifier_uri, [...redirect_uris, 'https://other.example/cb']);
    expect((await register(bed, wish)).status).toBe(201);
  });
});

describe('a registration', () => {
  async function registered(bed: Bed, json: object = {}) {
    const { json: made } = await register(bed, { redirect_uris, ...json });
    const uri = String(made['registration_client_uri']).slice(bedConfig.issuer.length);
    return { made, uri, token: String(made['registration_access_token']) };
  }

  it('is read with its token alone', async () => {
    const bed = await open();
    const { made, uri, token } = await registered(bed);
    const read = await send(bed, 'GET', uri, { token });
    const { client_secret: _, client_secret_expires_at: __, ...rest } = made;
    expect(read).toMatchObject({ status: 200, json: rest });
    expect(read.json).not.toHaveProperty('client_secret');
    const other = await registered(bed);
    for (const wrong of [other.token, 'x', String(made['client_secret'])]) {
      expect((await send(bed, 'GET', uri, { token: wrong })).status).toBe(401);
    }
    expect((await send(bed, 'GET', uri)).status).toBe(401);
    expect((await send(bed, 'GET', path, { token })).status).toBe(401);
  });

  it('is replaced as a whole, within the same bounds', async () => {
    const bed = await open();
    const { made, uri, token } = await registered(bed, { client_name: 'Old', contacts: ['a@b.c'] });
    const { client_id } = made;
    const json = { client_id, redirect_uris: ['https://app.example/two'], scope: 'mcp admin' };
    const replaced = await send(bed, 'PUT', uri, { token, json });
    expect(replaced).toMatchObject({
      status: 200,
      json: {
        redirect_uris: json.redirect_uris,
        scope: 'openid mcp',
        contacts: [],
        client_name: client_id,
      },
    });
    const names = { client_id: 'other', client_id_issued_at: 1 };
    for (const [name, value] of Object.entries(names)) {
      const wrong = { ...json, [name]: value };
      expect((await send(bed, 'PUT', uri, { token, json: wrong })).status).toBe(400);
    }
    const bad = { ...json, redirect_uris: ['https://app.example/#x'] };
    const error = 'invalid_redirect_uri';
    expect(await send(bed, 'PUT', uri, { token, json: bad })).toMatchObject({ json: { error } });
  });

  it('ends with its client, and the client with it', async () => {
    const bed = await open();
    const { made, uri, token } = await registered(bed);
    expect((await send(bed, 'DELETE', uri, { token })).status).toBe(204);
    expect((await send(bed, 'GET', uri, { token })).status).toBe(401);
    expect((await bed.manage('GET', `/v1/clients/${made['client_id']}`)).status).toBe(404);
    const second = await registered(bed);
    const client = `/v1/clients/${second.made['client_id']}`;
    await bed.manage('PATCH', client, { json: { status: 'disabled' }, ifMatch: '*' });
    expect((await send(bed, 'GET', second.uri, { token: second.token })).status).toBe(401);
  });
});

describe('a client whose id is a URL', () => {
  const clientId = 'https://agent.example/client.json';
  const document = { client_id: clientId, client_name: 'Agent', redirect_uris };

  const documents = () => open({ mode: 'off', metadataDocuments: true });
  const known = async (bed: Bed, id = clientId) =>
    (await bed.post('/oauth2/revoke', { client_id: id, token: 'x' })).status === 200;

  it('is known by the document that stands there, fetched once an hour', async () => {
    const bed = await documents();
    bed.web.pages.set(clientId, document);
    expect(await known(bed)).toBe(true);
    expect(await known(bed)).toBe(true);
    expect(bed.web.asked).toEqual([clientId]);
    const shown = await bed.manage('GET', `/v1/clients/${encodeURIComponent(clientId)}`);
    expect(shown.json).toMatchObject({
      client_name: 'Agent',
      token_endpoint_auth_method: 'none',
      scope: 'openid mcp',
      audiences: ['https://mcp.example'],
      consent: 'required',
    });
    bed.web.pages.set(clientId, { ...document, client_name: 'New' });
    bed.clock.advanceMs(3_600_000);
    expect(await known(bed)).toBe(true);
    const again = await bed.manage('GET', `/v1/clients/${encodeURIComponent(clientId)}`);
    expect(again.json['client_name']).toBe('New');
    const metadata = await bed.get('/.well-known/oauth-authorization-server');
    expect(metadata.json['client_id_metadata_document_supported']).toBe(true);
  });

  it('uses PKCE whatever those who register themselves may do', async () => {
    const bed = await open({ mode: 'open', metadataDocuments: true, requirePkce: false });
    const jwks_uri = 'https://agent.example/jwks';
    const method = { token_endpoint_auth_method: 'private_key_jwt', jwks_uri };
    bed.web.pages.set(clientId, { ...document, ...method });
    await known(bed);
    const shown = await bed.manage('GET', `/v1/clients/${encodeURIComponent(clientId)}`);
    expect(shown.json['require_pkce'] ?? shown.json).toBe(true);
  });

  it.each(['open', 'token'] as const)('is no machine where the mode is %s', async (mode) => {
    const bed = await open({ mode, metadataDocuments: true });
    const method = { token_endpoint_auth_method: 'private_key_jwt', jwks };
    const grant_types = ['authorization_code', ...machineGrants];
    bed.web.pages.set(clientId, { ...document, ...method, grant_types });
    await known(bed);
    const shown = await bed.manage('GET', `/v1/clients/${encodeURIComponent(clientId)}`);
    expect(shown.json['grant_types'] ?? shown.json).toEqual(['authorization_code']);
  });

  it.each<[string, unknown]>([
    ['another id', { ...document, client_id: 'https://evil.example/client.json' }],
    ['no id', { redirect_uris }],
    ['a secret', { ...document, client_secret: 'of-everybody-who-reads' }],
    ['a method with a secret', { ...document, token_endpoint_auth_method: 'client_secret_post' }],
    ['a bad redirect URI', { ...document, redirect_uris: ['https://app.example/#x'] }],
    ['no redirect URI', { client_id: clientId }],
    ['a malformed member', { ...document, client_name: 7 }],
    ['a list', [document]],
    ['more than 5 KiB', { ...document, padding: 'x'.repeat(5 * 1024) }],
    ['nothing', undefined],
  ])('is not known by a document with %s, and not asked for at once again', async (_what, page) => {
    const bed = await documents();
    if (page !== undefined) bed.web.pages.set(clientId, page);
    expect(await known(bed)).toBe(false);
    expect(await known(bed)).toBe(false);
    expect(bed.web.asked).toHaveLength(1);
    bed.web.pages.set(clientId, document);
    bed.clock.advanceMs(30_000);
    expect(await known(bed)).toBe(true);
  });

  it.each([
    'http://agent.example/client.json',
    'https://agent.example',
    'https://agent.example/',
    'https://agent.example/a/../client.json',
    'https://user@agent.example/client.json',
    'https://agent.example/client.json#x',
    'https://AGENT.example/client.json',
    'agent',
  ])('is never %s', async (id) => {
    const bed = await documents();
    expect(await known(bed, id)).toBe(false);
    expect(bed.web.asked).toEqual([]);
  });

  it('may send answers to any port of its own machine', async () => {
    const bed = await documents();
    bed.web.pages.set(clientId, { ...document, redirect_uris: ['http://localhost/cb'] });
    expect(await known(bed)).toBe(true);
    const query = new URLSearchParams({
      ...{ client_id: clientId, redirect_uri: 'http://localhost:49152/cb' },
      ...{ response_type: 'code', scope: 'mcp', code_challenge_method: 'S256' },
      code_challenge: 'A'.repeat(43),
    });
    const answer = await bed.get(`/oauth2/authorize?${query}`);
    expect([302, 303]).toContain(answer.status);
    expect(String(answer.headers['location'])).toContain('/login');
  });

  it('proves itself by keys where its document says so', async () => {
    const bed = await documents();
    const jwks_uri = 'https://agent.example/jwks';
    const method = { token_endpoint_auth_method: 'private_key_jwt', jwks_uri };
    bed.web.pages.set(clientId, { ...document, ...method });
    expect(await known(bed)).toBe(false);
    const shown = await bed.manage('GET', `/v1/clients/${encodeURIComponent(clientId)}`);
    expect(shown.json).toMatchObject(method);
  });

  it('outlives its document for a day, and no longer', async () => {
    const bed = await documents();
    bed.web.pages.set(clientId, document);
    expect(await known(bed)).toBe(true);
    bed.web.pages.delete(clientId);
    bed.clock.advanceMs(3_600_000);
    expect(await known(bed)).toBe(true);
    bed.clock.advanceMs(23 * 3_600_000);
    expect(await known(bed)).toBe(false);
  });

  it('stays the administrator’s where he made it, and disabled where he disabled it', async () => {
    const bed = await documents();
    bed.web.pages.set(clientId, document);
    const own = { client_id: clientId, grant_types: [], token_endpoint_auth_method: 'none' };
    await bed.manage('POST', '/v1/clients', { json: own });
    expect(await known(bed)).toBe(true);
    expect(bed.web.asked).toEqual([]);
    const second = await documents();
    second.web.pages.set(clientId, document);
    await known(second);
    const at = `/v1/clients/${encodeURIComponent(clientId)}`;
    await second.manage('PATCH', at, { json: { status: 'disabled' }, ifMatch: '*' });
    second.clock.advanceMs(3_600_000);
    expect(await known(second)).toBe(false);
  });

  it('is a name like any other where documents are off', async () => {
    const bed = await open();
    bed.web.pages.set(clientId, document);
    expect(await known(bed)).toBe(false);
    expect(bed.web.asked).toEqual([]);
  });
});
