import { beforeEach, describe, expect, it } from 'vitest';
import { verifyExport } from './audit/verify-export.ts';
import { managementBed } from './management-bed.ts';

let bed: Awaited<ReturnType<typeof managementBed>>;

beforeEach(async () => {
  bed = await managementBed();
});

type Items = readonly Record<string, unknown>[];
const itemsOf = (body: Record<string, unknown>) => body['items'] as Items;

describe('/v1/admin-keys', () => {
  it('makes keys that hold no more than their maker does', async () => {
    const credential = await bed.credential('admin_keys:*', 'keys:read');
    const make = (permissions: string[]) => {
      const json = { name: 'x', permissions };
      return bed.call('POST', '/v1/admin-keys', { json, credential });
    };
    const made = await make(['keys:read']);
    expect(made.body).toMatchObject({ permissions: ['keys:read'], status: 'active' });
    expect(made.body['key']).toMatch(/^mm_admin_/);
    expect((await make(['*'])).status).toBe(403);
    expect((await make(['keys:*'])).status).toBe(403);
    expect((await make(['keys:fly'])).status).toBe(422);
  });

  it('revokes a key at once, but not the last that makes administrators', async () => {
    // The list is by the moment of making, so the second key needs one of its own.
    bed.clock.advanceMs(1);
    const credential = await bed.credential('keys:read');
    const [limited, first] = itemsOf((await bed.call('GET', '/v1/admin-keys')).body);
    const path = `/v1/admin-keys/${limited?.['id']}`;
    expect((await bed.call('DELETE', path)).status).toBe(428);
    const gone = await bed.call('DELETE', path, { headers: await bed.ifMatch(path) });
    expect(gone.body['status']).toBe('revoked');
    expect((await bed.call('GET', '/v1/keys', { credential })).status).toBe(401);
    const headers = { 'if-match': '*' };
    const last = await bed.call('DELETE', `/v1/admin-keys/${first?.['id']}`, { headers });
    expect(last).toMatchObject({ status: 409, body: { code: 'wrong_state' } });
    expect((await bed.call('DELETE', '/v1/admin-keys/none', { headers })).status).toBe(404);
  });
});

describe('/v1/routes', () => {
  const route = { match: { path_prefix: '/npm' }, upstream: 'http://127.0.0.1:4873' };

  it('makes, replaces, lists and deletes', async () => {
    const path = '/v1/routes/npm';
    const made = await bed.call('PUT', path, { json: route });
    expect(made).toMatchObject({ status: 201, body: { ...route, name: 'npm' } });
    expect((await bed.call('PUT', path, { json: route })).status).toBe(428);
    const json = { ...route, name: 'npm', scopes: ['npm:read'] };
    const replaced = await bed.call('PUT', path, { json, headers: await bed.ifMatch(path) });
    expect(replaced).toMatchObject({ status: 200, body: { scopes: ['npm:read'] } });
    const stale = await bed.call('PUT', path, { json, headers: { 'if-match': '"1"' } });
    expect(stale.status).toBe(412);
    for (const name of ['a', 'b']) await bed.call('PUT', `/v1/routes/${name}`, { json: route });
    const first = await bed.call('GET', '/v1/routes?limit=2');
    const rest = await bed.call('GET', `/v1/routes?limit=2&cursor=${first.body['next']}`);
    const names = [...itemsOf(first.body), ...itemsOf(rest.body)].map((item) => item['name']);
    expect(names).toEqual(['a', 'b', 'npm']);
    expect((await bed.call('DELETE', path, { headers: { 'if-match': '*' } })).status).toBe(204);
    expect((await bed.call('GET', path)).status).toBe(404);
  });

  it('says where a route is wrong', async () => {
    const put = async (json: object) => {
      const { status, body } = await bed.call('PUT', '/v1/routes/npm', { json });
      return [status, (body['errors'] as Items)[0]?.['pointer']];
    };
    expect(await put({ ...route, scope: ['a'] })).toEqual([422, '/scope']);
    expect(await put({ ...route, match: { path_prefix: '/a/../b' } })).toEqual([
      422,
      '/match/path_prefix',
    ]);
    expect(await put({ ...route, name: 'other' })).toEqual([422, '/name']);
  });
});

