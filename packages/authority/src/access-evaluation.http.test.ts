/** The AuthZEN Authorization API 1.0, §6, §7, §9 and §10, over enforced policies. */
import { beforeAll, describe, expect, it } from 'vitest';
import { type ManagementBed, managementBed } from './management-bed.ts';
import { addTenant } from './tenant-bed.ts';

let bed: ManagementBed;
let credential: string;

const cedar = `
@id("own-todos")
permit(principal is user, action in [Action::"can_read", Action::"can_write"], resource is todo)
when { resource.owner == principal.email };
@id("evening") forbid(principal, action == Action::"can_write", resource) when { context.late };
`;

beforeAll(async () => {
  bed = await managementBed();
  credential = await bed.credential('access:evaluate');
  await put('todos', cedar, { stage: 'enforce' });
});

async function put(name: string, text: string, more: Record<string, unknown> = {}) {
  const at = `/v1/policies/${name}`;
  const shown = await bed.call('GET', at);
  const headers = shown.status === 200 ? await bed.ifMatch(at) : {};
  const json = {
    cedar: text,
    uses: ['evaluation'],
    resource_types: ['todo'],
    reason: 'r',
    ...more,
  };
  const made = await bed.call('PUT', at, { json, headers });
  expect(made.status, made.text).toBeLessThan(300);
}

const subject = { type: 'user', id: 'ann', properties: { email: 'ann@example.com' } };
const resource = { type: 'todo', id: '1', properties: { owner: 'ann@example.com', rest: null } };
const context = { late: false };
const read = { name: 'can_read' };
const write = { name: 'can_write' };

async function evaluate(json: unknown, headers: Record<string, string> = {}) {
  return bed.call('POST', '/access/v1/evaluation', { json, headers, credential });
}

async function evaluateAll(json: unknown) {
  return bed.call('POST', '/access/v1/evaluations', { json, credential });
}

async function explained(id: unknown) {
  for (let i = 0; i < 4; i++) await bed.authority.tick();
  return (await bed.call('GET', `/v1/decisions/${id}`)).body;
}

