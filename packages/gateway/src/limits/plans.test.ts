/** Plans, through a whole gateway: whose holds, what counts for it, and what was raised. */
import type { PlanHolderKind, RaisedLimit } from '@mintmark/core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Answer, ask, bearer } from '../conformance/ask.ts';
import { openRawUpstream, type RawUpstream } from '../conformance/raw-upstream.ts';
import { openRig, type Rig } from '../conformance/rig.ts';

let upstream: RawUpstream;
let rig: Rig;

beforeAll(async () => {
  upstream = await openRawUpstream((socket) =>
    socket.write('HTTP/1.1 200 OK\r\nX-Units: 7\r\nContent-Length: 2\r\n\r\nok'),
  );
});
afterAll(() => upstream.close());
afterEach(() => rig.close());
beforeEach(async () => {
  const route = (name: string, more: object = {}) => ({
    ...{ name, match: { path_prefix: `/${name}` }, upstream: upstream.url, ...more },
  });
  rig = await openRig([
    route('a'),
    route('b', { api: 'shop' }),
    route('dear', { cost: 5 }),
    route('own', { limits: [{ name: 'own', quota: 1, window_seconds: 60 }] }),
    route('open', { credential: 'none' }),
    route('model', { cost_after: { reserve: 50, from: 'response_header', header: 'X-Units' } }),
  ]);
  rig.feed.push({
    type: 'api',
    name: 'shop',
    api: { operations: [], basePath: '', unlisted: 'refuse' } as never,
  });
  plan('small', [{ name: 'monthly', kind: 'calendar', period: 'month', quota: 2 }]);
  plan('large', [{ name: 'monthly', kind: 'calendar', period: 'month', quota: 9 }]);
  await rig.caughtUp();
});

function plan(name: string, limits: readonly object[] | null): void {
  rig.feed.push({ type: 'plan', name, plan: limits && { name, limits } });
}

async function give(
  kind: PlanHolderKind,
  id: string,
  of: { readonly plan?: string | null; readonly raised?: readonly RaisedLimit[] },
): Promise<void> {
  rig.feed.push({ type: 'plan_holder', kind, id, plan: of.plan ?? null, raised: of.raised ?? [] });
  await rig.caughtUp();
}

function get(path: string, credential?: string): Promise<Answer> {
  const headers = credential === undefined ? {} : bearer(credential);
  return ask(rig.listener.port, { path, headers });
}

async function left(path: string, credential?: string): Promise<string> {
  return String((await get(path, credential)).headers['ratelimit']);
}

describe('a plan', () => {
  it('is that of the most specific who has one: key, client, user, tenant', async () => {
    const { text, id } = rig.key({ owner: 'subject-1' });
    const token = rig.token();
    await rig.caughtUp();
    expect(await left('/a', token)).toBe('undefined');
    await give('tenant', rig.feed.tenant, { plan: 'large' });
    expect(await left('/a', token)).toBe('"monthly";r=8;t=2678400');
    expect(await left('/open')).toContain('r=7');
    await give('user', 'subject-1', { plan: 'large' });
    expect(await left('/a', token)).toContain('r=8');
    expect(await left('/a', text)).toContain('r=7');
    await give('client', 'client-1', { plan: 'large' });
    expect(await left('/a', token)).toContain('r=8');
    expect(await left('/a', text)).toContain('r=6');
    const { text: other } = rig.key({ owner: 'subject-1', plan: 'small' });
    await rig.caughtUp();
    expect(await left('/a', other)).toContain('r=1');
    expect(await left('/a', text)).toContain('r=5');
    expect(id).not.toBe('');
  });

  it('denies what is beyond, and says when there is more', async () => {
    await give('user', 'subject-1', { plan: 'small' });
    const token = rig.token();
    expect((await get('/a', token)).status).toBe(200);
    expect((await get('/b', token)).status).toBe(404);
    expect((await get('/own', token)).headers['ratelimit-policy']).toBe(
      '"own";q=1;w=60, "monthly";q=2;w=2678400',
    );
    const denied = await get('/a', token);
    expect(denied.status).toBe(429);
    expect(denied.headers['retry-after']).toBe('2678400');
    expect(JSON.parse(denied.body)).toMatchObject({
      ...{ code: 'quota_exceeded', 'violated-policies': ['monthly'] },
    });
  });

  it('that there is not, or that cannot be read, leaves it to the next who has one', async () => {
    await give('tenant', rig.feed.tenant, { plan: 'large' });
    await give('user', 'subject-1', { plan: 'gone' });
    const token = rig.token();
    expect(await left('/a', token)).toContain('r=8');
    await give('user', 'subject-1', { plan: 'small' });
    expect(await left('/a', token)).toContain('r=1');
    plan('small', [{ name: 'monthly', kind: 'weekly' }]);
    await rig.caughtUp();
    expect(await left('/a', token)).toContain('r=7');
    expect(rig.events).toContainEqual({ type: 'plan_unreadable', name: 'small' });
    plan('large', null);
    await rig.caughtUp();
    expect(await left('/a', token)).toBe('undefined');
  });

  it('keeps what was spent where another is given or it is edited', async () => {
    await give('user', 'subject-1', { plan: 'small' });
    const token = rig.token();
    expect(await left('/a', token)).toContain('r=1');
    await give('user', 'subject-1', { plan: 'large' });
    expect(await left('/a', token)).toContain('r=7');
    plan('large', [{ name: 'monthly', kind: 'calendar', period: 'month', quota: 5 }]);
    await rig.caughtUp();
    expect(await left('/a', token)).toContain('r=2');
  });

  it('counts only the routes and APIs that a limit names, at what a request costs', async () => {
    plan('parts', [
      { name: 'a', quota: 10, window_seconds: 60, routes: ['a', 'dear'] },
      { name: 'shop', quota: 10, window_seconds: 60, apis: ['shop'] },
    ]);
    await give('user', 'subject-1', { plan: 'parts' });
    const token = rig.token();
    expect(await left('/a', token)).toBe('"a";r=9;t=60');
    expect(await left('/dear', token)).toBe('"a";r=4;t=60');
    expect(await left('/own', token)).toBe('"own";r=0;t=60');
  });

  it('counts what the response tells where a limit says so', async () => {
    const units = { name: 'units', kind: 'calendar', period: 'day', quota: 100, cost: 'after' };
    plan('model', [units]);
    await give('user', 'subject-1', { plan: 'model' });
    const token = rig.token();
    expect(await left('/model', token)).toContain('r=50');
    expect(await left('/model', token)).toContain('r=43');
    expect(await left('/a', token)).toBe('undefined');
  });

  it('is raised for one who has it, until it ends', async () => {
    const raised = [{ limit: 'monthly', quota: 20, until: rig.clock.nowMs() + 3_000 }];
    await give('user', 'subject-1', { plan: 'small', raised });
    expect(await left('/a', rig.token())).toContain('r=19');
    expect(await left('/a', rig.token({ subject: 'other' as never }))).toBe('undefined');
    rig.clock.advanceMs(3_000);
    expect(await left('/a', rig.token())).toContain('r=0');
    await give('user', 'subject-1', {});
    expect(await left('/a', rig.token())).toBe('undefined');
  });
});
