/** Policies on the request path, on a real gateway. */
import {
  type ApiView,
  type ExplainedDecision,
  type PolicyTally,
  type PolicyVersionView,
  readDecisionName,
} from '@mintmark/core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ask, bearer } from '../conformance/ask.ts';
import { openRawUpstream, plainAnswer, type RawUpstream } from '../conformance/raw-upstream.ts';
import { openRig, type Rig, until } from '../conformance/rig.ts';

let upstream: RawUpstream;
let rig: Rig;

beforeAll(async () => {
  upstream = await openRawUpstream(plainAnswer);
});
afterAll(() => upstream.close());

const api: ApiView = {
  basePath: '/v2',
  unlisted: 'refuse',
  operations: [
    { operation: 'listPets', method: 'GET', path: '/pets' },
    { operation: 'showPet', method: 'GET', path: '/pets/{id}' },
    { operation: 'deletePet', method: 'DELETE', path: '/pets/{id}' },
  ],
};

beforeEach(async () => {
  const to = { upstream: `${upstream.url}/v2` };
  rig = await openRig([
    { name: 'pets', match: { path_prefix: '/pets' }, api: 'petstore', scopes: ['read'], ...to },
    { name: 'open', match: { path_prefix: '/open' }, credential: 'none', ...to },
    { name: 'other', match: { path_prefix: '/other' }, ...to },
  ]);
  rig.feed.push({ type: 'api', name: 'petstore', api });
});
afterEach(() => rig.close());

function version(cedar: string, rest: Partial<PolicyVersionView> = {}): PolicyVersionView {
  return { version: 1, uses: ['gateway'], cedar, entities: [], ...rest };
}

async function enforce(cedar: string, rest: Partial<PolicyVersionView> = {}): Promise<void> {
  rig.policy('own', { enforced: version(cedar, rest) });
  await rig.caughtUp();
}

interface Asked {
  readonly method?: string;
  readonly headers?: Record<string, string>;
}

async function status(path: string, options: Asked = {}): Promise<number> {
  const { headers = bearer(rig.token()), method = 'GET' } = options;
  return (await ask(rig.listener.port, { path, headers, method })).status;
}

async function reported(): Promise<readonly ExplainedDecision[]> {
  rig.timers.advance(1_000);
  await until(() => rig.reports.length > 0);
  return rig.reports.filter((report) => report.type === 'explained');
}

async function tallied(): Promise<readonly PolicyTally[]> {
  rig.timers.advance(1_000);
  await until(() => rig.reports.some((report) => report.type === 'tally'));
  return rig.reports.filter((report) => report.type === 'tally');
}