describe('/v1/clients', () => {
  const json = { client_id: 'ci', client_name: 'CI', scope: 'read write' };

  it('registers a client that gets a token, and shows its secret once', async () => {
    const made = await bed.call('POST', '/v1/clients', { json });
    expect(made).toMatchObject({ status: 201, body: { ...json, access_token_format: 'jwt' } });
    const secret = String(made.body['client_secret']);
    const token = await bed.post(
      '/oauth2/token',
      { grant_type: 'client_credentials', scope: 'read' },
      { clientId: 'ci', secret },
    );
    expect(token.status).toBe(200);
    const shown = await bed.call('GET', '/v1/clients/ci');
    expect(shown.text).not.toContain(secret);
    const again = await bed.call('POST', '/v1/clients', { json });
    expect(again).toMatchObject({ status: 409, body: { code: 'already_exists' } });
  });

  it('takes an id and a secret that were chosen, however they are spelled', async () => {
    const client_id = 'https://app.example/client?a=b';
    const chosen = { ...json, client_id, client_secret: 'a-secret-of-my-own' };
    const made = await bed.call('POST', '/v1/clients', { json: chosen });
    expect(made.body['client_secret']).toBe(chosen.client_secret);
    const path = `/v1/clients/${encodeURIComponent(client_id)}`;
    expect((await bed.call('GET', path)).body['client_id']).toBe(client_id);
    const short = { ...json, client_id: 'x', client_secret: 'short' };
    expect((await bed.call('POST', '/v1/clients', { json: short })).status).toBe(422);
  });

  it('takes and shows all metadata of RFC 7591 and OpenID that is not about a grant', async () => {
    const all = {
      ...json,
      grant_types: ['client_credentials'],
      token_endpoint_auth_method: 'client_secret_post',
      redirect_uris: ['https://app.example/cb'],
      post_logout_redirect_uris: ['https://app.example/out'],
      backchannel_logout_uri: 'https://app.example/bye',
      backchannel_logout_session_required: true,
      require_pkce: false,
      jwks_uri: 'https://app.example/jwks',
      subject_type: 'pairwise',
      default_max_age: 0,
      id_token_signed_response_alg: 'PS256',
      contacts: ['a@app.example'],
      logo_uri: 'https://app.example/logo.png',
    };
    const made = await bed.call('POST', '/v1/clients', { json: all });
    expect(made).toMatchObject({ status: 201, body: all });
    const headers = await bed.ifMatch('/v1/clients/ci');
    const patch = { logo_uri: null, redirect_uris: [] };
    const refused = await bed.call('PATCH', '/v1/clients/ci', { json: patch, headers });
    const pointer = '/require_pkce';
    expect(refused).toMatchObject({ status: 422, body: { errors: [{ pointer }] } });
    const mended = { json: { ...patch, require_pkce: true }, headers };
    const { body } = await bed.call('PATCH', '/v1/clients/ci', mended);
    expect(body).toMatchObject({ redirect_uris: [], jwks_uri: all.jwks_uri });
    expect(body).not.toHaveProperty('logo_uri');
  });

  it('refuses what it cannot do, and what contradicts itself, naming it', async () => {
    const wish = {
      grant_types: ['urn:openid:params:grant-type:ciba'],
      token_endpoint_auth_method: 'tls_client_auth',
      tls_client_auth_san_dns: 'app.example',
    };
    const refused = await bed.call('POST', '/v1/clients', { json: wish });
    expect(refused.status).toBe(422);
    expect(refused.body['errors']).toEqual([
      { pointer: '/token_endpoint_auth_method', message: expect.stringContaining('tls_client') },
      { pointer: '/backchannel_token_delivery_mode', message: expect.stringContaining('ciba') },
    ]);
  });

  it('publishes a key of each algorithm that a client needs before it signs', async () => {
    const algorithms = async () => {
      const { json } = await bed.get('/.well-known/jwks.json');
      return (json['keys'] as { alg: string }[]).map(({ alg }) => alg).sort();
    };
    expect(await algorithms()).toEqual(['ES256']);
    const machine = { client_name: 'm', grant_types: ['client_credentials'], scope: 'read' };
    await bed.manage('POST', '/v1/clients', { json: machine });
    expect(await algorithms()).toEqual(['ES256']);
    const made = await bed.manage('POST', '/v1/clients', {
      json: {
        ...{ client_name: 'app', redirect_uris: ['https://app.example/cb'], scope: 'openid' },
        id_token_signed_response_alg: 'EdDSA',
      },
    });
    expect(await algorithms()).toEqual(['ES256', 'EdDSA']);
    await bed.manage('PATCH', `/v1/clients/${made.json['client_id']}`, {
      json: { authorization_signed_response_alg: 'ML-DSA-44' },
      ifMatch: '"1"',
    });
    expect(await algorithms()).toEqual(['ES256', 'EdDSA', 'ML-DSA-44']);
  });

  it('edits only what is given, disables, and deletes', async () => {
    await bed.call('POST', '/v1/clients', { json });
    const path = '/v1/clients/ci';
    const patch = { access_token_ttl_seconds: 60, scope: '' };
    const edited = await bed.call('PATCH', path, { json: patch, headers: await bed.ifMatch(path) });
    expect(edited.body).toMatchObject({ ...patch, client_name: 'CI', status: 'active' });
    const disabling = { json: { status: 'disabled' }, headers: await bed.ifMatch(path) };
    expect((await bed.call('PATCH', path, disabling)).body['status']).toBe('disabled');
    expect((await bed.call('PATCH', path, disabling)).status).toBe(412);
    expect((await bed.call('DELETE', path, { headers: await bed.ifMatch(path) })).status).toBe(204);
    expect((await bed.call('GET', path)).status).toBe(404);
    const headers = { 'if-match': '*' };
    expect((await bed.call('DELETE', path, { headers })).status).toBe(404);
    expect((await bed.call('PATCH', path, { json: {}, headers })).status).toBe(404);
  });

  it('rolls a secret, once for each Idempotency-Key', async () => {
    await bed.call('POST', '/v1/clients', { json });
    const path = '/v1/clients/ci/secrets/rotate';
    const headers = { 'idempotency-key': 'k' };
    const rolled = await bed.call('POST', path, { json: { overlap_seconds: 60 }, headers });
    expect(rolled.body).toMatchObject({ client_id: 'ci' });
    const again = await bed.call('POST', path, { json: { overlap_seconds: 60 }, headers });
    const { client_secret, ...rest } = rolled.body;
    expect(client_secret).toBeDefined();
    expect(again.body).toEqual({ ...rest, secret_already_shown: true });
    expect((await bed.call('POST', '/v1/clients/none/secrets/rotate')).status).toBe(404);
  });

  it('pages', async () => {
    for (const client_id of ['a', 'b', 'c']) {
      bed.clock.advanceMs(1);
      await bed.call('POST', '/v1/clients', { json: { ...json, client_id } });
    }
    const first = await bed.call('GET', '/v1/clients?limit=2');
    const rest = await bed.call('GET', `/v1/clients?limit=2&cursor=${first.body['next']}`);
    const ids = [...itemsOf(first.body), ...itemsOf(rest.body)].map((item) => item['client_id']);
    expect(ids).toEqual(['c', 'b', 'a']);
  });
});

