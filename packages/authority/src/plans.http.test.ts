/** Plans, who has which, and what is left of them, through the management API. */
import { createLocalLimits, manualClock, NetworkFault } from '@mintmark/core';
import { beforeEach, describe, expect, it } from 'vitest';
import { managementBed } from './management-bed.ts';

type Bed = Awaited<ReturnType<typeof managementBed>>;
let bed: Bed;

beforeEach(async () => {
  bed = await managementBed();
});

const monthly = { name: 'monthly', kind: 'calendar', period: 'month', quota: 3 };
const paced = { name: 'pace', kind: 'rate', quota: 5, window_seconds: 1, burst: 9 };

async function plan(name: string, limits: readonly object[]): Promise<void> {
  const made = await bed.call('PUT', `/v1/plans/${name}`, { json: { limits } });
  expect(made.status).toBe(201);
}

async function newKey(more: object = {}): Promise<{ id: string; key: string }> {
  const json = { name: 'k', scopes: ['read'], ...more };
  const { status, body } = await bed.call('POST', '/v1/keys', { json });
  expect(status).toBe(201);
  return { id: String(body['id']), key: String(body['key']) };
}

async function verify(key: string, more: object = {}) {
  return (await bed.call('POST', '/v1/keys/verify', { json: { key, ...more } })).body;
}

describe('/v1/plans', () => {
  it('makes, shows, lists, replaces and deletes a plan', async () => {
    const json = { name: 'free', description: 'for trying out', limits: [monthly] };
    const made = await bed.call('POST', '/v1/plans', {
      json,
      headers: { 'idempotency-key': 'one' },
    });
    expect(made).toMatchObject({ status: 201, body: { name: 'free', limits: [monthly] } });
    const again = await bed.call('POST', '/v1/plans', {
      json,
      headers: { 'idempotency-key': 'one' },
    });
    expect(again.status).toBe(201);
    const twice = await bed.call('POST', '/v1/plans', { json });
    expect(twice).toMatchObject({ status: 409, body: { code: 'already_exists' } });
    const listed = await bed.call('GET', '/v1/plans');
    expect(listed.body['items']).toMatchObject([{ name: 'free' }]);
    const path = '/v1/plans/free';
    const change = { json: { limits: [{ ...monthly, quota: 9 }] } };
    expect((await bed.call('PUT', path, change)).status).toBe(428);
    const stale = { ...change, headers: { 'if-match': '"7"' } };
    expect((await bed.call('PUT', path, stale)).status).toBe(412);
    const headers = await bed.ifMatch(path);
    expect((await bed.call('PUT', path, { ...change, headers })).status).toBe(200);
    expect((await bed.call('DELETE', path, { headers })).status).toBe(412);
    expect((await bed.call('DELETE', path, { headers: await bed.ifMatch(path) })).status).toBe(204);
    expect((await bed.call('GET', path)).status).toBe(404);
    expect((await bed.call('DELETE', path, { headers })).status).toBe(404);
  });

  it.each([
    ['/limits', {}],
    ['/limits/0/kind', { limits: [{ ...monthly, kind: 'weekly' }] }],
    ['/limits/0/quota', { limits: [{ ...monthly, quota: -1 }] }],
    ['/name', { name: 'other', limits: [] }],
  ])('says %s of what is malformed', async (pointer, json) => {
    const { status, body } = await bed.call('PUT', '/v1/plans/free', { json });
    expect({ status, errors: body['errors'] }).toMatchObject({
      status: 422,
      errors: [{ pointer }],
    });
  });

  it('wants a name where a plan is made without one', async () => {
    const { body } = await bed.call('POST', '/v1/plans', { json: { limits: [] } });
    expect(body['errors']).toMatchObject([{ pointer: '/name' }]);
  });

  it('asks for its permissions', async () => {
    const credential = await bed.credential('plans:read');
    expect((await bed.call('GET', '/v1/plans', { credential })).status).toBe(200);
    const json = { limits: [] };
    expect((await bed.call('PUT', '/v1/plans/a', { json, credential })).status).toBe(403);
    expect((await bed.call('GET', '/v1/limits/user/u', { credential })).status).toBe(403);
  });
});