describe('policies that are enforced', () => {
  it('change nothing where there are none', async () => {
    await rig.caughtUp();
    expect(await status('/other')).toBe(200);
    rig.timers.advance(1_000);
    expect(rig.reports).toEqual([]);
  });

  it('deny what nothing permits, and say outside only that', async () => {
    await enforce('@id("readers") permit(principal, action == Action::"listPets", resource);');
    expect(await status('/pets')).toBe(200);
    const denied = await ask(rig.listener.port, {
      ...{ path: '/pets/7', headers: bearer(rig.token()) },
    });
    expect(denied.status).toBe(403);
    expect(JSON.parse(denied.body)).toEqual({
      ...{ type: 'about:blank', title: 'Forbidden', status: 403, code: 'policy_denied' },
    });
    const [allowed, explained] = await reported();
    expect(denied.headers['mintmark-decision']).toBe(explained?.id);
    expect(allowed).toMatchObject({
      ...{ verdict: 'allow', reason: 'ok', action: 'listPets', surface: 'gateway' },
      answers: [{ policy: 'own', version: 1, stage: 'enforce', reasons: ['readers'] }],
    });
    expect(explained).toMatchObject({
      ...{ verdict: 'deny', reason: 'policy_denied', action: 'showPet', differs: false },
      ...{ principal: 'User::"subject-1"', resource: 'Route::"pets"', node: 'node-1' },
      answers: [{ verdict: 'deny', reasons: [] }],
    });
    rig.timers.advance(1_000);
    await until(() => rig.decisions.length > 1);
    expect(rig.decisions[1]).toMatchObject({ verdict: 'deny', reason: 'policy_denied' });
  });

  it('name a decision that finds no room, and count it', async () => {
    await rig.close();
    const all = { name: 'all', match: { path_prefix: '/' }, upstream: upstream.url };
    const decisions = { burst: 1, perSecond: 0 };
    rig = await openRig([{ ...all, scopes: ['read'] }], { decisions });
    await enforce('forbid(principal, action, resource);');
    const names: string[] = [];
    for (const scopes of [['read'], ['read'], []]) {
      const headers = bearer(rig.token({ scopes }));
      const answer = await ask(rig.listener.port, { path: '/', headers });
      names.push(String(answer.headers['mintmark-decision']));
    }
    expect(names.map((name) => readDecisionName(name)?.isKept)).toEqual([true, false, false]);
    expect(await reported()).toMatchObject([{ id: names[0] }]);
    const notKept = (what: string) =>
      rig.gateway.metrics.value('mintmark_gateway_decisions_not_kept_total', what);
    expect(['denied', 'refused'].map(notKept)).toEqual([1, 1]);
  });

  it('know the caller, the operation, its variables, the moment and the way', async () => {
    await enforce(
      `
      permit(principal == User::"subject-1", action in Action::"GET", resource in Api::"petstore")
      when {
        principal.tenant == "default" && principal.scopes.contains("read") &&
        principal in Group::"zoo" && principal in Role::"keeper" &&
        principal.client == "client-1" && resource.path == "/pets/a b" &&
        context.parameters.id == "a b" && context.method == "GET" &&
        context.address.isLoopback() && context.credential == "jwt" && !context.bound &&
        context.acr == "mfa" && context.time.weekday == 4 && context.time.hour == 0 &&
        context.time.timestamp - context.auth_time < 60 && !(context has risk)
      };`.replace('"/pets/a b"', '"/pets/a%20b"'),
    );
    const authTime = Math.floor(rig.clock.nowMs() / 1000) - 30;
    const claims = { acr: 'mfa', authTime } as never;
    const payload = { roles: ['keeper'], groups: ['zoo'] };
    expect(await status('/pets/a%20b', { headers: bearer(rig.token(claims, payload)) })).toBe(200);
    expect(await status('/pets/a%20b', { headers: bearer(rig.token(claims)) })).toBe(403);
    expect(await status('/pets/b', { headers: bearer(rig.token(claims, payload)) })).toBe(403);
  });

  it('know keys with their owners, clients, and whoever shows nothing', async () => {
    await enforce(`
      permit(principal is Key, action, resource)
        when { principal.owner == "ann" && principal.environment == "test" };
      permit(principal == Client::"robot", action, resource);
      permit(principal == Anonymous::"anonymous", action, resource == Route::"open");
    `);
    const mine = rig.key({ owner: 'ann', environment: 'test' });
    const others = rig.key({ owner: 'bob', environment: 'test' });
    await rig.caughtUp();
    expect(await status('/other', { headers: bearer(mine.text) })).toBe(200);
    expect(await status('/other', { headers: bearer(others.text) })).toBe(403);
    const robot = { clientId: 'robot', subject: 'robot' } as never;
    expect(await status('/other', { headers: bearer(rig.token(robot)) })).toBe(200);
    expect(await status('/other')).toBe(403);
    expect(await status('/open', { headers: {} })).toBe(200);
  });

  it('are for their routes alone, and all that are for one must allow', async () => {
    await enforce('forbid(principal, action, resource);', { routes: ['other'] });
    expect(await status('/other')).toBe(403);
    expect(await status('/pets')).toBe(200);
    rig.policy('second', { enforced: version('permit(principal, action, resource);') });
    await rig.caughtUp();
    expect(await status('/other')).toBe(403);
    expect(await status('/pets')).toBe(200);
    rig.policy('own', null);
    await rig.caughtUp();
    expect(await status('/other')).toBe(200);
  });

  it('are asked after credential and scopes', async () => {
    await enforce('forbid(principal, action, resource);');
    expect(await status('/pets', { headers: {} })).toBe(401);
    const headers = bearer(rig.token({ scopes: [] }));
    const refused = await ask(rig.listener.port, { path: '/pets', headers });
    expect(String(refused.headers['www-authenticate'])).toContain('insufficient_scope');
    const [explained] = await reported();
    expect(explained).toMatchObject({ verdict: 'deny', reason: 'insufficient_scope', answers: [] });
    expect(refused.headers['mintmark-decision']).toBe(explained?.id);
  });

  it('take proven facts before what they say themselves', async () => {
    const uid = { type: 'User', id: 'subject-1' };
    const attrs = { department: 'sales', tenant: 'made-up' };
    await enforce(
      `permit(principal, action, resource)
        when { principal.department == "sales" && principal.tenant == "default" };`,
      { entities: [{ uid, attrs, parents: [] }] },
    );
    expect(await status('/other')).toBe(200);
    expect(await status('/other', { headers: bearer(rig.token({ subject: 'x' } as never)) })).toBe(
      403,
    );
  });

  it('deny where this version cannot read them', async () => {
    await enforce('permit(principal, action, resource) when { magic };');
    expect(await status('/other')).toBe(403);
    expect(rig.events).toContainEqual({ type: 'policy_unreadable', name: 'own', version: 1 });
  });

  it('deny nobody by a view that is too old: it refuses as before', async () => {
    await enforce('permit(principal, action, resource);');
    rig.feed.silent = true;
    rig.feed.heartbeat();
    rig.clock.advanceMs(6_000);
    expect(await status('/other')).toBe(503);
    expect(await status('/open', { headers: {} })).toBe(503);
  });

  it('keep nothing of a token that stands in a path', async () => {
    await enforce('forbid(principal, action, resource);');
    const { text } = rig.secret('key');
    expect(await status(`/other/${text}`)).toBe(403);
    const explained = await reported();
    expect(JSON.stringify(explained)).not.toContain(text);
    expect(explained[0]?.request).toEqual({ omitted: 'a token stands in the path' });
  });
});

