/** Policies by the management API: versions, stages, tests beside them, and what gateways get. */
import {
  decisionName,
  defaultTenant,
  nowSeconds,
  parseFeedDelta,
  parseFeedSnapshot,
  seededEntropy,
  type UnixSeconds,
} from '@mintmark/core';
import { beforeAll, describe, expect, it } from 'vitest';
import { type ManagementBed, managementBed } from './management-bed.ts';

let bed: ManagementBed;
const path = '/v1/policies/office';
const cedar = '@id("readers")\npermit(principal, action == Action::"GET", resource);';
const reason = 'as agreed';

beforeAll(async () => {
  bed = await managementBed();
});

async function put(json: Record<string, unknown>, at = path) {
  const shown = await bed.call('GET', at);
  const headers = shown.status === 200 ? await bed.ifMatch(at) : {};
  return bed.call('PUT', at, { json: { reason, ...json }, headers });
}

async function stage(version: number, to: string, at = path) {
  const json = { stage: to, reason };
  const headers = await bed.ifMatch(at);
  return bed.call('POST', `${at}/versions/${version}/stage`, { json, headers });
}

/** What a gateway that asks anew is told of policies and APIs. */
async function snapshot() {
  const answer = await bed.authority.feed.snapshot(defaultTenant);
  expect(parseFeedSnapshot(JSON.parse(JSON.stringify(answer)))).toMatchObject({ ok: true });
  return answer.entries.filter((entry) => entry.type === 'policy' || entry.type === 'api');
}

