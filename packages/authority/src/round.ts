/** What the authority does by itself: sequencing, refreshing, rotating, counting, letting go. */
import { type Clock, limits, nowSeconds } from '@mintmark/core';
import { createTrialKeeper } from './admin/narrow.ts';
import { createUnusedKeys, type UnusedKeys } from './apikeys/unused-keys.ts';
import { endedPartition } from './clients/single-use.ts';
import { sweepUnusedClients } from './clients/unused-clients.ts';
import type { Rooms } from './rooms.ts';
import type { Rotations } from './rotation/rotations.ts';
import type { Store, TableReader } from './store/store.ts';
import { type TableName, tables } from './store/tables.ts';
import { createTenantRemover } from './tenants/remove-tenants.ts';
import { createEndedSubKeys } from './usage/ended-sub-keys.ts';

/** What has a step of its own in each round. */
interface RoundParts {
  readonly leaks: { step(): Promise<void> };
  readonly rotations: Rotations;
}

interface Round {
  run(): Promise<void>;
  /** The last round: everything acknowledged is sequenced and counted. */
  finish(): Promise<void>;
}

/** What happens by itself, in rounds: one never overlaps the next. */
export function createRound(rooms: Rooms, { leaks, rotations }: RoundParts): Round {
  const { ports, store, sequencer, feed, keyring, custodyUpkeep, peppers, refusals } = rooms;
  const { keyEnder, queryRunner, sessionEnder, requestPinger } = rooms;
  const { notices, expiryNotices, lateUses, threatFeeds } = rooms;
  const unusedKeys = unusedKeysOf(rooms);
  const endedSubKeys = createEndedSubKeys({ store, clock: ports.clock });
  const tenantRemover = createTenantRemover({ store, clock: ports.clock });
  const trials = trialKeeper(rooms);
  let running: Promise<void> | undefined;
  let rounds = 0;

  async function attempt(where: string, work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (error) {
      ports.log({ type: 'fault', where, error });
    }
  }

  async function everySecond(): Promise<void> {
    await writeCounts(rooms, attempt);
    await attempt('narrowings', trials.step);
    await attempt('refusals', refusals.tick);
    await attempt('peppers', peppers.refresh);
    await attempt('keyring', keyring.tick);
    await attempt('keys of revoked owners', keyEnder.step);
    await attempt('revocations under way', queryRunner.step);
    await attempt('leaks', leaks.step);
    await attempt('custody', custodyUpkeep.step);
    await attempt('deleted tenants', tenantRemover.step);
    await attempt('late uses', lateUses.step);
    await attempt('successors', () => forgetSuccessors(store, ports.clock));
    threatFeeds.step();
    // After what was counted is written: a first use is seen in the same round.
    rotations.step();
  }

  async function round(): Promise<void> {
    await attempt('sequencer', sequencer.tick);
    await attempt('feed', feed.refreshWaited);
    await attempt('sessions', sessionEnder.step);
    requestPinger.step();
    notices.step();
    if (rounds % 4 === 0) await everySecond();
    if (rounds % 240 === 0) await attempt('upkeep', () => upkeep(rooms));
    if (rounds % 240 === 60) await attempt('expiry notices', expiryNotices.step);
    if (rounds % 240 === 180) await attempt('unused keys', unusedKeys.step);
    if (rounds % 240 === 30) await attempt('ended sub-keys', endedSubKeys.step);
    if (rounds % 240 === 120) await attempt('unused clients', () => sweepUnused(rooms));
    rounds++;
  }

  return {
    async run() {
      if (running !== undefined) return;
      running = round();
      await running;
      running = undefined;
    },
    async finish() {
      await running;
      for (const one of [sessionEnder, requestPinger, rotations, notices, threatFeeds])
        await one.finish();
      await rooms.keyShadow?.settled();
      await writeCounts(rooms, attempt);
      await attempt('refusals', refusals.flush);
      while ((await sequencer.tick()) > 0);
    },
  };
}

type Attempt = (where: string, work: () => Promise<unknown>) => Promise<void>;

/** What was counted since it was written last. */
async function writeCounts(rooms: Rooms, attempt: Attempt): Promise<void> {
  await attempt('usage', rooms.usage.flush);
  await attempt('decisions', rooms.decisionLog.flush);
  await attempt('used rights', rooms.privilegeUsage.flush);
  await attempt('old system', async () => rooms.keyShadow?.counts.flush());
  await attempt('adaptive limits', rooms.limitLearner.flush);
}