describe('evaluation', () => {
  it('decides by what it is told, and echoes the request’s id', async () => {
    const answer = await evaluate(
      { subject, action: read, resource, context, unknown: 'ignored' },
      { 'x-request-id': 'bfe9eb29-ab87' },
    );
    expect(answer).toMatchObject({ status: 200, body: { decision: true } });
    expect(answer.headers['x-request-id']).toBe('bfe9eb29-ab87');
    const other = { ...resource, properties: { owner: 'bob@example.com' } };
    const denied = await evaluate({ subject, action: read, resource: other, context });
    expect(denied).toMatchObject({ status: 200, body: { decision: false } });
    expect(denied.headers['x-request-id']).not.toBe('bfe9eb29-ab87');
  });

  it('says outside a name of the decision alone, and inside why', async () => {
    const late = { subject, action: write, resource, context: { late: true } };
    const { body, text } = await evaluate(late);
    expect(text).not.toContain('evening');
    const { id } = body['context'] as { id: string };
    expect(await explained(id)).toMatchObject({
      ...{ surface: 'evaluation', decision: 'deny', reason: 'policy_denied' },
      ...{ principal: 'user::"ann"', action: 'can_write', resource: 'todo::"1"' },
      request: { context: { late: true } },
      policies: [{ policy: 'todos', determining: [{ id: 'evening', effect: 'forbid' }] }],
    });
  });

  it('hands on what an action is told with', async () => {
    await put('loans', 'permit(principal, action, resource) when { context.action.weeks < 3 };', {
      ...{ resource_types: ['loan'], stage: 'enforce' },
    });
    const loan = (weeks: number) =>
      evaluate({
        ...{ subject, resource: { type: 'loan', id: '1' } },
        action: { name: 'extend', properties: { weeks } },
      });
    expect((await loan(2)).body['decision']).toBe(true);
    expect((await loan(3)).body['decision']).toBe(false);
  });

  it('knows the roles and groups of our own users better than whoever asks', async () => {
    await bed.call('PUT', '/v1/roles/dev', { json: { scopes: ['read'] } });
    await bed.call('PUT', '/v1/groups/staff', { json: { roles: ['dev'] } });
    const made = await bed.call('POST', '/v1/users', {
      json: { username: 'ann', groups: ['staff'] },
    });
    expect(made.status, made.text).toBe(201);
    const rule = `permit(principal in Role::"dev", action, resource)
      when { principal in Group::"staff" && principal.scopes.contains("read") };`;
    await put('builds', rule, { resource_types: ['build'], stage: 'enforce' });
    const decide = async (id: string) => {
      const properties = { roles: ['dev'], groups: ['staff'], scopes: ['read'] };
      const who = { type: 'User', id, properties };
      const { body } = await evaluate({
        ...{ subject: who, action: read, resource: { type: 'build', id: '1' } },
      });
      return body['decision'];
    };
    expect(await decide(String(made.body['id']))).toBe(true);
    expect(await decide('stranger')).toBe(false);
  });

  it('permits nothing that no policy is for', async () => {
    const { body } = await evaluate({ subject, action: read, resource: { type: 'file', id: '1' } });
    expect(body).toMatchObject({ decision: false });
    const { id } = body['context'] as { id: string };
    expect(await explained(id)).toMatchObject({ reason: 'no_policy', policies: [] });
  });

  it('permits nothing by a version in shadow alone, and counts that it would', async () => {
    const all = 'permit(principal, action, resource);';
    await put('drafts', all, { resource_types: ['draft'] });
    const draft = { subject, action: read, resource: { type: 'draft', id: '1' } };
    const { body } = await evaluate(draft);
    expect(body['decision']).toBe(false);
    const { id } = body['context'] as { id: string };
    expect(await explained(id)).toMatchObject({ reason: 'no_policy', differs: true });
    const difference = await bed.call('GET', '/v1/policies/drafts/difference');
    expect(difference.body).toMatchObject({ judged: 1, newly_allowed: 1, newly_denied: 0 });
  });

  it('counts what a version in shadow would change', async () => {
    await put('todos', 'permit(principal, action, resource);');
    await evaluate({ subject, action: read, resource, context });
    const bob = { ...subject, properties: { email: 'bob@example.com' } };
    const { body } = await evaluate({ subject: bob, action: read, resource, context });
    expect(body['decision']).toBe(false);
    for (let i = 0; i < 4; i++) await bed.authority.tick();
    const difference = await bed.call('GET', '/v1/policies/todos/difference');
    expect(difference.body).toMatchObject({
      ...{ version: 2, judged: 2, newly_denied: 0, newly_allowed: 1 },
      items: [{ route: '(evaluation)', action: 'can_read', against: 1 }],
    });
  });

  it('names a decision that finds no room, and counts it', async () => {
    const decisions = { burst: 1, perSecond: 0, keptSeconds: 86_400 };
    const small = await managementBed(1, undefined, {}, { decisions });
    const ask = { json: { subject, action: read, resource } };
    const first = await small.call('POST', '/access/v1/evaluation', ask);
    const second = await small.call('POST', '/access/v1/evaluation', ask);
    for (let i = 0; i < 4; i++) await small.authority.tick();
    const [kept, unkept] = [first, second].map(
      ({ body }) => (body['context'] as { id: string }).id,
    );
    expect((await small.call('GET', `/v1/decisions/${kept}`)).status).toBe(200);
    expect(await small.call('GET', `/v1/decisions/${unkept}`)).toMatchObject({
      ...{ status: 404, body: { code: 'decision_not_kept' } },
    });
    const { text } = await small.call('GET', '/metrics');
    expect(text).toContain('\nmintmark_decisions_not_kept_total 1\n');
  });

  it.each<[string, Record<string, unknown>]>([
    ['no subject', { action: read, resource }],
    ['no action', { subject, resource }],
    ['no resource', { subject, action: read }],
    ['an action without name', { subject, action: {}, resource }],
    ['a resource without id', { subject, action: read, resource: { type: 'todo' } }],
    ['a type that is no name', { subject: { type: 'a b', id: '1' }, action: read, resource }],
    ['a context that is none', { subject, action: read, resource, context: 'x' }],
    ['properties that are none', { subject, action: { ...read, properties: 1 }, resource }],
    ['a number with a fraction', { subject, action: read, resource, context: { x: 1.5 } }],
  ])('refuses %s', async (_what, json) => {
    const answer = await evaluate(json, { 'x-request-id': 'r-1' });
    expect(answer).toMatchObject({ status: 400, headers: { 'x-request-id': 'r-1' } });
  });

  it('keeps what is hostile without harm to what else is kept', async () => {
    await put('odd', 'permit(principal, action, resource);', { resource_types: ['odd'] });
    const name = `a\u0000b${'c'.repeat(4_000)}`;
    const hostile = {
      subject: { type: 'user', id: 'x\u0000' },
      resource: { type: 'odd', id: '1' },
    };
    const { body } = await evaluate({ ...hostile, action: { name }, context: { '\u0000': 'y' } });
    const { id } = body['context'] as { id: string };
    expect(await explained(id)).toMatchObject({ reason: 'no_policy' });
    const difference = await bed.call('GET', '/v1/policies/odd/difference');
    expect(difference.body).toMatchObject({ judged: 1 });
  });

  it('is for callers who may ask', async () => {
    const json = { subject, action: read, resource, context };
    const at = '/access/v1/evaluation';
    const nobody = await bed.call('POST', at, { json, credential: null });
    expect(nobody.status).toBe(401);
    expect(nobody.headers['www-authenticate']).toMatch(/^Bearer/);
    const other = await bed.credential('policies:read');
    expect((await bed.call('POST', at, { json, credential: other })).status).toBe(403);
  });
});