describe('/v1/policies', () => {
  it('makes a first version, which stands in shadow, and tells gateways', async () => {
    const made = await put({ cedar });
    expect(made.status).toBe(201);
    expect(made.body).toMatchObject({
      ...{ name: 'office', version: 1, stage: 'shadow', reason, cedar },
      ...{ enforced_version: null, shadow_version: 1 },
    });
    expect(made.body['author']).toMatch(/^admin_key /);
    expect(await snapshot()).toMatchObject([
      { name: 'office', policy: { shadow: { version: 1, cedar, uses: ['gateway'] } } },
    ]);
  });

  it('warns of routes that are not there, and of tests that fail', async () => {
    const at = '/v1/policies/doubtful';
    const upstream = 'http://127.0.0.1:1';
    const json = { match: { path_prefix: '/' }, upstream };
    await bed.call('PUT', '/v1/routes/here', { json });
    const failing = { name: 'nobody writes', request: request('POST'), expect: 'allow' };
    const made = await put({ cedar, routes: ['here', 'gone'], tests: [failing] }, at);
    expect(made).toMatchObject({
      status: 201,
      body: {
        stage: 'shadow',
        warnings: [
          expect.stringContaining('no route "gone"'),
          expect.stringContaining('"nobody writes" fails'),
        ],
      },
    });
    expect((await put({ cedar, routes: ['here'] }, at)).body).not.toHaveProperty('warnings');
    await stage(2, 'draft', at);
    const headers = await bed.ifMatch(at);
    expect((await bed.call('DELETE', at, { headers })).status).toBe(204);
  });

  it('takes the same text for the same version, and moves it to another stage', async () => {
    const same = await put({ cedar });
    expect(same).toMatchObject({ status: 200, body: { version: 1, stage: 'shadow' } });
    const enforced = await put({ cedar, stage: 'enforce' });
    expect(enforced.body).toMatchObject({ version: 1, enforced_version: 1, shadow_version: null });
    const [entry] = await snapshot();
    expect(entry).toMatchObject({ policy: { enforced: { version: 1 } } });
    expect(entry).not.toHaveProperty('policy.shadow');
  });

  it('refuses what is no policy, says where, and loses nothing', async () => {
    const bad = await put({ cedar: 'permit(principal,\n  action resource);' });
    expect(bad).toMatchObject({ status: 422, body: { code: 'invalid_body' } });
    const [error] = bad.body['errors'] as { pointer: string; message: string }[];
    expect(error).toMatchObject({ pointer: '/cedar' });
    expect(error?.message).toMatch(/^line 2, column \d+: /);
    expect((await put({})).body['errors']).toMatchObject([{ pointer: '/cedar' }]);
    const unknown = await put({ cedar, route: ['x'] });
    expect(unknown.body['errors']).toEqual([
      { pointer: '/route', message: 'is unknown; did you mean routes?' },
    ]);
    for (const wrong of [
      ...[{ uses: [] }, { uses: ['cooking'] }, { routes: ['a b'] }, { resource_types: ['1'] }],
      ...[{ entities: [{}] }, { entities: {} }, { tests: {} }, { tests: [{ name: 'x' }] }],
    ]) {
      const refused = await put({ cedar, ...wrong });
      expect([wrong, refused.status]).toEqual([wrong, 422]);
    }
    expect((await bed.call('GET', path)).body).toMatchObject({ version: 1, enforced_version: 1 });
  });

  it('lets no version decide whose own tests fail', async () => {
    const tests = [
      { name: 'anybody reads', request: request('GET'), expect: 'allow', reasons: ['readers'] },
      { name: 'nobody writes', request: request('POST'), expect: 'deny' },
    ];
    const wide = 'permit(principal, action, resource);';
    const failing = await put({ cedar: wide, tests, stage: 'enforce' });
    expect(failing).toMatchObject({ status: 422, body: { code: 'tests_failed' } });
    expect(failing.body['errors']).toEqual([
      {
        pointer: '/tests/0',
        message: 'anybody reads: because of policy0, not of readers',
      },
      { pointer: '/tests/1', message: 'nobody writes: is allow, not deny' },
    ]);
    // In shadow it may be looked at, and from there it does not come to decide either.
    expect((await put({ cedar: wide, tests })).body).toMatchObject({ version: 2, stage: 'shadow' });
    expect(await stage(2, 'enforce')).toMatchObject({ status: 422 });
    const mended = await put({ cedar, tests, stage: 'enforce' });
    expect(mended.body).toMatchObject({ version: 3, enforced_version: 3, shadow_version: 2 });
  });

  it('keeps every version, and goes back by writing a new one', async () => {
    const headers = await bed.ifMatch(path);
    const json = { version: 1, reason: 'too strict' };
    const back = await bed.call('POST', `${path}/rollback`, { json, headers });
    expect(back.body).toMatchObject({ version: 4, enforced_version: 4, cedar });
    expect(back.body).not.toHaveProperty('tests');
    const listed = await bed.call('GET', `${path}/versions?limit=2`);
    expect(listed.body['items']).toMatchObject([
      { version: 4, stage: 'enforce', reason: 'too strict' },
      { version: 3, stage: 'draft' },
    ]);
    const rest = await bed.call('GET', `${path}/versions?cursor=${listed.body['next']}`);
    expect(rest.body['items']).toMatchObject([{ version: 2, stage: 'shadow' }, { version: 1 }]);
    expect((await bed.call('GET', `${path}/versions/3`)).body).toMatchObject({ version: 3 });
    const missing = { json: { version: 99, reason }, headers: await bed.ifMatch(path) };
    expect((await bed.call('POST', `${path}/rollback`, missing)).status).toBe(404);
    expect((await bed.call('GET', `${path}/versions/99`)).status).toBe(404);
    expect((await stage(99, 'shadow')).status).toBe(404);
  });

  it('does not overwrite what its writer has not seen', async () => {
    const json = { cedar, reason, stage: 'draft' };
    expect((await bed.call('PUT', path, { json })).status).toBe(428);
    const headers = { 'if-match': '"1"' };
    expect((await bed.call('PUT', path, { json, headers })).status).toBe(412);
    const other = await bed.call('PUT', '/v1/policies/none', { json, headers });
    expect(other.status).toBe(412);
    const misnamed = { json: { ...json, name: 'x' }, headers: await bed.ifMatch(path) };
    expect((await bed.call('PUT', path, misnamed)).body).toMatchObject({ code: 'invalid_body' });
  });

  it('is taken away when nothing is judged by it any more', async () => {
    const at = '/v1/policies/short';
    await put({ cedar }, at);
    const remove = async () => {
      return (await bed.call('DELETE', at, { headers: await bed.ifMatch(at) })).status;
    };
    expect(await remove()).toBe(409);
    expect((await stage(1, 'draft', at)).body).toMatchObject({ shadow_version: null });
    expect(await remove()).toBe(204);
    expect((await bed.call('GET', at)).status).toBe(404);
    expect((await bed.call('GET', `${at}/versions`)).status).toBe(404);
    expect((await snapshot()).map((entry) => entry.name)).toEqual(['office']);
  });

  it('is recorded with who, what and why', async () => {
    const trail = await bed.call(
      'GET',
      '/v1/audit/events?object_kind=policy&object_id=office&limit=100',
    );
    const items = trail.body['items'] as { action: string; why?: string }[];
    expect(items.map(({ action }) => action)).toContain('policy.create');
    expect(items.filter(({ why }) => why === 'too strict')).toHaveLength(1);
  });

  it('asks for permissions of its own', async () => {
    const reader = await bed.credential('policies:read');
    const options = { credential: reader, json: { cedar, reason } };
    expect((await bed.call('GET', path, { credential: reader })).status).toBe(200);
    expect((await bed.call('PUT', '/v1/policies/x', options)).status).toBe(403);
    expect((await bed.call('GET', '/v1/decisions', { credential: reader })).status).toBe(403);
  });

  it('tells of several changes between two questions once', async () => {
    const before = await bed.authority.feed.snapshot(defaultTenant);
    await put({ cedar: `${cedar} // a` });
    await put({ cedar: `${cedar} // b` });
    const { head: after, epoch } = before;
    const asked = { tenant: defaultTenant, node: 'n', epoch, after };
    const delta = await bed.authority.feed.delta(asked);
    expect(parseFeedDelta(JSON.parse(JSON.stringify(delta)))).toMatchObject({ ok: true });
    expect(delta).toMatchObject({
      entries: [
        { type: 'policy', name: 'office' },
        { type: 'policy', name: 'office', policy: { shadow: { cedar: `${cedar} // b` } } },
      ],
    });
    expect(delta).not.toHaveProperty('entries.0.policy');
  });
});

