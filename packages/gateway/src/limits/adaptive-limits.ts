/**
 * Limits that follow what their callers usually do. Before a request spends, this says by which
 * rule; afterwards it notes what came of it, hour by hour, for the authority to learn from.
 * Neighbours: the engine `detection` makes the ceiling, `route-limiter.ts` asks. What must never
 * happen: a denied request that counts as something usual.
 */
import type { Clock, LimitAdaptive, LimitObservation, LimitRule, TenantId } from '@mintmark/core';
import { type Ceiling, ceilingOf, hourOf, isGoodAt, slotOf } from '@mintmark/detection';
import type { Threat } from '../decide/threats.ts';
import type { Metrics } from '../record/metrics.ts';
import type { ProfileKey, ProfileView } from '../view/profile-view.ts';
import { type CallerHour, CallerHours } from './caller-hours.ts';

export interface AdaptiveLimits {
  /** What holds for a caller now. Nothing is noted. */
  look(of: AdaptiveCaller, threat: Threat | undefined): AdaptiveLook;
  /** Notes what became of a request that was looked up. */
  note(look: AdaptiveLook, outcome: 'let_through' | 'denied_by_this' | 'denied_by_other'): void;
  /** Notes how the upstream answered a caller. */
  answered(of: AdaptiveCaller, status: number): void;
  /** Observations of hours that are over, or of all where the node stops. */
  take(which: 'ended' | 'all'): readonly LimitObservation[];
}

export interface AdaptiveCaller extends ProfileKey {
  readonly adaptive: LimitAdaptive;
  readonly rule: LimitRule;
  readonly cost: number;
}

export interface AdaptiveLook {
  readonly of: AdaptiveCaller;
  /** By which it is spent. */
  readonly rule: LimitRule;
  /** What would hold, or holds, with its reasons. */
  readonly ceiling: Ceiling;
}

export function createAdaptiveLimits(parts: {
  /** Whose routes these are. */
  readonly tenant: TenantId;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly metrics: Pick<Metrics, 'count'>;
  readonly profiles: Pick<ProfileView, 'find'> | undefined;
}): AdaptiveLimits {
  const { tenant, clock, metrics, profiles } = parts;
  const hours = new CallerHours(tenant, clock);
  return {
    look(of, threat) {
      const { adaptive, rule } = of;
      const now = hourOf(clock.nowMs());
      const { answers: total, failed } = hours.of(of);
      const found = adaptive.mode === 'observe' ? undefined : profiles?.find(of);
      const profile = found !== undefined && isGoodAt(found, now) ? found : undefined;
      const factors = { answers: { total, failed }, ...threatOf(threat) };
      const asRule = { ...adaptive, quota: rule.quota };
      const ceiling = ceilingOf(asRule, profile, slotOf(now), factors);
      const isEnforced = adaptive.mode === 'enforce';
      return { of, ceiling, rule: isEnforced ? withQuota(of, ceiling.value) : rule };
    },
    note({ of, ceiling }, outcome) {
      const hour = hours.of(of);
      if (outcome === 'denied_by_this') {
        hour.denied++;
        metrics.count('mintmark_gateway_adaptive_total', 'denied');
      }
      if (outcome !== 'let_through') return;
      const spent = spentIn(hour, of.rule, clock.nowMs()) + of.cost;
      if (of.adaptive.mode === 'shadow' && spent > ceiling.value) {
        // What would have been denied is nothing that it usually does.
        hour.wouldDeny++;
        metrics.count('mintmark_gateway_adaptive_total', 'would_deny');
        return;
      }
      hour.spent = spent;
      hour.peak = Math.max(hour.peak, spent);
    },
    answered(of, status) {
      const hour = hours.of(of);
      hour.answers++;
      if (isCallersFault(status)) hour.failed++;
    },
    take: (which) => hours.take(which),
  };
}

/** What was spent in the window of now. */
function spentIn(hour: CallerHour, rule: LimitRule, nowMs: number): number {
  const window = rule.kind === 'calendar' ? 0 : Math.floor(nowMs / rule.windowMs);
  if (hour.window !== window) {
    hour.window = window;
    hour.spent = 0;
  }
  return hour.spent;
}

function threatOf(threat: Threat | undefined) {
  if (threat?.action !== 'limit') return {};
  return { threat: { factor: threat.factor, source: threat.feed } };
}

/** A bucket keeps its proportions. */
function withQuota({ rule, cost }: AdaptiveCaller, quota: number): LimitRule {
  if (rule.kind !== 'rate') return { ...rule, quota };
  const burst = Math.round((rule.burst * quota) / rule.quota);
  return { ...rule, quota, burst: Math.max(1, cost, burst) };
}

/** 409, 412 and 416 are answers to honest clients too (RFC 9110 §15.5). */
function isCallersFault(status: number): boolean {
  return status >= 400 && status < 500 && status !== 409 && status !== 412 && status !== 416;
}
