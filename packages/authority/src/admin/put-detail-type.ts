/** Writes a type of authorization details (RFC 9396): makes it, replaces it, takes it away. */
import { type Clock, err, limits, ok, type Result, type TenantId } from '@mintmark/core';
import type { Recorder } from '../audit/record.ts';
import { eventBy, type Requester } from '../audit/requester.ts';
import { type DetailTypeFault, readDetailType } from '../details/detail-type.ts';
import type { Step } from '../store/act.ts';
import type { Store } from '../store/store.ts';
import type { Row } from '../store/tables.ts';

export interface DetailTypePorts {
  readonly store: Pick<Store, 'detailTypes' | 'acts'>;
  readonly recorder: Recorder;
  readonly clock: Pick<Clock, 'nowMs'>;
  /** Told after each change that has been committed. */
  readonly detailTypesChanged: (tenant: TenantId) => void;
}

export type PutDetailTypeRefusal =
  | { readonly reason: 'malformed'; readonly fault: DetailTypeFault }
  /** There is such a type, and the requester did not say which version he has seen. */
  | { readonly reason: 'version_unknown' }
  | { readonly reason: 'version_mismatch' }
  | { readonly reason: 'too_many' };

/**
 * @param input.isSeen whether the requester has seen this version; undefined where he expects none
 * @throws StoreFault, CustodyFault
 */
export async function putDetailType(
  ports: DetailTypePorts,
  input: {
    readonly requester: Requester;
    readonly type: string;
    readonly definition: Readonly<Record<string, unknown>>;
    readonly isSeen: ((version: number) => boolean) | undefined;
  },
): Promise<
  Result<{ readonly row: Row<'detailTypes'>; readonly created: boolean }, PutDetailTypeRefusal>
> {
  const { requester, type, definition, isSeen } = input;
  const { tenant } = requester;
  const read = readDetailType(type, definition);
  if (!read.ok) return err({ reason: 'malformed', fault: read.refusal });
  const known = await ports.store.detailTypes.get(tenant, type);
  if (known === undefined) {
    // A version was seen, so there was one: somebody deleted it since.
    if (isSeen !== undefined) return err({ reason: 'version_mismatch' });
    const count = await ports.store.detailTypes.count({ tenant });
    if (count >= limits.detailTypesMax) return err({ reason: 'too_many' });
  } else if (isSeen === undefined) {
    return err({ reason: 'version_unknown' });
  } else if (!isSeen(known.version)) {
    return err({ reason: 'version_mismatch' });
  }
  const updatedAt = ports.clock.nowMs();
  const version = (known?.version ?? 0) + 1;
  const row = { tenant, type, definition, updatedAt, version };
  const step: Step =
    known === undefined
      ? { do: 'insert', table: 'detailTypes', row, refused: 'version_mismatch' }
      : {
          do: 'update',
          table: 'detailTypes',
          where: { tenant, type, version: known.version },
          set: { definition, updatedAt, version },
          refused: 'version_mismatch',
        };
  const action = known === undefined ? 'detail_type.create' : 'detail_type.update';
  const done = await change(ports, { requester, type, action, step });
  return done ? ok({ row, created: known === undefined }) : err({ reason: 'version_mismatch' });
}

export type DeleteDetailTypeRefusal = { readonly reason: 'not_found' | 'version_mismatch' };

/** What was agreed to of the type stays in the tokens that are there; no new one carries it. */
export async function deleteDetailType(
  ports: DetailTypePorts,
  input: {
    readonly requester: Requester;
    readonly type: string;
    readonly isSeen: (version: number) => boolean;
  },
): Promise<Result<undefined, DeleteDetailTypeRefusal>> {
  const { requester, type, isSeen } = input;
  const { tenant } = requester;
  const known = await ports.store.detailTypes.get(tenant, type);
  if (known === undefined) return err({ reason: 'not_found' });
  if (!isSeen(known.version)) return err({ reason: 'version_mismatch' });
  const where = { tenant, type, version: known.version };
  const step: Step = { do: 'delete', table: 'detailTypes', where, refused: 'version_mismatch' };
  const done = await change(ports, { requester, type, action: 'detail_type.delete', step });
  return done ? ok(undefined) : err({ reason: 'version_mismatch' });
}

async function change(
  ports: DetailTypePorts,
  input: {
    readonly requester: Requester;
    readonly type: string;
    readonly action: 'detail_type.create' | 'detail_type.update' | 'detail_type.delete';
    readonly step: Step;
  },
): Promise<boolean> {
  const { requester, type, action, step } = input;
  const object = { kind: 'detail_type', id: type } as const;
  const { outcome } = await ports.store.acts.run({
    steps: [step],
    audit: await ports.recorder.record(
      eventBy(requester, { action, at: ports.clock.nowMs(), object }),
    ),
  });
  if (outcome !== 'done') return false;
  ports.detailTypesChanged(requester.tenant);
  return true;
}
