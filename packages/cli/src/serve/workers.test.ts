import type { HttpRequest, HttpResponse } from '@mintmark/core';
import { manualClock } from '@mintmark/core';
import { describe, expect, it } from 'vitest';
import type { Worker, WorkerAnswer, WorkerPlace } from '../ports.ts';
import { createLog } from './log.ts';
import { startWorkers } from './workers.ts';

/** Workers in a test's hands. */
function openWorkers(count: number) {
  const clock = manualClock(0);
  const started: { readonly place: WorkerPlace; end(): void; stopped: boolean }[] = [];
  let timers: { readonly ms: number; run(): void }[] = [];
  const answers = new Map<string, (index: number) => WorkerAnswer>();
  answers.set('/livez', () => ({ status: 200, body: 'ok\n' }));
  const running = startWorkers(
    {
      clock,
      timers: {
        after(ms, run) {
          const timer = { ms, run };
          timers.push(timer);
          return () => {
            timers = timers.filter((one) => one !== timer);
          };
        },
        every: () => () => {},
      },
      log: createLog('silent', { write: () => {} }),
      workers: {
        own: undefined,
        onAsked: () => () => {},
        start(place): Worker {
          const { promise: ended, resolve } = Promise.withResolvers<void>();
          const one = { place, end: resolve, stopped: false };
          started.push(one);
          return {
            ended,
            stop() {
              one.stopped = true;
              resolve();
            },
            ask: async (path) => answers.get(path)!(place.index),
          };
        },
      },
    },
    { count, place: { listen: '127.0.0.1:1' } },
  );
  const ask = async (path: string, method = 'GET'): Promise<HttpResponse> =>
    running.operations({ method, path } as HttpRequest);
  return { running, started, timers: () => timers, answers, clock, ask };
}

describe('workers', () => {
  it('are started at one place, and are ready once all of them answer', async () => {
    const { running, started, ask, answers } = openWorkers(3);
    await running.ready;
    expect(started.map(({ place }) => place)).toEqual(
      [0, 1, 2].map((index) => ({ index, listen: '127.0.0.1:1' })),
    );
    answers.set('/readyz', (index) =>
      index === 1 ? { status: 503, body: 'status_absent' } : { status: 200, body: 'ok\n' },
    );
    expect(await ask('/readyz')).toMatchObject({ status: 503, body: 'status_absent' });
    answers.set('/readyz', () => ({ status: 200, body: 'ok\n' }));
    expect(await ask('/readyz')).toMatchObject({ status: 200, body: 'ok\n' });
    expect(await ask('/livez')).toMatchObject({ status: 200 });
    expect(await ask('/livez', 'POST')).toMatchObject({ status: 405 });
  });

  it('that end are started again, later each time that they end soon', async () => {
    const { started, timers, clock, ask, answers } = openWorkers(1);
    answers.set('/readyz', () => ({ status: 200, body: 'ok\n' }));
    const paused: number[] = [];
    const endNewest = async (): Promise<void> => {
      started.at(-1)!.end();
      await Promise.resolve().then(() => {});
      expect((await ask('/readyz')).status).toBe(503);
      const timer = timers().pop()!;
      paused.push(timer.ms);
      timer.run();
    };
    for (let i = 0; i < 9; i++) await endNewest();
    expect(paused).toEqual([250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
    expect(started).toHaveLength(10);
    // One that lived for a while is no crash in a row.
    clock.advanceMs(61_000);
    await endNewest();
    expect(paused.at(-1)).toBe(250);
  });

  it('are stopped together, and none is started again', async () => {
    const { running, started, timers, ask } = openWorkers(2);
    const closed = running.close();
    expect(await ask('/readyz')).toMatchObject({ status: 503, body: 'stopping\n' });
    await closed;
    expect(started.map(({ stopped }) => stopped)).toEqual([true, true]);
    expect(timers()).toEqual([]);
  });

  it('show metrics and upstreams under their numbers', async () => {
    const { answers, ask } = openWorkers(2);
    answers.set('/metrics', (index) => ({
      status: 200,
      body: [
        '# HELP a_total What it is.',
        '# TYPE a_total counter',
        `a_total{kind="x"} ${index + 1}`,
        `a_total ${index + 5}`,
        '# HELP h Times.',
        '# TYPE h histogram',
        `h_bucket{le="+Inf"} ${index}`,
        '',
      ].join('\n'),
    }));
    expect((await ask('/metrics')).body).toBe(
      [
        '# HELP a_total What it is.',
        '# TYPE a_total counter',
        'a_total{kind="x",worker="0"} 1',
        'a_total{worker="0"} 5',
        'a_total{kind="x",worker="1"} 2',
        'a_total{worker="1"} 6',
        '# HELP h Times.',
        '# TYPE h histogram',
        'h_bucket{le="+Inf",worker="0"} 0',
        'h_bucket{le="+Inf",worker="1"} 1',
        '',
      ].join('\n'),
    );
    answers.set('/upstreams', (index) => ({ status: 200, body: `{"upstreams":[${index}]}` }));
    expect((await ask('/upstreams')).body).toBe('{"workers":[[0],[1]]}');
    answers.set('/nothing', () => ({ status: 404, body: 'no' }));
    expect((await ask('/nothing')).status).toBe(404);
  });
});
