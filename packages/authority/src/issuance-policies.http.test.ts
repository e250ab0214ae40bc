/** Policies that are asked before a token is issued: docs/policies.md, RFC 6749 §5.2. */
import { type ClientId, defaultTenant, ok } from '@mintmark/core';
import { cedarSchemaOf } from '@mintmark/policy';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { appRules, type Credentials, type GrantBed, grantBed } from './grant-bed.ts';
import { grants } from './grants/run-grant.ts';

const api = 'https://api.example';
const payroll = 'https://payroll.example';
const reason = 'agreed';
const everything = 'permit(principal, action, resource);';

let bed: GrantBed;
let machine: Credentials;

beforeEach(async () => {
  bed = await grantBed(1, undefined, {
    countryOf: (address) => (address === '192.0.2.1' ? 'DE' : undefined),
  });
  machine = await bed.addClient({ scopes: ['read', 'write'], audiences: [api, payroll] });
});

afterEach(() => vi.restoreAllMocks());

async function put(cedar: string, more: Record<string, unknown> = {}) {
  const json = { cedar, reason, uses: ['token'], stage: 'enforce', ...more };
  const made = await bed.manage('PUT', '/v1/policies/issuing', { json });
  expect(made.status, made.text).toBe(201);
}

const asMachine = (form: Record<string, string> = {}) =>
  bed.post('/oauth2/token', { grant_type: 'client_credentials', ...form }, machine);

async function explained(id: unknown) {
  for (let i = 0; i < 4; i++) await bed.authority.tick();
  return (await bed.manage('GET', `/v1/decisions/${id}`)).json;
}

describe('every grant', () => {
  // Of the very list that the token endpoint has, so that a new one cannot be forgotten here.
  it.each(grants.map((grant) => [grant.type, grant] as const))('%s', async (type, grant) => {
    const { clientId, secret } = await bed.addClient(appRules);
    await allow(clientId, type);
    vi.spyOn(grant, 'judge').mockResolvedValue(
      ok({
        subject: bed.user,
        scopes: ['read'],
        audience: { allowed: [api], byDefault: [api] },
        basis: { position: 0, family: undefined },
      }),
    );
    await put(
      `${everything} forbid(principal, action, resource) when { context.grant == "${type}" };`,
    );
    const refused = await bed.post('/oauth2/token', { grant_type: type }, { clientId, secret });
    expect(refused).toMatchObject({ status: 400, json: { error: 'access_denied' } });
    expect(await bed.records('token.issue')).toEqual([]);
  });
});

/** Beyond what a registration would let it have together. */
async function allow(clientId: ClientId, type: string): Promise<void> {
  const key = { tenant: defaultTenant, clientId };
  const row = (await bed.store.clients.get(defaultTenant, clientId))!;
  const metadata = { ...row.metadata, grantTypes: [type] };
  const step = { do: 'update', table: 'clients', where: key, set: { metadata } } as const;
  await bed.store.acts.run({ steps: [{ ...step, refused: 'x' }], audit: null });
}

