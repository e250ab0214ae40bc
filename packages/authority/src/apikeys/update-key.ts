/**
 * Edits what a key may do and how it is called, disables it, or enables it again. Its secret and
 * its id never change; revocation is another thing, for it has no way back.
 */
import { err, ok, type Result, type TenantId, type UnixMs } from '@mintmark/core';
import type { Requester } from '../audit/requester.ts';
import type { Assignment, Step } from '../store/act.ts';
import type { Store } from '../store/store.ts';
import { type BudgetPatch, budgetEdit } from './edit-budgets.ts';
import {
  isPlainKey,
  type KeyPorts,
  type KeyRow,
  keyEvent,
  keyFeedStep,
  unchanged,
} from './key-change.ts';
import {
  judgeByPolicy,
  type KeyViolation,
  type PolicyPorts,
  type PolicyRefusal,
  restartViolations,
} from './key-policy.ts';

/** Members that are absent stay as they are; null takes a setting away. */
export interface KeyPatch {
  readonly name?: string | undefined;
  readonly status?: 'active' | 'disabled' | undefined;
  readonly scopes?: readonly string[] | undefined;
  readonly environment?: string | null | undefined;
  readonly plan?: string | null | undefined;
  readonly allowedAddresses?: readonly string[] | null | undefined;
  readonly metadata?: Readonly<Record<string, unknown>> | undefined;
  readonly purpose?: string | null | undefined;
  readonly tags?: readonly string[] | null | undefined;
  readonly allowedCountries?: readonly string[] | null | undefined;
  readonly deniedCountries?: readonly string[] | null | undefined;
  readonly budgets?: BudgetPatch | undefined;
  readonly owner?: string | undefined;
  readonly notBefore?: UnixMs | null | undefined;
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
  | { readonly reason: 'already_rotated' }
  /** A key that ended with its owner is not saved by giving it to another one. */
  | { readonly reason: 'owner_revoked' }
  /** What it touches would break what the tenant demands of its keys. */
  | PolicyRefusal;

/**
 * @param input.mayNameOwner whether the requester may hold a key of this owner; the keys of others
 *   he may disable, and nothing else
 * @param input.isSeen whether the requester has seen this version (If-Match)
 * @returns the row as it is now
 */
export async function updateKey(
  ports: Pick<KeyPorts, 'recorder' | 'clock' | 'keyPolicy'> & {
    readonly store: Pick<Store, 'keys' | 'keyBudgets' | 'acts'>;
  },
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
  if (!isPlainKey(row)) return err({ reason: 'not_found' });
  const { owner } = row;
  const named = [owner, patch.owner ?? owner].find((one) => !input.mayNameOwner(one));
  if (named !== undefined && !onlyDisables(patch)) {
    return err({ reason: 'owner_not_allowed', owner: named });
  }
  if (!input.isSeen(row.version)) return err({ reason: 'version_mismatch' });
  if (row.status === 'revoked') return err({ reason: 'revoked' });
  if (row.status === 'quarantined' && patch.status !== undefined) {
    return err({ reason: 'quarantined' });
  }
  if (isLonger(row, patch.expiresAt)) return err({ reason: 'already_rotated' });
  const now = ports.clock.nowMs();
  const counted = patch.budgets && (await budgetEdit(ports.store, row, patch.budgets, now));
  const set = {
    ...assignmentOf(patch),
    ...(counted === undefined ? {} : { budget: counted.budget }),
    // Somebody wants it: that nobody used it is told anew before it is retired.
    ...(patch.status === 'active' ? { unusedToldAt: null } : {}),
    updatedAt: now,
    version: row.version + 1,
  };
  const edited: KeyRow = { ...row, ...set };
  const violations = await violationsBy(ports, patch, { before: row, after: edited, now });
  if (violations.length > 0) return err({ reason: 'policy_violated', violations });
  const { outcome } = await ports.store.acts.run({
    steps: [
      ...(edited.owner === owner ? [] : [ownerNotRevoked(row)]),
      {
        do: 'update',
        table: 'keys',
        where: { ...unchanged(row), status: row.status },
        set,
        refused: 'version_mismatch',
      },
      ...(counted?.steps ?? []),
      keyFeedStep(row.tenant, [edited], now),
    ],
    audit: await ports.recorder.record(
      keyEvent(requester, row, {
        action: 'key.update',
        at: now,
        detail: { changed: changedBy(patch), version: set.version },
      }),
    ),
  });
  if (outcome === 'owner_revoked') return err({ reason: 'owner_revoked' });
  return outcome === 'done' ? ok(edited) : err({ reason: 'version_mismatch' });
}

/** Of what the edit touches alone: a key that broke a rule before can still be mended in steps. */
async function violationsBy(
  ports: PolicyPorts,
  patch: KeyPatch,
  key: { readonly before: KeyRow; readonly after: KeyRow; readonly now: number },
): Promise<readonly KeyViolation[]> {
  const touched: Readonly<Record<KeyViolation['member'], readonly unknown[]>> = {
    owner: [patch.owner],
    purpose: [patch.purpose],
    expires_at: [patch.expiresAt, patch.notBefore],
    scopes: [patch.scopes],
    environment: [patch.environment],
    recoverable: [],
  };
  const restarts = restartViolations(ports.keyPolicy(key.after.tenant as TenantId), key);
  if (restarts.length > 0) return restarts;
  const found = await judgeByPolicy(ports, key.after);
  return found.filter(({ member }) => touched[member].some((value) => value !== undefined));
}

/** Its keys end by their owner's name in the feed; their rows may not say so yet. */
function ownerNotRevoked({ tenant, owner }: KeyRow): Step {
  return {
    do: 'absent',
    table: 'feed',
    where: { tenant, targetKind: 'user', targetId: owner },
    refused: 'owner_revoked',
  };
}

function onlyDisables(patch: KeyPatch): boolean {
  return patch.status === 'disabled' && changedBy(patch).length === 1;
}

function isLonger(row: KeyRow, expiresAt: UnixMs | null | undefined): boolean {
  if (row.successor === null || row.expiresAt === null || expiresAt === undefined) return false;
  return expiresAt === null || expiresAt > row.expiresAt;
}

function changedBy(patch: KeyPatch): string[] {
  const present = Object.entries(patch).filter(([, value]) => value !== undefined);
  return present.map(([name]) => name).sort();
}

function assignmentOf({
  budgets: _budgets,
  ...patch
}: KeyPatch): Assignment<'keys'> & Partial<KeyRow> {
  const present = Object.entries(patch).filter(([, value]) => value !== undefined);
  return Object.fromEntries(present) as Partial<KeyRow>;
}
