import { type DecisionEvent, limits, manualClock } from '@mintmark/core';
import { beforeEach, describe, expect, it } from 'vitest';
import { HandTimers } from '../conformance/hand-timers.ts';
import { turn } from '../conformance/rig.ts';
import { createDecisionQueue, type DecisionQueue } from './decisions.ts';
import { createMetrics, type Metrics } from './metrics.ts';

let timers: HandTimers;
let metrics: Metrics;
let queue: DecisionQueue<DecisionEvent>;
let batches: number[];
let seen: number[];
let block: Promise<void> | undefined;
let fault: Error | undefined;

const event = (at: number): DecisionEvent => ({ at }) as unknown as DecisionEvent;
const lost = (cause: string): number =>
  metrics.value('mintmark_gateway_decisions_lost_total', cause);

beforeEach(() => {
  timers = new HandTimers(manualClock(0));
  metrics = createMetrics();
  batches = [];
  seen = [];
  block = undefined;
  fault = undefined;
  queue = createDecisionQueue<DecisionEvent>({
    timers,
    metrics,
    lost: 'mintmark_gateway_decisions_lost_total',
    sink: {
      async accept(events) {
        batches.push(events.length);
        await block;
        if (fault !== undefined) throw fault;
        seen.push(...events.map(({ at }) => at as number));
      },
    },
  });
});

describe('createDecisionQueue', () => {
  it('delivers in order, in bounded batches, twice a second', async () => {
    const count = limits.decisionBatchMax * 2 + 1;
    for (let i = 0; i < count; i++) queue.push(event(i));
    expect(batches).toEqual([]);
    timers.advance(limits.decisionFlushMs);
    await queue.flush();
    expect(batches).toEqual([limits.decisionBatchMax, limits.decisionBatchMax, 1]);
    expect(seen).toEqual(Array.from({ length: count }, (_, i) => i));
  });

  it('never has two deliveries under way', async () => {
    let go = (): void => {};
    block = new Promise((resolve) => {
      go = resolve;
    });
    queue.push(event(1));
    timers.advance(limits.decisionFlushMs);
    queue.push(event(2));
    timers.advance(limits.decisionFlushMs * 3);
    await turn();
    expect(batches).toEqual([1]);
    go();
    await queue.flush();
    expect(seen).toEqual([1, 2]);
  });

  it('counts what finds no room, and keeps what came first', async () => {
    for (let i = 0; i < limits.decisionQueueMax + 5; i++) queue.push(event(i));
    expect(lost('queue_full')).toBe(5);
    await queue.flush();
    expect(seen).toHaveLength(limits.decisionQueueMax);
    expect(seen.at(-1)).toBe(limits.decisionQueueMax - 1);
  });

  it('counts what a failed delivery held, and never sends it twice', async () => {
    fault = new Error('down');
    queue.push(event(1));
    queue.push(event(2));
    await queue.flush();
    expect(lost('sink_failed')).toBe(2);
    fault = undefined;
    queue.push(event(3));
    await queue.flush();
    expect(seen).toEqual([3]);
  });

  it('delivers the rest when it closes', async () => {
    queue.push(event(1));
    await queue.close();
    expect(seen).toEqual([1]);
    queue.push(event(2));
    timers.advance(limits.decisionFlushMs);
    await turn();
    expect(seen).toEqual([1]);
  });
});
