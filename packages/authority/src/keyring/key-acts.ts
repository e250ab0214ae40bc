/**
 * The acts that change signing keys. Each is one transaction of row, feed and audit record, and is
 * refused as `overtaken` where the rows are no longer as they were read: several processes may find
 * the same change due, and one makes it.
 */
import {
  type AuditActor,
  type AuditEvent,
  base64urlEncode,
  type Clock,
  type Entropy,
  freshId,
  limits,
  type TenantId,
  type UnixSeconds,
  utf8,
} from '@mintmark/core';
import type { Recorder } from '../audit/record.ts';
import { sealContext } from '../custody/contexts.ts';
import type { Sealer } from '../custody/sealer.ts';
import type { Act, Alongside, FeedDraft, FeedStep, Step } from '../store/act.ts';
import type { Store } from '../store/store.ts';
import { freshKeyRow } from './fresh-key.ts';
import {
  isForEncryption,
  type KeyPairAlgorithm,
  kidOf,
  type SigningKeyRow,
  type SigningKeyStatus,
} from './schedule.ts';

export interface KeyActPorts {
  readonly store: Pick<Store, 'acts'>;
  readonly sealer: Pick<Sealer, 'seal'>;
  readonly recorder: Recorder;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly entropy: Entropy;
}

/** Who changes a key, and why; both stand in the audit trail. */
export interface KeyChangeBy {
  readonly actor: AuditActor;
  readonly reason: string;
  readonly personal?: AuditEvent['personal'];
  readonly requestId?: string | undefined;
}

export const bySchedule: KeyChangeBy = {
  actor: { kind: 'system', id: 'keyring' },
  reason: 'schedule',
};

export type KeyActOutcome = 'done' | 'overtaken';

/**
 * Makes a key pair and adds it: published, to become active later, or active at once where the
 * algorithm has no other key.
 *
 * @param input.rows every row of the tenant, as read
 */
export async function addKey(
  ports: KeyActPorts,
  input: {
    readonly tenant: TenantId;
    readonly algorithm: KeyPairAlgorithm;
    readonly rows: readonly SigningKeyRow[];
    readonly status: 'published' | 'active';
    readonly activateAt: number;
    readonly by: KeyChangeBy;
  },
): Promise<{ readonly outcome: KeyActOutcome; readonly row: SigningKeyRow }> {
  const { tenant, by, status } = input;
  const row = await freshKeyRow(ports, input);
  const event = eventOf(ports, tenant, { action: 'signing_key.create', kid: row.kid, by });
  const outcome = await run(ports, {
    steps: [
      { do: 'insert', table: 'signingKeys', row, refused: 'overtaken' },
      ...feedOf(ports, tenant, entriesOf(row, 'trusted')),
    ],
    audit: await ports.recorder.record({
      ...event,
      detail: { algorithm: row.algorithm, status, activate_at: row.activateAt },
    }),
  });
  return { outcome, row };
}

/** The key signs from now on; those before it only verify, until their last token has expired. */
export async function activateKey(
  ports: KeyActPorts,
  input: {
    readonly key: SigningKeyRow;
    readonly replaced: readonly SigningKeyRow[];
    readonly retireAt: number;
    readonly by: KeyChangeBy;
  },
): Promise<KeyActOutcome> {
  const { key, replaced, retireAt, by } = input;
  const tenant = key.tenant as TenantId;
  const event = eventOf(ports, tenant, { action: 'signing_key.activate', kid: key.kid, by });
  const old = replaced[0];
  return run(ports, {
    steps: [
      changed(key, { status: 'active', activateAt: ports.clock.nowMs() }),
      ...replaced.map((row) => changed(row, { status: 'retiring', retireAt })),
    ],
    audit: await ports.recorder.record({
      ...event,
      ...(old === undefined ? {} : { related: { kind: 'signing_key', id: old.kid } }),
    }),
  });
}

/** The key leaves the key set, and its private half is deleted. */
export async function retireKey(
  ports: KeyActPorts,
  input: { readonly key: SigningKeyRow; readonly by: KeyChangeBy },
): Promise<KeyActOutcome> {
  const { key, by } = input;
  const tenant = key.tenant as TenantId;
  const event = eventOf(ports, tenant, { action: 'signing_key.retire', kid: key.kid, by });
  return run(ports, {
    steps: [
      changed(key, { status: 'retired', sealedPrivate: noKey }),
      ...feedOf(ports, tenant, entriesOf(key, 'retired')),
    ],
    audit: await ports.recorder.record(event),
  });
}

/**
 * Distrusts a key at once: it leaves the key set, enforcement points drop it, every token that it
 * signed is revoked, its private half is deleted. Where it was the one that signs, a new key takes
 * its place in the same act.
 */
