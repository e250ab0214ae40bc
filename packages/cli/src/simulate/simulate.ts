/**
 * Holds recorded traffic against limits that are not there yet: who would have been denied, how
 * often and when, and how near to it everybody else came. By the same limiter as a gateway's, so it
 * says what one would have done. The same input gives the same answer, in bounded memory.
 */
import {
  limits as bounds,
  createLocalLimits,
  type LocalLimits,
  limitShape,
  lineOf,
  type RouteLimit,
  type UnixMs,
} from '@mintmark/core';
import type { RecordedRequest } from './traffic.ts';

/** A limit of a route as it was written, whatever else changes it at run time. */
export type SimulatedLimit = Pick<RouteLimit, 'name' | 'by' | 'rule' | 'cost'>;

export interface SimulatedCaller {
  /** As the limits tell callers apart. */
  readonly caller: string;
  readonly limit: string;
  readonly requests: number;
  readonly denied: number;
  /** Unix milliseconds of the first and last denial; undefined: none. */
  readonly firstAt: number | undefined;
  readonly lastAt: number | undefined;
  /** What it used of the quota at most, from 0 to 1. */
  readonly peak: number;
}

export interface Simulation {
  readonly requests: number;
  readonly denied: number;
  readonly from: number | undefined;
  readonly to: number | undefined;
  readonly limits: readonly {
    readonly name: string;
    readonly callers: number;
    readonly callersDenied: number;
    readonly denied: number;
    /** Callers who were never denied, by tenths of the quota that they used at most. */
    readonly peaks: readonly number[];
  }[];
  /** Who was denied, most often first; then who came nearest to it. */
  readonly worst: readonly SimulatedCaller[];
  /** Hours in which somebody was denied, in order. */
  readonly hours: readonly { readonly at: number; readonly denied: number }[];
  /** Callers that there was no room to keep apart. */
  readonly untold: number;
}

interface Kept {
  readonly caller: string;
  readonly limit: string;
  requests: number;
  denied: number;
  firstAt: number | undefined;
  lastAt: number | undefined;
  peak: number;
}

export interface Simulator {
  take(request: RecordedRequest): void;
  /** @param most callers that are named */
  result(most: number): Simulation;
}

const hourMs = 3_600_000;

export function createSimulator(
  limits: readonly SimulatedLimit[],
  { callersMax = bounds.simulatedCallersMax }: { readonly callersMax?: number } = {},
): Simulator {
  let now = 0;
  const clock = { nowMs: () => now as UnixMs, monotonicMs: () => now };
  const store: LocalLimits = createLocalLimits(clock, 2 * callersMax);
  const callers = new Map<string, Kept>();
  const hours = new Map<number, number>();
  const total = { requests: 0, denied: 0, untold: 0 };
  let from: number | undefined;

  function keptOf(key: string, limit: string, caller: string): Kept | undefined {
    const known = callers.get(key);
    if (known !== undefined) return known;
    if (callers.size >= callersMax * limits.length) {
      total.untold += 1;
      return undefined;
    }
    const none = { requests: 0, denied: 0, firstAt: undefined, lastAt: undefined, peak: 0 };
    const made: Kept = { caller, limit, ...none };
    callers.set(key, made);
    return made;
  }

  return {
    take(request) {
      // Lines of several processes may cross: time stands still then, as for a store.
      now = Math.max(now, request.at);
      from ??= request.at;
      total.requests += 1;
      const charges = limits.map((limit) => chargeOf(limit, request));
      const { isAllowed, looks } = store.spend(charges);
      if (!isAllowed) {
        total.denied += 1;
        const hour = Math.floor(now / hourMs) * hourMs;
        if (hours.size < bounds.simulatedHoursMax || hours.has(hour)) {
          hours.set(hour, (hours.get(hour) ?? 0) + 1);
        }
      }
      for (const [place, { key, name, caller, rule }] of charges.entries()) {
        const kept = keptOf(key, name, caller);
        if (kept === undefined) continue;
        const look = looks[place]!;
        kept.requests += 1;
        const room = rule.kind === 'rate' ? rule.burst : rule.quota;
        kept.peak = Math.max(kept.peak, Math.min(1, (room - look.remaining) / room));
        if (look.isAllowed) continue;
        kept.denied += 1;
        kept.firstAt ??= now;
        kept.lastAt = now;
      }
    },
    result(most) {
      const all = [...callers.values()];
      return {
        ...total,
        ...{ from, to: from === undefined ? undefined : now },
        limits: limits.map(({ name }) => summary(name, all)),
        worst: all.toSorted(byTrouble).slice(0, most),
        hours: [...hours].toSorted(([a], [b]) => a - b).map(([at, denied]) => ({ at, denied })),
      };
    },
  };
}

function byTrouble(a: Kept, b: Kept): number {
  if (a.denied !== b.denied) return b.denied - a.denied;
  if (a.peak !== b.peak) return b.peak - a.peak;
  // Of equals always the same first.
  return a.caller < b.caller ? -1 : a.caller > b.caller ? 1 : a.limit < b.limit ? -1 : 1;
}

function summary(name: string, all: readonly Kept[]): Simulation['limits'][number] {
  const own = all.filter(({ limit }) => limit === name);
  const peaks = Array<number>(10).fill(0);
  for (const { denied, peak } of own) {
    if (denied === 0) peaks[Math.min(9, Math.floor(peak * 10))]! += 1;
  }
  const denied = own.reduce((sum, one) => sum + one.denied, 0);
  const callersDenied = own.filter((one) => one.denied > 0).length;
  return { name, callers: own.length, callersDenied, denied, peaks };
}

function chargeOf({ name, by, rule, cost }: SimulatedLimit, request: RecordedRequest) {
  const caller = callerOf(by, request);
  return {
    ...{ name, caller, rule, group: by, isReserved: false },
    key: JSON.stringify([name, ...limitShape(rule), caller]),
    // What the response told is known by now.
    cost: cost === 'after' ? Math.min(Math.ceil(request.cost ?? 1), bounds.limitCostMax) : cost,
  };
}

/** As a gateway tells them apart; who has no credential counts by address. */
function callerOf(by: RouteLimit['by'], request: RecordedRequest): string {
  const { tenant, token, client, user, address } = request;
  switch (by) {
    case 'route':
      return 'all';
    case 'tenant':
      return tenant === '' ? 'all' : tenant;
    case 'token':
      return token ?? client ?? user ?? lineOf(address);
    case 'client':
      return client ?? user ?? lineOf(address);
    case 'user':
      return user ?? client ?? lineOf(address);
    case 'address':
      return lineOf(address);
  }
}