describe('/v1/revocations', () => {
  it('ends a client’s tokens and shows how far it has come', async () => {
    const client = await bed.addClient({ accessTokenFormat: 'opaque' });
    const form = { grant_type: 'client_credentials' };
    const issued = await bed.post('/oauth2/token', form, client);
    const token = issued.json['access_token'];
    const inspect = () => bed.call('POST', '/v1/tokens/inspect', { json: { token } });
    expect((await inspect()).body).toMatchObject({ active: true, kind: 'opaque' });
    const json = { target: { kind: 'client', id: client.clientId }, reason: 'leaked' };
    const headers = { 'idempotency-key': 'k' };
    const made = await bed.call('POST', '/v1/revocations', { json, headers });
    expect(made).toMatchObject({ status: 200, body: { feed_position: expect.any(Number) } });
    expect((await inspect()).body).toMatchObject({ active: false, reason: 'revoked' });
    const again = await bed.call('POST', '/v1/revocations', { json, headers });
    expect(again.body).toEqual(made.body);
    const shown = await bed.call('GET', `/v1/revocations/${made.body['id']}`);
    expect(shown.body).toMatchObject({ ...made.body, ...json, nodes: [] });
    expect(shown.body['everywhere_at']).toBe(made.body['effective_at']);
    expect(itemsOf((await bed.call('GET', '/v1/revocations')).body)).toHaveLength(1);
    expect((await bed.call('GET', '/v1/revocations/none')).status).toBe(404);
  });

  it('takes a node’s acknowledgement from the credential that it asks with alone', async () => {
    const mine = await bed.credential('feed:read');
    const other = await bed.credential('feed:read');
    const json = { target: { kind: 'user', id: 'u1' }, reason: 'x' };
    const ask = async (credential: string, after: number) => {
      const { body } = await bed.call('GET', '/v1/feed/snapshot', { credential });
      const query = `epoch=${body['epoch']}&after=${after}&node=gw1&nonce=${'n'.repeat(16)}`;
      expect((await bed.call('GET', `/v1/feed?${query}`, { credential })).status).toBe(200);
    };
    const before = await bed.call('POST', '/v1/revocations', { json });
    const old = Number(before.body['feed_position']);
    const made = await bed.call('POST', '/v1/revocations', { json });
    const position = Number(made.body['feed_position']);
    await bed.call('PUT', '/v1/routes/later', {
      json: { name: 'later', match: {}, upstream: 'http://127.0.0.1:1' },
    });
    await ask(mine, old);
    await ask(other, position);
    const shown = await bed.call('GET', `/v1/revocations/${made.body['id']}`);
    expect(shown.body['everywhere_at']).toBeNull();
    const states = (shown.body['nodes'] as Record<string, unknown>[]).map((one) => [
      one['node'],
      one['state'],
    ]);
    expect(states.sort()).toEqual([
      ['gw1', 'acknowledged'],
      ['gw1', 'pending'],
    ]);
    await ask(mine, position);
    const all = await bed.call('GET', `/v1/revocations/${made.body['id']}`);
    expect(all.body['everywhere_at']).not.toBeNull();
    const nodes = itemsOf((await bed.call('GET', '/v1/nodes')).body);
    expect(new Set(nodes.map((one) => one['credential'])).size).toBe(2);
  });

  it('ends a signing key as an emergency does', async () => {
    const [key] = itemsOf((await bed.call('GET', '/v1/signing-keys')).body);
    const json = { target: { kind: 'signing_key', id: key?.['kid'] }, reason: 'stolen' };
    const headers = { 'idempotency-key': 'k' };
    const asked = () => bed.call('POST', '/v1/revocations', { json, headers });
    const [first, twin] = await Promise.all([asked(), asked()]);
    expect(first).toMatchObject({ status: 200, body: { feed_position: expect.any(Number) } });
    expect(twin).toMatchObject({ status: 200, body: first.body });
    expect((await asked()).body).toEqual(first.body);
    const again = await bed.call('POST', '/v1/revocations', { json });
    expect(again).toMatchObject({ status: 409, body: { code: 'wrong_state' } });
    const none = { target: { kind: 'signing_key', id: 'none' }, reason: 'x' };
    expect((await bed.call('POST', '/v1/revocations', { json: none })).status).toBe(404);
  });

  it('refuses what is not there and what does not end this way', async () => {
    const post = async (kind: string) => {
      const json = { target: { kind, id: 'none' }, reason: 'x' };
      return (await bed.call('POST', '/v1/revocations', { json })).status;
    };
    expect([await post('client'), await post('key'), await post('tenant')]).toEqual([
      404, 404, 404,
    ]);
  });
});

