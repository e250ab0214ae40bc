/**
 * Status lists as their readers get them: for each token in one, whether a revocation ends it. No
 * list is ever written: what ends a token stands in the feed, by whatever it was revoked, and a
 * list is what the feed says of its tokens now. So it cannot disagree with introspection.
 */
import { hash } from 'node:crypto';
import {
  type ClientId,
  type Clock,
  type FamilyId,
  type FeedPosition,
  type JwsAlgorithm,
  letOthersRun,
  limits,
  nowSeconds,
  type SubjectId,
  type TenantId,
  type Timers,
  type TokenTargets,
  type UnixSeconds,
} from '@mintmark/core';
import { assembleJws, packStatuses, statusListSigningInput, tokenStatus } from '@mintmark/tokens';
import { statusListUri } from '../issuance/status-places.ts';
import type { Keyring } from '../keyring/keyring.ts';
import type { Store } from '../store/store.ts';
import type { Row } from '../store/tables.ts';
import type { Feed } from './feed.ts';

export interface StatusListDeps {
  readonly store: Pick<Store, 'statusEntries'>;
  readonly keyring: Pick<Keyring, 'signer'>;
  readonly feed: Pick<Feed, 'ageMs' | 'refresh' | 'head' | 'refuses'>;
  readonly issuerOf: (tenant: TenantId) => string;
  readonly algorithm: JwsAlgorithm;
  readonly clock: Clock;
  readonly timers: Timers;
}

export interface SignedStatusList {
  readonly jwt: string;
  /** The same for as long as the text is. */
  readonly tag: string;
}

export interface StatusLists {
  /**
   * The list as it is now, at most `limits.statusListRebuildMs` behind the feed.
   *
   * @returns undefined where there is no such list
   * @throws StoreFault, CustodyFault
   */
  find(tenant: TenantId, list: string): Promise<SignedStatusList | undefined>;
}

interface Built extends SignedStatusList {
  readonly head: FeedPosition;
  readonly builtMonotonicMs: number;
  readonly signedAt: UnixSeconds;
  readonly content: string;
}

export function createStatusLists(deps: StatusListDeps): StatusLists {
  const kept = new Map<string, Built>();
  const underWay = new Map<string, Promise<Built | undefined>>();

  function isGood(built: Built, head: FeedPosition): boolean {
    const isNew = deps.clock.monotonicMs() - built.builtMonotonicMs < limits.statusListRebuildMs;
    return (built.head === head || isNew) && isYoung(deps, built);
  }

  async function build(name: string, tenant: TenantId, list: string): Promise<Built | undefined> {
    const built = await buildList(deps, { tenant, list, before: kept.get(name) });
    kept.delete(name);
    if (built === undefined) return undefined;
    const oldest = kept.keys().next();
    if (kept.size >= limits.statusListsCachedMax && !oldest.done) kept.delete(oldest.value);
    kept.set(name, built);
    return built;
  }

  return {
    async find(tenant, list) {
      const name = `${tenant} ${list}`;
      const built = kept.get(name);
      if (built !== undefined && isGood(built, await headOf(deps, tenant))) return built;
      // Readers at the same time share one.
      const work =
        underWay.get(name) ?? build(name, tenant, list).finally(() => underWay.delete(name));
      underWay.set(name, work);
      return work;
    },
  };
}

/** As little behind the store as a round is long, whoever runs the rounds. */
async function headOf({ feed }: StatusListDeps, tenant: TenantId): Promise<FeedPosition> {
  if (feed.ageMs(tenant) > limits.auditIntervalMs) await feed.refresh(tenant);
  return feed.head(tenant);
}

/** What is read again must be good for a while yet. */
function isYoung({ clock }: StatusListDeps, { signedAt }: Built): boolean {
  return nowSeconds(clock) - signedAt < limits.statusListSeconds / 2;
}

async function buildList(
  deps: StatusListDeps,
  input: {
    readonly tenant: TenantId;
    readonly list: string;
    readonly before: Built | undefined;
  },
): Promise<Built | undefined> {
  const { tenant, list, before } = input;
  const { clock } = deps;
  const builtMonotonicMs = clock.monotonicMs();
  const head = await headOf(deps, tenant);
  const invalid: number[] = [];
  let size = 0;
  for await (const row of entriesOf(deps, tenant, list)) {
    size++;
    if (await deps.feed.refuses(tenant, targetsOf(row))) invalid.push(row.idx);
  }
  if (size === 0) return undefined;
  const content = invalid.join();
  // What says the same stays the same text, so that readers can be told so.
  if (before?.content === content && isYoung(deps, before)) {
    return { ...before, head, builtMonotonicMs };
  }
  const signedAt = nowSeconds(clock);
  const packed = packStatuses({
    // Two bits, so that there is room for what is only suspended.
    bits: 2,
    size: limits.statusListEntries,
    statuses: invalid.map((index) => [index, tokenStatus.invalid] as const),
  });
  const signer = await deps.keyring.signer(tenant, deps.algorithm);
  const signingInput = statusListSigningInput(
    {
      uri: statusListUri(deps.issuerOf(tenant), list),
      issuedAt: signedAt,
      expiresAt: (signedAt + limits.statusListSeconds) as UnixSeconds,
      ttlSeconds: limits.statusListTtlSeconds,
      bits: 2,
      packed,
    },
    signer,
  );
  const signature = await signer.sign(Buffer.from(signingInput, 'latin1'));
  const jwt = assembleJws(signingInput, signature);
  const tag = hash('sha256', jwt, 'base64url');
  return { jwt, tag, head, builtMonotonicMs, signedAt, content };
}

async function* entriesOf(
  { store, timers }: StatusListDeps,
  tenant: TenantId,
  list: string,
): AsyncGenerator<Row<'statusEntries'>> {
  for (let after = -1; ; ) {
    const rows = await store.statusEntries.list({
      where: { tenant, list, idx: { is: '>', value: after } },
      orderBy: ['idx'],
      limit: limits.longReadRows,
    });
    yield* rows;
    if (rows.length < limits.longReadRows) return;
    after = rows.at(-1)!.idx;
    await letOthersRun(timers);
  }
}

function targetsOf(row: Row<'statusEntries'>): TokenTargets {
  return {
    position: row.position,
    issuedAt: row.issuedAtSeconds as UnixSeconds,
    tokenId: row.tokenId,
    clientId: row.clientId as ClientId,
    subject: row.subject as SubjectId,
    tenant: row.tenant,
    family: (row.family ?? undefined) as FamilyId | undefined,
    signingKey: row.signingKey,
  };
}
