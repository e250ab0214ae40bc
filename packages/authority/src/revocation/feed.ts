/**
 * The authority's end of the status feed: what enforcement points must know, in commit order. Acts
 * append to it inside their own transactions; this file reads it back, keeps the local view of
 * revocations that introspection judges by, and lets waiting nodes know that there is more. What
 * must never happen: a position delivered while a lower one is still to come.
 */
import {
  type Clock,
  createRevocationIndex,
  defaultTenant,
  type FeedDelta,
  type FeedEntry,
  type FeedKeyPage,
  type FeedPosition,
  type FeedSnapshot,
  type FeedSource,
  type KeyEntry,
  type KeyTargets,
  type KeyView,
  letOthersRun,
  limits,
  nowSeconds,
  type RevocationEntry,
  type RevocationIndex,
  type SigningKeyId,
  type TenantId,
  type Timers,
  type TokenTargets,
} from '@mintmark/core';
import { isForEncryption } from '../keyring/schedule.ts';
import type { Store } from '../store/store.ts';
import type { Row } from '../store/tables.ts';
import type { KeyEnding } from './end-keys.ts';
import { keyViewOf } from './key-view.ts';
import { membershipOf } from './member-view.ts';
import {
  contentsOf,
  isNamed,
  type NamedDeps,
  namedEntries,
  nameOf,
  newestOf,
  rowsMax,
} from './named-entries.ts';

export interface FeedDeps extends NamedDeps {
  readonly store: NamedDeps['store'] &
    Pick<
      Store,
      | 'installation'
      | 'tenants'
      | 'feedHead'
      | 'feed'
      | 'keys'
      | 'signingKeys'
      | 'routes'
      | 'plans'
      | 'planHolders'
      | 'importFormats'
      | 'roles'
      | 'groups'
      | 'memberships'
      | 'patPolicies'
      | 'nodes'
      | 'acts'
    >;
  /** Opens the sealed SHA-256 of a key's secret; undefined for an import not yet rehashed. */
  readonly verifierOf: (row: Row<'keys'>) => Promise<string | undefined>;
  readonly issuerOf: (tenant: TenantId) => string;
  readonly clock: Clock;
  readonly timers: Timers;
  /** Of all tenants whose feed was read. */
  readonly keyEndings: KeyEnding[];
}

export interface Feed extends FeedSource {
  /** Newest position that this process knows of. */
  head(tenant: TenantId): FeedPosition;
  /** Tells the feed that an act was given this position. Wakes whoever waits. */
  advanced(tenant: TenantId, position: FeedPosition): void;
  /** Reads what other processes appended; the local view is as old as the last success of this. */
  refresh(tenant: TenantId): Promise<void>;
  /** The revocation that ends this token, judged by the local view; waits for it to catch up. */
  refuses(tenant: TenantId, token: TokenTargets): Promise<boolean>;
  /** The same for an API key: whether its owner or its tenant was revoked. */
  refusesKey(tenant: TenantId, key: KeyTargets): Promise<boolean>;
  /** Live revocations that a holder asked for itself, as far as this process knows. */
  askedBy(tenant: TenantId, holder: string): number;
  /** Reads the tenant's part, where it is not in memory or no round keeps it fresh. */
  open(tenant: TenantId): Promise<void>;
  /** `refresh` for each tenant whose view a round keeps fresh: the first, and those waited for. */
  refreshWaited(): Promise<void>;
  /** Whose API keys were ended, as was read since this was asked last. */
  takeKeyEndings(): readonly KeyEnding[];
  /** What tokens of this tenant's gateways are made for: its routes' audiences, and the issuer. */
  audiences(tenant: TenantId): Promise<ReadonlySet<string>>;
  /** Milliseconds since the local view was known to be complete. */
  ageMs(tenant: TenantId): number;
}

interface TenantFeed {
  head: FeedPosition;
  /** Everything up to here is in `revocations`. */
  applied: FeedPosition;
  readonly revocations: RevocationIndex;
  readonly waiting: Set<() => void>;
  refreshedMonotonicMs: number;
  catchingUp: Promise<void> | undefined;
  /** Read again after a route has changed. */
  audiences: Promise<AudiencesByTenant> | undefined;
}

