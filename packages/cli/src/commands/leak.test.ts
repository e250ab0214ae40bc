import { describe, expect, it } from 'vitest';
import { json, run } from '../fake-ports.ts';

const leak = {
  id: 'l1',
  kind: 'key',
  credential: 'k1',
  owner: 'team',
  status: 'held',
  sightings: [{ by: 'github', url: 'https://github.com/a/b', source: 'commit', at: 'T1' }],
  steps: [{ step: 'quarantine', outcome: 'done', at: 'T2' }],
  revoke_at: '2026-09-24T14:13:20Z',
};
const policy = { mode: 'act', revoke_after_seconds: 259_200 };

describe('mintmark leak', () => {
  it('lists leaks, and shows one with where it was seen and what was done', async () => {
    const listed = await run('leak list', {
      server: () => json(200, { items: [leak], next: null }),
    });
    expect(listed.out).toMatch(/l1 +key +k1 +team +held/);
    const shown = await run('leak show l1', { server: () => json(200, { ...leak, attempts: 2 }) });
    expect(shown.out).toMatch(/T1 +github +commit +https/);
    expect(shown.out).toMatch(/T2 +quarantine +done/);
    expect(shown.out).toMatch(/attempts +2/);
  });

  it('reports a token out of standard input, and lets one go for a reason', async () => {
    const server = () => json(200, leak);
    const reported = await run('leak report --source wiki', { server, input: 'mm_key_x\n' });
    expect(reported.sent[0]?.body).toEqual({ token: 'mm_key_x', source: 'wiki' });
    const released = await run(['leak', 'release', 'l1', '--reason', 'a test'], { server });
    expect(released.sent[0]?.url).toMatch(/leaks\/l1\/release$/);
    expect(released.sent[0]?.body).toEqual({ reason: 'a test' });
    expect((await run('leak release l1', { server })).exit).toBe(2);
  });

  it('shows the policy, and sets the version that it has seen', async () => {
    const server = () => json(200, policy, { etag: '"1"' });
    expect((await run('leak policy show', { server })).out).toContain('259200 seconds');
    const set = await run('leak policy set --mode dry_run --revoke-after never', { server });
    expect(set.sent[1]?.body).toEqual({ mode: 'dry_run', revoke_after_seconds: null });
    expect(set.sent[1]?.headers.get('if-match')).toBe('"1"');
    expect((await run('leak policy set --mode act --revoke-after x', { server })).exit).toBe(2);
  });
});
