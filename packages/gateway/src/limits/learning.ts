/** Adaptive limits joined: what this node heard of its callers, and what it tells of them. */
import {
  type Clock,
  type LimitObservation,
  type LimitObservationSink,
  type LimitProfileSource,
  limits,
  type TenantId,
  type Timers,
} from '@mintmark/core';
import { createDecisionQueue } from '../record/decisions.ts';
import type { Metrics } from '../record/metrics.ts';
import { createProfileView } from '../view/profile-view.ts';
import type { StatusView } from '../view/status-view.ts';
import { type AdaptiveLimits, createAdaptiveLimits } from './adaptive-limits.ts';

export interface Learning {
  readonly limits: AdaptiveLimits;
  start(): void;
  /** At once where a route is the first to ask. */
  routesChanged(): void;
  /** Tells the rest, hours that are not over included. */
  close(): Promise<void>;
  /** Callers whose usual use is known. */
  readonly size: number;
}

export function createLearning(parts: {
  readonly tenant: TenantId;
  readonly view: Pick<StatusView, 'routes'>;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly metrics: Metrics;
  readonly profiles: LimitProfileSource | undefined;
  readonly observations: LimitObservationSink | undefined;
  readonly onFault: (error: unknown) => void;
}): Learning {
  const { view, timers, metrics, profiles: source } = parts;
  const isWanted = () =>
    view.routes.routes.some((route) =>
      route.limits.some(({ adaptive }) => adaptive !== undefined && adaptive.mode !== 'observe'),
    );
  const profiles = source && createProfileView({ ...parts, source, isWanted });
  const adaptive = createAdaptiveLimits({ ...parts, profiles });
  const queue = createDecisionQueue<LimitObservation>({
    ...{ timers, metrics, lost: 'mintmark_gateway_limit_observations_lost_total' },
    sink: parts.observations ?? nobody,
    batchMax: limits.adaptiveObservationBatchMax,
  });
  let stop = (): void => {};
  const report = (which: 'ended' | 'all'): void => {
    for (const observation of adaptive.take(which)) queue.push(observation);
  };
  return {
    limits: adaptive,
    start() {
      profiles?.start();
      stop = timers.every(reportMs, () => report('ended'));
    },
    routesChanged() {
      if (profiles?.size === 0) void profiles.look();
    },
    async close() {
      stop();
      profiles?.stop();
      report('all');
      await queue.close();
    },
    get size() {
      return profiles?.size ?? 0;
    },
  };
}

/** Hours are told soon after they ended; to look through all callers is cheap, and not free. */
const reportMs = 10_000;
const nobody: LimitObservationSink = { accept: async () => undefined };