/** The first tenant's is read at once and kept; of the others those that were used last. */
export async function openFeed(given: Omit<FeedDeps, 'keyEndings'>): Promise<Feed> {
  const deps: FeedDeps = { ...given, keyEndings: [] };
  const installation = await deps.store.installation.get('self');
  const epoch = installation?.epoch ?? '';
  const feeds = new Map<TenantId, TenantFeed>();
  const of = (tenant: TenantId): TenantFeed => {
    const known = feeds.get(tenant);
    if (known !== undefined) return known;
    const feed = unreadFeed();
    feeds.set(tenant, feed);
    makeRoom(feeds);
    return feed;
  };
  const ageMs = (tenant: TenantId): number => {
    return deps.clock.monotonicMs() - of(tenant).refreshedMonotonicMs;
  };
  await refresh(deps, defaultTenant, of(defaultTenant));

  return {
    head: (tenant) => of(tenant).head,
    advanced(tenant, position) {
      const feed = feeds.get(tenant);
      if (feed !== undefined) advance(feed, position);
    },
    async open(tenant) {
      // The round keeps the first tenant's fresh.
      if (tenant === defaultTenant) return;
      const feed = of(tenant);
      feeds.delete(tenant);
      feeds.set(tenant, feed);
      if (ageMs(tenant) >= limits.auditIntervalMs) await refresh(deps, tenant, feed);
    },
    async refreshWaited() {
      for (const [tenant, feed] of feeds) {
        if (tenant === defaultTenant || feed.waiting.size > 0) await refresh(deps, tenant, feed);
      }
    },
    refresh: (tenant) => refresh(deps, tenant, of(tenant)),
    async refuses(tenant, token) {
      return (await caughtUp(deps, tenant, of(tenant))).refuses(token) !== undefined;
    },
    async refusesKey(tenant, key) {
      return (await caughtUp(deps, tenant, of(tenant))).refusesKey(key) !== undefined;
    },
    async audiences(tenant) {
      // Routes of the first tenant may take credentials of others.
      const [own, first] = await Promise.all(
        [tenant, defaultTenant].map((whose) => routedIn(deps, whose, of(whose))),
      );
      const named = [...(own?.get(tenant) ?? []), ...(first?.get(tenant) ?? [])];
      return new Set([deps.issuerOf(tenant), ...named]);
    },
    askedBy: (tenant, holder) => of(tenant).revocations.askedBy(holder),
    takeKeyEndings: () => deps.keyEndings.splice(0),
    ageMs,
    snapshot: (tenant) => snapshot(deps, { tenant, epoch }),
    keys: async (input) => (input.epoch === epoch ? furtherKeys(deps, input) : 'resync'),
    async delta(input) {
      if (input.epoch !== epoch) return 'resync';
      const feed = of(input.tenant);
      if (input.after > feed.head) await refresh(deps, input.tenant, feed);
      if (input.after > feed.head) return 'resync';
      await acknowledge(deps, input);
      if (input.after === feed.head) await untilAdvanced(deps, feed);
      return delta(deps, { ...input, head: feed.head });
    },
  };
}

function unreadFeed(): TenantFeed {
  return {
    head: 0,
    applied: 0,
    revocations: createRevocationIndex(),
    waiting: new Set(),
    refreshedMonotonicMs: Number.NEGATIVE_INFINITY,
    catchingUp: undefined,
    audiences: undefined,
  };
}

/** The least lately opened leave first; never the first tenant's, nor one that a node waits for. */
function makeRoom(feeds: Map<TenantId, TenantFeed>): void {
  for (const [tenant, feed] of feeds) {
    if (feeds.size <= limits.tenantsHeldMax) return;
    const isUsed = feed.waiting.size > 0 || feed.catchingUp !== undefined;
    if (tenant !== defaultTenant && !isUsed) feeds.delete(tenant);
  }
}

/** What this process has acknowledged must already be refused by its own next answer. */
async function caughtUp(
  deps: FeedDeps,
  tenant: TenantId,
  feed: TenantFeed,
): Promise<RevocationIndex> {
  // One that was never read says nothing of what was revoked.
  if (feed.refreshedMonotonicMs === Number.NEGATIVE_INFINITY) await refresh(deps, tenant, feed);
  while (feed.applied < feed.head) await catchUp(deps, tenant, feed);
  return feed.revocations;
}

/** By whose credentials routes take. */
type AudiencesByTenant = ReadonlyMap<string, readonly string[]>;

/** What a tenant's routes ask of tokens; one that names no audience takes those of the issuer. */
async function routedIn(
  deps: FeedDeps,
  tenant: TenantId,
  feed: TenantFeed,
): Promise<AudiencesByTenant> {
  await caughtUp(deps, tenant, feed);
  feed.audiences ??= readAudiences(deps, tenant);
  return feed.audiences;
}