describe('/v1/signing-keys', () => {
  it('publishes the next key, and shows no private half', async () => {
    const next = await bed.call('POST', '/v1/signing-keys/rotate');
    expect(next.status).toBe(200);
    const kid = next.body['kid'];
    expect((await bed.call('POST', '/v1/signing-keys/rotate', { json: {} })).body['kid']).toBe(kid);
    const shown = await bed.call('GET', `/v1/signing-keys/${kid}`);
    expect(shown.body).toMatchObject({ status: 'published', algorithm: 'ES256' });
    expect(shown.body['public_jwk']).not.toHaveProperty('d');
    expect((await bed.call('GET', '/v1/signing-keys/none')).status).toBe(404);
  });

  it('distrusts a key in an emergency, with a reason', async () => {
    const [key] = itemsOf((await bed.call('GET', '/v1/signing-keys')).body);
    const path = `/v1/signing-keys/${key?.['kid']}/emergency`;
    expect((await bed.call('POST', path, { json: {} })).status).toBe(422);
    const ended = await bed.call('POST', path, { json: { reason: 'stolen' } });
    expect(ended.body['replacement']).toEqual(expect.any(String));
    const revocation = await bed.call('GET', `/v1/revocations/${ended.body['revocation']}`);
    expect(revocation.body['target']).toEqual({ kind: 'signing_key', id: key?.['kid'] });
    expect((await bed.call('POST', path, { json: { reason: 'again' } })).status).toBe(409);
    const late = `/v1/signing-keys/${key?.['kid']}/report`;
    expect((await bed.call('POST', late, { json: { reason: 'x' } })).status).toBe(409);
    const none = '/v1/signing-keys/none/emergency';
    expect((await bed.call('POST', none, { json: { reason: 'x' } })).status).toBe(404);
  });
});

