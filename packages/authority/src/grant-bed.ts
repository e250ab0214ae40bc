/** An authority with a person who has agreed to something, for tests of the grants. */
import { hash } from 'node:crypto';
import { type ClientId, defaultTenant, type SubjectId } from '@mintmark/core';
import { authorityBed } from './authority-bed.ts';
import type { ClientRules } from './clients/client-rules.ts';
import { buildCode, type CodeTerms } from './issuance/authorization-code.ts';
import type { AuthorityPorts } from './rooms.ts';
import type { Store } from './store/store.ts';

const verifier = 'verifier-of-forty-three-characters-or-more-0';
const challenge = hash('sha256', verifier, 'base64url');
const redirectUri = 'https://app.example/cb';

export interface Credentials {
  readonly clientId: ClientId;
  readonly secret: string;
}

export const appRules: Partial<ClientRules> = {
  grantTypes: ['authorization_code', 'refresh_token'],
  responseTypes: ['code'],
  redirectUris: [redirectUri],
  scopes: ['openid', 'profile', 'email', 'address', 'phone', 'offline_access', 'read', 'write'],
};

const agreed: CodeTerms = {
  redirectUri,
  redirectUriGiven: true,
  sessionId: 'session',
  scopes: ['read', 'write'],
  audience: ['https://api.example'],
  codeChallenge: challenge,
  nonce: null,
  authTimeSeconds: 1_789_999_990,
  acr: null,
  amr: ['pwd'],
  claims: null,
  dpopJkt: null,
};

export const aliceClaims = {
  name: 'Alice',
  email: 'alice@example.com',
  email_verified: true,
  phone_number: '+1 555 0100',
};

export async function grantBed(seed = 1, store?: Store, replaced: Partial<AuthorityPorts> = {}) {
  const bed = await authorityBed(seed, store, {}, replaced);
  const user = await addUser(bed, 'alice', aliceClaims);
  const app = await bed.addClient(appRules);

  /** What the person agreed to, as the code that the browser brings back. */
  async function code(terms: Partial<CodeTerms> = {}, by: Credentials = app): Promise<string> {
    const head = await bed.store.feedHead.get(defaultTenant);
    const { peppers, clock, entropy, prefix } = bed.registry;
    const made = buildCode(
      { peppers, clock, entropy, prefix, feedHead: () => head?.position ?? 0 },
      { tenant: defaultTenant, clientId: by.clientId, subject: user, ...agreed, ...terms },
    );
    const row = {
      ...{ tenant: defaultTenant, subject: user, clientId: by.clientId, family: made.family },
      ...{ session: 'session', offline: 0, expiresAtSeconds: 2_000_000_000 },
    };
    const granted = { do: 'put', table: 'grantedFamilies', row } as const;
    await bed.store.acts.run({ steps: [made.step, granted], audit: null });
    return made.text;
  }

  /** The request that redeems it; each member of `form` may be replaced or left out. */
  function redemption(text: string, form: Record<string, string | undefined> = {}) {
    const whole = {
      grant_type: 'authorization_code',
      code: text,
      redirect_uri: redirectUri,
      code_verifier: verifier,
      ...form,
    };
    return Object.fromEntries(
      Object.entries(whole).filter((pair): pair is [string, string] => pair[1] !== undefined),
    );
  }

  return Object.assign(bed, {
    user,
    app,
    code,
    redeem: (text: string, form: Record<string, string | undefined> = {}, by: Credentials = app) =>
      bed.post('/oauth2/token', redemption(text, form), by),
    redemption,
    refresh: (token: string, form: Record<string, string> = {}, by: Credentials = app) =>
      bed.post('/oauth2/token', { grant_type: 'refresh_token', refresh_token: token, ...form }, by),
    async isActive(token: unknown, by: Credentials = app): Promise<unknown> {
      const answer = await bed.post('/oauth2/introspect', { token: String(token) }, by);
      return answer.json['active'];
    },
    /** Bodies of the audit records of one action, oldest first. */
    async records(action: string): Promise<readonly Record<string, unknown>[]> {
      const rows = await bed.store.auditPending.list({ limit: 1_000 });
      const leaves = rows.map((row) => JSON.parse(Buffer.from(row.leaf).toString()));
      return leaves.filter((leaf) => leaf.action === action);
    },
  });
}

export type GrantBed = Awaited<ReturnType<typeof grantBed>>;

async function addUser(
  bed: Awaited<ReturnType<typeof authorityBed>>,
  username: string,
  claims: object = {},
): Promise<SubjectId> {
  const made = await bed.manage('POST', '/v1/users', { json: { username, claims } });
  if (made.status !== 201) throw new Error(made.text);
  return made.json['id'] as SubjectId;
}
