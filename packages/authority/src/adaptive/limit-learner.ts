/**
 * Learns what callers of adaptive limits usually do, and changes their limits by it: once a week,
 * each change with a record of what it was, what it is and why. Neighbours: gateways hand in
 * observations, the engine `detection` has the mathematics, `undo-change.ts` takes a change back.
 * What must never happen: a limit that changed, and nothing in the trail that says so.
 *
 * Observations wait in memory, bounded; a crash loses an hour of what would have been learned.
 */
import {
  type Clock,
  type Entropy,
  type LimitObservation,
  type LimitObservationSink,
  limits,
  nowSeconds,
  orderedId,
  parseRoute,
  type RouteLimit,
  type TenantId,
} from '@mintmark/core';
import {
  type AdaptiveRule,
  type Baseline,
  decodeBaseline,
  decodeProfile,
  encodeBaseline,
  encodeProfile,
  endOfWeek,
  feedBaseline,
  type Hour,
  hourOf,
  hoursOfWeek,
  openBaseline,
  type Profile,
  profileOf,
} from '@mintmark/detection';
import type { Recorder } from '../audit/record.ts';
import { eventBy, type Requester } from '../audit/requester.ts';
import type { Step } from '../store/act.ts';
import { runNumbered } from '../store/numbered.ts';
import type { Store } from '../store/store.ts';
import {
  type BaselineRow,
  type ChangeRow,
  isMaterial,
  type LimitChange,
  weekOfCeilings,
} from './change.ts';

export interface LimitLearner extends LimitObservationSink {
  /** Takes some of what waits. @throws StoreFault */
  flush(): Promise<void>;
  /** Forgets who was not seen for weeks. @throws StoreFault */
  sweep(): Promise<void>;
  /** Observations that found no room, or were of no hour that can be. */
  readonly lost: number;
}

interface LearnerDeps {
  readonly store: Pick<Store, 'limitBaselines' | 'limitChanges' | 'numberings' | 'routes' | 'acts'>;
  readonly recorder: Recorder;
  readonly clock: Clock;
  readonly entropy: Entropy;
}

export function createLimitLearner(deps: LearnerDeps): LimitLearner {
  const { store, clock } = deps;
  let waiting: LimitObservation[] = [];
  let lost = 0;
  return {
    get lost() {
      return lost;
    },
    async accept(observations) {
      const now = hourOf(clock.nowMs());
      for (const one of observations) {
        // An hour that is still to come, or before last week, is a clock that is wrong.
        const isPossible = one.hour <= now && one.hour > now - 2 * hoursOfWeek;
        const hasRoom = waiting.length < limits.adaptiveObservationsQueuedMax;
        if (isPossible && hasRoom) waiting.push(one);
        else lost++;
      }
    },
    async flush() {
      const rules = createRuleReader(store);
      const room = createRoom(store);
      const taken = waiting.slice(0, limits.adaptiveObservationsPerRound);
      waiting = waiting.slice(taken.length);
      for (const seen of taken) {
        const limit = await rules.find(seen);
        if (limit !== undefined) await learn(deps, room, { seen, limit });
      }
    },
    async sweep() {
      const before = nowSeconds(clock) - limits.adaptiveForgottenSeconds;
      const where = { seenAtSeconds: { is: '<', value: before } } as const;
      for (;;) {
        const query = { where, orderBy: ['seenAtSeconds'], limit: limits.pageItemsMax } as const;
        const rows = await store.limitBaselines.list(query);
        const keys = rows.map((row) => [row.tenant, row.route, row.limitName, row.caller]);
        const step = { do: 'deleteMany', table: 'limitBaselines', keys } as const;
        await store.acts.run({ steps: [step], audit: null });
        if (rows.length < limits.pageItemsMax) return;
      }
    },
  };
}

type AdaptiveLimit = RouteLimit & { readonly adaptive: NonNullable<RouteLimit['adaptive']> };

