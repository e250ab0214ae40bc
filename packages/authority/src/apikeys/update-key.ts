/**
 * Edits what a key may do and how it is called, disables it, or enables it again. Its secret and
 * its id never change; revocation is another thing, for it has no way back.
 */
import { err, ok, type Result, type UnixMs } from '@mintmark/core';
import type { Requester } from '../audit/requester.ts';
import type { Assignment } from '../store/act.ts';
import {
  isApiKey,
  type KeyPorts,
  type KeyRow,
  keyEvent,
  keyFeedStep,
  unchanged,
} from './key-change.ts';

/** Members that are absent stay as they are; null takes a setting away. */
export interface KeyPatch {
  readonly name?: string | undefined;
  readonly status?: 'active' | 'disabled' | undefined;
  readonly scopes?: readonly string[] | undefined;
  readonly environment?: string | null | undefined;
  readonly plan?: string | null | undefined;
  readonly allowedAddresses?: readonly string[] | null | undefined;
  readonly metadata?: Readonly<Record<string, unknown>> | undefined;
  readonly expiresAt?: UnixMs | null | undefined;
}

export type UpdateKeyRefusal =
  | { readonly reason: 'not_found' }
  /** It would do more for somebody for whom the requester may not speak. */
  | { readonly reason: 'owner_not_allowed'; readonly owner: string }
  | { readonly reason: 'version_mismatch' }
  /** A tombstone is not edited. */
  | { readonly reason: 'revoked' }
  /** Its status changes by its release, which asks why. */
  | { readonly reason: 'quarantined' }
  /** A rotated key's end is fixed; only an earlier one may be set. */
  | { readonly reason: 'already_rotated' };

/**
 * @param input.mayNameOwner whether the requester may hold a key of this owner; the keys of others
 *   he may disable, and nothing else
 * @param input.isSeen whether the requester has seen this version (If-Match)
 * @returns the row as it is now
 */
export async function updateKey(
  ports: Pick<KeyPorts, 'store' | 'recorder' | 'clock'>,
  input: {
    readonly requester: Requester;
    readonly id: string;
    readonly mayNameOwner: (owner: string) => boolean;
    readonly isSeen: (version: number) => boolean;
    readonly patch: KeyPatch;
  },
): Promise<Result<KeyRow, UpdateKeyRefusal>> {
  const { requester, patch } = input;
  const row = await ports.store.keys.get(requester.tenant, input.id);
  if (!isApiKey(row)) return err({ reason: 'not_found' });
  const { owner } = row;
  if (!onlyDisables(patch) && !input.mayNameOwner(owner)) {
    return err({ reason: 'owner_not_allowed', owner });
  }
  if (!input.isSeen(row.version)) return err({ reason: 'version_mismatch' });
  if (row.status === 'revoked') return err({ reason: 'revoked' });
  if (row.status === 'quarantined' && patch.status !== undefined) {
    return err({ reason: 'quarantined' });
  }
  if (isLonger(row, patch.expiresAt)) return err({ reason: 'already_rotated' });
  const now = ports.clock.nowMs();
  const set = { ...assignmentOf(patch), updatedAt: now, version: row.version + 1 };
  const edited: KeyRow = { ...row, ...set };
  const { outcome } = await ports.store.acts.run({
    steps: [
      {
        do: 'update',
        table: 'keys',
        where: { ...unchanged(row), status: row.status },
        set,
        refused: 'version_mismatch',
      },
      keyFeedStep(row.tenant, [edited], now),
    ],
    audit: await ports.recorder.record(
      keyEvent(requester, row, {
        action: 'key.update',
        at: now,
        detail: { changed: Object.keys(assignmentOf(patch)).sort(), version: set.version },
      }),
    ),
  });
  return outcome === 'done' ? ok(edited) : err({ reason: 'version_mismatch' });
}

function onlyDisables(patch: KeyPatch): boolean {
  return patch.status === 'disabled' && Object.keys(assignmentOf(patch)).length === 1;
}

function isLonger(row: KeyRow, expiresAt: UnixMs | null | undefined): boolean {
  if (row.successor === null || row.expiresAt === null || expiresAt === undefined) return false;
  return expiresAt === null || expiresAt > row.expiresAt;
}

function assignmentOf(patch: KeyPatch): Assignment<'keys'> & Partial<KeyRow> {
  const present = Object.entries(patch).filter(([, value]) => value !== undefined);
  return Object.fromEntries(present) as Partial<KeyRow>;
}
