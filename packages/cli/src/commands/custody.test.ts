import { describe, expect, it } from 'vitest';
import { json, run } from '../fake-ports.ts';

const created_at = '2026-09-21T14:13:20.000Z';
const rootKey = { created_at, algorithm: 'AES-256-GCM', protector: 'key_file' };
const state = {
  kind: 'local',
  root_keys: [
    { id: 'root_a', ...rootKey, current: false, wraps: 3 },
    { id: 'root_b', ...rootKey, current: true, wraps: 1 },
  ],
  data_keys: [{ id: 'data-2', created_at, status: 'active', uses: 7 }],
  peppers: [{ version: 'pepper-1', created_at, status: 'active' }],
  under_way: { rewrap: 3, reseal: 1 },
};

describe('mintmark custody', () => {
  it('shows what wraps what, and what is left to do', async () => {
    const { out, sent } = await run('custody show', { server: () => json(200, state) });
    expect(sent[0]).toMatchObject({ method: 'GET', url: 'http://127.0.0.1:8420/v1/custody' });
    expect(out).toMatch(/root_a +old +2026-\S+ +AES-256-GCM, key_file +3/);
    expect(out).toMatch(/root_b +current .* 1/);
    expect(out).toMatch(/data-2 +active/);
    expect(out).toMatch(/pepper-1 +active/);
    expect(out).toContain('under way: 3 keys to be wrapped again, records under 1 data keys');
    const reseal_from = '2026-09-21T14:20:00.000Z';
    const soon = { ...state, under_way: { rewrap: 0, reseal: 1, reseal_from } };
    const waiting = await run('custody show', { server: () => json(200, soon) });
    expect(waiting.out).toContain('to be sealed again, which begins in 7 min');
    const done = { ...state, under_way: { rewrap: 0, reseal: 0 } };
    const after = await run('custody show', { server: () => json(200, done) });
    expect(after.out).toContain('nothing is left of any rotation');
  });

  it('rotates what it is told to', async () => {
    const server = () => json(202, { what: 'root', current: 'root_c' });
    const line = 'custody rotate --what root --reason yearly';
    const { out, sent } = await run(line, { server });
    expect(sent[0]).toMatchObject({ method: 'POST', body: { what: 'root', reason: 'yearly' } });
    expect(sent[0]!.url).toContain('/v1/custody/rotate');
    expect(out).toContain('root_c');
    expect((await run('custody rotate')).exit).toBe(2);
    expect((await run('custody rotate --what all')).exit).toBe(2);
  });

  it('destroys an old root key, or says why not', async () => {
    const { out, sent } = await run('custody destroy root_a', {
      server: () => new Response(null, { status: 204 }),
    });
    expect(sent[0]).toMatchObject({ method: 'DELETE' });
    expect(sent[0]!.url).toContain('/v1/custody/keys/root_a');
    expect(out).toContain('destroyed');
    const detail = 'it still wraps 3 keys, which are wrapped again within minutes';
    const refused = await run('custody destroy root_a', {
      server: () => json(409, { code: 'wrong_state', title: 'Not now', detail }),
    });
    expect(refused.exit).toBe(1);
    expect(refused.err).toContain(detail);
  });
});