/** Reads each route once. */
function createRuleReader(store: LearnerDeps['store']) {
  const known = new Map<string, readonly RouteLimit[]>();
  return {
    async find({ tenant, route, limit }: LimitObservation): Promise<AdaptiveLimit | undefined> {
      const key = `${tenant}\n${route}`;
      let all = known.get(key);
      if (all === undefined) {
        const row = await store.routes.get(tenant, route);
        const parsed = row === undefined ? undefined : parseRoute(row.route);
        all = parsed?.ok === true ? parsed.value.limits : [];
        known.set(key, all);
      }
      const found = all.find(({ name }) => name === limit);
      return found?.adaptive === undefined ? undefined : (found as AdaptiveLimit);
    },
  };
}

function ruleOf({ rule, adaptive }: AdaptiveLimit): AdaptiveRule {
  return { ...adaptive, quota: rule.quota };
}

const triesMax = 5;

/** Another process may learn of the same caller: then its row is read again. */
async function learn(
  deps: LearnerDeps,
  room: Room,
  { seen, limit }: { readonly seen: LimitObservation; readonly limit: AdaptiveLimit },
): Promise<void> {
  const { store } = deps;
  for (let tries = 0; tries < triesMax; tries++) {
    const known = await store.limitBaselines.get(...keyOf(seen));
    if (known === undefined && !(await room.takes(seen.tenant))) return;
    const fed = fedRow(deps, { seen, limit, known });
    const isDue = fed.baseline.week > (known?.judgedWeek ?? fed.baseline.week);
    const isHeld = fed.row.heldUntil > deps.clock.nowMs();
    const { mode } = limit.adaptive;
    const outcome =
      isDue && !isHeld && mode !== 'observe'
        ? await judge(deps, { ...fed, limit, known, mode })
        : await write(deps, [baselineStep(fed.row, known)]);
    if (outcome === 'done') return;
  }
}

interface Room {
  /** Whether one more caller is learned of. */
  takes(tenant: TenantId): Promise<boolean>;
}

/** Counts a tenant's callers once, and those that come to them. */
function createRoom(store: LearnerDeps['store']): Room {
  const counts = new Map<TenantId, number>();
  return {
    async takes(tenant) {
      const count = counts.get(tenant) ?? (await store.limitBaselines.count({ tenant }));
      counts.set(tenant, count + 1);
      return count < limits.adaptiveCallersMax;
    },
  };
}

function keyOf({ tenant, route, limit, caller }: LimitObservation) {
  return [tenant, route, limit, caller] as const;
}

interface Fed {
  readonly row: BaselineRow;
  readonly baseline: Baseline;
  readonly rule: AdaptiveRule;
  readonly hour: Hour;
}

function fedRow(
  { clock }: LearnerDeps,
  of: {
    readonly seen: LimitObservation;
    readonly limit: AdaptiveLimit;
    readonly known: BaselineRow | undefined;
  },
): Fed {
  const { seen, known } = of;
  const rule = ruleOf(of.limit);
  const before = known && decodeBaseline(known.baseline);
  const baseline = feedBaseline(rule, before ?? openBaseline(rule, seen.hour), seen);
  const [tenant, route, limitName, caller] = keyOf(seen);
  const row: BaselineRow = {
    ...{ tenant, route, limitName, caller, baseline: encodeBaseline(baseline) },
    ...{ profile: known?.profile ?? null, number: known?.number ?? 0 },
    // Nothing was learned of a first week: the next one is judged.
    judgedWeek: known?.judgedWeek ?? baseline.week,
    heldUntil: known?.heldUntil ?? 0,
    denied: (known?.denied ?? 0) + seen.denied,
    wouldDeny: (known?.wouldDeny ?? 0) + seen.wouldDeny,
    seenAtSeconds: nowSeconds(clock),
    version: (known?.version ?? 0) + 1,
  };
  return { row, baseline, rule, hour: seen.hour };
}

interface Judged extends Fed {
  readonly limit: AdaptiveLimit;
  readonly known: BaselineRow | undefined;
  readonly mode: LimitChange['mode'];
}

