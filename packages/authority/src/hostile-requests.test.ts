/** Requests that were made to break something, sent to the authority as it is served. */
import { limits } from '@mintmark/core';
import { beforeEach, expect, test } from 'vitest';
import { authorityBed, basicHeader } from './authority-bed.ts';
import { buildRequest } from './http/management/request-builder.ts';

type Bed = Awaited<ReturnType<typeof authorityBed>>;
let bed: Bed;

beforeEach(async () => {
  bed = await authorityBed();
});

/** What a gateway says of one use of a key. */
function decisionOf(id: string, change: Record<string, unknown>) {
  return {
    type: 'decision',
    at: bed.clock.nowMs(),
    node: 'n1',
    tenant: 'default',
    method: 'GET',
    path: '/',
    address: '192.0.2.1',
    credential: 'api_key',
    credentialId: id,
    authenticated: true,
    verdict: 'allow',
    reason: 'ok',
    degraded: false,
    judgedMicros: 1,
    ...change,
  };
}

test('takes no decision that could not be kept or shown', async () => {
  const made = await bed.manage('POST', '/v1/keys', { json: { name: 'x', scopes: [] } });
  const id = String(made.json['id']);
  const hand = async (change: Record<string, unknown>) => {
    const json = { events: [decisionOf(id, change)] };
    return (await bed.manage('POST', '/v1/decisions', { json })).status;
  };
  expect(await hand({ at: Number.MAX_SAFE_INTEGER })).toBe(422);
  expect(await hand({ address: '192.0.2.1\0' })).toBe(422);
  expect(await hand({ credentialId: `${id}\0` })).toBe(422);
  expect(await hand({})).toBe(204);
  for (let round = 0; round < 4; round++) await bed.authority.tick();
  const shown = await bed.manage('GET', `/v1/keys/${id}`);
  expect(shown).toMatchObject({ status: 200, json: { uses_allowed: 1 } });
});

test.each([
  ['GET', '/v1/keys/%00', 404],
  ['GET', '/v1/admin-keys/a%00b', 404],
  ['GET', '/v1/clients/%00', 404],
  ['GET', '/v1/revocations/%00', 404],
  ['GET', '/v1/signing-keys/%00', 404],
  ['GET', '/v1/audit/history/key/%00', 404],
  ['DELETE', '/v1/admin-keys/%00', 404],
  ['GET', '/v1/keys?owner=%00', 400],
  ['GET', '/v1/feed?epoch=e&node=n&nonce=0123456789abcdef&after=', 400],
  ['GET', '/v1/feed?epoch=e&node=n&nonce=0123456789abcdef&after=1e1', 400],
  ['GET', '/v1/feed?epoch=e&node=n&nonce=0123456789abcdef&after=-1', 400],
  ['GET', '/v1/audit/events?object_kind=key&object_id=%00', 400],
])('%s %s is answered %d, not taken for a bug', async (method, path, status) => {
  expect((await bed.manage(method, path, { ifMatch: '*' })).status).toBe(status);
  expect(bed.events).toEqual([]);
});

test('revokes nothing whose name no record could hold', async () => {
  const json = { target: { kind: 'user', id: 'a\0b' }, reason: 'x' };
  expect((await bed.manage('POST', '/v1/revocations', { json })).status).toBe(422);
});

test('knows at once of a client that was disabled here, or had its secret replaced', async () => {
  const made = await bed.manage('POST', '/v1/clients', { json: { client_name: 'x' } });
  const client = {
    clientId: String(made.json['client_id']),
    secret: String(made.json['client_secret']),
  };
  const path = `/v1/clients/${client.clientId}`;
  const ask = async (secret: string) =>
    (await bed.post('/oauth2/introspect', { token: 'x' }, { ...client, secret })).status;
  expect(await ask(client.secret)).toBe(200);
  const json = { overlap_seconds: 0 };
  const rotated = await bed.manage('POST', `${path}/secrets/rotate`, { json });
  const fresh = String(rotated.json['client_secret']);
  expect(await ask(client.secret)).toBe(401);
  expect(await ask(fresh)).toBe(200);
  const disabled = { json: { status: 'disabled' }, ifMatch: '*' };
  expect((await bed.manage('PATCH', path, disabled)).status).toBe(200);
  expect(await ask(fresh)).toBe(401);
  const enabled = { json: { status: 'active' }, ifMatch: '*' };
  expect((await bed.manage('PATCH', path, enabled)).status).toBe(200);
  expect(await ask(fresh)).toBe(200);
  expect((await bed.manage('DELETE', path, { ifMatch: '*' })).status).toBe(204);
  expect(await ask(fresh)).toBe(401);
});

