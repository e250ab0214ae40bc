/**
 * Decisions and reports on their way to the authority: a bounded queue that requests never wait
 * for. What finds no room, and what a failed delivery held, is counted as lost and never sent
 * twice, so that counts may be too low but never too high.
 */
import { limits, type Timers } from '@mintmark/core';
import type { CounterName, Metrics } from './metrics.ts';

export interface DecisionQueue<Event> {
  push(event: Event): void;
  readonly size: number;
  /** Delivers what is queued; resolves when it has been, or was lost. Never rejects. */
  flush(): Promise<void>;
  /** Stops the timer and delivers the rest. */
  close(): Promise<void>;
}

export function createDecisionQueue<Event>(parts: {
  readonly sink: { accept(events: readonly Event[]): Promise<void> };
  readonly timers: Timers;
  readonly metrics: Metrics;
  /** Counts what was lost. */
  readonly lost: CounterName;
  readonly batchMax?: number;
}): DecisionQueue<Event> {
  const { sink, timers, metrics, batchMax = limits.decisionBatchMax } = parts;
  let queued: Event[] = [];
  let delivery: Promise<void> | undefined;

  function lose(count: number, cause: 'queue_full' | 'sink_failed'): void {
    for (let i = 0; i < count; i++) metrics.count(parts.lost, cause);
  }

  async function deliver(): Promise<void> {
    // What comes in meanwhile is taken in the same run, batch by batch, in order.
    while (queued.length > 0) {
      const batch = queued.slice(0, batchMax);
      queued = queued.slice(batchMax);
      try {
        await sink.accept(batch);
      } catch {
        lose(batch.length, 'sink_failed');
      }
    }
  }

  function flush(): Promise<void> {
    delivery ??= deliver().finally(() => {
      delivery = undefined;
    });
    return delivery;
  }

  const stop = timers.every(limits.decisionFlushMs, () => void flush());

  return {
    get size() {
      return queued.length;
    },
    push(event) {
      if (queued.length >= limits.decisionQueueMax) lose(1, 'queue_full');
      else queued.push(event);
    },
    flush,
    async close() {
      stop();
      await flush();
    },
  };
}
