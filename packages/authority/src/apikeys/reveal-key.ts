/**
 * Shows a recoverable key again: the exception, for keys that were made so where their tenant
 * allows it. Recorded with its reason, and told to the owner, before the text leaves. What must
 * never happen: a key shown without both.
 */
import {
  err,
  type KeyStatus,
  ok,
  type Result,
  rfc3339,
  type TenantId,
  utf8,
  utf8Decode,
} from '@mintmark/core';
import { noticeStep } from '../alerts/tell-owner.ts';
import { type Reason, saidWhy } from '../audit/reason.ts';
import type { Requester } from '../audit/requester.ts';
import { sealContext } from '../custody/contexts.ts';
import { isApiKey, type KeyPorts, type KeyRow, keyEvent, unchanged } from './key-change.ts';
import type { VerifierSealer } from './key-secret.ts';

export type RevealKeyRefusal =
  | { readonly reason: 'not_found' }
  /** Whoever sees it can be its owner. */
  | { readonly reason: 'owner_not_allowed'; readonly owner: string }
  | { readonly reason: 'not_recoverable' }
  | { readonly reason: 'not_active'; readonly status: Exclude<KeyStatus, 'active'> }
  /** The tenant does not allow it any more. */
  | { readonly reason: 'not_allowed' }
  | { readonly reason: 'conflict' };

/** Seals the whole text of a key, bound to its id: moved to another row it does not open. */
export function sealText(
  sealer: Pick<VerifierSealer, 'seal'>,
  input: { readonly tenant: TenantId; readonly id: string; readonly text: string },
): Promise<Uint8Array> {
  const { tenant, id, text } = input;
  return sealer.seal(tenant, sealContext.keyText(id), utf8(text));
}

/**
 * @param input.mayNameOwner whether the requester may hold a key of this owner
 * @param input.reason why it is looked at, for the audit trail
 * @returns the key's text
 * @throws StoreFault, CustodyFault; then nobody has seen it
 */
export async function revealKey(
  ports: Pick<KeyPorts, 'store' | 'recorder' | 'clock' | 'keyPolicy' | 'sealer'>,
  input: {
    readonly requester: Requester;
    readonly id: string;
    readonly reason: Reason;
    readonly mayNameOwner: (owner: string) => boolean;
  },
): Promise<Result<{ readonly row: KeyRow; readonly text: string }, RevealKeyRefusal>> {
  const { requester, id } = input;
  const { tenant } = requester;
  const row = await ports.store.keys.get(tenant, id);
  if (!isApiKey(row)) return err({ reason: 'not_found' });
  const { owner, status, sealedSecret } = row;
  if (!input.mayNameOwner(owner)) return err({ reason: 'owner_not_allowed', owner });
  if (status !== 'active') return err({ reason: 'not_active', status });
  if (sealedSecret === null) return err({ reason: 'not_recoverable' });
  if (!ports.keyPolicy(tenant).recoverableAllowed) return err({ reason: 'not_allowed' });
  const opened = await ports.sealer.open(tenant, sealContext.keyText(id), sealedSecret);
  const at = ports.clock.nowMs();
  const { kind, id: actor } = requester.actor;
  const notice = {
    ...({ tenant, kind: 'key.revealed', occasion: rfc3339(at), owner } as const),
    about: { kind: 'key', id } as const,
    facts: { name: row.name, id, revealed_at: rfc3339(at), by: `${kind}:${actor}` },
  };
  const { outcome } = await ports.store.acts.run({
    steps: [
      { do: 'require', table: 'keys', where: unchanged(row), refused: 'conflict' },
      noticeStep(notice, at),
    ],
    audit: await ports.recorder.record(
      keyEvent(requester, row, { action: 'key.reveal', at, ...saidWhy(input.reason) }),
    ),
  });
  if (outcome !== 'done') return err({ reason: 'conflict' });
  return ok({ row, text: utf8Decode(opened) ?? '' });
}