describe('the verification of a key', () => {
  it('spends of its plan, and denies what is beyond without spending', async () => {
    await plan('free', [monthly, paced]);
    const { key } = await newKey({ plan: 'free' });
    const first = await verify(key, { cost: 2 });
    expect(first).toMatchObject({
      active: true,
      limits: {
        plan: [
          { name: 'monthly', quota: 3, remaining: 1 },
          { name: 'pace', quota: 9, remaining: 7 },
        ],
      },
    });
    expect(await verify(key, { cost: 2 })).toMatchObject({
      ...{ active: false, code: 'quota_exceeded' },
      limits: { plan: [{ remaining: 1 }, { remaining: 7 }] },
    });
    expect(await verify(key)).toMatchObject({ active: true });
    expect(await verify(key)).toMatchObject({ active: false, code: 'quota_exceeded' });
    expect(await verify(key, { cost: 0 })).toMatchObject({ active: true });
  });

  it('gives back to the plan what credits deny', async () => {
    await plan('free', [monthly]);
    const { key } = await newKey({ plan: 'free', credits: { remaining: 1 } });
    expect(await verify(key, { cost: 2 })).toMatchObject({ code: 'credits_spent' });
    expect(await verify(key, { cost: 1 })).toMatchObject({
      ...{ active: true, limits: { plan: [{ remaining: 2 }], credits: { remaining: 0 } } },
    });
  });

  it('is held by the plan of the most specific who has one', async () => {
    await plan('own', [{ ...monthly, quota: 10 }]);
    await plan('owners', [{ ...monthly, quota: 20 }]);
    await plan('tenants', [{ ...monthly, quota: 30 }]);
    const owner = await bed.addUser('alice');
    const left = async (key: string) =>
      ((await verify(key))['limits'] as { plan: { remaining: number }[] } | undefined)?.plan[0]
        ?.remaining;
    const own = await newKey({ owner, plan: 'own' });
    const owned = await newKey({ owner });
    const gone = await newKey({ owner, plan: 'gone' });
    const json = { plan: 'tenants', reason: 'test' };
    await bed.call('PUT', '/v1/limits/tenant/default', { json });
    expect(await left(owned.key)).toBe(29);
    await bed.call('PUT', `/v1/limits/user/${owner}`, { json: { ...json, plan: 'owners' } });
    bed.clock.advanceMs(2_000);
    expect([await left(own.key), await left(owned.key), await left(gone.key)]).toEqual([9, 19, 18]);
  });

  it('counts only limits of the route that it names', async () => {
    await plan('routed', [{ ...monthly, routes: ['search'] }]);
    const { key } = await newKey({ plan: 'routed' });
    expect((await verify(key))['limits']).toBeUndefined();
    expect(await verify(key, { route: 'search' })).toMatchObject({
      limits: { plan: [{ remaining: 2 }] },
    });
  });
});

