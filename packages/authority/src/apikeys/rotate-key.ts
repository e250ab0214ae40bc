/**
 * Rotation: a successor with the same rights is live at once, and the predecessor goes on working
 * until a fixed second. Of racing rotations one wins; there is never a key with two successors.
 */
import { type AuditEvent, err, type KeyStatus, ok, type Result, type UnixMs } from '@mintmark/core';
import type { Requester } from '../audit/requester.ts';
import type { Alongside, Step } from '../store/act.ts';
import { newKey } from './create-key.ts';
import {
  isPlainKey,
  type KeyPorts,
  type KeyRow,
  keyEvent,
  keyFeedStep,
  type StoppedByStep,
  unchanged,
} from './key-change.ts';
import { judgeByPolicy, type PolicyRefusal, startOf } from './key-policy.ts';

export type RotateKeyRefusal =
  | { readonly reason: 'not_found' }
  /** The successor would speak for somebody for whom the requester may not speak. */
  | { readonly reason: 'owner_not_allowed'; readonly owner: string }
  /** Only a key that works can be rotated. */
  | { readonly reason: 'not_active'; readonly status: Exclude<KeyStatus, 'active'> | 'expired' }
  | { readonly reason: 'already_rotated'; readonly successor: string }
  | { readonly reason: 'conflict' }
  /** The successor would break what the tenant demands of its keys now. */
  | PolicyRefusal
  | StoppedByStep;

export interface Rotated {
  readonly successor: KeyRow;
  /** The first moment at which the predecessor is refused; a whole second. */
  readonly previousExpiresAt: UnixMs;
}

export interface RotatePorts extends KeyPorts {
  /** Whether the key ended with its owner or its tenant, whatever its row says. */
  readonly ended: (row: KeyRow) => Promise<boolean>;
}

export interface RotateKeyInput {
  readonly requester: Requester;
  readonly id: string;
  /** Whether the requester may hold a key of this owner. */
  readonly mayNameOwner: (owner: string) => boolean;
  /**
   * Counted from the beginning of the current second; 0 ends the predecessor now. An expiry that
   * the predecessor had before is never put off.
   */
  readonly overlapSeconds: number;
  /** Also one that is held back on suspicion, whose successor then takes its place. */
  readonly quarantinedToo?: true;
  /** Facts for the record, beside those of every rotation. */
  readonly detail?: Readonly<Record<string, string>>;
}

/** A rotation that was judged and made, and holds once its act has committed. */
export interface PlannedRotation extends Rotated {
  /** The successor's text, which exists here and nowhere else. */
  readonly text: string;
  readonly predecessor: KeyRow;
  /** They refuse with `conflict` where somebody else changed the key. */
  readonly steps: readonly Step[];
  readonly event: AuditEvent;
}

/** @returns the successor and its text, to be shown once */
export async function rotateKey(
  ports: RotatePorts,
  input: RotateKeyInput & { readonly alongside?: Alongside<Rotated> },
): Promise<Result<Rotated & { readonly text: string }, RotateKeyRefusal>> {
  const planned = await planKeyRotation(ports, input);
  if (!planned.ok) return planned;
  const { successor, previousExpiresAt, text, steps, event } = planned.value;
  const rotated: Rotated = { successor, previousExpiresAt };
  const { outcome } = await ports.store.acts.run({
    steps: [...steps, ...(input.alongside?.(rotated) ?? [])],
    audit: await ports.recorder.record(event),
  });
  if (outcome === 'done') return ok({ ...rotated, text });
  if (outcome === 'conflict') return err({ reason: 'conflict' });
  return err({ reason: 'refused_by_step', step: outcome });
}