test('records who could not prove who he is, gathered and without the address', async () => {
  const stranger = { clientId: 'nobody', secret: 'x'.repeat(32) };
  const form = { grant_type: 'client_credentials', token: 'x' };
  for (const path of ['/oauth2/token', '/oauth2/introspect', '/oauth2/revoke']) {
    for (let i = 0; i < 3; i++) expect((await bed.post(path, form, stranger)).status).toBe(401);
  }
  bed.clock.advanceMs(60_000);
  for (let round = 0; round < 8; round++) await bed.authority.tick();
  const found = await bed.manage('GET', '/v1/audit/events?action=security.refused');
  const items = found.json['items'] as { result: string; detail: Record<string, unknown> }[];
  expect(items.map(({ result, detail }) => [result, detail['surface'], detail['count']])).toEqual(
    expect.arrayContaining([
      ['unknown_client', 'token', 3],
      ['unknown_client', 'introspection', 3],
      ['unknown_client', 'revocation', 3],
    ]),
  );
  expect(JSON.stringify(items)).not.toContain('192.0.2.1');
});

test('keeps the end of a token for nodes whose clock is behind', async () => {
  const client = await bed.addClient();
  const form = { grant_type: 'client_credentials' };
  const issued = (await bed.post('/oauth2/token', form, client)).json;
  await bed.post('/oauth2/revoke', { token: String(issued['access_token']) }, client);
  const [entry] = await bed.store.feed.list({
    where: { tenant: 'default', targetKind: 'token' },
    orderBy: ['tenant', 'position'],
    limit: 1,
  });
  const expiresAt = Math.floor(bed.clock.nowMs() / 1000) + Number(issued['expires_in']);
  expect(entry?.expiresAtSeconds).toBe(expiresAt + limits.clockSkewSeconds);
});

test.each(['/oauth2/token', '/oauth2/introspect', '/oauth2/revoke', '/v1/keys', '/metrics'])(
  'lets no page of another origin read %s',
  async (path) => {
    for (const method of ['GET', 'POST', 'OPTIONS']) {
      const headers = { origin: 'https://evil.example', 'access-control-request-method': 'POST' };
      const answer = await bed.authority.handle(buildRequest(method, path, { headers }));
      expect(Object.keys(answer.headers).filter((name) => /^access-control/.test(name))).toEqual(
        [],
      );
    }
  },
);

test('answers ten thousand scopes, resources and a long secret in bounded time', async () => {
  const client = await bed.addClient();
  const ask = async (body: string, { secret }: { readonly secret: string }) => {
    const authorization = basicHeader(client.clientId, secret);
    const headers = { authorization, 'content-type': 'application/x-www-form-urlencoded' };
    const request = buildRequest('POST', '/oauth2/token', { headers, body });
    const answer = await bed.authority.handle(request);
    return [answer.status, JSON.parse(String(answer.body)).error];
  };
  const grant = 'grant_type=client_credentials';
  const scopes = `${grant}&scope=${'a+'.repeat(10_000)}a`;
  expect(await ask(scopes, client)).toEqual([400, 'invalid_scope']);
  const resources = `${grant}${'&resource=a'.repeat(5_000)}`;
  expect(await ask(resources, client)).toEqual([400, 'invalid_request']);
  const long = { secret: 'x'.repeat(1_000_000) };
  expect(await ask(grant, long)).toEqual([401, 'invalid_client']);
  expect(await ask(`${grant}&x=${'x'.repeat(65_536)}`, client)).toEqual([413, 'invalid_request']);
});

test('says of a fault that there is one, and nothing of it', async () => {
  const client = await bed.addClient();
  await bed.store.upkeep.close();
  const form = { grant_type: 'client_credentials' };
  const token = await bed.post('/oauth2/token', form, client);
  expect(token).toMatchObject({ status: 503, text: '{"error":"temporarily_unavailable"}' });
  expect(token.headers['retry-after']).toBe('1');
  const key = await bed.manage('POST', '/v1/keys', { json: { name: 'x', scopes: [] } });
  expect(key).toMatchObject({ status: 503, json: { code: 'unavailable', detail: 'store_closed' } });
  expect(key.text).not.toMatch(/node_modules|packages|Error/);
});
