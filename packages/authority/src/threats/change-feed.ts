/** Writes a feed: makes it, replaces it as a whole, takes it away, has it read at once. */
import { type Clock, err, limits, ok, type Result, utf8 } from '@mintmark/core';
import type { Recorder } from '../audit/record.ts';
import { eventBy, type Requester } from '../audit/requester.ts';
import { sealContext } from '../custody/contexts.ts';
import type { Sealer } from '../custody/sealer.ts';
import type { Step } from '../store/act.ts';
import type { Store } from '../store/store.ts';
import { definitionOf, type FeedDefinition, type FeedRow, feedFault } from './feed-definition.ts';
import { progressOf, unread } from './progress.ts';

export interface FeedPorts {
  readonly store: Pick<Store, 'threatFeeds' | 'threatBlocks' | 'acts'>;
  readonly sealer: Pick<Sealer, 'seal'>;
  readonly recorder: Recorder;
  readonly clock: Pick<Clock, 'nowMs'>;
}

export type PutFeedRefusal =
  | { readonly reason: 'malformed'; readonly pointer: string; readonly message: string }
  /** There is one of the name, and the requester did not say which version he has seen. */
  | { readonly reason: 'version_unknown' }
  | { readonly reason: 'version_mismatch' }
  | { readonly reason: 'too_many' };

export interface PutFeedInput {
  readonly requester: Requester;
  readonly name: string;
  readonly definition: FeedDefinition;
  /** Undefined: it stays as it is; null: there is none any more. */
  readonly secret: string | null | undefined;
  /** Whether the requester has seen this version; undefined: he expects none. */
  readonly isSeen: ((version: number) => boolean) | undefined;
}

/** The feed that is there under a name. */
export async function findFeed(
  { store }: { readonly store: Pick<Store, 'threatFeeds'> },
  of: { readonly tenant: string; readonly name: string },
): Promise<FeedRow | undefined> {
  const row = await store.threatFeeds.get(of.tenant, of.name);
  return row === undefined || row.deletedAt !== null ? undefined : row;
}

/** @throws StoreFault, CustodyFault */
export async function putFeed(
  ports: FeedPorts,
  input: PutFeedInput,
): Promise<Result<{ readonly row: FeedRow; readonly created: boolean }, PutFeedRefusal>> {
  const { requester, name, definition, secret } = input;
  const { tenant } = requester;
  const stored = await ports.store.threatFeeds.get(tenant, name);
  const known = stored?.deletedAt === null ? stored : undefined;
  const unseen = await judgeVersion(ports, input, known);
  if (unseen !== undefined) return err(unseen);
  const kept = known?.sealedSecret ?? null;
  const hasSecret = secret === undefined ? kept !== null : secret !== null;
  const fault = feedFault(definition, hasSecret ? 'given' : 'none');
  if (fault !== undefined) return err({ reason: 'malformed', ...fault });
  const moved = movedFault(definition, { known, secret });
  if (moved !== undefined) return err({ reason: 'malformed', ...moved });
  const context = sealContext.threatFeedSecret(name);
  const sealed = secret && (await ports.sealer.seal(tenant, context, utf8(secret)));
  const now = ports.clock.nowMs();
  const row: FeedRow = {
    ...{ tenant, name, definition: { ...definition } },
    sealedSecret: sealed === undefined ? kept : sealed === '' ? null : sealed,
    // Read at once, and as a whole: what its rules forbid from now on leaves the list.
    ...{ dueAt: now, progress: { ...unread, listed: known ? progressOf(known).listed : 0 } },
    countsUntilSeconds: known?.countsUntilSeconds ?? 0,
    ...{ createdAt: known?.createdAt ?? now, updatedAt: now, deletedAt: null },
    version: (stored?.version ?? 0) + 1,
  };
  const action = known === undefined ? 'threat_feed.create' : 'threat_feed.update';
  const outcome = await change(ports, { requester, name, action, steps: [feedStep(row, stored)] });
  if (outcome !== 'done') return err({ reason: 'version_mismatch' });
  return ok({ row, created: known === undefined });
}

