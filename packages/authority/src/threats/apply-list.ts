/**
 * Brings what a feed lists into the store: what is new or has changed, and the end of what is
 * listed no longer. In bounded acts; a crash between two leaves a part, which the next reading
 * completes. Every change gets the next number of the tenant's lists, by which gateways ask.
 */
import {
  type AddressRange,
  type Clock,
  err,
  letOthersRun,
  limits,
  nowSeconds,
  ok,
  type Result,
  type Timers,
} from '@mintmark/core';
import { judgeNetwork, type ListRead, type NetworkRefusal } from '@mintmark/detection';
import type { Step } from '../store/act.ts';
import { runNumbered } from '../store/numbered.ts';
import type { Store } from '../store/store.ts';
import type { Row } from '../store/tables.ts';
import { type FeedDefinition, type FeedRow, termsOf } from './feed-definition.ts';

export interface ApplyPorts {
  readonly store: Pick<Store, 'threatBlocks' | 'numberings' | 'acts'>;
  readonly clock: Clock;
  readonly timers: Pick<Timers, 'after'>;
  /** What no list may touch. */
  readonly protected: readonly AddressRange[];
}

export interface Applied {
  readonly added: number;
  readonly removed: number;
  /** Blocks that the list has now, as far as this reading tells. */
  readonly listed: number;
  readonly refused: number;
  readonly passedOver: number;
  readonly examples: readonly NetworkRefusal[];
}

export type ApplyRefusal =
  | { readonly reason: 'too_long'; readonly blocks: number; readonly blocksMax: number }
  /** The feed was changed or deleted meanwhile. */
  | { readonly reason: 'changed' };

/** Of what names no end: the year 2100. The feed's own end comes long before. */
const neverEnds = 4_102_444_800;
/** Ends that are told as a duration come out a little different each time. */
const sameEndSeconds = 60;
const examplesMax = 5;
/** Judged at once: a few milliseconds. */
const blocksPerTurn = 2_000;

type BlockRow = Row<'threatBlocks'>;
type Wanted = Map<string, Pick<BlockRow, 'reason' | 'untilSeconds'>>;

/** @throws StoreFault */
export async function applyList(
  ports: ApplyPorts,
  input: {
    readonly row: FeedRow;
    readonly feed: FeedDefinition;
    readonly kind: 'whole' | 'changes';
    readonly reads: readonly ListRead[];
    /** Blocks that it had before. */
    readonly listed: number;
  },
): Promise<Result<Applied, ApplyRefusal>> {
  const { row, feed, kind, reads } = input;
  const { blocksMax } = termsOf(feed);
  const judged = await judgeAll(ports, { feed, reads });
  const { wanted } = judged;
  const before = kind === 'whole' ? 0 : input.listed;
  const blocks = before + wanted.size;
  if (blocks > blocksMax) return err({ reason: 'too_long', blocks, blocksMax });
  const ended = kind === 'whole' ? await missingFrom(ports, row, wanted) : judged.removed;
  const changes = [
    ...[...wanted].map(([network, of]) => ({ network, ...of })),
    ...[...ended].map((network) => ({
      ...{ network, reason: '', untilSeconds: nowSeconds(ports.clock) },
    })),
  ];
  const isWritten = await writeChanges(ports, row, changes);
  if (!isWritten) return err({ reason: 'changed' });
  const listed = kind === 'whole' ? judged.count : Math.max(0, blocks - ended.size);
  const { refused, passedOver, examples } = judged;
  return ok({ added: wanted.size, removed: ended.size, listed, refused, passedOver, examples });
}

interface Judged {
  readonly wanted: Wanted;
  readonly removed: ReadonlySet<string>;
  /** Of what is wanted, before what is there already is left out. */
  readonly count: number;
  readonly refused: number;
  readonly passedOver: number;
  readonly examples: readonly NetworkRefusal[];
}

async function judgeAll(
  ports: ApplyPorts,
  { feed, reads }: { readonly feed: FeedDefinition; readonly reads: readonly ListRead[] },
): Promise<Judged> {
  const rules = { ...termsOf(feed), protected: ports.protected };
  const now = nowSeconds(ports.clock);
  const wanted: Wanted = new Map();
  const removed = new Set<string>();
  const examples: NetworkRefusal[] = [];
  let [refused, passedOver] = [0, 0];
  for (const { added, removed: gone, passedOver: passed } of reads) {
    passedOver += passed.count;
    examples.push(...passed.examples);
    for (const { key } of gone) {
      removed.add(key);
      wanted.delete(key);
    }
    for (const [place, { network, reason, until = neverEnds }] of added.entries()) {
      if (place % blocksPerTurn === blocksPerTurn - 1) await letOthersRun(ports.timers);
      const refusal = judgeNetwork(network, rules);
      if (refusal !== undefined) {
        refused++;
        // What was refused weighs more than what could not be read.
        examples.unshift(refusal);
      } else if (until > now) {
        // Listed twice, it counts to the later end.
        const known = wanted.get(network.key)?.untilSeconds ?? 0;
        wanted.set(network.key, { reason, untilSeconds: Math.max(known, until) });
        removed.delete(network.key);
      }
    }
    examples.splice(examplesMax);
    await letOthersRun(ports.timers);
  }
  return { wanted, removed, count: wanted.size, refused, passedOver, examples };
}

/** What is there and not wanted any more; what is there as wanted leaves `wanted`. */
async function missingFrom(
  { store, clock, timers }: ApplyPorts,
  { tenant, name: feed }: FeedRow,
  wanted: Wanted,
): Promise<ReadonlySet<string>> {
  const missing = new Set<string>();
  const now = nowSeconds(clock);
  let after: readonly string[] | undefined;
  for (;;) {
    const rows = await store.threatBlocks.list({
      where: { tenant, feed },
      limit: limits.threatRowsPerAct,
      ...(after === undefined ? {} : { after }),
    });
    for (const { network, reason, untilSeconds } of rows) {
      const one = wanted.get(network);
      if (one === undefined) {
        if (untilSeconds > now) missing.add(network);
      } else if (one.reason === reason && isSameEnd(one.untilSeconds, untilSeconds)) {
        wanted.delete(network);
      }
    }
    const last = rows.at(-1);
    if (last === undefined || rows.length < limits.threatRowsPerAct) return missing;
    after = [tenant, feed, last.network];
    await letOthersRun(timers);
  }
}

function isSameEnd(a: number, b: number): boolean {
  return Math.abs(a - b) <= sameEndSeconds;
}

/** @returns whether the feed was the same to the end */
async function writeChanges(
  ports: ApplyPorts,
  feed: FeedRow,
  changes: readonly Pick<BlockRow, 'network' | 'reason' | 'untilSeconds'>[],
): Promise<boolean> {
  const { tenant, name, version } = feed;
  for (let start = 0; start < changes.length; start += limits.threatRowsPerAct) {
    const part = changes.slice(start, start + limits.threatRowsPerAct);
    const steps = (number: number): readonly Step[] => [
      {
        do: 'require',
        table: 'threatFeeds',
        where: { tenant, name, version, deletedAt: null },
        refused: 'changed',
      },
      ...part.map(
        (one): Step => ({
          do: 'put',
          table: 'threatBlocks',
          row: { tenant, feed: name, ...one, number },
        }),
      ),
    ];
    const outcome = await runNumbered(ports.store, {
      tenant,
      topic: 'threats',
      steps,
      audit: null,
    });
    if (outcome !== 'done') return false;
    await letOthersRun(ports.timers);
  }
  return true;
}