function request(action: string) {
  return { principal: 'User::"ann"', action, resource: 'Route::"npm"' };
}

it('gateways know the roles of everybody who has any', async () => {
  await bed.call('PUT', '/v1/roles/dev', { json: { scopes: ['read'] } });
  const made = await bed.call('POST', '/v1/users', { json: { username: 'bea', roles: ['dev'] } });
  const { entries } = await bed.authority.feed.snapshot(defaultTenant);
  expect(entries).toContainEqual(
    expect.objectContaining({ type: 'member', subject: made.body['id'], roles: ['dev'] }),
  );
});

describe('/v1/apis', () => {
  const at = '/v1/apis/petstore';
  const operations = [{ operation: 'listPets', method: 'GET', path: '/pets/{id}' }];

  it('are written, told to gateways, and stay while a route names them', async () => {
    const made = await bed.call('PUT', at, { json: { operations, base_path: '/v2' } });
    expect(made).toMatchObject({ status: 201, body: { name: 'petstore', base_path: '/v2' } });
    const entries = await snapshot();
    expect(entries).toContainEqual(
      expect.objectContaining({
        ...{ type: 'api', name: 'petstore' },
        api: { basePath: '/v2', unlisted: 'refuse', operations },
      }),
    );
    const route = { match: {}, upstream: 'http://127.0.0.1:1', api: 'petstore' };
    await bed.call('PUT', '/v1/routes/pets', { json: route });
    const remove = async () => bed.call('DELETE', at, { headers: await bed.ifMatch(at) });
    expect((await remove()).status).toBe(409);
    const headers = await bed.ifMatch('/v1/routes/pets');
    await bed.call('DELETE', '/v1/routes/pets', { headers });
    expect((await remove()).status).toBe(204);
    expect((await bed.call('GET', at)).status).toBe(404);
    expect((await snapshot()).some((entry) => entry.type === 'api')).toBe(false);
  });

  it('are refused where a gateway could not tell operations apart', async () => {
    const twice = [...operations, { operation: 'other', method: 'GET', path: '/pets/{name}' }];
    const refused = await bed.call('PUT', at, { json: { operations: twice } });
    expect(refused).toMatchObject({ status: 422, body: { code: 'invalid_body' } });
    expect(refused.body['errors']).toMatchObject([{ pointer: '/operations/1' }]);
    await bed.call('PUT', at, { json: { operations } });
    expect((await bed.call('PUT', at, { json: { operations } })).status).toBe(428);
    const headers = { 'if-match': '"9"' };
    expect((await bed.call('PUT', at, { json: { operations }, headers })).status).toBe(412);
    const listed = await bed.call('GET', '/v1/apis');
    expect(listed.body['items']).toMatchObject([{ name: 'petstore' }]);
  });
});