it('know the roles that a user has now, and whom a personal token acts for', async () => {
  await enforce(`permit(principal == User::"subject-1", action, resource)
    when { principal in Role::"dev" && principal.groups.contains("staff") &&
      ["jwt", "pat"].contains(context.credential) };`);
  rig.feed.push({ type: 'role', name: 'dev', scopes: ['read'] });
  rig.feed.push({ type: 'group', name: 'staff', roles: ['dev', 'gone'] });
  const member = (groups: readonly string[]) =>
    rig.feed.push({ type: 'member', subject: 'subject-1', roles: [], groups });
  member(['staff', 'unknown']);
  const pat = { audience: null, approved: false };
  const createdAt = rig.clock.nowMs();
  const { text } = rig.key({ owner: 'subject-1', scopes: ['read'], createdAt, pat });
  const plain = rig.key({ owner: 'subject-1' });
  await rig.caughtUp();
  expect(await status('/other')).toBe(200);
  expect(await status('/other', { headers: bearer(text) })).toBe(200);
  // Whose a key is says nothing of whom it acts for.
  expect(await status('/other', { headers: bearer(plain.text) })).toBe(403);
  member([]);
  await rig.caughtUp();
  expect(await status('/other')).toBe(403);
});

it('know where an address is, as far as the gateway does', async () => {
  await rig.close();
  const to = { upstream: upstream.url };
  const routes = [{ name: 'other', match: { path_prefix: '/other' }, ...to }];
  let country: string | undefined = 'DE';
  rig = await openRig(routes, {}, [], { countryOf: () => country });
  await enforce(`permit(principal, action, resource)
    when { context has country && ["DE", "AT"].contains(context.country) };`);
  expect(await status('/other')).toBe(200);
  country = 'FR';
  expect(await status('/other')).toBe(403);
  country = undefined;
  expect(await status('/other')).toBe(403);
});

