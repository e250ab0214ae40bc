/**
 * Takes a report of a leaked credential, acts on it at once, and lets it go again. One credential
 * has one leak, however often and from wherever it is reported: a replay changes nothing.
 */
import { err, freshId, limits, ok, type Result } from '@mintmark/core';
import { type ReleaseKeyRefusal, releaseKey } from '../apikeys/quarantine-key.ts';
import { type Reason, saidWhy } from '../audit/reason.ts';
import { eventBy, type Requester } from '../audit/requester.ts';
import type { LeakSighting } from '../store/leak-tables.ts';
import { changeLeakedSecret } from './hold-client-secret.ts';
import type { ProvenToken } from './prove-token.ts';
import { aboutOf, isOfClient, type LeakRow, type RespondDeps, respondToLeak } from './respond.ts';

/** In which the call itself acts; afterwards the next round takes over. */
const takeOverMs = 3_000;

/**
 * @param input.seen where, and who says so
 * @returns the leak as it is after what was done at once
 * @throws StoreFault; reported again, it goes on from where it was
 */
export async function reportLeak(
  deps: RespondDeps,
  input: {
    readonly requester: Requester;
    readonly proven: ProvenToken;
    readonly seen: Omit<LeakSighting, 'at'>;
  },
): Promise<LeakRow> {
  const { requester, proven } = input;
  const { kind, credential } = proven;
  const known = await find(deps, requester.tenant, { kind, credential });
  if (known !== undefined) return seenAgain(deps, requester, known, input.seen);
  const at = deps.clock.nowMs();
  const row: LeakRow = {
    tenant: requester.tenant,
    id: freshId(deps.entropy),
    ...{ kind, credential, owner: proven.owner, name: proven.name },
    status: proven.ended ? 'ended' : 'open',
    sightings: [{ ...input.seen, at }],
    steps: [],
    createdAt: at,
    updatedAt: at,
    dueAt: proven.ended ? null : at + takeOverMs,
    version: 1,
  };
  const { outcome } = await deps.store.acts.run({
    steps: [{ do: 'insert', table: 'leaks', row, refused: 'known' }],
    audit: await deps.recorder.record(
      eventBy(requester, {
        action: 'leak.report',
        at,
        object: { kind: 'leak', id: row.id },
        related: aboutOf(row),
        detail: { by: input.seen.by, status: row.status },
      }),
    ),
  });
  if (outcome === 'done') return respondToLeak(deps, row);
  // Somebody else reported it at the same moment.
  const winner = await find(deps, requester.tenant, { kind, credential });
  return winner === undefined ? row : seenAgain(deps, requester, winner, input.seen);
}

async function find(
  { store }: RespondDeps,
  tenant: string,
  what: Pick<LeakRow, 'kind' | 'credential'>,
): Promise<LeakRow | undefined> {
  const where = { tenant, kind: what.kind, credential: what.credential };
  return (await store.leaks.list({ where, limit: 1 }))[0];
}

/** Notes a place that was not known yet; what was decided about the leak stands. */
async function seenAgain(
  deps: RespondDeps,
  requester: Requester,
  row: LeakRow,
  seen: Omit<LeakSighting, 'at'>,
): Promise<LeakRow> {
  const { tenant, id, version, sightings } = row;
  const isKnown = sightings.some(
    (one) => one.by === seen.by && one.url === seen.url && one.source === seen.source,
  );
  if (isKnown || sightings.length >= limits.leakSightingsMax) return respondToLeak(deps, row);
  const at = deps.clock.nowMs();
  const set = { sightings: [...sightings, { ...seen, at }], updatedAt: at, version: version + 1 };
  const { outcome } = await deps.store.acts.run({
    steps: [
      { do: 'update', table: 'leaks', where: { tenant, id, version }, set, refused: 'changed' },
    ],
    audit: await deps.recorder.record(
      eventBy(requester, {
        action: 'leak.report',
        at,
        object: { kind: 'leak', id },
        related: aboutOf(row),
        detail: { by: seen.by, status: row.status },
      }),
    ),
  });
  return respondToLeak(deps, outcome === 'done' ? { ...row, ...set } : row);
}

export type ReleaseLeakRefusal =
  | { readonly reason: 'not_found' }
  | { readonly reason: 'not_held'; readonly status: string }
  | { readonly reason: 'owner_not_allowed'; readonly owner: string }
  /** It was changed while this was asked. */
  | { readonly reason: 'conflict' };

/**
 * A false alarm, or a credential that is worth its risk: it works again as it did before.
 *
 * @param input.mayNameOwner whether the requester may hold a credential of this owner
 */
export async function releaseLeak(
  deps: RespondDeps,
  input: {
    readonly requester: Requester;
    readonly id: string;
    readonly reason: Reason;
    readonly mayNameOwner: (owner: string) => boolean;
  },
): Promise<Result<LeakRow, ReleaseLeakRefusal>> {
  const { requester, id, reason, mayNameOwner } = input;
  const { tenant } = requester;
  const row = await deps.store.leaks.get(tenant, id);
  if (row === undefined) return err({ reason: 'not_found' });
  const { status, owner, version } = row;
  if (status !== 'held') return err({ reason: 'not_held', status });
  if (!mayNameOwner(owner)) return err({ reason: 'owner_not_allowed', owner });
  const outcome = await letGo(deps, input, row);
  // Whoever is refused here was changed while this was asked: it is held back still.
  if (outcome === 'owner_not_allowed') return err({ reason: outcome, owner });
  if (outcome === 'conflict') return err({ reason: outcome });
  const at = deps.clock.nowMs();
  const set = {
    status: 'released',
    steps: [...row.steps, { step: 'release', outcome, at }],
    dueAt: null,
    updatedAt: at,
    version: version + 1,
  } as const;
  const noted = await deps.store.acts.run({
    steps: [
      { do: 'update', table: 'leaks', where: { tenant, id, version }, set, refused: 'changed' },
    ],
    audit: await deps.recorder.record(
      eventBy(requester, {
        action: 'leak.release',
        at,
        object: { kind: 'leak', id },
        related: aboutOf(row),
        ...saidWhy(reason),
      }),
    ),
  });
  return noted.outcome === 'done' ? ok({ ...row, ...set }) : err({ reason: 'conflict' });
}

async function letGo(
  deps: RespondDeps,
  input: Parameters<typeof releaseLeak>[1],
  { kind, credential, id: leak }: LeakRow,
): Promise<'done' | 'gone' | ReleaseKeyRefusal['reason']> {
  const { requester, reason, mayNameOwner } = input;
  if (isOfClient(kind)) {
    return changeLeakedSecret(deps, { requester, credential, leak, change: 'release' });
  }
  const released = await releaseKey(deps, { requester, id: credential, reason, mayNameOwner });
  return released.ok ? 'done' : released.refusal.reason;
}
