/**
 * Telling the owner of a credential something: the one way in which people hear of what becomes of
 * it. What is told stands in the store first, as a step of the act that it is about or by itself,
 * so that no crash loses it; `deliver-notices.ts` brings it to its owner. Neighbours: whoever has
 * news. What must never happen: a secret in what is told, or the same news told twice.
 */
import { type Clock, limits, type TenantId, type UnixMs } from '@mintmark/core';
import type { Step } from '../store/act.ts';
import type { Store } from '../store/store.ts';
import type { NoticeFacts, NoticeKind } from './notice-words.ts';

export interface Notice {
  readonly tenant: TenantId;
  readonly kind: NoticeKind;
  /**
   * Distinguishes this news from other news of the same kind about the same thing, such as the
   * moment it speaks of. The same news is told once, whoever tells it and however often.
   */
  readonly occasion: string;
  /** As the credential's row has it: a user's id or name, an e-mail address, or anything else. */
  readonly owner: string;
  readonly about: { readonly kind: 'key' | 'pat' | 'admin_key' | 'client'; readonly id: string };
  /** Fills the words of the kind; moments as RFC 3339. Never a secret. */
  readonly facts: NoticeFacts;
}

/** The step that tells it, of the act that it is about: it refuses nothing. */
export function noticeStep(notice: Notice, at: UnixMs): Step {
  const { tenant, kind, owner, about, facts } = notice;
  return {
    do: 'merge',
    table: 'notices',
    row: {
      tenant,
      id: noticeId(notice),
      kind,
      owner,
      aboutKind: about.kind,
      aboutId: about.id,
      facts,
      status: 'waiting',
      mail: 'due',
      webhook: 'due',
      repeats: 0,
      attempts: 0,
      nextAttemptAt: at,
      createdAt: at,
      expiresAtSeconds: Math.floor(at / 1000) + limits.noticeKeptSeconds,
    },
    set: { repeats: { add: 1 } },
  };
}

/** By which it is told once. */
export function noticeId({ kind, about, occasion }: Omit<Notice, 'owner' | 'facts'>): string {
  return `${kind}/${about.id}/${occasion}`;
}

/**
 * Tells it by itself; resolves when it can no longer be lost.
 *
 * @throws StoreFault; then nobody is told
 */
export async function tellOwner(
  { store, clock }: { readonly store: Pick<Store, 'acts'>; readonly clock: Pick<Clock, 'nowMs'> },
  notices: readonly Notice[],
): Promise<void> {
  if (notices.length === 0) return;
  const at = clock.nowMs();
  await store.acts.run({ steps: notices.map((notice) => noticeStep(notice, at)), audit: null });
}