/** Judges a rotation and makes the successor; nothing is stored. */
export async function planKeyRotation(
  ports: Omit<RotatePorts, 'recorder'>,
  input: RotateKeyInput,
): Promise<Result<PlannedRotation, RotateKeyRefusal>> {
  const { requester, overlapSeconds } = input;
  const now = ports.clock.nowMs();
  const old = await ports.store.keys.get(requester.tenant, input.id);
  const refusal = refusalOf(old, { now, ...input });
  if (refusal !== undefined) return err(refusal);
  const row = old as KeyRow;
  // Its successor would be younger than the revocation, and live.
  if (await ports.ended(row)) return err({ reason: 'not_active', status: 'revoked' });
  const end = (Math.floor(now / 1000) + overlapSeconds) * 1000;
  const previousExpiresAt = Math.min(row.expiresAt ?? end, end) as UnixMs;
  const { row: made, text } = await newKey(ports, {
    requester,
    settings: {
      ...settingsOf(row),
      // What was to work later is not live today by its rotation.
      notBefore: (row.notBefore ?? 0) > now ? (row.notBefore as UnixMs) : undefined,
      expiresAt: renewedExpiry(row, now),
    },
    now,
    predecessor: row.id,
  });
  // One purse for both: an overlap must not double what may be spent.
  const successor: KeyRow = { ...made, budget: row.budget };
  const violations = await judgeByPolicy(ports, successor);
  if (violations.length > 0) return err({ reason: 'policy_violated', violations });
  const set = {
    successor: successor.id,
    expiresAt: previousExpiresAt,
    updatedAt: now,
    version: row.version + 1,
  };
  return ok({
    successor,
    previousExpiresAt,
    text,
    predecessor: { ...row, ...set },
    steps: [
      {
        do: 'update',
        table: 'keys',
        where: { ...unchanged(row), status: row.status, successor: null },
        set,
        refused: 'conflict',
      },
      { do: 'insert', table: 'keys', row: successor, refused: 'conflict' },
      // The successor first: no node may ever see the overlap end before it knows what follows.
      keyFeedStep(row.tenant, [successor, { ...row, ...set }], now),
    ],
    event: keyEvent(requester, row, {
      action: 'key.rotate',
      at: now,
      related: { kind: 'key', id: successor.id },
      detail: { overlap_seconds: overlapSeconds, ...input.detail },
    }),
  });
}

function refusalOf(
  row: KeyRow | undefined,
  asked: Pick<RotateKeyInput, 'mayNameOwner' | 'quarantinedToo'> & { readonly now: UnixMs },
): RotateKeyRefusal | undefined {
  if (!isPlainKey(row)) return { reason: 'not_found' };
  const { owner } = row;
  if (!asked.mayNameOwner(owner)) return { reason: 'owner_not_allowed', owner };
  // Before expiry: a predecessor whose overlap is over was rotated, which says more.
  if (row.successor !== null) return { reason: 'already_rotated', successor: row.successor };
  const isHeld = row.status === 'quarantined' && asked.quarantinedToo === true;
  if (row.status !== 'active' && !isHeld) return { reason: 'not_active', status: row.status };
  if (row.expiresAt !== null && row.expiresAt <= asked.now) {
    return { reason: 'not_active', status: 'expired' };
  }
  return undefined;
}

function settingsOf(row: KeyRow) {
  return {
    name: row.name,
    owner: row.owner,
    scopes: row.scopes,
    environment: row.environment ?? undefined,
    plan: row.plan ?? undefined,
    allowedAddresses: row.allowedAddresses ?? undefined,
    metadata: row.metadata,
    purpose: row.purpose ?? undefined,
    tags: row.tags ?? undefined,
    allowedCountries: row.allowedCountries ?? undefined,
    deniedCountries: row.deniedCountries ?? undefined,
    recoverable: row.sealedSecret !== null,
  };
}

/** The successor lives as long as the predecessor was meant to, from its own start on. */
function renewedExpiry(row: KeyRow, now: UnixMs): UnixMs | undefined {
  if (row.expiresAt === null) return undefined;
  const start = startOf(row);
  const lifeMs = row.expiresAt - start;
  return (Math.floor((Math.max(now, start) + lifeMs) / 1000) * 1000) as UnixMs;
}
