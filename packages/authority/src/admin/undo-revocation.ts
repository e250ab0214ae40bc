/**
 * Takes back what can be taken back of a revocation. A client or user that was disabled is enabled
 * again, where nobody has changed it since. Whatever was refused once stays refused: a token or a
 * key that somebody else may hold is not made good again, and who was told no has gone on from
 * there. What must never happen: a credential that is accepted after its end was acknowledged.
 */
import {
  type ClientId,
  type Clock,
  err,
  ok,
  type Result,
  type TenantId,
  type UnixMs,
} from '@mintmark/core';
import { type Reason, saidWhy } from '../audit/reason.ts';
import type { Recorder } from '../audit/record.ts';
import { eventBy, type Requester } from '../audit/requester.ts';
import { clientOf } from '../clients/client.ts';
import { originSteps } from '../clients/origins.ts';
import { resourceSteps } from '../clients/protected-resources.ts';
import type { Undo } from '../revocation/revocation-step.ts';
import type { Step } from '../store/act.ts';
import type { Store } from '../store/store.ts';
import type { Row } from '../store/tables.ts';
import { covers, type Permission } from './permission.ts';

export interface UndoDeps {
  readonly store: Pick<Store, 'revocations' | 'clients' | 'acts'>;
  readonly recorder: Recorder;
  readonly clock: Pick<Clock, 'nowMs'>;
  /** Told of a client after it was enabled. */
  readonly clientChanged: (tenant: TenantId, clientId: ClientId) => void;
}

export type UndoRefusal =
  | { readonly reason: 'revocation_not_found' }
  /** Its target was ended, not disabled; in words, with what helps instead. */
  | { readonly reason: 'not_undoable'; readonly why: string }
  | { readonly reason: 'undone_already' }
  /** Whoever ends things may not bring them back by that alone. */
  | { readonly reason: 'not_permitted'; readonly needs: Permission }
  /** Edited, enabled or deleted since: whoever did that has decided. */
  | { readonly reason: 'changed_since'; readonly kind: string };

export interface Undone {
  readonly enabled: { readonly kind: Undo['enables']; readonly id: string };
  readonly at: UnixMs;
}

/** What enabling it by an edit needs. */
const enablePermissions = { client: 'clients:write', user: 'users:write' } as const;

/**
 * @param input.permissions of the requester
 * @throws StoreFault: nothing was undone
 */
export async function undoRevocation(
  deps: UndoDeps,
  input: {
    readonly requester: Requester;
    readonly permissions: readonly string[];
    readonly id: string;
    readonly reason: Reason;
  },
): Promise<Result<Undone, UndoRefusal>> {
  const { requester, id, reason } = input;
  const { tenant } = requester;
  const row = await deps.store.revocations.get(tenant, id);
  if (row === undefined) return err({ reason: 'revocation_not_found' });
  const undo = undoOf(row);
  if (undo === undefined) return err({ reason: 'not_undoable', why: whyFinal(row) });
  const needs = enablePermissions[undo.enables];
  if (!covers(input.permissions, needs)) return err({ reason: 'not_permitted', needs });
  if (row.undoneAt !== null) return err({ reason: 'undone_already' });
  const at = deps.clock.nowMs();
  const { targetId } = row;
  const { outcome } = await deps.store.acts.run({
    steps: [
      ...(await enablingSteps(deps, { tenant, id: targetId, undo, at })),
      {
        do: 'update',
        table: 'revocations',
        where: { tenant, id, undoneAt: null },
        set: { undoneAt: at },
        refused: 'undone_already',
      },
    ],
    audit: await deps.recorder.record(
      eventBy(requester, {
        action: 'revocation.undo',
        at,
        object: { kind: undo.enables, id: targetId },
        related: { kind: 'revocation', id },
        ...saidWhy(reason),
      }),
    ),
  });
  if (outcome === 'undone_already') return err({ reason: 'undone_already' });
  if (outcome !== 'done') return err({ reason: 'changed_since', kind: undo.enables });
  if (undo.enables === 'client') deps.clientChanged(tenant, targetId as ClientId);
  return ok({ enabled: { kind: undo.enables, id: targetId }, at });
}

/** What could be enabled again; undefined where nothing was disabled with it. */
export function undoOf({ undo }: Pick<Row<'revocations'>, 'undo'>): Undo | undefined {
  return undo === null ? undefined : (JSON.parse(undo) as Undo);
}

/** Why the revocation stays, and what helps whoever wanted otherwise. */
export function whyFinal({ targetKind }: Pick<Row<'revocations'>, 'targetKind'>): string {
  switch (targetKind) {
    case 'key':
      return 'a revoked key never works again: make a new one; `key disable` is what can be undone';
    case 'sub_key':
      return 'a revoked sub-key never works again: its holder derives another one';
    case 'token':
    case 'family':
    case 'holder':
      return 'tokens that were refused once stay refused: their client gets new ones';
    case 'signing_key':
      return 'a distrusted key is deleted, its tokens stay refused: clients get new ones';
    case 'client':
      return 'its tokens stay refused, and the client itself was not disabled: it can get new ones';
    case 'user':
      return 'tokens, sessions and keys stay refused, and the user itself was not disabled';
    default:
      return 'what ended with it stays refused: new tokens and keys are good';
  }
}

/** Refused where the thing is no longer as the revocation left it. */
async function enablingSteps(
  { store }: UndoDeps,
  what: {
    readonly tenant: TenantId;
    readonly id: string;
    readonly undo: Undo;
    readonly at: UnixMs;
  },
): Promise<readonly Step[]> {
  const { tenant, id, undo, at } = what;
  const { version } = undo;
  const set = { status: 'active', updatedAt: at, version: version + 1 } as const;
  const refused = 'changed_since';
  if (undo.enables === 'user') {
    const where = { tenant, id, version, status: 'disabled' } as const;
    return [{ do: 'update', table: 'users', where, set, refused }];
  }
  const where = { tenant, clientId: id, version, status: 'disabled' };
  const known = await store.clients.get(tenant, id);
  const client = known && { before: clientOf(known), after: clientOf({ ...known, ...set }) };
  return [
    { do: 'update', table: 'clients', where, set, refused },
    ...(client === undefined ? [] : originSteps(client.before, client.after)),
    ...(client === undefined ? [] : resourceSteps(client.before, client.after)),
  ];
}
