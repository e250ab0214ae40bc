import { describe, expect, it } from 'vitest';
import { json, run } from '../fake-ports.ts';

const preview = {
  ...{ id: 'b1', count: 3, left_out: 1, expires_at: 'then' },
  sample: [{ id: 'k1', name: 'ci', status: 'active', owner: 'a' }],
};

describe('mintmark key bulk', () => {
  it('asks for a preview, and says how it is done', async () => {
    const line = 'key bulk add_tag --value old --owner a --unused-since 2026-01-01T00:00:00Z';
    const { sent, out } = await run(line, { server: () => json(200, preview) });
    expect(sent[0]).toMatchObject({ method: 'POST', url: 'http://127.0.0.1:8420/v1/keys/bulk' });
    expect(sent[0]!.body).toEqual({
      filter: { owner: 'a', unused_since: '2026-01-01T00:00:00Z' },
      act: { do: 'add_tag', tag: 'old' },
    });
    for (const text of ['k1', '3', 'mintmark key bulk-run b1']) expect(out).toContain(text);
    expect(out).toContain('1 of other owners are left out');
    expect(out).toContain('and 2 more');
    const none = { ...preview, count: 0, left_out: 0, sample: [] };
    const empty = await run(line, { server: () => json(200, none) });
    expect(empty.out).toBe('no key would change\n');
    const broken = await run('key bulk disable --violating', { server: () => json(200, preview) });
    expect(broken.sent[0]!.body).toEqual({
      filter: { violating: true },
      act: { do: 'disable' },
    });
  });

  it('asks for personal tokens by their kind', async () => {
    const line = 'key bulk revoke --value lost --kind pat --owner alice';
    const { sent } = await run(line, { server: () => json(200, preview) });
    expect(sent[0]!.body).toEqual({
      filter: { kind: 'pat', owner: 'alice' },
      act: { do: 'revoke', reason: 'lost' },
    });
  });

  it.each(['erase --tag a', 'revoke --tag a', 'disable --tag a --value x'])(
    'refuses %s',
    async (line) => {
      const { exit, sent } = await run(`key bulk ${line}`);
      expect([exit, sent]).toEqual([2, []]);
    },
  );

  it('goes on until everything was gone through', async () => {
    let done = 0;
    const server = () => {
      done = Math.min(done + 500, 1200);
      return json(200, { count: 1200, done, changed: done - 1 });
    };
    const { sent, out, exit } = await run('key bulk-run b1', { server });
    expect([sent.length, exit]).toEqual([3, 0]);
    expect(sent[0]!.url).toContain('/v1/keys/bulk/b1/run');
    expect(out).toContain('1199 of 1200 keys changed');
    expect(out).toContain('1 passed over');
    const stuck = () => json(200, { count: 9, done: 4, changed: 4 });
    const cut = await run('key bulk-run b1', { server: stuck });
    expect(cut.sent).toHaveLength(2);
    expect(cut.out).toContain('5 left: run it again');
    const gone = () => json(404, { code: 'not_found', title: 'There is no such thing' });
    expect((await run('key bulk-run b1', { server: gone })).exit).toBe(1);
  });
});
