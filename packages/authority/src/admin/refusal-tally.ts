/**
 * Refused credentials, as records of the audit trail: counted by who refused whom and why, and
 * written in batches, so that a flood of guesses becomes a few records and never a full disk.
 */
import { type Clock, limits, rfc3339, type TenantId, type UnixMs } from '@mintmark/core';
import type { Recorder } from '../audit/record.ts';
import type { Store } from '../store/store.ts';

export interface Refused {
  readonly tenant: TenantId;
  /** What was asked: `management`, `token`, `introspection` … */
  readonly surface: string;
  /** Why, as it is known inside. */
  readonly reason: string;
  readonly address: string;
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
    let { address } = refused;
    let key = keyOf(refused, address);
    if (!groups.has(key) && groups.size >= limits.refusalGroupsMax) {
      // Room for a few more kinds, whatever the number of addresses.
      address = 'many';
      key = keyOf(refused, address);
    }
    const group = groups.get(key);
    if (group === undefined) {
      groups.set(key, { ...refused, address, count: 1, first: now, last: now });
    } else {
      group.count++;
      group.last = now;
    }
  }

  async function flush(): Promise<void> {
    flushedAt = clock.monotonicMs();
    for (const [key, group] of [...groups]) {
      const { count } = group;
      await store.acts.run({
        steps: [],
        audit: await recorder.record(eventOf(group, clock.nowMs())),
      });
      // More may have been counted while the act was under way: that remains for the next time.
      group.count -= count;
      group.first = group.last;
      if (group.count === 0) groups.delete(key);
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

function keyOf({ tenant, surface, reason }: Refused, address: string): string {
  return `${tenant}\n${surface}\n${reason}\n${address}`;
}

/** The record is of now; when the refusals were stands in it. */
function eventOf(group: Group, at: UnixMs) {
  const { tenant, surface, reason, address, count, first, last } = group;
  return {
    tenant,
    action: 'security.refused',
    at,
    actor: { kind: 'anonymous', id: 'anonymous' },
    object: { kind: 'tenant', id: tenant },
    result: reason,
    detail: { surface, count, first_at: rfc3339(first), last_at: rfc3339(last) },
    personal: { address },
  } as const;
}