describe('what gateways report', () => {
  const id = 'D1';
  const reports = [
    {
      ...{ type: 'explained', id, at: 1_790_000_000_000, node: 'east', surface: 'gateway' },
      ...{ verdict: 'allow', reason: 'ok', differs: true, principal: 'User::"ann"' },
      ...{ action: 'GET', resource: 'Route::"npm"', request: { context: { bound: false } } },
      answers: [
        {
          ...{ policy: 'office', version: 4, stage: 'enforce', verdict: 'allow' },
          ...{ reasons: ['readers'], errors: [] },
        },
      ],
    },
    {
      ...{ type: 'tally', at: 1_790_000_000_000, policy: 'office', version: 6, against: 4 },
      ...{ route: 'npm', action: 'GET', judged: 5, newlyDenied: 2, newlyAllowed: 0, failed: 1 },
      deniedExample: id,
    },
  ];

  async function report(credential?: string) {
    const body = reports.map((one) => ({ ...one, tenant: 'made-up' }));
    return bed.call('POST', '/v1/policy-reports', {
      json: { reports: body },
      ...(credential === undefined ? {} : { credential }),
    });
  }

  it('is explained by its id, with what the policies say of themselves', async () => {
    const gateway = await bed.credential('decisions:write');
    expect((await report(gateway)).status).toBe(204);
    for (let i = 0; i < 4; i++) await bed.authority.tick();
    const explained = await bed.call('GET', `/v1/decisions/${id}`);
    expect(explained.body).toMatchObject({
      ...{ id, node: 'east', surface: 'gateway', decision: 'allow', differs: true },
      request: { context: { bound: false } },
      policies: [
        {
          ...{ policy: 'office', version: 4, decision: 'allow', errors: [] },
          determining: [{ id: 'readers', effect: 'permit', annotations: { id: 'readers' } }],
        },
      ],
    });
    expect((await bed.call('GET', '/v1/decisions')).body['items']).toMatchObject([{ id }]);
  });

  it('sums up what a version in shadow would change', async () => {
    await report();
    for (let i = 0; i < 4; i++) await bed.authority.tick();
    const difference = await bed.call('GET', `${path}/difference?version=6`);
    expect(difference.body).toMatchObject({
      ...{ name: 'office', version: 6, judged: 10, newly_denied: 4, newly_allowed: 0, failed: 2 },
      items: [{ route: 'npm', action: 'GET', against: 4, denied_example: id }],
    });
    const none = await bed.call('GET', `${path}/difference?version=1`);
    expect(none.body).toMatchObject({ judged: 0, items: [] });
    expect((await bed.call('GET', '/v1/policies/none/difference')).status).toBe(404);
  });

  it('leaves again after its time', async () => {
    bed.clock.advanceMs(8 * 24 * 3600 * 1000);
    for (let i = 0; i < 481; i++) await bed.authority.tick();
    expect((await bed.call('GET', `/v1/decisions/${id}`)).status).toBe(404);
  });

  describe('where it is not kept, says why', () => {
    const named = (ageSeconds: number, isKept = true) => {
      const at = (nowSeconds(bed.clock) - ageSeconds) as UnixSeconds;
      return decisionName(at, { isKept, entropy: seededEntropy(9) });
    };

    it.each([
      ['its node had no room', () => named(60, false), /kept as many as it may/],
      ['it is older than any that is kept', () => named(7 * 86_400), /kept for 7 days/],
      ['it may be on its way', () => named(1), /Ask again/],
      ['it never came here', () => named(60), /lost on the way here/],
      ['it is no name of a decision', () => 'D2', /names of 21 or 22/],
    ])('%s', async (_what, name, detail) => {
      const answer = await bed.call('GET', `/v1/decisions/${name()}`);
      expect(answer).toMatchObject({ status: 404, body: { code: 'decision_not_kept' } });
      expect(answer.body['detail']).toMatch(detail);
    });
  });
});
