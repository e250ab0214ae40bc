/**
 * Refused credentials, as records of the audit trail: counted by who refused whom and why, and
 * written in batches, so that a flood of guesses becomes a few records and never a full disk.
 */
import {
  type AuditEvent,
  type AuditObject,
  type Clock,
  limits,
  rfc3339,
  type TenantId,
  type UnixMs,
} from '@mintmark/core';
import type { Recorder } from '../audit/record.ts';
import type { Store } from '../store/store.ts';

export interface Refused {
  readonly tenant: TenantId;
  /** What was asked: `management`, `token`, `introspection` … */
  readonly surface: string;
  /** Why, as it is known inside. */
  readonly reason: string;
  readonly address: string;
  /** What was refused, where it was proven to be presented; by default the tenant is named. */
  readonly key?: string | undefined;
  /** The same of a client. */
  readonly client?: string | undefined;
}

export interface RefusalTally {
  /** Counts one refusal. Never waits and never fails. */
  note(refused: Refused): void;
  /**
   * Writes what was counted, where `limits.refusalFlushMs` have passed since the last time.
   *
   * @throws StoreFault, CustodyFault; what was not written is kept
   */
  tick(): Promise<void>;
  /** Writes what was counted, now. */
  flush(): Promise<void>;
}

interface Group extends Refused {
  count: number;
  first: UnixMs;
  last: UnixMs;
}

export function createRefusalTally(ports: {
  readonly store: Pick<Store, 'acts'>;
  readonly recorder: Recorder;
  readonly clock: Clock;
}): RefusalTally {
  const { store, recorder, clock } = ports;
  const groups = new Map<string, Group>();
  let flushedAt = clock.monotonicMs();

  function note(refused: Refused): void {
    const now = clock.nowMs();
    // Beyond the bound there is room for a few more kinds, whatever the addresses and keys.
    const full = groups.size >= limits.refusalGroupsMax && !groups.has(nameOf(refused));
    const counted = full ? merged(refused) : refused;
    const known = groups.get(nameOf(counted));
    if (known === undefined) {
      groups.set(nameOf(counted), { ...counted, count: 1, first: now, last: now });
    } else {
      known.count++;
      known.last = now;
    }
  }

  /** A key that was proven keeps its name: its history is where somebody looks for it. */
  function merged(refused: Refused): Refused {
    const named = { ...refused, address: 'many' };
    const isKept = groups.size < 2 * limits.refusalGroupsMax || groups.has(nameOf(named));
    return isKept ? named : { ...named, key: undefined };
  }

  async function flush(): Promise<void> {
    flushedAt = clock.monotonicMs();
    for (const [name, group] of [...groups]) {
      const { count } = group;
      await store.acts.run({
        steps: [],
        audit: await recorder.record(eventOf(group, clock.nowMs())),
      });
      // More may have been counted while the act was under way: that remains for the next time.
      group.count -= count;
      group.first = group.last;
      if (group.count === 0) groups.delete(name);
    }
  }

  return {
    note,
    flush,
    async tick() {
      if (clock.monotonicMs() - flushedAt >= limits.refusalFlushMs) await flush();
    },
  };
}

function nameOf({ tenant, surface, reason, key = '', client = '', address }: Refused): string {
  return [tenant, surface, reason, key, client, address].join('\n');
}

/** The record is of now; when the refusals were stands in it. */
function eventOf(group: Group, at: UnixMs): AuditEvent {
  const { tenant, surface, reason, address, count, first, last } = group;
  return {
    tenant,
    action: 'security.refused',
    at,
    actor: { kind: 'anonymous', id: 'anonymous' },
    object: objectOf(group),
    result: reason,
    detail: { surface, count, first_at: rfc3339(first), last_at: rfc3339(last) },
    personal: { address },
  };
}

function objectOf({ tenant, key, client }: Refused): AuditObject {
  if (key !== undefined) return { kind: 'key', id: key };
  return client === undefined ? { kind: 'tenant', id: tenant } : { kind: 'client', id: client };
}
