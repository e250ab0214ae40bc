/** A tenant with all that one may have, made and used through HTTP as its people do; for tests. */
import assert from 'node:assert/strict';
import type { authorityBed } from './authority-bed.ts';
import { openBrowser } from './browser-bed.ts';
import { buildRequest } from './http/management/request-builder.ts';

/** Of RFC 7636 appendix B. */
const verifier = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk';
const challenge = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM';
const redirectUri = 'https://app.example/cb';
const deviceGrant = 'urn:ietf:params:oauth:grant-type:device_code';
const password = 'correct horse battery';

type Bed = Pick<
  Awaited<ReturnType<typeof authorityBed>>,
  'authority' | 'adminKey' | 'manage' | 'post' | 'get'
>;

interface Credentials {
  readonly clientId: string;
  readonly secret: string;
}

/** What somebody may hold of a tenant, each as it is presented. */
export interface Holdings {
  readonly clientId: string;
  readonly clientSecret: string;
  readonly username: string;
  readonly password: string;
  readonly code: string;
  readonly requestUri: string;
  readonly deviceCode: string;
  readonly userCode: string;
  readonly authReqId: string;
  readonly refreshToken: string;
  readonly accessToken: string;
  readonly opaqueToken: string;
  readonly idToken: string;
  /** A client that registered itself, and what manages it. */
  readonly registered: string;
  readonly registrationToken: string;
  readonly adminKey: string;
  readonly apiKey: string;
  /** Cookies, by their names without what is the tenant's. */
  readonly session: string;
  readonly browser: string;
  /** A sign-in under way. */
  readonly transaction: string;
}

export type TenantBed = Awaited<ReturnType<typeof addTenant>>;

/** Makes a tenant, and calls it in the name of its administrator, its clients, its people. */
export async function addTenant(bed: Bed, tenant: string, more: Record<string, unknown> = {}) {
  const made = await bed.manage('POST', '/v1/tenants', { json: { tenant, ...more } });
  assert.equal(made.status, 201, made.text);
  const key = String(made.json['admin_key']);
  const at = (path: string): string => `/t/${tenant}${path}`;

  async function manage(method: string, path: string, json?: unknown) {
    return bed.manage(method, at(path), { key, json, ifMatch: '*' });
  }

  async function create(path: string, json: unknown) {
    const done = await manage('POST', path, json);
    assert.equal(done.status, 201, done.text);
    return done.json;
  }

  async function addClient(rules: Record<string, unknown> = {}): Promise<Credentials> {
    const client = await create('/v1/clients', {
      client_name: 'app',
      grant_types: ['client_credentials'],
      scope: 'read',
      audiences: ['https://api.example'],
      ...rules,
    });
    return { clientId: String(client['client_id']), secret: String(client['client_secret']) };
  }

  const addApp = (rules: Record<string, unknown> = {}): Promise<Credentials> =>
    addClient({
      grant_types: ['authorization_code', 'refresh_token', 'client_credentials', deviceGrant],
      redirect_uris: [redirectUri],
      scope: 'openid read offline_access',
      ...rules,
    });

  const authorizeUrl = (clientId: string): string => at(authorizeTarget(clientId));

  async function tokens(form: Record<string, string>, app: Credentials) {
    const done = await bed.post(at('/oauth2/token'), form, app);
    assert.equal(done.status, 200, done.text);
    return done.json as Record<string, string>;
  }

  const signIn = async (browser: ReturnType<typeof openBrowser>, app: Credentials) => {
    const login = await browser.open(authorizeUrl(app.clientId));
    const next = await browser.submit(login, { username: `alice-of-${tenant}`, password });
    const done = next.url.startsWith('https:') ? next : await browser.submit(next);
    assert.ok(done.url.startsWith(redirectUri), done.text);
    return new URL(done.url).searchParams;
  };

  return {
    ...{ tenant, key, at, manage, create, addClient, addApp, authorizeUrl, tokens, signIn },
    issuer: `https://issuer.example/t/${tenant}`,
    browse: () => openBrowser(() => bed.authority),
    addAlice: () => create('/v1/users', { username: `alice-of-${tenant}`, password }),
    exchange: (code: string, app: Credentials) =>
      tokens(
        {
          ...{ grant_type: 'authorization_code', code },
          ...{ redirect_uri: redirectUri, code_verifier: verifier },
        },
        app,
      ),
  };
}

function authorizeTarget(clientId: string): string {
  const asked = {
    client_id: clientId,
    redirect_uri: redirectUri,
    response_type: 'code',
    scope: 'openid read offline_access',
    prompt: 'consent',
    state: 's',
    code_challenge: challenge,
    code_challenge_method: 'S256',
  };
  return `/oauth2/authorize?${new URLSearchParams(asked)}`;
}

/** One of each kind that a tenant's people and machines may have. */
export async function holdingsIn(bed: Bed, tenant: TenantBed): Promise<Holdings> {
  const { at, addApp, addClient, authorizeUrl, tokens } = tenant;
  const app = await addApp();
  const opaque = await addClient({ access_token_format: 'opaque' });
  await tenant.addAlice();
  const browser = tenant.browse();
  const code = (await tenant.signIn(browser, app)).get('code') ?? '';
  const given = await tenant.exchange(code, app);
  const unused = await browser.submit(await browser.open(authorizeUrl(app.clientId)));
  const waiting = await browser.open(authorizeUrl(app.clientId));
  const asked = new URLSearchParams(authorizeUrl(app.clientId).split('?')[1]);
  const pushed = await bed.post(at('/oauth2/par'), Object.fromEntries(asked), app);
  const device = await bed.post(at('/oauth2/device_authorization'), { scope: 'read' }, app);
  const ciba = await addClient({
    grant_types: ['urn:openid:params:grant-type:ciba'],
    backchannel_token_delivery_mode: 'poll',
    scope: 'openid read',
  });
  const hint = { scope: 'openid', login_hint: `alice-of-${tenant.tenant}` };
  const asking = await bed.post(at('/oauth2/bc-authorize'), hint, ciba);
  assert.equal(asking.status, 200, asking.text);
  const cookie = (name: string): string =>
    [...browser.jar].find(([one]) => one.includes(`_${name}`))?.[1] ?? '';
  const own = { grant_type: 'client_credentials' };
  return {
    clientId: app.clientId,
    clientSecret: app.secret,
    username: `alice-of-${tenant.tenant}`,
    password,
    code: new URL(unused.url).searchParams.get('code') ?? '',
    requestUri: String(pushed.json['request_uri']),
    deviceCode: String(device.json['device_code']),
    userCode: String(device.json['user_code']),
    authReqId: String(asking.json['auth_req_id']),
    refreshToken: String(given['refresh_token']),
    accessToken: String(given['access_token']),
    opaqueToken: String((await tokens(own, opaque))['access_token']),
    idToken: String(given['id_token']),
    ...(await register(bed, at('/oauth2/register'))),
    adminKey: tenant.key,
    apiKey: String((await tenant.create('/v1/keys', { name: 'k', scopes: ['read'] }))['key']),
    session: cookie('session'),
    browser: cookie('browser'),
    transaction: new URLSearchParams(waiting.url.split('?')[1]).get('transaction') ?? '',
  };
}

async function register(bed: Bed, path: string) {
  const json = { redirect_uris: [redirectUri], token_endpoint_auth_method: 'none' };
  const made = await bed.authority.handle(buildRequest('POST', path, { json }));
  assert.equal(made.status, 201, String(made.body));
  const { client_id, registration_access_token } = JSON.parse(String(made.body));
  return { registered: String(client_id), registrationToken: String(registration_access_token) };
}
