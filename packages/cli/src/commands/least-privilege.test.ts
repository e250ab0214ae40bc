import { describe, expect, it } from 'vitest';
import { json, run } from '../fake-ports.ts';

const report = {
  ...{ kind: 'key', id: 'k1', name: 'build', owner: 'payments', granted: ['read', 'write'] },
  used: [{ name: 'read', uses: 3, last_used_at: 'now' }],
  ...{ unused: ['write'], routes: [], window_days: 30, measured_since: null },
  ...{ whole_window: false, unmeasured_uses: 4, seen_by: 'gateways' },
};

const narrowing = {
  ...{ id: 'n1', kind: 'key', target: 'k1', status: 'trial', former: ['read', 'write'] },
  ...{ narrowed: ['read'], removed: ['write'], created_at: 'now', trial_ends_at: 'then' },
  ...{ ended_at: null, refused: [{ scope: 'write', count: 2 }] },
};

const page = (item: unknown) => () => json(200, { items: [item], next: null });

describe('mintmark least-privilege', () => {
  it('reports what was not used, and how much was not measured', async () => {
    const line = 'least-privilege report --kind key --window-days 90';
    const { sent, out } = await run(line, { server: page(report) });
    expect(sent[0]!.url).toContain('window_days=90');
    expect(out).toMatch(/k1 +build +payments +write +read +4/);
  });

  it('narrows on trial', async () => {
    const server = () => json(201, narrowing);
    const line = 'least-privilege narrow k1 --trial-days 7 --despite-unmeasured';
    const { sent, out } = await run(line, { server });
    expect(sent[0]!.url).toContain('/v1/least-privilege/key/k1/narrow');
    expect(sent[0]!.body).toEqual({ trial_days: 7, despite_unmeasured: true });
    expect(out).toContain('write');
    const wrong = await run('least-privilege narrow k1 --trial-days soon', { server });
    expect(wrong.exit).toBe(2);
  });

  it('lists trials with the refusals that came of them', async () => {
    const { out } = await run('least-privilege list', { server: page(narrowing) });
    expect(out).toContain('write:2');
  });

  it.each(['undo', 'settle'])('%ss one', async (what) => {
    const server = () => json(200, narrowing);
    const { sent, out } = await run(`least-privilege ${what} n1`, { server });
    expect(sent[0]!.url).toContain(`/v1/narrowings/n1/${what}`);
    expect(out).toContain('n1');
  });
});