async function readAudiences(deps: FeedDeps, tenant: TenantId): Promise<AudiencesByTenant> {
  const rows = await deps.store.routes.list({ where: { tenant }, limit: rowsMax });
  const named = new Map<string, string[]>();
  for (const { route } of rows) {
    const { audience, tenant: whose = tenant } = route;
    if (typeof audience !== 'string') continue;
    named.set(String(whose), [...(named.get(String(whose)) ?? []), audience]);
  }
  return named;
}

function advance(feed: TenantFeed, position: FeedPosition): void {
  if (position <= feed.head) return;
  feed.head = position;
  for (const wake of feed.waiting) wake();
}

async function refresh(deps: FeedDeps, tenant: TenantId, feed: TenantFeed): Promise<void> {
  // The view is complete as of the moment the question was sent, not of the answer.
  const sentAt = deps.clock.monotonicMs();
  const row = await deps.store.feedHead.get(tenant);
  advance(feed, row?.position ?? 0);
  while (feed.applied < feed.head) await catchUp(deps, tenant, feed);
  feed.refreshedMonotonicMs = sentAt;
  feed.revocations.expire(nowSeconds(deps.clock));
}

/** Reads the entries behind `applied`; callers at the same time share one read. */
function catchUp(deps: FeedDeps, tenant: TenantId, feed: TenantFeed): Promise<void> {
  feed.catchingUp ??= (async () => {
    try {
      const head = feed.head;
      const rows = await entriesAfter(deps, tenant, feed.applied);
      for (const row of rows) {
        const entry: FeedEntry = { ...row.entry, position: row.position };
        if (entry.type === 'revocation') {
          feed.revocations.apply(entry);
          const { target, keysBefore: before } = entry;
          if (before !== undefined || target.kind === 'tenant') {
            deps.keyEndings.push({ tenant, target, before });
          }
        }
        if (entry.type === 'route') feed.audiences = undefined;
      }
      // No rows: everything up to the head seen before the read is in. The head of now may count
      // an entry that was committed since and not read.
      feed.applied = rows.at(-1)?.position ?? head;
      advance(feed, feed.applied);
    } finally {
      feed.catchingUp = undefined;
    }
  })();
  return feed.catchingUp;
}

function entriesAfter(
  deps: FeedDeps,
  tenant: TenantId,
  after: FeedPosition,
): Promise<readonly Row<'feed'>[]> {
  return deps.store.feed.list({
    where: { tenant, position: { is: '>', value: after } },
    limit: limits.feedDeltaEntriesMax,
  });
}

/** Resolves when the head moves, or when a heartbeat is due. */
function untilAdvanced(deps: FeedDeps, feed: TenantFeed): Promise<void> {
  return new Promise((resolve) => {
    const wake = (): void => {
      feed.waiting.delete(wake);
      cancel();
      resolve();
    };
    const cancel = deps.timers.after(limits.feedHeartbeatMs, wake);
    feed.waiting.add(wake);
  });
}

async function delta(
  deps: FeedDeps,
  input: {
    readonly tenant: TenantId;
    readonly epoch: string;
    readonly after: FeedPosition;
    readonly head: FeedPosition;
  },
): Promise<FeedDelta | 'resync'> {
  const { tenant, epoch, after } = input;
  if (after === input.head) return { tenant, epoch, head: after, after, entries: [] };
  const rows = await entriesAfter(deps, tenant, after);
  // Old entries are deleted in time: where the next one is gone, only a snapshot helps.
  if (rows[0]?.position !== after + 1) return 'resync';
  const entries = await Promise.all(rows.map((row) => entryOf(deps, row, newestOf(rows))));
  const last = rows.at(-1)?.position ?? after;
  return { tenant, epoch, after, head: Math.max(input.head, last), entries };
}

/** A stored entry as nodes get it: a key's entry is made from its row of now, verifier opened. */
async function entryOf(
  deps: FeedDeps,
  row: Row<'feed'>,
  newest: ReadonlyMap<string, FeedPosition>,
): Promise<FeedEntry> {
  const entry: FeedEntry = { ...row.entry, position: row.position };
  if (entry.type === 'revocation') return told(entry);
  if (isNamed(entry)) {
    // Large, or sealed: of several changes of one only the last is told, as it is now.
    if (newest.get(nameOf(entry)) !== entry.position) return entry;
    return { ...entry, ...(await contentsOf(deps, row.tenant, entry)) };
  }
  if (entry.type === 'member') return memberEntry(deps, row, entry.subject);
  if (entry.type !== 'key') return entry;
  const key = await deps.store.keys.get(row.tenant, entry.key.id);
  return key === undefined ? entry : { ...entry, key: await viewOf(deps, key) };
}

