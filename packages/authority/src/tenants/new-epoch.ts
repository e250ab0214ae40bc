/**
 * A new epoch: what an installation begins when it starts from restored data. A backup knows
 * nothing of what was issued, used and revoked after it, so whatever is older than the new epoch
 * is refused until somebody who can know says otherwise. What must never happen: a token revoked
 * after the backup and accepted again because the restore forgot it.
 */
import {
  type AuditActor,
  base64urlEncode,
  type Clock,
  defaultTenant,
  type Entropy,
  freshId,
  rfc3339,
  StoreFault,
  type UnixMs,
} from '@mintmark/core';
import type { Recorder } from '../audit/record.ts';
import type { Peppers } from '../custody/peppers.ts';
import { revocationStep } from '../revocation/revocation-step.ts';
import type { Step } from '../store/act.ts';
import type { Store } from '../store/store.ts';
import { administratorKey } from './installation.ts';

export interface NewEpochDeps {
  readonly store: Pick<Store, 'installation' | 'feedHead' | 'auditPending' | 'auditLog' | 'acts'>;
  readonly recorder: Recorder;
  readonly peppers: Peppers;
  readonly clock: Clock;
  readonly entropy: Entropy;
}

export interface NewEpoch {
  readonly epoch: string;
  /** The last moment that the restored data knows of; what happened between it and now is lost. */
  readonly knownUntil: UnixMs;
  readonly now: UnixMs;
  /** A new administrator's key, in clear, this once: where those of before were disabled. */
  readonly adminKey: string | undefined;
}

/**
 * Further than any feed advances between a backup and its restore (ten thousand changes a second
 * for a century), and far from the largest safe integer. Positions that tokens of the lost time
 * carry stay below the new epoch's first.
 */
const positionGap = 2 ** 45;

/**
 * Begins a new epoch in one act.
 *
 * @param input.credentials `refuse`: every token minted so far is refused; keys, administrators'
 *   among them, clients and all tenants but the first are disabled until somebody enables them one
 *   by one or makes new ones; signing keys are replaced. Any of them may have been ended in the
 *   lost time because it had leaked. `accept`: the operator vouches that nothing was
 * @throws StoreFault; `not_initialised`. Nothing has changed then
 */
export async function beginNewEpoch(
  deps: NewEpochDeps,
  input: { readonly credentials: 'refuse' | 'accept'; readonly actor: AuditActor },
): Promise<NewEpoch> {
  const { store, clock, entropy } = deps;
  const installation = await store.installation.get('self');
  if (installation === undefined) {
    throw new StoreFault('not_initialised', 'this database holds no installation');
  }
  const now = clock.nowMs();
  const epoch = base64urlEncode(entropy.bytes(12));
  const knownUntil = await lastRecordAt(store, installation.createdAt);
  const refuses = input.credentials === 'refuse';
  const prefix = installation.settings['prefix'] ?? 'mm';
  const admin = administratorKey({ ...deps, prefix }, { name: 'administrator by restore', now });
  const { outcome } = await store.acts.run({
    steps: [
      {
        do: 'update',
        table: 'installation',
        where: { id: 'self', epoch: installation.epoch },
        set: { epoch },
        refused: 'overtaken',
      },
      { do: 'update', table: 'feedHead', where: {}, set: { position: { add: positionGap } } },
      ...(refuses ? endOfCredentials(deps, input.actor, now) : []),
      ...(refuses
        ? [{ do: 'insert', table: 'keys', row: admin.row, refused: 'overtaken' } as const]
        : []),
    ],
    audit: await deps.recorder.record({
      tenant: defaultTenant,
      action: 'installation.restore',
      at: now,
      actor: input.actor,
      object: { kind: 'installation', id: 'self' },
      ...(refuses ? { related: { kind: 'admin_key', id: admin.row.id } } : {}),
      result: 'done',
      detail: {
        epoch,
        previous_epoch: installation.epoch,
        known_until: rfc3339(knownUntil),
        credentials: input.credentials,
      },
    }),
  });
  if (outcome !== 'done') {
    throw new StoreFault('store_in_use', 'another process began a new epoch at the same time');
  }
  return { epoch, knownUntil, now, adminKey: refuses ? admin.text : undefined };
}

function endOfCredentials(deps: NewEpochDeps, actor: AuditActor, now: UnixMs): readonly Step[] {
  const tenant = defaultTenant;
  return [
    revocationStep({
      tenant,
      id: freshId(deps.entropy),
      target: { kind: 'tenant', id: tenant },
      reason: 'restored from a backup',
      actor: `${actor.kind}:${actor.id}`,
      at: now,
      // They are disabled below, and whoever can know enables them again; a revocation is for good.
      keepsKeys: true,
    }),
    // The same for the others, however many there are: enabling one ends all that was minted there.
    {
      do: 'update',
      table: 'tenants',
      where: { status: 'active', tenant: { is: '!=', value: tenant } },
      set: { status: 'disabled', version: { add: 1 } },
    },
    { do: 'update', table: 'tenants', where: {}, set: { sessionsEndedBefore: now } },
    {
      do: 'update',
      table: 'keys',
      where: { status: 'active' },
      set: { status: 'disabled', updatedAt: now, version: { add: 1 } },
    },
    {
      do: 'update',
      table: 'clients',
      where: { status: 'active' },
      set: { status: 'disabled', updatedAt: now, version: { add: 1 } },
    },
    // Whoever holds one that leaked could mint tokens of the new epoch. The keyring makes new ones.
    {
      do: 'update',
      table: 'signingKeys',
      where: { status: { is: '!=', value: 'retired' } },
      set: {
        status: 'compromised',
        sealedPrivate: new Uint8Array(0),
        retireAt: now,
        version: { add: 1 },
      },
    },
  ];
}

async function lastRecordAt(
  store: Pick<Store, 'auditPending' | 'auditLog'>,
  otherwise: number,
): Promise<UnixMs> {
  const [sequenced] = await store.auditLog.list({ descending: true, limit: 1 });
  const [waiting] = await store.auditPending.list({ descending: true, limit: 1 });
  return Math.max(otherwise, sequenced?.at ?? 0, waiting?.at ?? 0) as UnixMs;
}