function unusedKeysOf({ ports, store, recorder, tenants }: Rooms): UnusedKeys {
  return createUnusedKeys({
    ...{ store, recorder, clock: ports.clock },
    policyOf: (tenant) =>
      tenants.within(tenant, ({ status, policy }) =>
        status === 'active' ? policy.keys : undefined,
      ),
  });
}

/** Clients that nobody vouches for and nobody uses, where the operator says for how long. */
async function sweepUnused({ config, ports, store, recorder }: Rooms): Promise<void> {
  const { unusedSeconds } = config.registration ?? {};
  if (unusedSeconds === undefined) return;
  const { clock, entropy } = ports;
  // What a process remembers of a client is judged by its row in every act that gives a token.
  const changed = () => undefined;
  await sweepUnusedClients({ store, recorder, clock, entropy, changed }, unusedSeconds);
}

/** Lets go of what has ended: token partitions, feed entries, remembered requests. */
async function upkeep({ store, ports, threatFeeds, limitLearner }: Rooms): Promise<void> {
  const now = nowSeconds(ports.clock);
  await threatFeeds.sweep();
  await limitLearner.sweep();
  // A day behind the last expiry, so that an expired token is still told apart from an unknown one.
  const yesterday = Math.floor(now / 86_400) - 1;
  await store.upkeep.dropPartitionsBelow('tokens', yesterday);
  await store.upkeep.dropPartitionsBelow('authorizationCodes', yesterday);
  await store.upkeep.dropPartitionsBelow('singleUses', endedPartition(now));
  await store.upkeep.dropPartitionsBelow('refreshFamilies', yesterday);
  const hourAgo = now - 3600;
  for (const table of endingTables) await deleteEnded(store, table, hourAgo);
  const gone = { is: '<', value: (now - limits.nodeKeptSeconds) * 1000 } as const;
  await store.acts.run({
    steps: [{ do: 'delete', table: 'nodes', where: { seenAt: gone } }],
    audit: null,
  });
}

/** Whose rows say when they may be deleted. */
const endingTables = [
  'feed',
  'idempotency',
  'userinfoWishes',
  'statusEntries',
  'signInAttempts',
  'knownBrowsers',
  'passkeyChallenges',
  'passwordResets',
  'signIns',
  'pushedRequests',
  'deviceGrants',
  'sessions',
  'sessionClients',
  'grantedFamilies',
  'backchannelRequests',
  'notices',
  'decisions',
  'rotationRuns',
  'limitChanges',
  'keyBulks',
  'gatewayKeys',
] as const satisfies readonly TableName[];

/**
 * What is sealed for a lost answer goes when its grace is over. By time and not by key: under the
 * same key a new one may stand by then.
 */
async function forgetSuccessors(store: Store, clock: Clock): Promise<void> {
  const where = { expiresAtSeconds: { is: '<=', value: nowSeconds(clock) } } as const;
  const query = { where, orderBy: ['expiresAtSeconds'], limit: 1 } as const;
  if ((await store.refreshSuccessors.list(query)).length === 0) return;
  const steps = [{ do: 'delete', table: 'refreshSuccessors', where } as const];
  await store.acts.run({ steps, audit: null });
}

/** In bounded acts: one that deletes a day's million entries would hold up every other act. */
async function deleteEnded(
  store: Store,
  table: (typeof endingTables)[number],
  before: number,
): Promise<void> {
  const reader: Pick<TableReader<'idempotency'>, 'list'> = store[table] as never;
  for (;;) {
    const rows: readonly Readonly<Record<string, unknown>>[] = await reader.list({
      where: { expiresAtSeconds: { is: '<', value: before } },
      orderBy: ['expiresAtSeconds'],
      limit: limits.pageItemsMax,
    });
    const keys = rows.map((row) => tables[table].key.map((column) => row[column] as string));
    await store.acts.run({ steps: [{ do: 'deleteMany', table, keys }], audit: null });
    if (keys.length < limits.pageItemsMax) return;
  }
}

function trialKeeper({ store, recorder, ports, privilegeUsage: usage }: Rooms) {
  return createTrialKeeper({ store, recorder, clock: ports.clock, usage });
}
