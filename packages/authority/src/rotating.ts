/**
 * Automatic rotation, put together: the kinds of credentials that rotate, from the rooms that keep
 * them. Neighbours: `authority.ts` opens it, `round.ts` drives it, `management.ts` shows it.
 */
import type { ClientId, TenantId } from '@mintmark/core';
import type { RegistryDeps } from './clients/registry.ts';
import type { RespondDeps } from './leaks/respond.ts';
import type { Rooms } from './rooms.ts';
import type { PlanInput } from './rotation/rotatable.ts';
import { rotatableClientSecret } from './rotation/rotatable-client-secret.ts';
import { type RotatableKeyPorts, rotatableKey } from './rotation/rotatable-key.ts';
import { rotatableKeyPair } from './rotation/rotatable-key-pair.ts';
import { createRotations, type RotationDeps, type Rotations } from './rotation/rotations.ts';
import { secretUseId } from './usage/usage-counter.ts';

export interface Rotating {
  readonly rotations: Rotations;
  readonly rotatables: RotationDeps['rotatables'];
  readonly targets: RotationDeps['targets'];
  /** Leaks are told again until they are noted; what else happens leaves rows of its own. */
  readonly held: RespondDeps['held'];
}

export function openRotations(
  rooms: Rooms,
  shared: {
    readonly ended: RotatableKeyPorts['ended'];
    readonly changed: RegistryDeps['changed'];
  },
): Rotating {
  const { config, ports, store, sealer, peppers, recorder } = rooms;
  const { clock, entropy, log } = ports;
  const { prefix } = config;
  const making = { store, sealer, peppers, recorder, clock, entropy, prefix };
  const keyPolicy = (tenant: TenantId) => rooms.tenants.policy(tenant).keys;
  const key = rotatableKey({ ...making, keyPolicy, ended: shared.ended });
  const pairs = { store, recorder, clock, keyring: rooms.keyring, settings: config.signing };
  const rotatables = {
    key: {
      ...key,
      // What happens by itself comes to a tenant that nobody may have asked for yet.
      async plan(input: PlanInput) {
        const planned = await entered(rooms, input.requester.tenant, () => key.plan(input));
        return planned ?? ({ reason: 'not_found' } as const);
      },
    },
    client_secret: rotatableClientSecret({ ...making, changed: shared.changed }),
    signing_key: rotatableKeyPair(pairs, 'signing_key'),
    encryption_key: rotatableKeyPair(pairs, 'encryption_key'),
  };
  const targets = ports.deliveryTargets ?? new Map();
  const rotations = createRotations({
    ...{ store, sealer, recorder, clock, entropy, targets, rotatables },
    ...{ signingUses: rooms.signingUses, programWatch: rooms.programWatch },
    onFault: (error) => log({ type: 'fault', where: 'rotation', error }),
  });
  const held: Rotating['held'] = ({ tenant, kind, id }) =>
    rotations.trigger({ tenant, event: 'leak', about: { kind: 'credential', of: kind, id } });
  return { rotations, rotatables, targets, held };
}

function entered<T>({ tenants, feed }: Rooms, tenant: TenantId, work: () => Promise<T>) {
  return tenants.within(tenant, async () => {
    await feed.open(tenant);
    return work();
  });
}

/** Counts each use of a client's secret, so that a rotation hears of its successor's first. */
export function noteSecrets({ ports, usage, refusals, lateUses }: Rooms) {
  return (shown: {
    readonly tenant: TenantId;
    readonly clientId: ClientId;
    readonly secretId: string;
    readonly kind: 'live' | 'overlap' | 'ended';
  }): void => {
    const { tenant, clientId, secretId, kind } = shown;
    if (kind === 'ended') {
      // Of a user who was never moved, or of a thief.
      const reported = { tenant, surface: 'token', reason: 'ended_secret_used' };
      refusals.note({ ...reported, address: 'unknown', client: clientId });
      lateUses.note({ tenant, kind: 'client', id: clientId, address: 'unknown' });
      return;
    }
    const id = secretUseId(clientId, secretId);
    usage.noteSecret({ tenant, id, at: ports.clock.nowMs(), overlap: kind === 'overlap' });
  };
}
