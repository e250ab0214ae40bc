/**
 * Takes away what a credential does not use, on trial: refusals for the lack of it are counted and
 * told to the owner, and until the trial is over one act gives the former rights back as they were.
 * An edit in between decides: then nothing is given back. Each change is one act with its record.
 */
import {
  type ClientId,
  type Clock,
  type Entropy,
  err,
  freshId,
  limits,
  ok,
  type Result,
  rfc3339,
  type TenantId,
  type UnixMs,
} from '@mintmark/core';
import { noticeStep, tellOwner } from '../alerts/tell-owner.ts';
import { keyFeedStep } from '../apikeys/key-change.ts';
import type { Recorder } from '../audit/record.ts';
import { eventBy, type Requester } from '../audit/requester.ts';
import type { Alongside, Step } from '../store/act.ts';
import type { Store } from '../store/store.ts';
import type { Row } from '../store/tables.ts';
import type { Granted, LeastPrivilege } from '../usage/least-privilege.ts';
import {
  nameOfPrivileged,
  type PrivilegedKind,
  type PrivilegeUsage,
  refusedPrivileges,
  type Watched,
} from '../usage/privilege-usage.ts';

interface TrialDeps {
  readonly store: Pick<Store, 'keys' | 'clients' | 'narrowings' | 'usage' | 'acts'>;
  readonly recorder: Recorder;
  readonly clock: Pick<Clock, 'nowMs'>;
}

export interface NarrowDeps extends TrialDeps {
  readonly entropy: Entropy;
  /** Told of a client after its rights have changed. */
  readonly clientChanged: (tenant: TenantId, clientId: ClientId) => void;
}

export type NarrowRefusal =
  | { readonly reason: 'nothing_unused' }
  /** Its use was never measured, or by others alone: silence proves nothing. */
  | { readonly reason: 'not_measured' }
  | { readonly reason: 'on_trial_already'; readonly narrowing: string }
  | { readonly reason: 'changed_meanwhile' }
  | { readonly reason: 'refused_by_step'; readonly step: string };

/**
 * @param input.seen what is known of the use of it
 * @param input.despite narrows although not all of its use was measured
 */
export async function narrow(
  deps: NarrowDeps,
  input: {
    readonly requester: Requester;
    readonly seen: LeastPrivilege;
    readonly trialDays: number;
    readonly despite: boolean;
    readonly alongside: Alongside<Row<'narrowings'>>;
  },
): Promise<Result<Row<'narrowings'>, NarrowRefusal>> {
  const { requester, seen, trialDays } = input;
  const { tenant } = requester;
  const { granted, unused } = seen;
  // Whoever has used nothing yet has not shown what it needs: it is retired, or it is new.
  const isMeasured = seen.measuredSince !== undefined && seen.wholeWindow && seen.used.length > 0;
  const isKnown = isMeasured && seen.unmeasuredUses === 0;
  if (!isKnown && !input.despite) return err({ reason: 'not_measured' });
  if (unused.length === 0) return err({ reason: 'nothing_unused' });
  const open = await openOf(deps, { tenant, kind: granted.kind, id: granted.id });
  if (open !== undefined) return err({ reason: 'on_trial_already', narrowing: open.id });
  const at = deps.clock.nowMs();
  const narrowed = granted.scopes.filter((scope) => !unused.includes(scope));
  const row: Row<'narrowings'> = {
    tenant,
    id: freshId(deps.entropy),
    kind: granted.kind,
    targetId: granted.id,
    owner: granted.owner,
    name: granted.name,
    former: granted.scopes,
    narrowed,
    version: granted.version + 1,
    status: 'trial',
    createdAt: at,
    trialEndsAt: at + trialDays * dayMs,
    endedAt: null,
  };
  const change = await changeSteps(deps, { ...row, from: granted.version, scopes: narrowed, at });
  if (change === undefined) return err({ reason: 'changed_meanwhile' });
  const { outcome } = await deps.store.acts.run({
    steps: [
      ...change,
      { do: 'insert', table: 'narrowings', row, refused: 'exists' },
      noticeStep(noticeOf(row), at),
      ...input.alongside(row),
    ],
    audit: await deps.recorder.record(
      eventBy(requester, {
        action: 'privilege.narrow',
        at,
        object: { kind: granted.kind, id: granted.id },
        detail: {
          narrowing: row.id,
          former: granted.scopes,
          removed: unused,
          trial_days: trialDays,
        },
      }),
    ),
  });
  if (outcome === 'changed_meanwhile') return err({ reason: 'changed_meanwhile' });
  if (outcome !== 'done') return err({ reason: 'refused_by_step', step: outcome });
  if (granted.kind === 'client') deps.clientChanged(tenant, granted.id as ClientId);
  return ok(row);
}