describe('a policy that is asked before a token is issued', () => {
  it('refuses with access_denied, names the decision, and puts both on record', async () => {
    await put(`${everything}
      @id("no-writing") forbid(principal, action == Action::"issue", resource)
      when { context.scopes.contains("write") };`);
    const refused = await asMachine({ scope: 'read write' });
    expect(refused).toMatchObject({ status: 400, json: { error: 'access_denied' } });
    expect(refused.text).not.toContain('no-writing');
    const decision = refused.headers['mintmark-decision'];
    expect(await bed.records('token.refuse')).toMatchObject([
      {
        result: 'policy_denied',
        object: { kind: 'client', id: machine.clientId },
        detail: { grant: 'client_credentials', decision },
      },
    ]);
    expect(await explained(decision)).toMatchObject({
      ...{ surface: 'token', decision: 'deny', reason: 'policy_denied', action: 'issue' },
      ...{ principal: `Client::"${machine.clientId}"`, resource: `Audience::"${api}"` },
      policies: [{ policy: 'issuing', determining: [{ id: 'no-writing' }] }],
    });
    const given = await asMachine({ scope: 'read' });
    expect(given.status).toBe(200);
    const [issued] = await bed.records('token.issue');
    const { detail } = issued as { detail: Record<string, unknown> };
    expect(await explained(detail['decision'])).toMatchObject({ decision: 'allow', reason: 'ok' });
  });

  it('knows the person, how they signed in, and where from', async () => {
    for (const [path, json] of [
      ['/v1/roles/clerk', { scopes: ['read'] }],
      ['/v1/groups/staff', { roles: ['clerk'] }],
    ] as const) {
      expect((await bed.manage('PUT', path, { json })).status).toBeLessThan(300);
    }
    await put(
      `
      @id("staff") permit(principal is User, action == Action::"issue", resource)
      when {
        principal in Group::"staff" && principal in Role::"clerk" &&
        principal has client && principal.client == "${bed.app.clientId}" &&
        context has acr && context.acr == "mfa" &&
        context has amr && context.amr.contains("pwd") &&
        context has auth_time && context.auth_time > 0 &&
        context has country && context.country == "DE" &&
        context has address && context.address.isInRange(ip("192.0.2.0/24")) &&
        context.time.timestamp > 0 && !context.bound && context.format == "jwt" &&
        context.client_authentication == "client_secret_basic" && context.lifetime <= 3600
      };`,
      { schema: cedarSchemaOf([]) },
    );
    const code = await bed.code({ acr: 'mfa' });
    const refused = await bed.redeem(code);
    expect(refused).toMatchObject({ status: 400, json: { error: 'access_denied' } });
    await joinStaff();
    // Nothing was spent by the refusal.
    expect((await bed.redeem(code)).status).toBe(200);
    expect((await bed.redeem(await bed.code())).json['error']).toBe('access_denied');
  });

  async function joinStaff() {
    const at = `/v1/users/${bed.user}`;
    const { headers } = await bed.manage('GET', at);
    const more = { json: { groups: ['staff'] }, ifMatch: String(headers['etag']) };
    const done = await bed.manage('PATCH', at, more);
    expect(done.status, done.text).toBe(200);
  }

  it('judges each resource that the token would be for', async () => {
    await put(`${everything}
      @id("payroll") forbid(principal, action, resource == Audience::"${payroll}");`);
    expect((await asMachine({ resource: api })).status).toBe(200);
    const both = [
      ['grant_type', 'client_credentials'],
      ['resource', api],
    ];
    const form = new URLSearchParams([...both, ['resource', payroll]]);
    const refused = await bed.post('/oauth2/token', form, machine);
    expect(refused.json['error']).toBe('access_denied');
    const why = await explained(refused.headers['mintmark-decision']);
    expect(why).toMatchObject({ resource: `Audience::"${payroll}"`, decision: 'deny' });
  });

  it('changes nothing while it stands in shadow, and counts what it would change', async () => {
    await put('forbid(principal, action, resource);', { stage: 'shadow' });
    expect((await asMachine()).status).toBe(200);
    for (let i = 0; i < 4; i++) await bed.authority.tick();
    const { json } = await bed.manage('GET', '/v1/policies/issuing/difference');
    expect(json['items']).toMatchObject([
      { route: '(token)', action: 'issue', judged: 1, newly_denied: 1 },
    ]);
  });

  it('asks nothing of policies for gateways', async () => {
    await put('forbid(principal, action, resource);', { uses: ['gateway'] });
    expect((await asMachine()).status).toBe(200);
  });

  it('issues nothing where the policies cannot be known', async () => {
    await put(everything);
    vi.spyOn(bed.store.policies, 'list').mockRejectedValue(new Error('the disk is gone'));
    bed.clock.advanceMs(60_000);
    const answer = await asMachine();
    expect(answer.status).toBeGreaterThanOrEqual(500);
    expect(await bed.records('token.issue')).toEqual([]);
  });
});
