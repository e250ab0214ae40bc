/**
 * Nothing of one tenant is worth anything at another. Every endpoint that there is, read from the
 * lists by which they are served, is asked with everything that somebody holds of tenant `a`, at
 * tenant `b` and at the first one: the answer is the one that made-up credentials get, and nothing
 * of `a` has changed afterwards.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { authorityBed } from './authority-bed.ts';
import { grants } from './grants/run-grant.ts';
import { buildRequest } from './http/management/request-builder.ts';
import { protocolPaths } from './http/protocol-api.ts';
import { addTenant, type Holdings, holdingsIn, type TenantBed } from './tenant-bed.ts';

const registration = {
  ...{ mode: 'open', scopes: ['openid', 'read'], audiences: ['https://api.example'] },
  ...{ metadata_documents: false, require_pkce: true },
};

let bed: Awaited<ReturnType<typeof authorityBed>>;
let a: TenantBed;
let b: TenantBed;
let before: string;
let revocation: string;
let held: Holdings;
let addresses = 0;

beforeAll(async () => {
  bed = await authorityBed(1, undefined, {
    registration: { ...registration, mode: 'open', metadataDocuments: false, requirePkce: true },
  });
  a = await addTenant(bed, 'a', { settings: { registration } });
  b = await addTenant(bed, 'b', { settings: { registration } });
  held = await holdingsIn(bed, a);
  const cedar = 'permit(principal, action, resource);';
  await a.manage('PUT', '/v1/policies/own', { cedar, reason: 'test' });
  await a.manage('PUT', '/v1/apis/own', { operations: [] });
  await a.manage('PUT', '/v1/routes/own', { match: {}, upstream: 'http://127.0.0.1:1' });
  const revoked = { target: { kind: 'token', id: 'x' }, reason: 'test' };
  revocation = String((await a.manage('POST', '/v1/revocations', revoked)).json['id']);
  before = await everythingOf(a);
});

/** What the administrator of a tenant can see of it, but for the trail, in which seeing is not. */
async function everythingOf(tenant: TenantBed): Promise<string> {
  const lists = [
    'keys',
    'admin-keys',
    'clients',
    'users',
    'routes',
    'signing-keys',
    'revocations',
    'policies',
    'apis',
    'decisions',
  ];
  const seen = await Promise.all(lists.map((name) => tenant.manage('GET', `/v1/${name}`)));
  return JSON.stringify(seen.map(({ status, json }) => ({ status, json })));
}

/** As `held`, and nobody's: each text has another character where it says the most. */
function twistedAll(of: Holdings): Holdings {
  const changed = Object.entries(of)
    .filter(([, text]) => typeof text === 'string')
    .map(([name, text]) => [name, twisted(text as string)]);
  return Object.fromEntries(changed) as unknown as Holdings;
}

/** Another id: two characters changed in a way that keeps the length and the alphabet. */
function twisted(text: string): string {
  const at = Math.max(0, text.length - 20);
  // Consonants, which every alphabet here has.
  const other = text[at] === 'B' ? 'C' : 'B';
  return text.slice(0, at) + other + text.slice(at + 1);
}

interface Presentation {
  readonly headers: Record<string, string>;
  readonly form: Record<string, string>;
  readonly query: string;
}

const basic = (id: string, secret: string): string =>
  `Basic ${Buffer.from([id, secret].map(encodeURIComponent).join(':')).toString('base64')}`;

/** Every way in which what is held may be shown. */
function presentations(of: Holdings, tenant: string): readonly Presentation[] {
  const cookie = ['session', 'browser']
    .map(
      (name) =>
        `__Host-mm_${name}${tenant === 'default' ? '' : `_${tenant}`}=${of[name as 'session']}`,
    )
    .join('; ');
  const byClient = { authorization: basic(of.clientId, of.clientSecret) };
  const shown = {
    ...{ code: of.code, refresh_token: of.refreshToken, assertion: of.accessToken },
    device_code: of.deviceCode,
    auth_req_id: of.authReqId,
  };
  const pkce = {
    redirect_uri: 'https://app.example/cb',
    code_verifier: 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk',
  };
  const exchange = {
    subject_token: of.accessToken,
    subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
  };
  const bearers = [
    ...[of.accessToken, of.opaqueToken, of.refreshToken, of.idToken],
    ...[of.adminKey, of.apiKey, of.registrationToken],
  ];
  const transaction = `transaction=${of.transaction}`;
  const byUri = new URLSearchParams({ client_id: of.clientId, request_uri: of.requestUri });
  const hint = new URLSearchParams({ id_token_hint: of.idToken, client_id: of.clientId });
  const person = { username: of.username, password: of.password, transaction: of.transaction };
  return [
    ...grants.map(({ type }) => ({
      headers: byClient,
      form: { grant_type: type, ...shown, ...pkce, ...exchange },
      query: '',
    })),
    ...[of.accessToken, of.opaqueToken, of.refreshToken, of.apiKey].map((token) => ({
      ...{ headers: byClient, form: { token }, query: '' },
    })),
    ...bearers.flatMap((token) => {
      const headers = { authorization: `Bearer ${token}` };
      return [
        { headers, form: {}, query: '' },
        { headers, form: { token: of.accessToken }, query: '' },
        { headers, form: {}, query: `client_id=${of.registered}` },
      ];
    }),
    { headers: { cookie }, form: person, query: transaction },
    {
      headers: { cookie },
      form: { user_code: of.userCode },
      query: `user_code=${of.userCode}`,
    },
    { headers: { cookie }, form: { request_uri: of.requestUri }, query: byUri.toString() },
    { headers: { cookie }, form: {}, query: hint.toString() },
    {
      headers: {},
      form: { client_id: of.clientId, client_secret: of.clientSecret, ...shown, ...pkce },
      query: '',
    },
  ];
}

