import { describe, expect, it } from 'vitest';
import { json, run } from '../fake-ports.ts';

const shown = {
  ...{ kind: 'key', id: 'K1', plan: 'free', counted: 'in_common' },
  raised: [{ limit: 'monthly', quota: 50_000, until: '2027-01-01T00:00:00.000Z' }],
  limits: [
    { name: 'monthly', quota: 50_000, remaining: 49_990, reset_at: '2026-12-01T00:00:00.000Z' },
    { name: 'pace', quota: 9, remaining: null, reset_at: null },
  ],
};

describe('mintmark limits', () => {
  it('shows what somebody has and what is left of it', async () => {
    const { out, sent } = await run('limits show --key K1', { server: () => json(200, shown) });
    expect(sent[0]!.url).toContain('/v1/limits/key/K1');
    expect(out).toMatch(/plan +free/);
    expect(out).toMatch(/raised +monthly to 50000 until 2027/);
    expect(out).toMatch(/monthly +50000 +49990 +2026-12-01/);
    expect(out).toMatch(/pace +9 +unknown/);
  });

  it('shows who has none', async () => {
    const none = { ...shown, kind: 'user', plan: null, raised: [], limits: [] };
    const { out } = await run('limits show --user K1', { server: () => json(200, none) });
    expect(out).toContain('none of its own');
  });

  it('wants to know of whom, and of one alone', async () => {
    for (const line of ['limits show', 'limits show --key a --user b', 'limits reset --reason x']) {
      expect((await run(line)).exit).toBe(2);
    }
    expect((await run('limits give --reason x')).exit).toBe(2);
  });

  it('gives a plan, and keeps the one there is where it only raises', async () => {
    const server = () => json(200, shown, { etag: '"3"' });
    const given = await run('limits give --client web --plan gold --reason upgrade', { server });
    expect(given.sent[1]).toMatchObject({
      ...{ method: 'PUT', body: { plan: 'gold', raised: [], reason: 'upgrade' } },
    });
    const raise = 'limits give --key K1 --raise monthly=9 --until 2027-01-01T00:00:00Z --reason x';
    const raised = await run(raise, { server });
    expect(raised.sent[1]!.body).toEqual({
      plan: 'free',
      raised: [{ limit: 'monthly', quota: 9, until: '2027-01-01T00:00:00Z' }],
      reason: 'x',
    });
    const taken = await run('limits give --user u --plan - --reason x', { server });
    expect(taken.sent[1]!.body).toMatchObject({ plan: null });
    const wrong = await run('limits give --key K1 --raise monthly --reason x', { server });
    expect([wrong.exit, wrong.sent.length]).toEqual([2, 0]);
  });

  it('lets counts begin anew', async () => {
    const line = 'limits reset --tenant acme --limit monthly --reason outage';
    const { sent } = await run(line, { server: () => json(200, shown) });
    expect(sent[0]).toMatchObject({
      method: 'POST',
      body: { limits: ['monthly'], reason: 'outage' },
    });
    expect(sent[0]!.url).toContain('/v1/limits/tenant/acme/reset');
  });
});

describe('mintmark plan', () => {
  const plan = {
    name: 'free',
    limits: [
      { name: 'monthly', kind: 'calendar', period: 'month', quota: 10 },
      { name: 'pace', kind: 'rate', quota: 2, window_seconds: 1, burst: 4 },
      { name: 'hourly', quota: 50, window_seconds: 3600 },
    ],
  };

  it('lists plans in words, and shows one as it is', async () => {
    const { out } = await run('plan list', {
      server: () => json(200, { items: [plan], next: null }),
    });
    expect(out).toContain('monthly: 10 a month, pace: 2 in 1 s (4 at once), hourly: 50 in 3600 s');
    const one = await run('plan show free', { server: () => json(200, plan) });
    expect(JSON.parse(one.out)).toEqual(plan);
  });

  it('deletes one', async () => {
    const { out } = await run('plan delete free', {
      server: ({ method }) =>
        method === 'GET' ? json(200, plan, { etag: '"1"' }) : new Response(null, { status: 204 }),
    });
    expect(out).toContain('deleted free');
  });
});
