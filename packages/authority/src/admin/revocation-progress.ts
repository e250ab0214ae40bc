/**
 * How far a revocation has come: which nodes have acknowledged it, and when it holds everywhere. A
 * node that has not refuses by itself once its lease has run out, unless a route of it says
 * `on_stale: continue`, which is its operator's own choice and marked on each decision.
 */
import { limits, type TenantId, type UnixMs } from '@mintmark/core';
import { readNodeName } from '../revocation/node-name.ts';
import type { Store } from '../store/store.ts';
import type { Row } from '../store/tables.ts';

export interface NodeProgress {
  readonly node: string;
  /** What the node asks with; null for the gateway in this process. */
  readonly credential: string | null;
  readonly state: 'acknowledged' | 'lease_ended' | 'pending';
  readonly position: number;
  readonly seenAt: number;
}

export interface RevocationProgress {
  readonly revocation: Row<'revocations'>;
  readonly nodes: readonly NodeProgress[];
  /** A moment from which no node accepts the target any more; undefined while one still may. */
  readonly everywhereAt: UnixMs | undefined;
}

/** @returns undefined where the tenant has no such revocation */
export async function revocationProgress(
  store: Pick<Store, 'revocations' | 'nodes' | 'installation'>,
  input: { readonly tenant: TenantId; readonly id: string; readonly now: UnixMs },
): Promise<RevocationProgress | undefined> {
  const { tenant, id, now } = input;
  const revocation = await store.revocations.get(tenant, id);
  if (revocation === undefined) return undefined;
  const epoch = (await store.installation.get('self'))?.epoch;
  const rows = await nodesOf(store, tenant);
  const nodes = rows.map((row) => ({
    ...readNodeName(row.node),
    state: stateOf(row, { revocation, epoch, now }),
    position: row.position,
    seenAt: row.seenAt,
  }));
  const pending = nodes.some(({ state }) => state === 'pending');
  return { revocation, nodes, everywhereAt: pending ? undefined : lastEnd(revocation, nodes) };
}

/** All of them: one that was left out could still be pending. */
async function nodesOf(
  store: Pick<Store, 'nodes'>,
  tenant: TenantId,
): Promise<readonly Row<'nodes'>[]> {
  const rows: Row<'nodes'>[] = [];
  for (;;) {
    const last = rows.at(-1);
    const page = await store.nodes.list({
      where: { tenant },
      ...(last === undefined ? {} : { after: [tenant, last.node] }),
      limit: limits.pageItemsMax,
    });
    rows.push(...page);
    if (page.length < limits.pageItemsMax) return rows;
  }
}

function stateOf(
  node: Row<'nodes'>,
  at: {
    readonly revocation: Row<'revocations'>;
    readonly epoch: string | undefined;
    readonly now: UnixMs;
  },
): NodeProgress['state'] {
  // A position of an earlier epoch counts another feed.
  if (node.epoch === at.epoch && node.position >= at.revocation.position) return 'acknowledged';
  // The lease runs from when the node sent its request, which is before we saw it.
  return at.now >= node.seenAt + limits.feedLeaseMs ? 'lease_ended' : 'pending';
}

/**
 * A node that was heard of since acknowledged at the latest then; and whatever it did, its lease
 * from before the revocation has ended one lease later.
 */
function lastEnd(revocation: Row<'revocations'>, nodes: readonly NodeProgress[]): UnixMs {
  const leaseEnd = revocation.at + limits.feedLeaseMs;
  const ends = nodes.map(({ state, seenAt }) =>
    state === 'acknowledged' ? Math.min(seenAt, leaseEnd) : seenAt + limits.feedLeaseMs,
  );
  return Math.max(revocation.at, ...ends.map((end) => Math.min(end, leaseEnd))) as UnixMs;
}