/** From an address of its own: what one caller did wrong is not to keep the next one waiting. */
async function ask(method: string, path: string, { headers, form, query }: Presentation) {
  const remoteAddress = `198.51.${(addresses >> 8) & 255}.${addresses++ & 255}`;
  const isGet = method === 'GET' || method === 'DELETE';
  const request = buildRequest(method, query === '' ? path : `${path}?${query}`, {
    remoteAddress,
    headers: { ...headers, 'content-type': 'application/x-www-form-urlencoded' },
    ...(isGet ? {} : { body: new URLSearchParams(form).toString() }),
  });
  const { status, headers: answered, body } = await bed.authority.handle(request);
  // What is made anew for each answer is no part of what it says.
  const text = body === undefined ? '' : Buffer.from(body).toString();
  const location = String(answered['location'] ?? '');
  return { status, location: withoutIds(location), text: withoutIds(text) };
}

function withoutIds(text: string): string {
  return text.replace(/[A-Za-z0-9_.~%-]{15,}|\b[B-Z]{4}-[B-Z]{4}\b/g, '…');
}

describe.each(['b', 'default'])('at %s', (tenant) => {
  const at = (path: string): string => (tenant === 'default' ? path : `/t/${tenant}${path}`);

  it.each(protocolPaths)('%s %s takes nothing of another tenant', async (method, path) => {
    const theirs = presentations(held, tenant);
    const nobodys = presentations(twistedAll(held), tenant);
    for (const [index, presented] of theirs.entries()) {
      const answer = await ask(method, at(path), presented);
      expect(answer).toEqual(await ask(method, at(path), nobodys[index]!));
    }
  });
});

describe('asked by a client of the same name and secret', () => {
  let twin: TenantBed;

  beforeAll(async () => {
    twin = await addTenant(bed, 'twin', { settings: { registration } });
    await twin.addApp({ client_id: held.clientId, client_secret: held.clientSecret });
  });

  it.each(protocolPaths)('%s %s takes nothing of another tenant', async (method, path) => {
    const { clientId, clientSecret } = held;
    const nobodys = presentations({ ...twistedAll(held), clientId, clientSecret }, 'twin');
    for (const [index, presented] of presentations(held, 'twin').entries()) {
      const answer = await ask(method, twin.at(path), presented);
      expect(answer).toEqual(await ask(method, twin.at(path), nobodys[index]!));
    }
  });
});

interface Operation {
  readonly method: string;
  readonly path: string;
  readonly isOpen: boolean;
}

/** Every operation of the management API, as its description has them. */
async function operations(): Promise<readonly Operation[]> {
  const { paths } = (await bed.get('/openapi.json')).json as {
    paths: Record<string, Record<string, { security?: unknown[] }>>;
  };
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { security }]) => {
      return { method: method.toUpperCase(), path, isOpen: security?.length === 0 };
    }),
  );
}

/** Bodies that mean something to one operation or another, and do no harm where they do. */
const bodies: readonly (Record<string, unknown> | undefined)[] = [
  undefined,
  {},
  ...[{ name: 'x' }, { status: 'disabled' }, { password: 'another horse battery' }],
  ...[{ client_name: 'x' }, { reason: 'x' }, { code: '000000' }, { overlap_seconds: 0 }],
];