const dayMs = 86_400_000;

async function openOf(
  { store }: Pick<TrialDeps, 'store'>,
  of: { readonly tenant: TenantId; readonly kind: PrivilegedKind; readonly id: string },
): Promise<Row<'narrowings'> | undefined> {
  const { tenant, kind, id: targetId } = of;
  const orderBy = ['tenant', 'kind', 'targetId', 'createdAt', 'id'] as const;
  const rows = await store.narrowings.list({
    where: { tenant, kind, targetId },
    orderBy,
    descending: true,
    limit: 1,
  });
  return rows.find(({ status }) => status === 'trial');
}

/** Other scopes for the credential, where it still is the version that was judged. */
async function changeSteps(
  { store }: TrialDeps,
  to: {
    readonly tenant: string;
    readonly kind: string;
    readonly targetId: string;
    readonly from: number;
    readonly scopes: readonly string[];
    readonly at: number;
  },
): Promise<readonly Step[] | undefined> {
  const { tenant, kind, targetId: id, from, scopes, at } = to;
  const refused = 'changed_meanwhile';
  if (kind === 'client') {
    const row = await store.clients.get(tenant, id);
    if (row === undefined) return undefined;
    const set = { metadata: { ...row.metadata, scopes }, updatedAt: at, version: from + 1 };
    const where = { tenant, clientId: id, version: from };
    return [{ do: 'update', table: 'clients', where, set, refused }];
  }
  const row = await store.keys.get(tenant, id);
  if (row === undefined || row.status === 'revoked') return undefined;
  const set = { scopes, updatedAt: at, version: from + 1 };
  const where = { tenant, id, version: from, status: row.status };
  const edited = { ...row, ...set };
  return [{ do: 'update', table: 'keys', where, set, refused }, keyFeedStep(tenant, [edited], at)];
}

function noticeOf(row: Row<'narrowings'>) {
  const removed = removedBy(row);
  return {
    ...({ tenant: row.tenant as TenantId, kind: 'key.narrowed', occasion: row.id } as const),
    owner: row.owner,
    about: { kind: row.kind as PrivilegedKind, id: row.targetId },
    facts: {
      ...{ name: row.name, id: row.targetId, removed: removed.join(', ') },
      trial_ends_at: rfc3339(row.trialEndsAt as UnixMs),
    },
  };
}

export function removedBy({ former, narrowed }: Row<'narrowings'>): readonly string[] {
  return former.filter((scope) => !narrowed.includes(scope));
}

export type EndTrialRefusal =
  | { readonly reason: 'narrowing_not_found' }
  | { readonly reason: 'trial_over'; readonly status: string }
  | { readonly reason: 'changed_meanwhile' };

/** Gives the former scopes back exactly, where nobody has edited the credential since. */
export async function undoNarrowing(
  deps: NarrowDeps,
  input: { readonly requester: Requester; readonly id: string },
): Promise<Result<Row<'narrowings'>, EndTrialRefusal>> {
  const { requester, id } = input;
  const { tenant } = requester;
  const row = await deps.store.narrowings.get(tenant, id);
  if (row === undefined) return err({ reason: 'narrowing_not_found' });
  if (row.status !== 'trial') return err({ reason: 'trial_over', status: row.status });
  const at = deps.clock.nowMs();
  const change = await changeSteps(deps, { ...row, from: row.version, scopes: row.former, at });
  if (change === undefined) return err({ reason: 'changed_meanwhile' });
  const ended = { status: 'undone', endedAt: at } as const;
  const { outcome } = await deps.store.acts.run({
    steps: [...change, endStep(row, ended)],
    audit: await deps.recorder.record(
      eventBy(requester, {
        action: 'privilege.undo',
        at,
        object: { kind: row.kind as PrivilegedKind, id: row.targetId },
        detail: { narrowing: id, restored: row.former },
      }),
    ),
  });
  if (outcome !== 'done') return err({ reason: 'changed_meanwhile' });
  if (row.kind === 'client') deps.clientChanged(tenant, row.targetId as ClientId);
  return ok({ ...row, ...ended });
}