async function judgeVersion(
  { store }: FeedPorts,
  { requester: { tenant }, isSeen }: PutFeedInput,
  known: FeedRow | undefined,
): Promise<PutFeedRefusal | undefined> {
  if (known !== undefined) {
    if (isSeen === undefined) return { reason: 'version_unknown' };
    return isSeen(known.version) ? undefined : { reason: 'version_mismatch' };
  }
  if (isSeen !== undefined) return { reason: 'version_mismatch' };
  const count = await store.threatFeeds.count({ tenant });
  return count >= limits.threatFeedsMax ? { reason: 'too_many' } : undefined;
}

/** A secret that was given for one place must not be sent to another by who never knew it. */
function movedFault(
  { url }: FeedDefinition,
  { known, secret }: { readonly known: FeedRow | undefined } & Pick<PutFeedInput, 'secret'>,
) {
  if (known === undefined || known.sealedSecret === null || secret !== undefined) return undefined;
  if (new URL(definitionOf(known).url).origin === originOf(url)) return undefined;
  return { pointer: '/secret', message: 'is to be given again for another server' };
}

function originOf(url: string): string | undefined {
  return URL.canParse(url) ? new URL(url).origin : undefined;
}

function feedStep(row: FeedRow, stored: FeedRow | undefined): Step {
  const { tenant, name, ...set } = row;
  if (stored === undefined) {
    return { do: 'insert', table: 'threatFeeds', row, refused: 'version_mismatch' };
  }
  const where = { tenant, name, version: stored.version };
  return { do: 'update', table: 'threatFeeds', where, set, refused: 'version_mismatch' };
}

export type FeedChangeRefusal = { readonly reason: 'not_found' | 'version_mismatch' };

/** From then on nothing in it counts; its blocks are taken away in the rounds that follow. */
export async function deleteFeed(
  ports: FeedPorts,
  input: {
    readonly requester: Requester;
    readonly name: string;
    readonly isSeen: (version: number) => boolean;
  },
): Promise<Result<undefined, FeedChangeRefusal>> {
  const { requester, name, isSeen } = input;
  const { tenant } = requester;
  const known = await findFeed(ports, { tenant, name });
  if (known === undefined) return err({ reason: 'not_found' });
  if (!isSeen(known.version)) return err({ reason: 'version_mismatch' });
  const now = ports.clock.nowMs();
  const set = { deletedAt: now, dueAt: now, sealedSecret: null, version: known.version + 1 };
  const where = { tenant, name, version: known.version };
  const steps = [
    { do: 'update', table: 'threatFeeds', where, set, refused: 'version_mismatch' },
  ] as const;
  const outcome = await change(ports, { requester, name, action: 'threat_feed.delete', steps });
  return outcome === 'done' ? ok(undefined) : err({ reason: 'version_mismatch' });
}

/** Has it read with the next round, and as a whole. */
export async function refreshFeed(
  ports: FeedPorts,
  input: { readonly requester: Requester; readonly name: string },
): Promise<Result<FeedRow, FeedChangeRefusal>> {
  const { requester, name } = input;
  const { tenant } = requester;
  const known = await findFeed(ports, { tenant, name });
  if (known === undefined) return err({ reason: 'not_found' });
  const { etag: _etag, addedAfter: _addedAfter, ...progress } = progressOf(known);
  const set = {
    ...{ dueAt: ports.clock.nowMs(), progress: { ...progress, wholeAt: null } },
    version: known.version + 1,
  };
  const where = { tenant, name, version: known.version };
  const steps = [
    { do: 'update', table: 'threatFeeds', where, set, refused: 'version_mismatch' },
  ] as const;
  const outcome = await change(ports, { requester, name, action: 'threat_feed.refresh', steps });
  return outcome === 'done' ? ok({ ...known, ...set }) : err({ reason: 'version_mismatch' });
}

async function change(
  ports: FeedPorts,
  input: {
    readonly requester: Requester;
    readonly name: string;
    readonly action:
      | 'threat_feed.create'
      | 'threat_feed.update'
      | 'threat_feed.delete'
      | 'threat_feed.refresh';
    readonly steps: readonly Step[];
  },
): Promise<string> {
  const { requester, name, action, steps } = input;
  const object = { kind: 'threat_feed', id: name } as const;
  const at = ports.clock.nowMs();
  const { outcome } = await ports.store.acts.run({
    steps,
    audit: await ports.recorder.record(eventBy(requester, { action, at, object })),
  });
  return outcome;
}