describe('evaluations', () => {
  const others = { ...resource, properties: { owner: 'bob@example.com' } };
  const list = [
    { action: read },
    { action: read, resource: others },
    { action: write },
    { action: { name: 'can_fly' }, resource: { type: 'todo' } },
  ];
  const decisionsOf = (body: Record<string, unknown>) =>
    (body['evaluations'] as { decision: boolean }[]).map(({ decision }) => decision);

  it('fills in what is said once, and answers in order', async () => {
    const { body } = await evaluateAll({ subject, resource, context, evaluations: list });
    expect(decisionsOf(body)).toEqual([true, false, true, false]);
    expect(body).not.toHaveProperty('decision');
    expect(body).toMatchObject({
      evaluations: [{}, {}, {}, { context: { error: { status: 400 } } }],
    });
  });

  it.each([
    ['execute_all', [true, false, true, false]],
    ['deny_on_first_deny', [true, false]],
    ['permit_on_first_permit', [true]],
  ])('%s', async (semantic, expected) => {
    const options = { evaluations_semantic: semantic, other: 1 };
    const { body } = await evaluateAll({ subject, resource, context, options, evaluations: list });
    expect(decisionsOf(body)).toEqual(expected);
  });

  it('without any is the one evaluation', async () => {
    for (const more of [{}, { evaluations: [] }]) {
      const { body } = await evaluateAll({ subject, resource, context, action: read, ...more });
      expect(body).toMatchObject({ decision: true });
    }
  });

  it('refuses what it cannot read as a whole', async () => {
    const options = { evaluations_semantic: 'sometimes' };
    for (const json of [
      ...[{ evaluations: {} }, { evaluations: list, options }, { evaluations: list, options: 1 }],
      { evaluations: Array.from({ length: 1_001 }, () => ({})) },
    ]) {
      expect((await evaluateAll({ subject, resource, ...json })).status).toBe(400);
    }
  });
});

describe('metadata', () => {
  it('stand at the well-known place, of each tenant at its own', async () => {
    const first = await bed.call('GET', '/.well-known/authzen-configuration', { credential: null });
    const base = String(first.body['policy_decision_point']);
    expect(first.body).toEqual({
      policy_decision_point: base,
      access_evaluation_endpoint: `${base}/access/v1/evaluation`,
      access_evaluations_endpoint: `${base}/access/v1/evaluations`,
      search_subject_endpoint: `${base}/access/v1/search/subject`,
      search_resource_endpoint: `${base}/access/v1/search/resource`,
      search_action_endpoint: `${base}/access/v1/search/action`,
    });
    expect(base).not.toBe('');
    await addTenant(bed, 'acme');
    const at = '/.well-known/authzen-configuration/t/acme';
    const other = await bed.call('GET', at, { credential: null });
    expect(other.body['policy_decision_point']).toBe(`${base}/t/acme`);
  });
});