describe('management', () => {
  it('takes no administrator of another tenant, in any operation', async () => {
    const all = await operations();
    expect(all.length).toBeGreaterThan(50);
    for (const { method, path } of all.filter(({ isOpen }) => !isOpen)) {
      for (const target of [path, b.at(path)]) {
        const presented = { headers: { authorization: `Bearer ${a.key}` }, form: {}, query: '' };
        const { status } = await ask(method, target, presented);
        expect(`${method} ${target} ${status}`).toBe(`${method} ${target} 401`);
      }
    }
  });

  it('finds nothing of another tenant, and changes nothing of it', async () => {
    const ids = [held.clientId, held.registrationToken, revocation, 'own', 'alice-of-a'];
    const kids = JSON.parse(before).flatMap(
      ({ json }: { json: { items: { id?: string; kid?: string }[] } }) =>
        json.items.flatMap(({ id, kid }) => [id, kid]),
    );
    for (const id of [...ids, ...kids].filter((one) => typeof one === 'string')) {
      for (const { method, path } of (await operations()).filter((one) => one.path.includes('{'))) {
        const target = path.replace(/\{\w+\}/g, encodeURIComponent(id));
        // It writes what is at the path in the caller's own tenant.
        if (method === 'PUT') continue;
        for (const json of method === 'GET' ? [undefined] : bodies) {
          const { status, text } = await b.manage(method, target, json);
          expect(status, `${method} ${target} ${text}`).toBeGreaterThanOrEqual(400);
        }
      }
    }
    expect(await everythingOf(a)).toBe(before);
  });

  it('shows nothing of another tenant in any list or trail', async () => {
    const names = new Set(
      [...before.matchAll(/"(?:id|kid|client_id|username)":"([^"]+)"/g)].map(([, id]) => id!),
    );
    expect(names.size).toBeGreaterThan(5);
    const lists = (await operations()).filter((one) => {
      return one.method === 'GET' && !one.path.includes('{');
    });
    for (const { path } of [...lists, { path: '/v1/audit/events?limit=1000&personal=include' }]) {
      const { text } = await b.manage('GET', path);
      for (const name of names) {
        if (name.length > 8) expect(text, path).not.toContain(name);
      }
    }
  });

  it('of the installation is for the first tenant alone', async () => {
    const operators = ['/v1/tenants', '/v1/custody', '/v1/audit/verify', '/v1/audit/export'];
    for (const path of [...operators, '/metrics']) {
      const answer = await a.manage('GET', path);
      expect(answer.json, path).toMatchObject({ status: 403, code: 'insufficient_permission' });
      expect((await bed.manage('GET', path)).status, path).toBe(200);
    }
    for (const what of ['root', 'pepper', 'data']) {
      const rotated = await a.manage('POST', '/v1/custody/rotate', { what });
      expect(rotated.status).toBe(403);
    }
    const made = await a.manage('POST', '/v1/tenants', { tenant: 'c' });
    expect(made.status).toBe(403);
    const target = { kind: 'tenant', id: 'b' };
    const revoked = await a.manage('POST', '/v1/revocations', { target, reason: 'x' });
    expect(revoked.json['code']).toBe('not_found');
  });

  it('gives a client what its own administrator may give, at its own API alone', async () => {
    const scope = 'keys:read';
    const client = await a.addClient({ scope, audiences: [`${a.issuer}/v1`] });
    const given = await a.tokens({ grant_type: 'client_credentials' }, client);
    const token = String(given['access_token']);
    const list = (at: (path: string) => string) =>
      bed.manage('GET', at('/v1/keys'), { key: token });
    expect((await list(a.at)).status).toBe(200);
    expect((await list(b.at)).status).toBe(401);
    expect((await list((path) => path)).status).toBe(401);
  });
});

it('is told from what nobody holds, at its own tenant', async () => {
  const one = await addTenant(bed, 'own', { settings: { registration } });
  const own = await holdingsIn(bed, one);
  // Those that use something up come last.
  const told = [
    'GET /oauth2/userinfo',
    'GET /account',
    'GET /account/security',
    'GET /oauth2/register',
    'GET /oauth2/authorize',
    'GET /consent',
    'POST /oauth2/introspect',
    'POST /oauth2/par',
    'GET /oauth2/logout',
    'POST /oauth2/token',
    'POST /oauth2/revoke',
  ];
  for (const name of told) {
    const [method = '', path = ''] = name.split(' ');
    const nobodys = presentations(twistedAll(own), 'own');
    const differ = await Promise.all(
      presentations(own, 'own').map(async (presented, index) => {
        const answers = [presented, nobodys[index]!].map((each) => ask(method, one.at(path), each));
        const [good, bad] = await Promise.all(answers);
        return JSON.stringify(good) !== JSON.stringify(bad);
      }),
    );
    expect(differ.includes(true), name).toBe(true);
  }
});

it('leaves to the tenant what was shown elsewhere: each thing of it is good still', async () => {
  const app = { clientId: held.clientId, secret: held.clientSecret };
  const active = async (token: string) =>
    (await bed.post(a.at('/oauth2/introspect'), { token }, app)).json['active'];
  expect(await active(held.accessToken)).toBe(true);
  expect(await active(held.refreshToken)).toBe(true);
  const browser = a.browse();
  browser.jar.set('__Host-mm_session_a', held.session);
  browser.jar.set('__Host-mm_browser_a', held.browser);
  expect((await browser.open(a.at('/account'))).text).toContain('alice-of-a');
  const byUri = new URLSearchParams({ client_id: held.clientId, request_uri: held.requestUri });
  const consent = await browser.open(a.at(`/oauth2/authorize?${byUri}`));
  expect(consent.url).toContain('/t/a/consent');
  await a.exchange(held.code, app);
  await a.tokens({ grant_type: 'refresh_token', refresh_token: held.refreshToken }, app);
  expect((await a.manage('GET', '/v1/keys')).status).toBe(200);
  const verified = await a.manage('POST', '/v1/keys/verify', { key: held.apiKey });
  expect(verified.json['active']).toBe(true);
});
