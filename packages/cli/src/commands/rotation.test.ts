import { describe, expect, it } from 'vitest';
import { json, run } from '../fake-ports.ts';

const rule = {
  name: 'pay',
  target: { kind: 'key', id: 'k1' },
  every_seconds: 2_592_000,
  deliver_to: [{ to: 'web', at: 'pay.key' }],
  state: { credential: 'k2', next_at: '2026-12-22T07:00:00.000Z', run: null, fault: 'disabled' },
  updated_at: '2026-11-22T07:00:00.000Z',
};

const schedule = {
  name: 'signing_key:ES256',
  target: { kind: 'signing_key', id: 'ES256' },
  state: { credential: 'kid1', next_at: '2026-12-01T08:00:00.000Z', run: null, fault: null },
};

describe('mintmark rotation', () => {
  it('lists signing keys and rules, with what is next and what is wrong', async () => {
    const server = () => json(200, { items: [schedule, rule], next: null });
    const { out } = await run('rotation list', { server });
    expect(out).toMatch(/signing_key:ES256 +signing_key +kid1 +2026-12-01T08:00:00\.000Z/);
    expect(out).toMatch(/pay +key +k2 +2026-12-22T07:00:00\.000Z +disabled/);
  });

  it('shows a rule with what it did, and a schedule, which has no runs', async () => {
    const server = ({ url }: { readonly url: string }) =>
      url.includes('/runs') ? json(200, { items: [{ id: 'r1' }], next: null }) : json(200, rule);
    const shown = await run('rotation show pay', { server });
    expect(JSON.parse(shown.out)).toEqual({ ...rule, runs: [{ id: 'r1' }] });
    const other = await run('rotation show signing_key:ES256', {
      server: () => json(200, schedule),
    });
    expect(JSON.parse(other.out)).toEqual({ ...schedule, runs: [] });
    expect(other.sent).toHaveLength(1);
  });

  it('lists what a rule did, with its faults', async () => {
    const run1 = { id: 'r1', status: 'delivering', cause: 'age', delivery_failure: 'refused: 503' };
    const server = () => json(200, { items: [run1], next: null });
    const { out, sent } = await run('rotation runs pay', { server });
    expect(sent[0]!.url).toContain('/v1/rotations/pay/runs');
    expect(out).toMatch(/r1 +delivering +age .*refused: 503/);
  });

  it('writes a rule for a key or for a client’s secret', async () => {
    const server = () => json(201, rule);
    const line = 'rotation create pay --key k1 --every 30d --overlap 1h --to web --at pay.key';
    const { exit, sent, out } = await run(`${line} --on leak owner_left`, { server });
    expect(exit).toBe(0);
    expect(out).toContain('k2');
    expect(sent[0]).toMatchObject({ method: 'PUT' });
    expect(sent[0]!.body).toEqual({
      target: { kind: 'key', id: 'k1' },
      every_seconds: 2_592_000,
      on: ['leak', 'owner_left'],
      overlap_seconds: 3600,
      deliver_to: [{ to: 'web', at: 'pay.key' }],
    });
    const client = await run('rotation create app --client c --to hook', { server });
    expect(client.sent[0]!.body).toEqual({
      target: { kind: 'client_secret', id: 'c' },
      deliver_to: [{ to: 'hook' }],
    });
  });

  it.each(['', '--key k --client c', '--key k --every never', '--key k --overlap soon'])(
    'asks nothing of the server for: create %s',
    async (options) => {
      const server = () => json(201, rule);
      const { exit, sent } = await run(`rotation create pay ${options} --to web`, { server });
      expect([exit, sent]).toEqual([2, []]);
    },
  );

  it('rotates now, and shows no secret', async () => {
    const begun = { id: 'r1', successor: 'k3', predecessor_ends_at: '2026-11-23T07:00:00.000Z' };
    const { out, sent } = await run('rotation run pay', { server: () => json(202, begun) });
    expect(out).toMatch(/r1[\s\S]*k3[\s\S]*2026-11-23/);
    expect(sent[0]!.headers.get('idempotency-key')).toBeTruthy();
  });

  it('deletes the version that it has seen', async () => {
    const server = ({ method }: { method: string }) =>
      method === 'GET' ? json(200, rule, { etag: '"3"' }) : new Response(null, { status: 204 });
    const { exit, out, sent } = await run('rotation delete pay', { server });
    expect([exit, out]).toEqual([0, 'deleted pay\n']);
    expect(sent[1]?.headers.get('if-match')).toBe('"3"');
  });
});
