/** Takes a change of a limit back, for a declared time: the limit is what it was before. */
import { type Clock, err, limits, ok, type Result, type UnixMs } from '@mintmark/core';
import { decodeProfile, encodeProfile, hourOf, weekOf } from '@mintmark/detection';
import type { Recorder } from '../audit/record.ts';
import { eventBy, type Requester } from '../audit/requester.ts';
import { runNumbered } from '../store/numbered.ts';
import type { Store } from '../store/store.ts';
import type { ChangeRow } from './change.ts';

export interface UndoPorts {
  readonly store: Pick<Store, 'limitBaselines' | 'limitChanges' | 'numberings' | 'acts'>;
  readonly recorder: Recorder;
  readonly clock: Pick<Clock, 'nowMs'>;
}

export type UndoRefusal = {
  /** A later change is in force, it was undone before, or the caller was forgotten. */
  readonly reason: 'not_found' | 'not_in_force';
};

/** Another week is judged after the time is over. */
const neverJudged = -1;

/**
 * @param input.seconds how long it stays undone; nothing changes the limit meanwhile
 * @throws StoreFault
 */
export async function undoLimitChange(
  ports: UndoPorts,
  input: {
    readonly requester: Requester;
    readonly id: string;
    readonly seconds: number | undefined;
    readonly reason: string | undefined;
  },
): Promise<Result<ChangeRow, UndoRefusal>> {
  const { requester, id, seconds = limits.limitUndoSecondsDefault, reason } = input;
  const { tenant, actor } = requester;
  const row = await ports.store.limitChanges.get(tenant, id);
  if (row === undefined) return err({ reason: 'not_found' });
  if (row.status !== 'in_force') return err({ reason: 'not_in_force' });
  const { route, limitName, caller, formerProfile } = row;
  const now = ports.clock.nowMs();
  const until = (now + seconds * 1000) as UnixMs;
  const profile = formerProfile && heldUntil(formerProfile, until);
  const set = {
    status: 'undone',
    ...{ undoneAt: now, undoneUntil: until },
    ...{ undoneBy: `${actor.kind} ${actor.id}`, undoneReason: reason ?? null },
  } as const;
  const outcome = await runNumbered(ports.store, {
    ...{ tenant, topic: 'limits' },
    steps: (number) => [
      {
        ...{ do: 'update', table: 'limitChanges', set, refused: 'not_in_force' },
        where: { tenant, id, status: 'in_force' },
      },
      {
        ...{ do: 'update', table: 'limitBaselines', refused: 'not_in_force' },
        where: { tenant, route, limitName, caller },
        set: {
          ...{ profile, number, heldUntil: until, judgedWeek: neverJudged },
          version: { add: 1 },
        },
      },
    ],
    audit: await ports.recorder.record(
      eventBy(requester, {
        ...{ action: 'limit.undo', at: now, object: { kind: 'limit', id } },
        related: { kind: 'route', id: route },
        ...(reason === undefined ? {} : { why: reason }),
        detail: { limit: limitName, seconds },
      }),
    ),
  });
  return outcome === 'done' ? ok({ ...row, ...set }) : err({ reason: 'not_in_force' });
}

/** Good as long as it is held, however long ago it was learned. */
function heldUntil(bytes: Uint8Array, until: UnixMs): Uint8Array | null {
  const profile = decodeProfile(bytes);
  if (profile === undefined) return null;
  const week = Math.max(profile.week, weekOf(hourOf(until)));
  return encodeProfile({ ...profile, week });
}
