import { beforeEach, describe, expect, it } from 'vitest';
import { authorityBed } from './authority-bed.ts';
import { openBrowser } from './browser-bed.ts';
import type { RegistrationPolicy } from './clients/registration.ts';
import { buildRequest } from './http/management/request-builder.ts';
import { openMemoryStore } from './store/memory/memory-store.ts';

const policy: RegistrationPolicy = {
  mode: 'token',
  scopes: ['openid', 'mcp', 'admin', 'offline_access'],
  audiences: ['https://mcp.example'],
  metadataDocuments: true,
  requirePkce: true,
  approval: { scopes: ['admin', 'offline_access'], grantTypes: ['client_credentials'] },
};
const document = 'https://agent.example/client';
const redirectUri = 'https://agent.example/cb';
const challenge = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM';

let bed: Awaited<ReturnType<typeof authorityBed>>;

beforeEach(async () => {
  bed = await authorityBed(1, openMemoryStore(), { registration: policy });
  const client_name = 'Agent <b>Smith</b>';
  bed.web.pages.set(document, {
    ...{ client_id: document, client_name, redirect_uris: [redirectUri] },
    scope: 'openid mcp admin',
  });
});

async function register(metadata: object) {
  const headers = { authorization: `Bearer ${bed.adminKey}` };
  const request = buildRequest('POST', '/oauth2/register', { headers, json: metadata });
  const answer = await bed.authority.handle(request);
  return JSON.parse(String(answer.body)) as Record<string, unknown>;
}

const pathOf = (id: unknown) => `/v1/clients/${encodeURIComponent(String(id))}`;
const shown = async (id: unknown) => bed.manage('GET', pathOf(id));

async function approve(id: unknown, json: object = {}, key?: string) {
  const ifMatch = String((await shown(id)).headers['etag']);
  const more = key === undefined ? { json, ifMatch } : { json, ifMatch, key };
  return bed.manage('POST', `${pathOf(id)}/approve`, more);
}

function authorize(scope: string, more: Record<string, string> = {}) {
  const query = new URLSearchParams({
    ...{ client_id: document, redirect_uri: redirectUri, response_type: 'code', state: 's' },
    ...{ code_challenge: challenge, code_challenge_method: 'S256', scope, ...more },
  });
  return openBrowser(() => bed.authority).open(`/oauth2/authorize?${query}`);
}

