import { EventEmitter } from 'node:events';
import type { Worker } from 'node:worker_threads';
import { limits, manualClock, type Timers } from '@mintmark/core';
import { describe, expect, it } from 'vitest';
import type { ActOutcome } from '../act.ts';
import { actResult, type FromWriter, slotState, type ToWriter } from './writer-protocol.ts';
import { WriterQueue } from './writer-queue.ts';

/** A writer that answers when the test says so. */
class FakeWorker extends EventEmitter {
  readonly posted: ToWriter[] = [];
  held = false;

  postMessage(message: ToWriter): void {
    this.posted.push(message);
  }

  ref(): void {
    this.held = true;
  }

  unref(): void {
    this.held = false;
  }

  answer(results: readonly number[], rest: Partial<Extract<FromWriter, { type: 'results' }>> = {}) {
    this.emit('message', { type: 'results', results, faults: [], partitions: [], ...rest });
  }
}

function setUp() {
  const worker = new FakeWorker();
  const clock = manualClock(0);
  const slots = new Int32Array(limits.writeQueueMax);
  const alarms: { atMs: number; run: () => void }[] = [];
  const timers: Timers = {
    after(ms, run) {
      const alarm = { atMs: clock.monotonicMs() + ms, run };
      alarms.push(alarm);
      return () => alarms.splice(alarms.indexOf(alarm), 1);
    },
    every: () => () => undefined,
  };
  const queue = new WriterQueue({
    worker: worker as unknown as Worker,
    slots,
    clock,
    timers,
    onPartition: () => undefined,
  });
  const advance = (ms: number) => {
    clock.advanceMs(ms);
    for (const alarm of alarms.filter(({ atMs }) => atMs <= clock.monotonicMs())) {
      alarms.splice(alarms.indexOf(alarm), 1);
      alarm.run();
    }
  };
  const run = () => {
    const outcome = queue.run({ steps: [], audit: null });
    // Each test looks at its outcomes later; until then a fault is not unhandled.
    outcome.catch(() => undefined);
    return outcome;
  };
  return { worker, slots, queue, advance, run, alarms };
}

function codeOf(outcome: Promise<ActOutcome>): Promise<string> {
  return outcome.then(
    ({ outcome }) => outcome,
    (error) => error.code,
  );
}

/** Acts in each message that was posted. */
function sizes(worker: FakeWorker): number[] {
  return worker.posted.map((message) => (message.type === 'acts' ? message.acts.length : 0));
}

describe('the write queue', () => {
  it('posts at once while the writer has at most one message to come, then gathers', async () => {
    const { worker, run } = setUp();
    const outcomes = [run(), run(), run(), run(), run()];
    expect(sizes(worker)).toEqual([1, 1]);
    worker.answer([actResult.done, 0]);
    expect(sizes(worker)).toEqual([1, 1, 3]);
    worker.answer([0, 0, 0, 0, 0, 7, 0, 0]);
    expect(await Promise.all(outcomes.map(codeOf))).toEqual(Array(5).fill('done'));
    expect((await outcomes[3])?.position).toBe(7);
  });

  it('refuses what goes over its bound, at once', async () => {
    const { worker, run } = setUp();
    const outcomes = Array.from({ length: limits.writeQueueMax }, run);
    expect(await codeOf(run())).toBe('store_busy');
    worker.answer([0, 0]);
    expect(await codeOf(outcomes[0]!)).toBe('done');
    const next = run();
    worker.answer(Array(2 * (limits.writeQueueMax - 1)).fill(0));
    worker.answer([0, 0]);
    expect(await codeOf(next)).toBe('done');
  });

  it('withdraws an act that the writer did not begin in time, and says so', async () => {
    const { worker, slots, run, advance } = setUp();
    const [posted, , waiting] = [run(), run(), run()];
    advance(limits.writeTimeoutMs - 1);
    advance(1);
    expect(await codeOf(posted)).toBe('store_timeout');
    expect(await codeOf(waiting)).toBe('store_timeout');
    expect(slots[0]).toBe(slotState.withdrawn);
    // The one that never left does not leave now.
    worker.answer([actResult.withdrawn, 0, actResult.withdrawn, 0]);
    expect(sizes(worker)).toEqual([1, 1]);
  });

  it('does not claim to know how an act ends that the writer has begun', async () => {
    const { worker, slots, run, advance } = setUp();
    const outcome = run();
    Atomics.store(slots, 0, slotState.taken);
    advance(limits.writeTimeoutMs);
    expect(await codeOf(outcome)).toBe('store_outcome_unknown');
    worker.answer([0, 0]);
    const next = run();
    expect(sizes(worker)).toEqual([1, 1]);
    worker.answer([0, 0]);
    expect(await codeOf(next)).toBe('done');
  });

  it('lets each act wait its own time', async () => {
    const { run, advance, alarms } = setUp();
    const first = run();
    advance(limits.writeTimeoutMs / 2);
    const second = run();
    advance(limits.writeTimeoutMs / 2);
    expect(await codeOf(first)).toBe('store_timeout');
    expect(alarms).toHaveLength(1);
    advance(limits.writeTimeoutMs / 2);
    expect(await codeOf(second)).toBe('store_timeout');
    expect(alarms).toHaveLength(0);
  });

  it('tells every caller when the writer dies, and refuses what comes then', async () => {
    const { worker, slots, run } = setUp();
    const outcomes = [run(), run(), run()];
    Atomics.store(slots, 0, slotState.taken);
    worker.emit('exit', 1);
    expect(await Promise.all(outcomes.map(codeOf))).toEqual([
      'store_outcome_unknown',
      'store_timeout',
      'store_io',
    ]);
    expect(await codeOf(run())).toBe('store_io');
  });

  it('hands the writer’s faults to their own callers', async () => {
    const { worker, run } = setUp();
    const outcomes = [run(), run()];
    const fault = { code: 'store_full', message: 'full', hint: 'free space' };
    worker.answer([0, 0, actResult.fault, 0], { faults: [[1, fault]] });
    expect(await codeOf(outcomes[0]!)).toBe('done');
    await expect(outcomes[1]).rejects.toMatchObject(fault);
  });

  it('keeps the process alive while somebody waits, and no longer', async () => {
    const { worker, run } = setUp();
    expect(worker.held).toBe(false);
    run();
    expect(worker.held).toBe(true);
    worker.answer([0, 0]);
    expect(worker.held).toBe(false);
  });

  it('closes when what waits is answered, and takes nothing more', async () => {
    const { worker, queue, run, alarms } = setUp();
    const outcome = run();
    const closed = queue.close();
    expect(await codeOf(run())).toBe('store_closed');
    expect(sizes(worker)).toEqual([1]);
    worker.answer([0, 0]);
    expect(await codeOf(outcome)).toBe('done');
    await Promise.resolve();
    expect(worker.posted.at(-1)).toMatchObject({ type: 'task', run: { name: 'close' } });
    const { task } = worker.posted.at(-1) as { task: number };
    worker.emit('message', { type: 'task', task, result: true, fault: undefined, partitions: [] });
    await closed;
    expect(alarms).toHaveLength(0);
  });
});
