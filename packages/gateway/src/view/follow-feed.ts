/**
 * Keeps a status view up to date: a snapshot, then delta after delta, for as long as the gateway
 * lives. Faults are retried with growing pauses that stay far below the lease.
 */
import {
  type Clock,
  type Entropy,
  type FeedSource,
  limits,
  NetworkFault,
  type TenantId,
  type Timers,
} from '@mintmark/core';
import { restoreView } from './kept-view.ts';
import type { StatusView, WantedKeys } from './status-view.ts';

export interface FollowParts {
  readonly source: FeedSource;
  readonly view: StatusView;
  readonly tenant: TenantId;
  readonly node: string;
  readonly clock: Clock;
  readonly timers: Timers;
  /** Spreads the retries of many nodes. */
  readonly entropy: Entropy;
  /** Called after each change of what is known, so that streams under way are judged again. */
  readonly onChange: () => void;
  readonly onFault: (kind: 'unreachable' | 'gap' | 'resync', fault: unknown) => void;
}

export interface FeedFollower {
  /** Resolves with the first snapshot. */
  readonly ready: Promise<void>;
  /** Resolves once the loop has ended; an answer under way is not waited for. */
  stop(): Promise<void>;
}

export function followFeed(parts: FollowParts): FeedFollower {
  let stopped = false;
  let wake = (): void => {};
  let becameReady = (): void => {};
  const ready = new Promise<void>((resolve) => {
    becameReady = resolve;
  });
  const stopping = new Promise<'stopped'>((resolve) => {
    wake = () => resolve('stopped');
  });

  async function pause(ms: number): Promise<void> {
    let cancel = (): void => {};
    const elapsed = new Promise<void>((resolve) => {
      cancel = parts.timers.after(ms, resolve);
    });
    await Promise.race([elapsed, stopping]);
    cancel();
  }

  let isLoading = false;

  /** The keys of a snapshot, beside its deltas: until they are there the authority is asked. */
  async function loadKeys(): Promise<void> {
    if (isLoading) return;
    isLoading = true;
    let failures = 0;
    for (let wanted = parts.view.wantedKeys; wanted !== undefined; wanted = parts.view.wantedKeys) {
      const outcome = await Promise.race([loadPage(parts, wanted), stopping]);
      if (outcome === 'stopped') break;
      failures = outcome === 'failed' ? failures + 1 : 0;
      if (failures > 0) await pause(retryMs(failures, parts.entropy));
      if (stopped) break;
    }
    isLoading = false;
  }

  async function run(): Promise<void> {
    let failures = 0;
    if (await restore(parts)) {
      becameReady();
      void loadKeys();
    }
    while (!stopped) {
      const outcome = await Promise.race([step(parts), stopping]);
      if (outcome === 'stopped') return;
      if (outcome === 'ready') {
        becameReady();
        void loadKeys();
      }
      if (outcome === 'failed') {
        failures++;
        await pause(retryMs(failures, parts.entropy));
      } else {
        failures = 0;
        if (outcome === 'hasty') await pause(limits.feedRetryMsMin);
      }
    }
  }

  const running = run();
  return {
    ready,
    stop() {
      stopped = true;
      wake();
      return running;
    },
  };
}

/** @returns whether an earlier process left a view, to be gone on from */
async function restore({ source, view, tenant, clock, onChange }: FollowParts): Promise<boolean> {
  const kept = await source.kept?.(tenant);
  if (kept === undefined || kept.snapshot.tenant !== tenant) return false;
  const ageMs = clock.nowMs() - kept.provenAtMs;
  restoreView(view, kept, clock.monotonicMs() - ageMs);
  onChange();
  return view.resumeFrom !== undefined;
}

/**
 * One question to the feed. `hasty`: nothing new, and no waiting either, which must not become a
 * loop without pause.
 */
async function step(parts: FollowParts): Promise<'ready' | 'applied' | 'hasty' | 'failed'> {
  const { source, view, tenant, node, clock, onChange, onFault } = parts;
  const sentAtMs = clock.monotonicMs();
  const resume = view.resumeFrom;
  try {
    if (resume === undefined) {
      const snapshot = await source.snapshot(tenant);
      if (snapshot.tenant !== tenant) {
        throw new NetworkFault('feed_of_another_tenant', 'the feed answered for another tenant');
      }
      view.applySnapshot(snapshot, sentAtMs);
      onChange();
      return view.resumeFrom === undefined ? 'failed' : 'ready';
    }
    const delta = await source.delta({ tenant, node, ...resume });
    if (delta === 'resync') {
      view.invalidate();
      onFault('resync', undefined);
      onChange();
      return 'applied';
    }
    if (view.applyDelta(delta, sentAtMs) === 'gap') {
      onFault('gap', undefined);
      onChange();
      return 'failed';
    }
    if (delta.entries.length > 0) {
      onChange();
      return 'applied';
    }
    return clock.monotonicMs() - sentAtMs < limits.feedRetryMsMin ? 'hasty' : 'applied';
  } catch (fault) {
    onFault('unreachable', fault);
    return 'failed';
  }
}

async function loadPage(
  { source, view, tenant, onFault }: FollowParts,
  wanted: WantedKeys,
): Promise<'applied' | 'failed'> {
  try {
    const page = await source.keys({ tenant, ...wanted });
    // In another epoch the deltas say so too, and bring a new snapshot.
    if (page === 'resync') return 'failed';
    view.applyKeys(page, wanted);
    return 'applied';
  } catch (fault) {
    onFault('unreachable', fault);
    return 'failed';
  }
}

/** Doubles from the least to the most, less up to a half at random. */
function retryMs(failures: number, entropy: Entropy): number {
  const full = Math.min(limits.feedRetryMsMax, limits.feedRetryMsMin * 2 ** (failures - 1));
  return Math.ceil(full * (1 - entropy.bytes(1)[0]! / 512));
}