describe('/v1/tenant and /v1/nodes', () => {
  it('show what the installation is made of', async () => {
    expect((await bed.call('GET', '/v1/tenant')).body).toMatchObject({
      tenant: 'default',
      issuer: 'https://issuer.example',
    });
    const now = bed.clock.nowMs();
    const row = { tenant: 'default', node: 'gw1', epoch: 'e', position: 3, seenAt: now };
    await bed.store.acts.run({ steps: [{ do: 'put', table: 'nodes', row }], audit: null });
    const nodes = async () => itemsOf((await bed.call('GET', '/v1/nodes')).body);
    expect(await nodes()).toMatchObject([{ node: 'gw1', position: 3, connected: true }]);
    bed.clock.advanceMs(60_000);
    expect(await nodes()).toMatchObject([{ connected: false }]);
  });
});

describe('/v1/audit', () => {
  it('searches, with personal data only for whoever may see it', async () => {
    await bed.call('POST', '/v1/keys', {
      json: { name: 'a', scopes: [] },
      address: '198.51.100.3',
    });
    const found = await bed.call('GET', '/v1/audit/events?action=key.create');
    expect(itemsOf(found.body)).toMatchObject([{ action: 'key.create', result: 'done' }]);
    expect(found.text).not.toContain('198.51.100.3');
    const open = '/v1/audit/events?action=key.create&personal=include';
    expect((await bed.call('GET', open)).text).toContain('198.51.100.3');
    const credential = await bed.credential('audit:read');
    expect((await bed.call('GET', open, { credential })).status).toBe(403);
    const closed = '/v1/audit/export?personal=include';
    expect((await bed.call('GET', closed, { credential })).status).toBe(403);
    expect((await bed.call('GET', '/v1/audit/events?object_kind=key')).status).toBe(400);
    expect((await bed.call('GET', '/v1/audit/history/key/none')).status).toBe(404);
  });

  it('pages by time and by object', async () => {
    for (let i = 0; i < 3; i++) {
      bed.clock.advanceMs(1000);
      await bed.call('PUT', `/v1/routes/r`, {
        json: { match: {}, upstream: 'http://a' },
        headers: i === 0 ? {} : { 'if-match': '*' },
      });
      await bed.authority.tick();
    }
    for (const filter of ['action=route.update', 'object_kind=route&object_id=r']) {
      const first = await bed.call('GET', `/v1/audit/events?${filter}&limit=1`);
      expect(itemsOf(first.body)).toHaveLength(1);
      const cursor = `&cursor=${first.body['next']}`;
      const second = await bed.call('GET', `/v1/audit/events?${filter}&limit=1${cursor}`);
      expect(itemsOf(second.body)[0]?.['id']).not.toBe(itemsOf(first.body)[0]?.['id']);
    }
  });

  it('verifies the log and exports it in pages that verify by themselves', async () => {
    for (const name of ['a', 'b', 'c']) {
      await bed.call('POST', '/v1/keys', { json: { name, scopes: [] } });
    }
    await bed.authority.tick();
    const verify = () => bed.call('GET', '/v1/audit/verify');
    const [report, same] = await Promise.all([verify(), verify()]);
    expect(same.body).toEqual(report.body);
    expect(report.body).toMatchObject({ ok: true, problems: [], unsequenced: { count: 0 } });
    const size = (report.body['head'] as { size: number }).size;
    let path = '/v1/audit/export?limit=2';
    let leaves = 0;
    for (let pages = 0; pages < 10; pages++) {
      const page = await bed.call('GET', path);
      const verified = await verifyExport(chunks(page.text));
      expect(verified).toMatchObject({ ok: true });
      leaves += page.text.trim().split('\n').length - 1;
      const next = /<(.*)>; rel="next"/.exec(String(page.headers['link']))?.[1];
      if (next === undefined) break;
      path = next;
    }
    expect(leaves).toBe(size);
    expect((await bed.call('GET', '/v1/audit/export?after=999')).status).toBe(400);
  });
});

async function* chunks(text: string): AsyncGenerator<Uint8Array, void> {
  yield Buffer.from(text);
}
