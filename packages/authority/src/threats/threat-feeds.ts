/**
 * The reading of feeds, each when it is due. Neighbours: `fetch-list.ts` asks the source,
 * `apply-list.ts` writes, the authority's round calls `step`, the management API writes feeds. What
 * must never happen: a source that is out of reach and goes on shutting people out.
 *
 * Any number of processes may run this over one store: who reads a feed moves its due time first,
 * by an act that holds only on the row as it was seen.
 */
import {
  type Clock,
  limits,
  nowSeconds,
  type TenantId,
  type UnixSeconds,
  utf8Decode,
} from '@mintmark/core';
import type { Recorder } from '../audit/record.ts';
import { eventBy, type Requester } from '../audit/requester.ts';
import { sealContext } from '../custody/contexts.ts';
import type { Sealer } from '../custody/sealer.ts';
import type { Store } from '../store/store.ts';
import { type Applied, type ApplyPorts, applyList } from './apply-list.ts';
import { definitionOf, type FeedRow, termsOf } from './feed-definition.ts';
import { type FetchedList, type FetchPorts, fetchList } from './fetch-list.ts';
import { type Progress, progressOf } from './progress.ts';

export interface ThreatFeedDeps extends FetchPorts, ApplyPorts {
  readonly store: Pick<Store, 'threatFeeds' | 'threatBlocks' | 'numberings' | 'acts'>;
  readonly sealer: Pick<Sealer, 'open'>;
  readonly recorder: Recorder;
  readonly clock: Clock;
  readonly timers: ApplyPorts['timers'];
  readonly onFault: (fault: unknown) => void;
}

export interface ThreatFeeds {
  /** Begins to read what is due, unless that is under way. */
  step(): void;
  /** The same, waited for. */
  work(): Promise<void>;
  /** Waits for what is under way. */
  finish(): Promise<void>;
  /** Lets go of what ended a day ago. @throws StoreFault */
  sweep(): Promise<void>;
}

export function createThreatFeeds(deps: ThreatFeedDeps): ThreatFeeds {
  let underWay: Promise<void> | undefined;

  async function work(): Promise<void> {
    const rows = await deps.store.threatFeeds.list({
      where: { dueAt: { is: '<=', value: deps.clock.nowMs() } },
      orderBy: ['dueAt'],
      limit: limits.threatFeedsAtOnce,
    });
    // One that cannot be read must not keep the others waiting.
    await Promise.all(rows.map((row) => takeUp(deps, row).catch(deps.onFault)));
  }

  return {
    step() {
      underWay ??= work()
        .catch(deps.onFault)
        .finally(() => {
          underWay = undefined;
        });
    },
    work,
    async finish() {
      await underWay;
    },
    sweep: () => sweepEnded(deps),
  };
}

async function takeUp(deps: ThreatFeedDeps, row: FeedRow): Promise<void> {
  const { tenant, name, version, dueAt } = row;
  const { outcome } = await deps.store.acts.run({
    steps: [
      {
        ...{ do: 'update', table: 'threatFeeds', refused: 'taken' },
        where: { tenant, name, version, dueAt },
        set: { dueAt: deps.clock.nowMs() + limits.threatFetchLeaseMs },
      },
    ],
    audit: null,
  });
  if (outcome !== 'done') return;
  if (row.deletedAt === null) await readFeed(deps, row);
  else await takeAway(deps, row);
}

async function readFeed(deps: ThreatFeedDeps, row: FeedRow): Promise<void> {
  const feed = definitionOf(row);
  const progress = progressOf(row);
  const now = nowSeconds(deps.clock);
  const isWhole = isWholeDue(progress, now);
  const secret = await secretOf(deps, row);
  const asked = { tenant: row.tenant as TenantId, feed, secret, progress, isWhole, now };
  const fetched = await fetchList(deps, asked);
  if (!fetched.ok) return failed(deps, row, fetched.refusal.message);
  const { kind, reads } = fetched.value;
  if (kind === 'unchanged') return succeeded(deps, row, { fetched: fetched.value });
  const applied = await applyList(deps, { row, feed, kind, reads, listed: progress.listed });
  if (applied.ok) return succeeded(deps, row, { fetched: fetched.value, applied: applied.value });
  // Whoever changed it has it read again.
  if (applied.refusal.reason === 'changed') return;
  const { blocks, blocksMax } = applied.refusal;
  return failed(deps, row, `it lists ${blocks} blocks; at most ${blocksMax} are taken`);
}

/** At first, after a failure, and once a day of what is else read by its changes. */
function isWholeDue({ wholeAt, failures }: Progress, now: UnixSeconds): boolean {
  if (wholeAt === null || failures > 0) return true;
  return now - wholeAt / 1000 >= limits.threatWholeEverySeconds;
}