/** As the user's rows are now, as for a key. */
async function memberEntry(
  { store }: FeedDeps,
  { tenant, position }: { readonly tenant: string; readonly position: FeedPosition },
  subject: string,
): Promise<FeedEntry> {
  return {
    type: 'member',
    position,
    subject,
    ...(await membershipOf(store, tenant as TenantId, subject)),
  };
}

async function viewOf(deps: FeedDeps, row: Row<'keys'>): Promise<KeyView> {
  return keyViewOf(row, await deps.verifierOf(row));
}

/**
 * Everything that holds now. The head is read first: what is committed after that may be in the
 * snapshot already and comes again in the first delta, which changes nothing.
 */
async function snapshot(
  deps: FeedDeps,
  { tenant, epoch }: { readonly tenant: TenantId; readonly epoch: string },
): Promise<FeedSnapshot> {
  const head = (await deps.store.feedHead.get(tenant))?.position ?? 0;
  const entries: FeedEntry[] = [];
  const revocations = new Map<string, RevocationEntry>();
  const now = nowSeconds(deps.clock);
  await eachPage(
    deps,
    (after) =>
      deps.store.feed.list({
        // All of them: to look for revocations alone could read the whole feed in one turn.
        where: { tenant },
        limit: limits.longReadRows,
        ...after,
      }),
    ({ entry, position, expiresAtSeconds }) => {
      if (entry.type !== 'revocation' || expiresAtSeconds < now) return;
      keepFarthest(revocations, told({ ...entry, position }));
    },
    (row) => [row.tenant, row.position],
  );
  for (const entry of revocations.values()) entries.push(entry);
  const keys = await keyPage(deps, { tenant, after: undefined, position: head });
  entries.push(...keys.entries);
  entries.push(...(await rightsEntries(deps, { tenant, position: head })));
  for (const row of await deps.store.signingKeys.list({ where: { tenant }, limit: rowsMax })) {
    // Enforcement points have nothing to decrypt.
    if (isForEncryption(row)) continue;
    if (row.status === 'retired' || row.status === 'compromised') continue;
    const kid = row.kid as SigningKeyId;
    const jwk = row.publicJwk;
    entries.push({ type: 'signing_key', position: head, kid, jwk, status: 'trusted' });
  }
  for (const row of await deps.store.routes.list({ where: { tenant }, limit: rowsMax })) {
    entries.push({ type: 'route', position: head, name: row.name, route: row.route });
  }
  entries.push(...(await namedEntries(deps, { tenant, position: head })));
  for (const row of await deps.store.plans.list({ where: { tenant }, limit: rowsMax })) {
    entries.push({ type: 'plan', position: head, name: row.name, plan: row.plan });
  }
  await eachPage(
    deps,
    (after) =>
      deps.store.planHolders.list({ where: { tenant }, limit: limits.longReadRows, ...after }),
    ({ kind, id, plan, raised }) => {
      entries.push({ type: 'plan_holder', position: head, kind, id, plan, raised });
    },
    (row) => [row.tenant, row.kind, row.id],
  );
  for (const row of await deps.store.importFormats.list({ where: { tenant }, limit: rowsMax })) {
    entries.push({ type: 'import_prefix', position: head, prefix: row.prefix });
  }
  const row = await deps.store.tenants.get(tenant);
  if (row?.status === 'disabled') {
    entries.push({ type: 'tenant', position: head, status: 'disabled' });
  }
  const { nextKeys } = keys;
  const more = nextKeys === undefined ? {} : { nextKeys };
  return { tenant, epoch, head, issuer: deps.issuerOf(tenant), entries, ...more };
}

async function furtherKeys(
  deps: FeedDeps,
  { tenant, epoch, after }: Parameters<FeedSource['keys']>[0],
): Promise<FeedKeyPage> {
  const position = (await deps.store.feedHead.get(tenant))?.position ?? 0;
  return { tenant, epoch, ...(await keyPage(deps, { tenant, after, position })) };
}

/** Keys by their ids, a thousand at once, and others' turns between every few hundred rows. */
async function keyPage(
  deps: FeedDeps,
  input: {
    readonly tenant: TenantId;
    readonly after: string | undefined;
    readonly position: FeedPosition;
  },
): Promise<Pick<FeedKeyPage, 'entries' | 'nextKeys'>> {
  const { tenant, position } = input;
  const entries: KeyEntry[] = [];
  let last = input.after;
  for (let read = 0; read < limits.feedKeysAtOnce; read += limits.longReadRows) {
    const rows = await deps.store.keys.list({
      where: { tenant },
      limit: limits.longReadRows,
      ...(last === undefined ? {} : { after: [tenant, last] }),
    });
    for (const row of rows) {
      if (!isForGateways(row)) continue;
      entries.push({ type: 'key', position, key: await viewOf(deps, row) });
    }
    last = rows.at(-1)?.id;
    if (last === undefined || rows.length < limits.longReadRows) return { entries };
    await letOthersRun(deps.timers);
  }
  return last === undefined ? { entries } : { entries, nextKeys: last };
}

