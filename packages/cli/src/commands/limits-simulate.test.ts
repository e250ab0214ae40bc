import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { json, run } from '../fake-ports.ts';

const folder = mkdtempSync(join(tmpdir(), 'mintmark-simulate-'));
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

const line = (user: string, second: number, path = '/api') =>
  `192.0.2.7 - ${user} [10/Oct/2026:13:55:${second} +0000] "GET ${path} HTTP/1.1" 200 5\n`;
const loud = [10, 11, 12].map((second) => line('loud', second)).join('');
const log = `${loud}${line('quiet', 13)}nonsense\n`;
const limits = [{ name: 'burst', by: 'user', quota: 2, window_seconds: 60 }];

describe('mintmark limits simulate', () => {
  it('replays files in words and in JSON, packed ones too', async () => {
    const traffic = file('access.log', log);
    const wanted = file('new.yaml', JSON.stringify({ limits }));
    const { out, exit } = await run(['limits', 'simulate', traffic, '--limits', wanted]);
    expect(exit).toBe(0);
    expect(out).toMatch(/would be denied +1 \(25\.0 %\)/);
    expect(out).toMatch(/unreadable lines +1/);
    expect(out).toMatch(/burst +2 +1 +1 +0 0 0 0 0 1 0 0 0 0/);
    expect(out).toMatch(/loud +burst +3 +1 +100\.0 %/);
    expect(out).toContain('2026-10-10T13:00:00.000Z');
    const packed = file('more.log.gz', gzipSync(line('loud', 20)));
    const both = ['limits', 'simulate', traffic, packed, '--limits', wanted, '--json'];
    expect(JSON.parse((await run(both)).out)).toMatchObject({
      ...{ requests: 5, denied: 2, unreadable: 1, passed_over: 0 },
      callers: [{ caller: 'loud', denied: 2, first_at: '2026-10-10T13:55:12.000Z' }, {}],
      hours: [{ denied: 2 }],
    });
  });

  it('takes the limits of a route or a plan of the server, and its requests alone', async () => {
    const at = '"at":1790000000000';
    const traffic = file(
      'decisions.jsonl',
      `{${at},"route":"r","subject":"u","clientId":"c"}\n{${at},"route":"other"}\n`.repeat(3),
    );
    const route = await run(['limits', 'simulate', traffic, '--route', 'r', '--json'], {
      server: () => json(200, { name: 'r', match: {}, upstream: 'http://a', limits }),
    });
    expect(route.sent[0]!.url).toContain('/v1/routes/r');
    expect(JSON.parse(route.out)).toMatchObject({ requests: 3, denied: 1, elsewhere: 3 });
    const plan = {
      name: 'free',
      limits: [{ name: 'all', quota: 2, window_seconds: 60, apis: ['a'] }],
    };
    const line = ['limits', 'simulate', traffic, '--plan', 'free', '--by', 'client', '--json'];
    const planned = await run(line, { server: () => json(200, plan) });
    const callers = [{ caller: '' }, { caller: 'c' }];
    expect(JSON.parse(planned.out)).toMatchObject({ requests: 6, callers });
  });

  it('looks only at the paths that it is told', async () => {
    const traffic = file('paths.log', line('u', 10, '/api/a') + line('u', 11, '/other'));
    const wanted = file('list.yaml', JSON.stringify(limits));
    const said = ['limits', 'simulate', traffic, '--limits', wanted, '--path', '/api', '--json'];
    expect(JSON.parse((await run(said)).out)).toMatchObject({ requests: 1, elsewhere: 1 });
  });

  it('does not take for traffic what is none, nor choose among several plans', async () => {
    const wanted = file('new.yaml', JSON.stringify({ limits }));
    const none = await run(['limits', 'simulate', wanted, '--limits', wanted]);
    expect([none.exit, none.err]).toEqual([2, expect.stringContaining('no line can be read')]);
    const plans = [
      { name: 'a', limits },
      { name: 'b', limits },
    ];
    const several = file('several.json', JSON.stringify({ plans }));
    const both = await run(['limits', 'simulate', file('l.log', log), '--limits', several]);
    expect([both.exit, both.err]).toEqual([2, expect.stringContaining('keep one')]);
  });

  it('says what is wrong with limits, files and options', async () => {
    const traffic = file('a.log', log);
    const none = await run(['limits', 'simulate', traffic]);
    expect([none.exit, none.err]).toEqual([2, expect.stringContaining('name limits')]);
    const wrong = file('wrong.yaml', 'limits: [{name: a, quota: 0, window_seconds: 1}]');
    const refused = await run(['limits', 'simulate', traffic, '--limits', wrong]);
    expect([refused.exit, refused.err]).toEqual([2, expect.stringContaining('/limits/0/quota')]);
    const empty = file('empty.yaml', 'limits: []');
    expect((await run(['limits', 'simulate', traffic, '--limits', empty])).exit).toBe(2);
    const wanted = file('good.yaml', JSON.stringify({ limits }));
    const top = ['limits', 'simulate', traffic, '--limits', wanted, '--top', 'all'];
    expect((await run(top)).exit).toBe(2);
    const gone = ['limits', 'simulate', join(folder, 'gone.log'), '--limits', wanted];
    expect((await run(gone)).exit).toBe(3);
    const lost = ['limits', 'simulate', traffic, '--limits', join(folder, 'gone.yaml')];
    expect((await run(lost)).exit).toBe(3);
  });
});
