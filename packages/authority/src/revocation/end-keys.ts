/**
 * API keys end with their owner or their tenant by one entry of the feed, however many they are:
 * from its commit on every judge refuses them. This file brings their rows after it, so that lists,
 * histories and every later reader see them revoked: each key by an act of its own. Sessions, which
 * end with their tenant by its row, are marked in the same way. What must never
 * happen: a judge that waits for the rows.
 */
import {
  type Clock,
  limits,
  type RevocationTarget,
  type TenantId,
  type UnixMs,
} from '@mintmark/core';
import type { Recorder } from '../audit/record.ts';
import type { Condition } from '../store/act.ts';
import type { Store } from '../store/store.ts';
import type { Row } from '../store/tables.ts';
import { keyViewOf } from './key-view.ts';

export interface EndKeysDeps {
  readonly store: Pick<Store, 'keys' | 'sessions' | 'tenants' | 'acts'>;
  readonly recorder: Recorder;
  readonly clock: Pick<Clock, 'nowMs'>;
}

type EndRowDeps = Omit<EndKeysDeps, 'store'> & { readonly store: Pick<Store, 'keys' | 'acts'> };

export interface KeyEnding {
  readonly tenant: TenantId;
  readonly target: RevocationTarget;
  /** Keys made before this moment end; undefined: tokens and sessions alone. */
  readonly before: UnixMs | undefined;
}

export interface KeyEnder {
  /** One bounded step. A fault leaves what is waiting where it was. */
  step(): Promise<void>;
}

/** Endings looked at in one step while there is nothing to do for them. */
const endingsAtOnce = 20;

/** @param take what was ended since it was asked last; at first, all that ever was */
export function createKeyEnder(deps: EndKeysDeps, take: () => readonly KeyEnding[]): KeyEnder {
  const queue: KeyEnding[] = [];
  return {
    async step() {
      for (const ending of take()) queue.push(ending);
      for (let looked = 0; looked < endingsAtOnce; looked++) {
        const ending = queue[0];
        if (ending === undefined) return;
        const { before } = ending;
        const made = { is: '<', value: before ?? 0 } as const;
        if (before !== undefined && !(await endSome(deps, ending, made))) return;
        if (ending.target.kind === 'tenant' && !(await endSessions(deps, ending.tenant))) return;
        queue.shift();
      }
    },
  };
}

/**
 * Ends what was made at about the moment of the revocation, before it is acknowledged: a key whose
 * making was dated by another clock, or raced the revocation, is then ended by its own row.
 */
export async function endKeysAround(
  deps: EndRowDeps,
  input: { readonly tenant: TenantId; readonly target: RevocationTarget; readonly at: UnixMs },
): Promise<void> {
  const { tenant, target, at } = input;
  const since = at - limits.clockSkewSeconds * 1000 - limits.writeTimeoutMs;
  const made = { is: '>=', value: since } as const;
  while (!(await endSome(deps, { tenant, target }, made)));
}

/**
 * Marks sessions that ended with their tenant, so that their clients are told.
 *
 * @returns whether none is left
 */
async function endSessions(
  { store, recorder, clock }: EndKeysDeps,
  tenant: TenantId,
): Promise<boolean> {
  const before = (await store.tenants.get(tenant))?.sessionsEndedBefore ?? 0;
  const rows = await store.sessions.list({
    where: { tenant, endedAt: null, createdAt: { is: '<=', value: before } },
    limit: limits.rotationRowsMax,
  });
  if (rows.length === 0) return true;
  const at = clock.nowMs();
  await store.acts.run({
    steps: rows.map(({ id }) => {
      const where = { tenant, id, endedAt: null };
      return { do: 'update', table: 'sessions', where, set: { endedAt: at } } as const;
    }),
    audit: await recorder.record({
      tenant,
      action: 'session.end',
      at,
      actor: { kind: 'system', id: 'revocation' },
      object: { kind: 'tenant', id: tenant },
      result: 'done',
      why: 'its tenant was revoked',
      detail: { sessions: rows.length },
    }),
  });
  return false;
}

/** @returns whether none is left */
async function endSome(
  deps: EndRowDeps,
  ending: Pick<KeyEnding, 'tenant' | 'target'>,
  createdAt: Condition,
): Promise<boolean> {
  const { tenant, target } = ending;
  for (const kind of ['key', 'pat']) {
    const rows = await deps.store.keys.list({
      where: {
        tenant,
        kind,
        createdAt,
        status: { is: '!=', value: 'revoked' },
        ...(target.kind === 'user' ? { owner: target.id } : {}),
      },
      orderBy: ['tenant', target.kind === 'user' ? 'owner' : 'kind', 'createdAt', 'id'],
      limit: limits.rotationRowsMax,
    });
    await Promise.all(rows.map((row) => endOne(deps, row, target)));
    if (rows.length > 0) return false;
  }
  return true;
}

/** A key that somebody changes meanwhile stays in the list, and is ended by the next step. */
async function endOne(
  { store, recorder, clock }: EndRowDeps,
  row: Row<'keys'>,
  target: RevocationTarget,
): Promise<void> {
  const at = clock.nowMs();
  const tenant = row.tenant as TenantId;
  const { id, version } = row;
  const end = { status: 'revoked', sealedSecret: null } as const;
  const set = { ...end, updatedAt: at, version: version + 1 };
  await store.acts.run({
    steps: [
      { do: 'update', table: 'keys', where: { tenant, id, version }, set, refused: 'changed' },
      { do: 'feed', tenant, at, entries: [{ type: 'key', key: keyViewOf({ ...row, ...set }) }] },
    ],
    audit: await recorder.record({
      tenant,
      action: 'key.end',
      at,
      actor: { kind: 'system', id: 'revocation' },
      object: { kind: 'key', id },
      result: 'done',
      why: target.kind === 'user' ? 'its owner was revoked' : 'its tenant was revoked',
    }),
  });
}