async function secretOf(
  { sealer }: ThreatFeedDeps,
  { tenant, name, sealedSecret }: FeedRow,
): Promise<string | undefined> {
  if (sealedSecret === null) return undefined;
  const context = sealContext.threatFeedSecret(name);
  return utf8Decode(await sealer.open(tenant as TenantId, context, sealedSecret));
}

async function succeeded(
  deps: ThreatFeedDeps,
  row: FeedRow,
  done: { readonly fetched: FetchedList; readonly applied?: Applied },
): Promise<void> {
  const { fetched, applied } = done;
  const { everySeconds, keepSeconds } = termsOf(definitionOf(row));
  const before = progressOf(row);
  const at = deps.clock.nowMs();
  const { etag, addedAfter, kind } = fetched;
  const progress: Progress = {
    ...before,
    ...{ attemptedAt: at, succeededAt: at, failures: 0, fault: null },
    ...(applied === undefined ? { added: 0, removed: 0 } : shownOf(applied)),
    wholeAt: kind === 'changes' ? before.wholeAt : at,
    ...{ etag, addedAfter },
  };
  const changed = (applied?.added ?? 0) + (applied?.removed ?? 0) > 0;
  const requester: Requester = {
    tenant: row.tenant as TenantId,
    actor: { kind: 'system', id: 'threat-feeds' },
  };
  const audit = changed
    ? await deps.recorder.record(
        eventBy(requester, {
          ...{ action: 'threat_feed.read', at, object: { kind: 'threat_feed', id: row.name } },
          detail: { added: progress.added, removed: progress.removed, refused: progress.refused },
        }),
      )
    : null;
  const set = {
    dueAt: at + everySeconds * 1000,
    countsUntilSeconds: nowSeconds(deps.clock) + keepSeconds,
    progress: stored(progress),
  };
  await deps.store.acts.run({ steps: [writeStep(row, set)], audit });
}

function shownOf({ added, removed, listed, refused, passedOver, examples }: Applied) {
  const shown = examples.map(({ text, message }) => ({ text, message }));
  return { added, removed, listed, refused, passedOver, examples: shown };
}

/** What was read before counts to its end. */
async function failed(deps: ThreatFeedDeps, row: FeedRow, fault: string): Promise<void> {
  const { everySeconds } = termsOf(definitionOf(row));
  const before = progressOf(row);
  const at = deps.clock.nowMs();
  const failures = before.failures + 1;
  const pauseMs = Math.min(
    everySeconds * 1000,
    limits.threatRetryMsMin * 2 ** Math.min(failures - 1, 20),
  );
  const progress: Progress = { ...before, attemptedAt: at, failures, fault };
  const set = { dueAt: at + pauseMs, progress: stored(progress) };
  await deps.store.acts.run({ steps: [writeStep(row, set)], audit: null });
}

/** What JSON leaves out is left out by every store alike. */
function stored(progress: Progress): Record<string, unknown> {
  return Object.fromEntries(Object.entries(progress).filter(([, value]) => value !== undefined));
}

/** Only on the feed that was read: whoever changed it has said anew when it is due. */
function writeStep({ tenant, name, version }: FeedRow, set: Partial<FeedRow>) {
  return { do: 'update', table: 'threatFeeds', where: { tenant, name, version }, set } as const;
}

/** The blocks of a deleted feed, some at a time, and at last its row. */
async function takeAway(deps: ThreatFeedDeps, row: FeedRow): Promise<void> {
  const { tenant, name, version } = row;
  const rows = await deps.store.threatBlocks.list({
    where: { tenant, feed: name },
    limit: limits.pageItemsMax,
  });
  const keys = rows.map(({ network }) => [tenant, name, network]);
  const isLast = rows.length < limits.pageItemsMax;
  await deps.store.acts.run({
    steps: [
      { do: 'deleteMany', table: 'threatBlocks', keys },
      isLast
        ? { do: 'delete', table: 'threatFeeds', where: { tenant, name, version } }
        : writeStep(row, { dueAt: deps.clock.nowMs() }),
    ],
    audit: null,
  });
}

async function sweepEnded({ store, clock }: ThreatFeedDeps): Promise<void> {
  const before = nowSeconds(clock) - limits.threatEndedKeptSeconds;
  for (;;) {
    const rows = await store.threatBlocks.list({
      where: { untilSeconds: { is: '<', value: before } },
      orderBy: ['untilSeconds'],
      limit: limits.pageItemsMax,
    });
    const keys = rows.map(({ tenant, feed, network }) => [tenant, feed, network]);
    await store.acts.run({
      steps: [{ do: 'deleteMany', table: 'threatBlocks', keys }],
      audit: null,
    });
    if (rows.length < limits.pageItemsMax) return;
  }
}