function endStep(
  { tenant, id }: Row<'narrowings'>,
  set: Pick<Row<'narrowings'>, 'status' | 'endedAt'>,
): Step {
  const where = { tenant, id, status: 'trial' } as const;
  return { do: 'update', table: 'narrowings', where, set, refused: 'changed_meanwhile' };
}

/** Ends the trial for good: from then on nothing gives the former scopes back but an edit. */
export async function settleNarrowing(
  deps: TrialDeps,
  row: Row<'narrowings'>,
  requester: Requester,
): Promise<Result<Row<'narrowings'>, EndTrialRefusal>> {
  if (row.status !== 'trial') return err({ reason: 'trial_over', status: row.status });
  const at = deps.clock.nowMs();
  const ended = { status: 'settled', endedAt: at } as const;
  const { outcome } = await deps.store.acts.run({
    steps: [endStep(row, ended)],
    audit: await deps.recorder.record(
      eventBy(requester, {
        action: 'privilege.settle',
        at,
        object: { kind: row.kind as PrivilegedKind, id: row.targetId },
        detail: { narrowing: row.id, removed: removedBy(row) },
      }),
    ),
  });
  return outcome === 'done' ? ok({ ...row, ...ended }) : err({ reason: 'changed_meanwhile' });
}

/** How often the credential was refused for the lack of what was taken away. */
export async function refusalsOf(
  { store }: Pick<TrialDeps, 'store'>,
  row: Row<'narrowings'>,
): Promise<ReadonlyMap<string, number>> {
  const counted = await refusedPrivileges(store, {
    tenant: row.tenant as TenantId,
    narrowing: row.id,
  });
  return new Map(counted.map(({ name, denied }) => [name, denied]));
}

/** What is on trial: counted, told to owners, and settled when its time is over. */
export function createTrialKeeper(deps: TrialDeps & { readonly usage: PrivilegeUsage }): {
  step(): Promise<void>;
} {
  return {
    async step() {
      const rows = await deps.store.narrowings.list({
        where: { status: 'trial' },
        orderBy: ['status', 'trialEndsAt', 'tenant', 'id'],
        limit: limits.narrowingsOnTrialMax,
      });
      const watched = new Map<string, Watched>();
      for (const row of rows) {
        const kind = row.kind as PrivilegedKind;
        const name = nameOfPrivileged(row.tenant, kind, row.targetId);
        watched.set(name, { narrowing: row.id, removed: new Set(removedBy(row)) });
      }
      deps.usage.watch(watched);
      for (const row of rows) await lookAt(deps, row);
    },
  };
}

async function lookAt(deps: TrialDeps, row: Row<'narrowings'>): Promise<void> {
  const refused = await refusalsOf(deps, row);
  const { tenant, kind, facts, ...notice } = noticeOf(row);
  // The same news is told once, however often it is brought: once for each scope.
  await tellOwner(
    deps,
    [...refused].map(([scope, count]) => ({
      ...({ ...notice, tenant, kind: 'key.narrowing_refused' } as const),
      occasion: `${row.id}/${scope}`,
      facts: {
        ...{ ...facts, scope, refused: String(count) },
        since: rfc3339(row.createdAt as UnixMs),
      },
    })),
  );
  if (row.trialEndsAt > deps.clock.nowMs()) return;
  const actor = { kind: 'system', id: 'least-privilege' } as const;
  await settleNarrowing(deps, row, { tenant, actor });
}

/** What a key or client may do by itself. */
export async function grantedTo(
  store: Pick<Store, 'keys' | 'clients'>,
  of: { readonly tenant: TenantId; readonly kind: PrivilegedKind; readonly id: string },
): Promise<Granted | undefined> {
  const { tenant, kind, id } = of;
  if (kind === 'client') {
    const row = await store.clients.get(tenant, id);
    return row && grantedToClient(row);
  }
  const row = await store.keys.get(tenant, id);
  return row === undefined || row.kind === 'admin' ? undefined : grantedToKey(row);
}

export function grantedToKey(row: Row<'keys'>): Granted {
  const { id, name, owner, scopes, createdAt, version } = row;
  return { kind: 'key', id, name, owner, scopes, createdAt: createdAt as UnixMs, version };
}

export function grantedToClient(row: Row<'clients'>): Granted {
  const { clientId: id, metadata, createdAt, version } = row;
  const scopes = Array.isArray(metadata['scopes']) ? metadata['scopes'].map(String) : [];
  const name = String(metadata['name'] ?? id);
  const owner = String(metadata['owner'] ?? '');
  return { kind: 'client', id, name, owner, scopes, createdAt: createdAt as UnixMs, version };
}