export async function distrustKey(
  ports: KeyActPorts,
  input: {
    readonly key: SigningKeyRow;
    readonly rows: readonly SigningKeyRow[];
    /** Whether a new key must take its place. */
    readonly replace: boolean;
    readonly by: KeyChangeBy;
    /** Come first: `refused_by_step` where one of them does not hold. */
    readonly alongside?: Alongside<{ readonly revocation: string }> | undefined;
  },
): Promise<{
  readonly outcome: KeyActOutcome | 'refused_by_step';
  readonly replacement: SigningKeyRow | undefined;
  readonly revocation: string;
}> {
  const { key, rows, replace, by } = input;
  const tenant = key.tenant as TenantId;
  const now = ports.clock.nowMs();
  const algorithm = key.algorithm as KeyPairAlgorithm;
  const fresh = { tenant, algorithm, rows, status: 'active', activateAt: now } as const;
  const replacement = replace ? await freshKeyRow(ports, fresh) : undefined;
  const revocation = freshId(ports.entropy);
  const steps: Step[] = [
    ...(input.alongside?.({ revocation }) ?? []),
    changed(key, { status: 'compromised', sealedPrivate: noKey, retireAt: now }),
  ];
  if (replacement !== undefined) {
    steps.push({ do: 'insert', table: 'signingKeys', row: replacement, refused: 'overtaken' });
  }
  const note = by.personal?.note;
  const sealedNote =
    note === undefined
      ? null
      : base64urlEncode(
          await ports.sealer.seal(tenant, sealContext.revocationNote(revocation), utf8(note)),
        );
  steps.push(distrustFeed(ports, { key, replacement, revocation, sealedNote, by }));
  const event = eventOf(ports, tenant, { action: 'signing_key.retire', kid: key.kid, by });
  const { outcome } = await ports.store.acts.run({
    steps,
    audit: await ports.recorder.record({
      ...event,
      ...(replacement === undefined
        ? {}
        : { related: { kind: 'signing_key', id: replacement.kid } }),
      detail: { emergency: true, revocation },
    }),
  });
  return { outcome: outcomeOf(outcome), replacement, revocation };
}

function outcomeOf(outcome: string): KeyActOutcome | 'refused_by_step' {
  return outcome === 'done' || outcome === 'overtaken' ? outcome : 'refused_by_step';
}

/** What stands in `sealedPrivate` where there is no private key any more. */
const noKey = new Uint8Array(0);

/** The revocation comes first: its row takes the position of the first entry. */
function distrustFeed(
  ports: KeyActPorts,
  input: {
    readonly key: SigningKeyRow;
    readonly replacement: SigningKeyRow | undefined;
    readonly revocation: string;
    readonly sealedNote: string | null;
    readonly by: KeyChangeBy;
  },
): FeedStep {
  const { key, replacement, revocation, by } = input;
  const tenant = key.tenant as TenantId;
  const now = ports.clock.nowMs();
  const lifeSeconds = limits.accessTokenTtlSecondsMax + limits.clockSkewSeconds;
  const target = { kind: 'signing_key', id: key.kid } as const;
  const expiresAt = (Math.ceil(now / 1000) + lifeSeconds) as UnixSeconds;
  const entries: FeedDraft[] = [
    { type: 'revocation', target, expiresAt },
    ...entriesOf(key, 'retired'),
    ...(replacement === undefined ? [] : entriesOf(replacement, 'trusted')),
  ];
  return {
    ...{ do: 'feed', tenant, entries, at: now },
    revocation: {
      tenant,
      id: revocation,
      sealedNote: input.sealedNote,
      targetKind: target.kind,
      targetId: target.id,
      reason: by.reason,
      actor: `${by.actor.kind}:${by.actor.id}`,
      at: now,
    },
  };
}

/** Refused unless the row is still the one that was read. */
function changed(
  row: SigningKeyRow,
  set: { readonly status: SigningKeyStatus } & Partial<
    Pick<SigningKeyRow, 'activateAt' | 'retireAt' | 'sealedPrivate'>
  >,
): Step {
  const { tenant, kid, version } = row;
  return {
    do: 'update',
    table: 'signingKeys',
    where: { tenant, kid, version },
    set: { ...set, version: { add: 1 } },
    refused: 'overtaken',
  };
}

function feedOf(
  ports: Pick<KeyActPorts, 'clock'>,
  tenant: TenantId,
  entries: readonly FeedDraft[],
): readonly FeedStep[] {
  if (entries.length === 0) return [];
  return [{ do: 'feed', tenant, entries, at: ports.clock.nowMs() }];
}

/** Enforcement points hear of keys that sign, and of no others. */
function entriesOf(row: SigningKeyRow, status: 'trusted' | 'retired'): readonly FeedDraft[] {
  if (isForEncryption(row)) return [];
  return [{ type: 'signing_key', kid: kidOf(row), jwk: row.publicJwk, status }];
}

function eventOf(
  ports: Pick<KeyActPorts, 'clock'>,
  tenant: TenantId,
  what: { readonly action: AuditEvent['action']; readonly kid: string; readonly by: KeyChangeBy },
): AuditEvent {
  const { action, kid, by } = what;
  const { actor, reason, personal, requestId } = by;
  return {
    tenant,
    action,
    at: ports.clock.nowMs(),
    actor,
    object: { kind: 'signing_key', id: kid },
    result: 'done',
    why: reason,
    ...(personal === undefined ? {} : { personal }),
    ...(requestId === undefined ? {} : { requestId }),
  };
}

async function run(ports: Pick<KeyActPorts, 'store'>, act: Act): Promise<KeyActOutcome> {
  const { outcome } = await ports.store.acts.run(act);
  return outcome === 'done' ? 'done' : 'overtaken';
}