describe('an API behind a route', () => {
  it('refuses what it has no operation for, unless the API says otherwise', async () => {
    await rig.caughtUp();
    expect(await status('/pets/7', { method: 'POST' })).toBe(404);
    expect(await status('/pets/7/toys')).toBe(404);
    expect(await status('/pets/7', { method: 'HEAD' })).toBe(200);
    // Who shows nothing learns nothing of it.
    expect(await status('/pets/7/toys', { headers: {} })).toBe(401);
    rig.feed.push({ type: 'api', name: 'petstore', api: { ...api, unlisted: 'by_method' } });
    await enforce('permit(principal, action == Action::"POST", resource);');
    expect(await status('/pets/7', { method: 'POST' })).toBe(200);
    expect(await status('/pets/7')).toBe(403);
  });

  it('lets nothing through where it is unknown or cannot be read', async () => {
    rig.feed.push({ type: 'api', name: 'petstore', api: null });
    await rig.caughtUp();
    expect(await status('/pets')).toBe(503);
    const operations = [{ operation: 'x', method: 'GET', path: '/{a}{b}' }];
    rig.feed.push({ type: 'api', name: 'petstore', api: { ...api, operations } });
    await rig.caughtUp();
    expect(await status('/pets')).toBe(503);
    expect(rig.events).toContainEqual({ type: 'api_unreadable', name: 'petstore' });
  });
});

describe('a policy in shadow', () => {
  it('decides nothing, and what it would change is counted with an example', async () => {
    const shadow = version('permit(principal, action == Action::"listPets", resource);', {
      version: 2,
    });
    rig.policy('own', { shadow });
    await rig.caughtUp();
    for (let i = 0; i < 3; i++) expect(await status('/pets')).toBe(200);
    expect(await status('/pets/7')).toBe(200);
    const tallies = await tallied();
    expect(tallies).toMatchObject([
      { policy: 'own', version: 2, against: 0, route: 'pets', action: 'listPets', judged: 3 },
      { action: 'showPet', judged: 1, newlyDenied: 1, newlyAllowed: 0, failed: 0 },
    ]);
    const example = rig.reports.find(
      (report) => report.type === 'explained' && report.id === tallies[1]?.deniedExample,
    );
    expect(example).toMatchObject({ verdict: 'allow', differs: true });
  });

  it('is held against the enforced version, and its failures are counted', async () => {
    rig.policy('own', {
      enforced: version('forbid(principal, action, resource);'),
      shadow: version('permit(principal, action, resource) when { context.risk < 5 };', {
        version: 2,
      }),
    });
    await rig.caughtUp();
    expect(await status('/other')).toBe(403);
    rig.policy('own', {
      enforced: version('forbid(principal, action, resource);'),
      shadow: version('permit(principal, action, resource);', { version: 3 }),
    });
    await rig.caughtUp();
    expect(await status('/other')).toBe(403);
    expect(await tallied()).toMatchObject([
      { version: 2, against: 1, judged: 1, newlyDenied: 0, newlyAllowed: 0, failed: 1 },
      { version: 3, against: 1, judged: 1, newlyAllowed: 1, failed: 0 },
    ]);
    expect(rig.gateway.renderMetrics()).toMatch(
      /policy_differences_total\{kind="newly_allowed"\} 1/,
    );
    expect(rig.gateway.renderMetrics()).toMatch(/policy_errors_total\{kind="shadow"\} 1/);
  });

  it('would change nothing of what another policy denies already', async () => {
    rig.policy('first', { enforced: version('forbid(principal, action, resource);') });
    rig.policy('own', { shadow: version('forbid(principal, action, resource);') });
    rig.policy('third', {
      enforced: version('permit(principal, action, resource);'),
      shadow: version('forbid(principal, action, resource);', { version: 2, routes: ['pets'] }),
    });
    await rig.caughtUp();
    expect(await status('/other')).toBe(403);
    expect(await tallied()).toMatchObject([
      { policy: 'own', judged: 1, newlyDenied: 0, newlyAllowed: 0 },
      { policy: 'third', judged: 1, newlyDenied: 0, newlyAllowed: 0 },
    ]);
  });
});