/** What the closed weeks say by now: another limit, or the same for another week. */
async function judge(deps: LearnerDeps, of: Judged): Promise<string> {
  const { row, baseline, rule, known } = of;
  const former = known?.profile ? decodeProfile(known.profile) : undefined;
  const fresh = profileOf(baseline);
  const [before, after] = [weekOfCeilings(rule, former), weekOfCeilings(rule, fresh)];
  const judged = { ...row, judgedWeek: baseline.week };
  if (!isMaterial(before.values, after.values)) {
    if (former === undefined) return write(deps, [baselineStep(judged, known)]);
    // The same limit is good for another week.
    const kept = encodeProfile({ ...former, week: fresh.week });
    return writeNumbered(deps, of, { ...judged, profile: kept }, []);
  }
  const profile = encodeProfile(fresh);
  return writeNumbered(deps, of, { ...judged, profile, denied: 0, wouldDeny: 0 }, [
    changeRow(deps, of, { before, after, fresh }),
  ]);
}

type Ceilings = ReturnType<typeof weekOfCeilings>;

function changeRow(
  { clock, entropy }: LearnerDeps,
  { row, known, mode, hour }: Judged,
  by: { readonly before: Ceilings; readonly after: Ceilings; readonly fresh: Profile },
): ChangeRow {
  const { tenant, route, limitName, caller, denied, wouldDeny } = row;
  const { before, after, fresh } = by;
  const now = nowSeconds(clock);
  const change: LimitChange = {
    ...{ mode, before: before.span, after: after.span, reasons: [...after.reasons] },
    evidence: { busiest: fresh.busiest, bound: fresh.bound, denied, wouldDeny },
    until: endOfWeek(hour),
  };
  return {
    ...{ tenant, id: orderedId(now, entropy), at: clock.nowMs(), route, limitName, caller },
    ...{ change: { ...change }, formerProfile: known?.profile ?? null, status: 'in_force' },
    ...{ undoneAt: null, undoneBy: null, undoneUntil: null, undoneReason: null },
    expiresAtSeconds: now + limits.limitChangeKeptSeconds,
  };
}

async function writeNumbered(
  deps: LearnerDeps,
  { known }: Judged,
  row: BaselineRow,
  changes: readonly ChangeRow[],
): Promise<string> {
  const [change] = changes;
  const { tenant, route, limitName, caller } = row;
  const of = { tenant, route, limitName, caller, status: 'in_force' } as const;
  const made: readonly Step[] =
    change === undefined
      ? []
      : [
          { do: 'update', table: 'limitChanges', where: of, set: { status: 'superseded' } },
          { do: 'insert', table: 'limitChanges', row: change, refused: 'changed' },
        ];
  return runNumbered(deps.store, {
    ...{ tenant, topic: 'limits' },
    steps: (number) => [baselineStep({ ...row, number }, known), ...made],
    audit: change === undefined ? null : await recordOf(deps, change),
  });
}

async function recordOf({ recorder }: LearnerDeps, row: ChangeRow) {
  const { tenant, id, at, route, limitName } = row;
  const { before, after } = row.change as LimitChange;
  const requester: Requester = {
    tenant: tenant as TenantId,
    actor: { kind: 'system', id: 'adaptive-limits' },
  };
  return recorder.record(
    eventBy(requester, {
      ...{ action: 'limit.change', at: at as never, object: { kind: 'limit', id } },
      related: { kind: 'route', id: route },
      detail: { limit: limitName, before: before.high, after: after.high },
    }),
  );
}

function baselineStep(row: BaselineRow, known: BaselineRow | undefined): Step {
  const { tenant, route, limitName, caller, ...set } = row;
  if (known === undefined) {
    return { do: 'insert', table: 'limitBaselines', row, refused: 'changed' };
  }
  const where = { tenant, route, limitName, caller, version: known.version };
  return { do: 'update', table: 'limitBaselines', where, set, refused: 'changed' };
}

async function write({ store }: LearnerDeps, steps: readonly Step[]): Promise<string> {
  return (await store.acts.run({ steps, audit: null })).outcome;
}