describe('/v1/limits', () => {
  it('shows what is left, and begins anew with a reason in the trail', async () => {
    await plan('free', [monthly]);
    const { id, key } = await newKey({ plan: 'free' });
    await verify(key, { cost: 3 });
    const path = `/v1/limits/key/${id}`;
    const shown = await bed.call('GET', path);
    expect(shown.body).toMatchObject({
      ...{ kind: 'key', id, plan: 'free', raised: [], counted: 'by_each_process' },
      limits: [{ name: 'monthly', quota: 3, remaining: 0, reset_at: '2026-10-01T00:00:00.000Z' }],
    });
    const json = { reason: 'our outage', limits: ['monthly'] };
    const reset = await bed.call('POST', `${path}/reset`, { json });
    expect(reset.body['limits']).toMatchObject([{ remaining: 3, reset_at: null }]);
    expect(await verify(key)).toMatchObject({ active: true });
    const trail = await bed.call('GET', `/v1/audit/events?action=limits.reset`);
    expect(trail.body['items']).toMatchObject([{ why: 'our outage', object: { kind: 'key', id } }]);
    const none = await bed.call('POST', `${path}/reset`, { json: { limits: ['monthly'] } });
    expect(none.status).toBe(422);
  });

  it('raises a limit for one, until it ends', async () => {
    await plan('free', [monthly]);
    const [one, other] = [await newKey({ plan: 'free' }), await newKey({ plan: 'free' })];
    const path = `/v1/limits/key/${one.id}`;
    const until = '2026-09-21T15:00:00.000Z';
    const raised = [{ limit: 'monthly', quota: 8, until }];
    // As the command does: with the tag that was shown before anything was given.
    const shown = await bed.ifMatch(path);
    const first = { json: { raised, reason: 'a launch' }, headers: shown };
    const given = await bed.call('PUT', path, first);
    expect(given).toMatchObject({ status: 200, body: { raised, limits: [{ quota: 8 }] } });
    expect(await verify(one.key, { cost: 6 })).toMatchObject({ active: true });
    expect(await verify(other.key, { cost: 4 })).toMatchObject({ code: 'quota_exceeded' });
    expect((await bed.call('PUT', path, { json: { reason: 'over' } })).status).toBe(428);
    bed.clock.setWallMs(Date.parse(until));
    expect(await verify(one.key)).toMatchObject({ code: 'quota_exceeded' });
    const headers = await bed.ifMatch(path);
    const json = { raised: [], reason: 'over' };
    expect((await bed.call('PUT', path, { json, headers })).body['raised']).toEqual([]);
  });

  it('tells gateways of plans and who has them, in deltas and in snapshots', async () => {
    await plan('free', [monthly]);
    const { clientId } = await bed.addClient();
    const raised = [{ limit: 'monthly', quota: 8 }];
    const json = { plan: 'free', raised, reason: 'test' };
    const given = await bed.call('PUT', `/v1/limits/client/${clientId}`, { json });
    expect(given.status).toBe(200);
    const { feed } = bed.authority;
    const snapshot = await feed.snapshot('default' as never);
    const entries = snapshot.entries.filter(({ type }) => type.startsWith('plan'));
    expect(entries).toMatchObject([
      { type: 'plan', name: 'free', plan: { name: 'free', limits: [monthly] } },
      { type: 'plan_holder', kind: 'client', id: clientId, plan: 'free', raised },
    ]);
    const { epoch } = snapshot;
    const tenant = 'default' as never;
    const delta = await feed.delta({ tenant, epoch, after: 0, node: 'n' });
    const told = delta === 'resync' ? [] : delta.entries;
    expect(told.filter(({ type }) => type.startsWith('plan'))).toHaveLength(2);
  });

  it('go with the client or user who is deleted', async () => {
    await plan('free', [monthly]);
    const { clientId } = await bed.addClient();
    const user = await bed.addUser('alice');
    for (const [kind, id] of [['client', clientId] as const, ['user', user] as const]) {
      const path = `/v1/limits/${kind}/${id}`;
      await bed.call('PUT', path, { json: { plan: 'free', reason: 'test' } });
      const headers = await bed.ifMatch(`/v1/${kind}s/${id}`);
      expect((await bed.call('DELETE', `/v1/${kind}s/${id}`, { headers })).status).toBe(204);
      expect((await bed.call('GET', path)).status).toBe(404);
    }
    const { entries } = await bed.authority.feed.snapshot('default' as never);
    expect(entries.filter(({ type }) => type === 'plan_holder')).toEqual([]);
  });

  it('refuses what makes no sense', async () => {
    await plan('free', [monthly]);
    const { id } = await newKey({ plan: 'free' });
    const { id: planless } = await newKey();
    const put = async (of: string, more: object) => {
      const json = { reason: 'test', ...more };
      const { status, body } = await bed.call('PUT', `/v1/limits/${of}`, { json });
      const [error] = (body['errors'] ?? []) as { pointer: string }[];
      return [status, error?.pointer];
    };
    const raised = [{ limit: 'monthly', quota: 5 }];
    expect(await put('user/nobody', { plan: 'free' })).toEqual([404, undefined]);
    expect(await put('client/nobody', { plan: 'free' })).toEqual([404, undefined]);
    expect(await put('key/nobody', {})).toEqual([404, undefined]);
    expect(await put('tenant/other', { plan: 'free' })).toEqual([404, undefined]);
    expect(await put('tenant/default', { plan: 'gone' })).toEqual([422, '/plan']);
    expect(await put(`key/${id}`, { plan: 'other' })).toEqual([422, '/plan']);
    expect(await put(`key/${planless}`, { raised })).toEqual([422, '/raised/0/limit']);
    expect(
      await put('tenant/default', { plan: 'free', raised: [{ limit: 'x', quota: 1 }] }),
    ).toEqual([422, '/raised/0/limit']);
    expect(await put('tenant/default', { holder: 'user/x' })).toEqual([422, '/holder']);
    const reset = await bed.call('POST', '/v1/limits/tenant/default/reset', {
      json: { reason: 'test' },
    });
    expect(reset).toMatchObject({ status: 409, body: { detail: 'it has no plan of its own' } });
    const nobody = await bed.call('POST', '/v1/limits/user/nobody/reset', {
      json: { reason: 'test' },
    });
    expect(nobody.status).toBe(404);
  });

  it('shows the plan where the count cannot be reached, and resets nothing then', async () => {
    const away = () => Promise.reject(new NetworkFault('limit_store_unavailable', 'away'));
    const local = createLocalLimits(manualClock(1_790_000_000_000));
    const limits = { ...local, isCommon: true, look: away, forget: away };
    bed = await managementBed(1, undefined, { limits });
    await plan('free', [monthly, paced]);
    const { id } = await newKey({ plan: 'free' });
    const { body } = await bed.call('GET', `/v1/limits/key/${id}`);
    expect(body).toMatchObject({
      counted: 'in_common',
      limits: [
        { name: 'monthly', quota: 3, remaining: null },
        { name: 'pace', quota: 9, remaining: null },
      ],
    });
    const json = { reason: 'test' };
    expect((await bed.call('POST', `/v1/limits/key/${id}/reset`, { json })).status).toBe(503);
  });
});
