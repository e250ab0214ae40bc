/**
 * What a gateway lets through at a route that demands it (`audit: required`), in the audit trail
 * before the request goes on. Neighbours: the gateway waits for it, and refuses where it fails.
 */
import {
  type AuditActor,
  type AuditEvent,
  type Clock,
  type DecisionEvent,
  rfc3339,
} from '@mintmark/core';
import type { Recorder } from '../audit/record.ts';
import type { Store } from '../store/store.ts';

/** @throws StoreFault, CustodyFault: it is not known to be there */
export async function recordDecision(
  ports: {
    readonly store: Pick<Store, 'acts'>;
    readonly recorder: Recorder;
    readonly clock: Pick<Clock, 'nowMs'>;
  },
  event: DecisionEvent,
): Promise<void> {
  const audit = await ports.recorder.record(eventOf(event, ports.clock));
  await ports.store.acts.run({ steps: [], audit });
}

function eventOf(event: DecisionEvent, clock: Pick<Clock, 'nowMs'>): AuditEvent {
  const { tenant, route, method, node, credential, credentialId, needed, subKey, degraded } = event;
  return {
    tenant,
    action: 'request.allow',
    at: clock.nowMs(),
    actor: actorOf(event),
    object: { kind: 'route', id: route ?? '' },
    ...(credential === 'api_key' && credentialId !== undefined
      ? { related: { kind: 'key', id: credentialId } }
      : {}),
    result: event.reason,
    detail: {
      ...{ method, node, credential, decided_at: rfc3339(event.at) },
      ...(credentialId === undefined ? {} : { credential_id: credentialId }),
      ...(needed === undefined ? {} : { needed }),
      ...(subKey === undefined ? {} : { sub_key: subKey.id }),
      ...(degraded ? { degraded } : {}),
    },
    // A path may name people.
    personal: { address: event.address, note: `${method} ${event.path}` },
  };
}

function actorOf({ credential, credentialId, subject, clientId }: DecisionEvent): AuditActor {
  if (credential === 'api_key' && credentialId !== undefined) {
    return { kind: 'key', id: credentialId };
  }
  if (clientId !== undefined && (subject === undefined || subject.startsWith('client:'))) {
    return { kind: 'client', id: clientId };
  }
  if (subject !== undefined) return { kind: 'user', id: subject };
  return { kind: 'anonymous', id: 'anonymous' };
}