describe('a client that nobody vouches for', () => {
  it('gets what is not much at once, and the rest when an administrator approves', async () => {
    expect((await authorize('openid mcp')).url).toMatch(/^\/login/);
    const waiting = await authorize('openid admin');
    expect([waiting.status, waiting.headers['location']]).toEqual([403, undefined]);
    expect(waiting.text).toContain('An administrator has to approve it first.');
    expect((await shown(document)).json).toMatchObject({
      scope: 'openid mcp',
      pending_scopes: ['admin', 'offline_access'],
    });
    const { status, json } = await approve(document, { scopes: ['admin'] });
    expect(status).toBe(200);
    expect(json).toMatchObject({
      scope: 'openid mcp admin',
      pending_scopes: ['offline_access'],
      approved_scopes: ['admin'],
    });
    expect((await authorize('openid admin')).url).toMatch(/^\/login/);
    expect((await authorize('offline_access')).status).toBe(403);
  });

  it('keeps what was approved when its document is read again', async () => {
    await authorize('openid');
    await approve(document);
    bed.clock.advanceMs(2 * 3_600_000);
    expect((await authorize('openid admin')).url).toMatch(/^\/login/);
    expect(bed.web.asked).toEqual([document, document]);
    expect((await shown(document)).json).toMatchObject({ pending_scopes: [] });
  });

  it('is told itself where no page may be shown', async () => {
    const silent = new URL((await authorize('admin', { prompt: 'none' })).url).searchParams;
    expect([silent.get('error'), silent.get('state')]).toEqual(['access_denied', 's']);
    const form = {
      ...{ client_id: document, redirect_uri: redirectUri, response_type: 'code' },
      ...{ code_challenge: challenge, code_challenge_method: 'S256', scope: 'admin' },
    };
    const pushed = await bed.post('/oauth2/par', form);
    expect([pushed.status, pushed.json['error']]).toEqual([400, 'access_denied']);
  });

  it('that is a machine waits for its grant', async () => {
    const machine = await register({ grant_types: ['client_credentials'], scope: 'mcp admin' });
    expect(machine).toMatchObject({
      ...{ grant_types: [], pending_grant_types: ['client_credentials'] },
      ...{ scope: 'mcp', pending_scopes: ['admin'] },
    });
    const credentials = {
      clientId: String(machine['client_id']),
      secret: String(machine['client_secret']),
    };
    const ask = () => bed.post('/oauth2/token', { grant_type: 'client_credentials' }, credentials);
    expect((await ask()).json['error']).toBe('unauthorized_client');
    expect((await approve(machine['client_id'])).status).toBe(200);
    expect((await ask()).json['scope']).toBe('mcp admin');
  });

  it('changes nothing of what was decided when it replaces its registration', async () => {
    const wish = { redirect_uris: [redirectUri], scope: 'openid admin', client_name: 'A' };
    const made = await register(wish);
    const replace = async () => {
      const headers = { authorization: `Bearer ${made['registration_access_token']}` };
      const target = `/oauth2/register?client_id=${made['client_id']}`;
      const json = { ...wish, client_id: made['client_id'] };
      const answer = await bed.authority.handle(buildRequest('PUT', target, { headers, json }));
      return JSON.parse(String(answer.body)) as Record<string, unknown>;
    };
    expect((await replace())['scope']).toBe('openid mcp');
    await approve(made['client_id'], { scopes: ['admin'] });
    expect((await replace())['scope']).toBe('openid mcp admin');
  });

  it.each([
    ['another redirect URI', { redirect_uris: ['https://evil.example/cb'] }],
    ['another key', { jwks_uri: 'https://evil.example/jwks' }],
  ])('waits anew when it registers %s', async (_what, change) => {
    const wish = {
      ...{ redirect_uris: [redirectUri], client_name: 'A', jwks_uri: 'https://agent.example/jwks' },
      token_endpoint_auth_method: 'private_key_jwt',
      grant_types: ['authorization_code', 'client_credentials'],
      scope: 'openid admin',
    };
    const made = await register(wish);
    const replace = async (more: object) => {
      const headers = { authorization: `Bearer ${made['registration_access_token']}` };
      const target = `/oauth2/register?client_id=${made['client_id']}`;
      const json = { ...wish, client_id: made['client_id'], ...more };
      await bed.authority.handle(buildRequest('PUT', target, { headers, json }));
      return (await shown(made['client_id'])).json;
    };
    await approve(made['client_id']);
    const kept = { approved_scopes: ['admin'], approved_grant_types: ['client_credentials'] };
    expect(await replace({ client_name: 'B' })).toMatchObject({ client_name: 'B', ...kept });
    const turned = await replace(change);
    expect(turned).toMatchObject({
      ...change,
      ...{ approved_scopes: [], approved_grant_types: [] },
      ...{ pending_scopes: ['admin'], pending_grant_types: ['client_credentials'] },
    });
    // Nor is it back with the place that was approved.
    expect(await replace({})).toMatchObject({ approved_scopes: [] });
    // Records of one second stand in no order of their own.
    const { items } = (await bed.manage('GET', '/v1/audit/events?action=client.update')).json;
    const waiting = expect.objectContaining({ pending_scopes: ['admin'] });
    expect(items).toContainEqual(expect.objectContaining({ detail: waiting }));
  });

  it('waits anew when its document names another redirect URI', async () => {
    await authorize('openid');
    await approve(document);
    expect((await authorize('openid admin')).url).toMatch(/^\/login/);
    const redirect_uris = [redirectUri, 'https://evil.example/cb'];
    bed.web.pages.set(document, { client_id: document, client_name: 'Agent', redirect_uris });
    bed.clock.advanceMs(2 * 3_600_000);
    expect((await authorize('openid admin')).status).toBe(403);
  });

  it('is told by each endpoint why it has to wait', async () => {
    const device = 'urn:ietf:params:oauth:grant-type:device_code';
    const ciba = 'urn:openid:params:grant-type:ciba';
    const made = await register({
      ...{ grant_types: [device, ciba], redirect_uris: [redirectUri] },
      backchannel_token_delivery_mode: 'poll',
    });
    const credentials = {
      clientId: String(made['client_id']),
      secret: String(made['client_secret']),
    };
    const why = {
      error: 'access_denied',
      error_description: 'an administrator has to approve it first',
    };
    await bed.addUser('alice');
    const ways = [
      ['/oauth2/device_authorization', {}, 400],
      ['/oauth2/bc-authorize', { login_hint: 'alice' }, 403],
    ] as const;
    const ask = ([path, more]: (typeof ways)[number]) =>
      bed.post(path, { scope: 'openid admin', ...more }, credentials);
    for (const way of ways) expect(await ask(way)).toMatchObject({ status: way[2], json: why });
    await approve(made['client_id']);
    for (const way of ways) expect((await ask(way)).status).toBe(200);
  });

  it('has what an administrator names by an edit', async () => {
    await authorize('openid');
    const ifMatch = String((await shown(document)).headers['etag']);
    const json = { scope: 'openid mcp admin special' };
    expect((await bed.manage('PATCH', pathOf(document), { json, ifMatch })).json).toMatchObject({
      pending_scopes: ['offline_access'],
    });
    bed.clock.advanceMs(2 * 3_600_000);
    expect((await authorize('openid special')).url).toMatch(/^\/login/);
  });
});

describe('an approval', () => {
  it('is recorded, and made once, by whoever may write clients', async () => {
    await authorize('openid');
    await approve(document, { scopes: ['admin', 'other'] });
    const leaves = (await bed.store.auditPending.list({ limit: 100 })).map(({ leaf }) =>
      Buffer.from(leaf).toString(),
    );
    const made = leaves.find((leaf) => leaf.includes('"client.create"'));
    expect(made).toContain('"pending_scopes":["admin","offline_access"]');
    expect(leaves.find((leaf) => leaf.includes('"client.approve"'))).toContain(
      '"scopes":["admin"]',
    );
    const again = await approve(document, { scopes: ['admin'] });
    expect([again.status, again.json['code']]).toEqual([409, 'wrong_state']);
    expect((await bed.manage('POST', `${pathOf(document)}/approve`)).status).toBe(428);
    const stale = { json: {}, ifMatch: '"1"' };
    expect((await bed.manage('POST', `${pathOf(document)}/approve`, stale)).status).toBe(412);
    expect((await bed.manage('POST', `${pathOf('none')}/approve`, stale)).status).toBe(404);
    const reader = await bed.manage('POST', '/v1/admin-keys', {
      json: { name: 'reader', permissions: ['clients:read'] },
    });
    expect((await approve(document, {}, String(reader.json['key']))).status).toBe(403);
  });
});
