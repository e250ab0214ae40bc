/**
 * A new root key, and the end of an old one, while serving. Neighbours: `custody-upkeep.ts` wraps
 * again what the old one wrapped. What must never happen: a root key destroyed while a row names
 * it, or while a process may still be storing one that does.
 */
import { type Clock, err, limits, ok, type Result } from '@mintmark/core';
import { type Reason, saidWhy } from '../audit/reason.ts';
import type { Recorder } from '../audit/record.ts';
import { eventBy, type Requester } from '../audit/requester.ts';
import type { Step } from '../store/act.ts';
import { rotationEventStep } from '../store/rotation-event-row.ts';
import type { Store } from '../store/store.ts';
import type { Custody } from './custody.ts';

/** The object of every record about custody. */
export const custodyObject = { kind: 'installation', id: 'custody' } as const;

interface RootKeyPorts {
  readonly recorder: Recorder;
  readonly clock: Pick<Clock, 'nowMs'>;
}

/**
 * Makes a new root key current. What the old one wrapped is wrapped again by the upkeep. Custody is
 * no part of the store's transaction, so two records stand around the rotation: the first without
 * the second tells of a crash or a fault between them, and the key may have been made or not.
 *
 * @returns its id; refusal: too_many_keys
 * @throws AuditFault, StoreFault or CustodyFault; where it cannot be recorded, nothing is rotated
 */
export async function rotateRootKey(
  ports: RootKeyPorts & {
    readonly custody: Pick<Custody, 'describe' | 'rotate'>;
    readonly store: Pick<Store, 'acts'>;
  },
  input: { readonly requester: Requester; readonly reason: Reason },
): Promise<Result<string, { readonly reason: 'too_many_keys' }>> {
  const { custody } = ports;
  if ((await custody.describe()).keys.length > limits.replacedKeysMax) {
    return err({ reason: 'too_many_keys' });
  }
  const about = { action: 'custody.rotate', ...saidWhy(input.reason) } as const;
  await record(ports, input.requester, { ...about, result: 'started', detail: { what: 'root' } });
  const key = await custody.rotate();
  const rotated = rotationEventStep(input.requester.tenant, 'custody_rotation', {
    about: { kind: 'installation' },
    at: ports.clock.nowMs(),
  });
  await record(ports, input.requester, { ...about, detail: { what: 'root', key } }, [rotated]);
  return ok(key);
}

export type DestroyRefusal =
  | { readonly reason: 'key_not_found' }
  | { readonly reason: 'key_current' }
  /** A process may still be storing what it wrapped. */
  | { readonly reason: 'key_replaced_lately'; readonly until: number }
  | { readonly reason: 'key_named'; readonly wraps: number };

/**
 * Destroys a root key that wraps nothing any more; recorded before and after, as a rotation is.
 *
 * @throws AuditFault, StoreFault or CustodyFault; where it cannot be recorded, nothing is destroyed
 */
export async function destroyRootKey(
  ports: RootKeyPorts & {
    readonly custody: Pick<Custody, 'describe' | 'destroy'>;
    readonly store: Pick<Store, 'custodyKeys' | 'acts'>;
  },
  input: { readonly requester: Requester; readonly keyId: string },
): Promise<Result<undefined, DestroyRefusal>> {
  const { keyId, requester } = input;
  const { keys, currentKey } = await ports.custody.describe();
  const own = keys.find((key) => key.id === keyId);
  if (own === undefined) return err({ reason: 'key_not_found' });
  if (keyId === currentKey) return err({ reason: 'key_current' });
  const later = keys.filter((key) => key !== own && key.createdAt >= own.createdAt);
  // None is later where the clock was set back: then its own time is the best guess.
  const replacedAt = Math.min(...(later.length === 0 ? [own] : later).map((key) => key.createdAt));
  const until = replacedAt + limits.replacedKeyUsedMs;
  if (ports.clock.nowMs() < until) return err({ reason: 'key_replaced_lately', until });
  const wraps = await ports.store.custodyKeys.count({ wrappedBy: keyId });
  if (wraps > 0) return err({ reason: 'key_named', wraps });
  const about = { action: 'custody.destroy', detail: { what: 'root', key: keyId } } as const;
  await record(ports, requester, { ...about, result: 'started' });
  await ports.custody.destroy(keyId);
  await record(ports, requester, about);
  return ok(undefined);
}

async function record(
  ports: RootKeyPorts & { readonly store: Pick<Store, 'acts'> },
  requester: Requester,
  event: Omit<Parameters<typeof eventBy>[1], 'at' | 'object'>,
  steps: readonly Step[] = [],
): Promise<void> {
  const at = ports.clock.nowMs();
  const audit = await ports.recorder.record(
    eventBy(requester, { ...event, at, object: custodyObject }),
  );
  await ports.store.acts.run({ steps, audit });
}