function isForGateways(row: Row<'keys'>): boolean {
  return row.kind !== 'admin';
}

/** What users may do who have roles or personal access tokens, and what the policy of these is. */
async function rightsEntries(
  deps: FeedDeps,
  at: { readonly tenant: TenantId; readonly position: FeedPosition },
): Promise<readonly FeedEntry[]> {
  const { tenant, position } = at;
  const holders = new Set<string>();
  await eachPage(
    deps,
    (after) =>
      deps.store.keys.list({
        where: { tenant, kind: 'pat' },
        orderBy: ['tenant', 'kind', 'createdAt', 'id'],
        limit: limits.longReadRows,
        ...after,
      }),
    ({ owner, status }) => {
      if (status !== 'revoked') holders.add(owner);
    },
    (row) => [row.tenant, row.kind, row.createdAt, row.id],
  );
  const { roles, groups, memberships, patPolicies } = deps.store;
  // Policies ask of everybody who has any, whatever they hold.
  await eachPage(
    deps,
    (after) => memberships.list({ where: { tenant }, limit: limits.longReadRows, ...after }),
    ({ userId }) => void holders.add(userId),
    (row) => [row.tenant, row.userId, row.kind, row.name],
  );
  const entries: FeedEntry[] = [];
  for (const { name, scopes } of await roles.list({ where: { tenant }, limit: limits.rolesMax })) {
    entries.push({ type: 'role', position, name, scopes });
  }
  for (const row of await groups.list({ where: { tenant }, limit: limits.groupsMax })) {
    entries.push({ type: 'group', position, name: row.name, roles: row.roles });
  }
  for (const subject of holders) entries.push(await memberEntry(deps, at, subject));
  const policy = (await patPolicies.get(tenant))?.policy;
  if (policy !== undefined) entries.push({ type: 'pat_policy', position, policy });
  return entries;
}

/** Who asked is for the authority's own count. */
function told({ holder: _holder, ...entry }: RevocationEntry): RevocationEntry {
  return entry;
}

/** Of the revocations of one target a new view needs what they come to: one, and one by date. */
function keepFarthest(kept: Map<string, RevocationEntry>, entry: RevocationEntry): void {
  const { target, before, keysBefore, expiresAt } = entry;
  const name = `${target.kind} ${before === undefined} ${target.id}`;
  const known = kept.get(name);
  if (known === undefined) {
    kept.set(name, entry);
    return;
  }
  const later = <T extends number>(a: T | undefined, b: T | undefined): T =>
    Math.max(a ?? 0, b ?? 0) as T;
  kept.set(name, {
    ...entry,
    expiresAt: later(known.expiresAt, expiresAt),
    ...(before === undefined ? {} : { before: later(known.before, before) }),
    ...(keysBefore === undefined ? {} : { keysBefore: later(known.keysBefore, keysBefore) }),
  });
}

async function eachPage<R>(
  { timers }: Pick<FeedDeps, 'timers'>,
  page: (after: { after?: readonly (string | number)[] }) => Promise<readonly R[]>,
  visit: (row: R) => void | Promise<void>,
  keyOf: (row: R) => readonly (string | number)[],
): Promise<void> {
  let after: { after?: readonly (string | number)[] } = {};
  for (;;) {
    const rows = await page(after);
    for (const row of rows) await visit(row);
    const last = rows.at(-1);
    if (last === undefined || rows.length < limits.longReadRows) return;
    after = { after: keyOf(last) };
    await letOthersRun(timers);
  }
}

/** Asking for what follows a position acknowledges everything up to it. */
async function acknowledge(
  deps: FeedDeps,
  input: {
    readonly tenant: TenantId;
    readonly node: string;
    readonly epoch: string;
    readonly after: FeedPosition;
  },
): Promise<void> {
  const { tenant, node, epoch } = input;
  const row = { tenant, node, epoch, position: input.after, seenAt: deps.clock.nowMs() };
  const known = await deps.store.nodes.get(tenant, node);
  const quiet = known !== undefined && row.seenAt - known.seenAt < limits.feedLeaseMs / 2;
  if (quiet && known.epoch === epoch && known.position === row.position) return;
  await deps.store.acts.run({ steps: [{ do: 'put', table: 'nodes', row }], audit: null });
}
