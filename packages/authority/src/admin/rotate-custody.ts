/**
 * Rotates a key of custody while serving: the root key, the tenant's data key, or the pepper. The
 * new one is current when this returns; the rest is the upkeep's work.
 */
import { type Clock, err, limits, type Result } from '@mintmark/core';
import { type Reason, saidWhy } from '../audit/reason.ts';
import type { Recorder } from '../audit/record.ts';
import { eventBy, type Requester } from '../audit/requester.ts';
import type { Custody } from '../custody/custody.ts';
import type { CustodyUpkeep } from '../custody/custody-upkeep.ts';
import type { Peppers } from '../custody/peppers.ts';
import { custodyObject, rotateRootKey } from '../custody/root-key.ts';
import type { Sealer } from '../custody/sealer.ts';
import { installationScope, type Overtaken, type RecordRotation } from '../custody/wrapped-keys.ts';
import { rotationEventStep } from '../store/rotation-event-row.ts';
import type { Store } from '../store/store.ts';

export type CustodyPart = 'root' | 'data' | 'pepper';

export interface RotateCustodyPorts {
  readonly custody: Pick<Custody, 'describe' | 'rotate'>;
  readonly store: Pick<Store, 'custodyKeys' | 'acts'>;
  readonly sealer: Pick<Sealer, 'rotateDataKeys'>;
  readonly peppers: Pick<Peppers, 'rotate'>;
  readonly upkeep: Pick<CustodyUpkeep, 'soon'>;
  readonly recorder: Recorder;
  readonly clock: Pick<Clock, 'nowMs'>;
}

export interface RotateCustodyInput {
  readonly requester: Requester;
  readonly what: CustodyPart;
  readonly reason: Reason;
}

/** `too_many_keys`: more than `limits.replacedKeysMax` older ones wait for their end. */
export type RotateCustodyRefusal = { readonly reason: 'too_many_keys' } | Overtaken;

/**
 * @returns id of what is current now
 * @throws AuditFault, StoreFault or CustodyFault: nothing was rotated, but for a root key whose
 *   first record stands
 */
export async function rotateCustody(
  ports: RotateCustodyPorts,
  input: RotateCustodyInput,
): Promise<Result<string, RotateCustodyRefusal>> {
  const rotated = await rotate(ports, input);
  if (rotated.ok) ports.upkeep.soon();
  return rotated;
}

async function rotate(
  ports: RotateCustodyPorts,
  input: RotateCustodyInput,
): Promise<Result<string, RotateCustodyRefusal>> {
  const { requester, what, reason } = input;
  const { tenant } = requester;
  const { custodyKeys } = ports.store;
  const record: RecordRotation = async (key) => {
    const at = ports.clock.nowMs();
    const event = eventBy(requester, {
      ...{ action: 'custody.rotate', at, object: custodyObject, detail: { what, key } },
      ...saidWhy(reason),
    });
    // A data key is one tenant's; root key and pepper protect them all.
    const about = { kind: what === 'data' ? 'all' : 'installation' } as const;
    return {
      audit: await ports.recorder.record(event),
      steps: [rotationEventStep(tenant, 'custody_rotation', { about, at })],
    };
  };
  switch (what) {
    case 'root':
      return rotateRootKey(ports, { requester, reason });
    case 'data': {
      const replaced = { tenant, purpose: what, status: 'retired' };
      if ((await custodyKeys.count(replaced)) >= limits.replacedKeysMax) return tooMany;
      return ports.sealer.rotateDataKeys(tenant, record);
    }
    case 'pepper': {
      const kept = { tenant: installationScope, purpose: what };
      if ((await custodyKeys.count(kept)) > limits.replacedKeysMax) return tooMany;
      return ports.peppers.rotate(record);
    }
  }
}

const tooMany = err({ reason: 'too_many_keys' } as const);
