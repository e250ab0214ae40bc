import { describe, expect, it } from 'vitest';
import { json, run } from '../fake-ports.ts';

const change = {
  ...{ id: 'c1', at: '2026-11-22T07:00:00.000Z', until: '2026-11-30T00:00:00.000Z' },
  ...{ route: 'api', limit: 'each', caller: '["user","default","alice"]' },
  ...{ mode: 'enforce', status: 'in_force' },
  before: { basis: 'static', low: 100, high: 100 },
  after: { basis: 'learned', low: 5, high: 40 },
  reasons: [{ reason: 'usual', words: 'median of such hours: 10, 4 times', value: 40 }],
  evidence: { busiest: 10, growth_bound: 200, denied: 0, would_deny: 3 },
  undone: null,
};

describe('mintmark limits', () => {
  it('lists changes with what the limits were and are', async () => {
    const { out } = await run('limits changes', {
      server: () => json(200, { items: [change], next: null }),
    });
    expect(out).toMatch(/c1 .* api +each +\["user","default","alice"\] +100 +5–40 +enforce/);
  });

  it('explains one in words and numbers', async () => {
    const { out, sent } = await run('limits explain c1', { server: () => json(200, change) });
    expect(sent[0]!.url).toContain('/v1/limit-changes/c1');
    expect(out).toContain('40: median of such hours: 10, 4 times');
    expect(out).toMatch(/would_deny +3/);
  });

  it('undoes one for a declared time, with a reason', async () => {
    const undone = { ...change, status: 'undone', undone: { until: 'December' } };
    const { out, sent } = await run('limits undo c1 --for 14d --reason sale', {
      server: () => json(200, undone),
    });
    expect(sent[0]).toMatchObject({
      method: 'POST',
      body: { for_seconds: 1_209_600, reason: 'sale' },
    });
    expect(out).toContain('undone until December');
    const wrong = await run('limits undo c1 --for ever', { server: () => json(200, undone) });
    expect([wrong.exit, wrong.sent.length]).toEqual([2, 0]);
  });
});
