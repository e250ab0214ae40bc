/**
 * Holds a key back on suspicion, and lets it go again. Outwardly it is refused as a disabled one
 * is; inside, each attempt with it is kept as evidence in its history. What must never happen: a
 * key that an edit made at the same moment keeps out of quarantine.
 */
import { err, type KeyStatus, ok, type Result, type TenantId } from '@mintmark/core';
import { type Reason, saidWhy } from '../audit/reason.ts';
import type { Requester } from '../audit/requester.ts';
import type { Assignment } from '../store/act.ts';
import { isApiKey, type KeyPorts, type KeyRow, keyEvent, keyFeedStep } from './key-change.ts';

export type QuarantineKeyRefusal =
  | { readonly reason: 'not_found' }
  /** A tombstone is refused for ever. */
  | { readonly reason: 'revoked' }
  | { readonly reason: 'already_quarantined' }
  /** It was changed again and again while this was asked. */
  | { readonly reason: 'conflict' };

export type ReleaseKeyRefusal =
  | { readonly reason: 'not_found' }
  | { readonly reason: 'not_quarantined'; readonly status: KeyStatus }
  /** It would work again for somebody for whom the requester may not speak. */
  | { readonly reason: 'owner_not_allowed'; readonly owner: string }
  | { readonly reason: 'conflict' };

type Ports = Pick<KeyPorts, 'store' | 'recorder' | 'clock'>;

/** A change of status between reading and writing means: judge anew, so often at most. */
const attemptsMax = 5;

/**
 * Whatever else is edited meanwhile, the quarantine holds: only the status is a condition.
 *
 * @param input.reason in the words of whoever asks: they stand in the row, sealed beside the record
 * @returns the row as it is now
 * @throws StoreFault when the act cannot commit; then nothing has changed
 */
export async function quarantineKey(
  ports: Ports,
  input: { readonly requester: Requester; readonly id: string; readonly reason: Reason },
): Promise<Result<KeyRow, QuarantineKeyRefusal>> {
  const { requester, id, reason } = input;
  const { kind, id: actor } = requester.actor;
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const row = await ports.store.keys.get(requester.tenant, id);
    if (!isApiKey(row)) return err({ reason: 'not_found' });
    const { status: from } = row;
    if (from === 'revoked') return err({ reason: 'revoked' });
    if (from === 'quarantined') return err({ reason: 'already_quarantined' });
    const at = ports.clock.nowMs();
    const quarantine = { reason: reason.note ?? reason.code, at, by: `${kind}:${actor}`, from };
    const to = { status: 'quarantined', quarantine } as const;
    if (await move(ports, { ...input, row, to, action: 'key.quarantine' })) {
      return ok(await asItIs(ports, requester.tenant, { ...row, ...to }));
    }
  }
  return err({ reason: 'conflict' });
}

/**
 * Undoes a quarantine by hand: the key is again what it was before, active or disabled.
 *
 * @param input.mayNameOwner whether the requester may hold a key of this owner
 * @returns the row as it is now
 * @throws StoreFault when the act cannot commit; then nothing has changed
 */
export async function releaseKey(
  ports: Ports,
  input: {
    readonly requester: Requester;
    readonly id: string;
    readonly reason: Reason;
    readonly mayNameOwner: (owner: string) => boolean;
  },
): Promise<Result<KeyRow, ReleaseKeyRefusal>> {
  const { requester, id } = input;
  const row = await ports.store.keys.get(requester.tenant, id);
  if (!isApiKey(row)) return err({ reason: 'not_found' });
  const { owner, status, quarantine } = row;
  if (status !== 'quarantined') return err({ reason: 'not_quarantined', status });
  if (!input.mayNameOwner(owner)) return err({ reason: 'owner_not_allowed', owner });
  const to = { status: quarantine?.from ?? 'disabled', quarantine: null } as const;
  if (!(await move(ports, { ...input, row, to, action: 'key.release' }))) {
    return err({ reason: 'conflict' });
  }
  return ok(await asItIs(ports, requester.tenant, { ...row, ...to }));
}

async function move(
  { store, recorder, clock }: Ports,
  input: {
    readonly requester: Requester;
    readonly row: KeyRow;
    readonly reason: Reason;
    readonly to: Assignment<'keys'> & Pick<KeyRow, 'status'>;
    readonly action: 'key.quarantine' | 'key.release';
  },
): Promise<boolean> {
  const { requester, row, to, action } = input;
  const { tenant, id, status } = row;
  const at = clock.nowMs();
  const { outcome } = await store.acts.run({
    steps: [
      {
        do: 'update',
        table: 'keys',
        where: { tenant, id, status },
        set: { ...to, updatedAt: at, version: { add: 1 } },
        refused: 'changed',
      },
      keyFeedStep(tenant, [{ ...row, status: to.status }], at),
    ],
    audit: await recorder.record(
      keyEvent(requester, row, {
        action,
        at,
        ...saidWhy(input.reason),
        detail: { from: status, to: to.status },
      }),
    ),
  });
  return outcome === 'done';
}

/** The act did not hold the row to a version: what else is in it may have changed meanwhile. */
async function asItIs({ store }: Ports, tenant: TenantId, known: KeyRow): Promise<KeyRow> {
  return (await store.keys.get(tenant, known.id)) ?? known;
}
