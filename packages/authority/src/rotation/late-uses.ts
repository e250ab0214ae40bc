/**
 * Uses of a credential after its overlap: by a program that was never moved, or by a thief. They
 * are refused and recorded elsewhere; here its owner is told, once a day for each.
 */
import { type Clock, rfc3339, type TenantId } from '@mintmark/core';
import { noticeStep } from '../alerts/tell-owner.ts';
import { clientOf } from '../clients/client.ts';
import type { Store } from '../store/store.ts';

export interface LateUse {
  readonly tenant: TenantId;
  readonly kind: 'key' | 'client';
  readonly id: string;
  readonly address: string;
}

export interface LateUses {
  /** Never waits and never fails: it stands in the way of a refusal. */
  note(use: LateUse): void;
  /** Tells what was noted. @throws StoreFault; then the next call does */
  step(): Promise<void>;
}

const dayMs = 86_400_000;
/** Between two rounds, and remembered for the day; a flood of them is told of in part. */
const credentialsMax = 10_000;

export function createLateUses(ports: {
  readonly store: Pick<Store, 'keys' | 'clients' | 'acts'>;
  readonly clock: Pick<Clock, 'nowMs'>;
}): LateUses {
  const { store, clock } = ports;
  const waiting = new Map<string, LateUse>();
  /** The day on which each was told last: the store would take it again, for nothing. */
  const told = new Map<string, number>();

  async function ownerOf({ tenant, kind, id }: LateUse): Promise<string | undefined> {
    if (kind === 'key') return (await store.keys.get(tenant, id))?.owner;
    const row = await store.clients.get(tenant, id);
    return row && clientOf(row).owner;
  }

  async function tell(use: LateUse, day: number): Promise<void> {
    const { tenant, kind, id, address } = use;
    const owner = await ownerOf(use);
    if (owner === undefined) return;
    const at = clock.nowMs();
    const facts = { id, at: rfc3339(at), address };
    const notice = {
      tenant,
      kind: 'rotation.used_late',
      owner,
      about: { kind, id },
      facts,
    } as const;
    const steps = [noticeStep({ ...notice, occasion: String(day) }, at)];
    await store.acts.run({ steps, audit: null });
  }

  return {
    note(use) {
      const name = `${use.tenant}\n${use.kind}\n${use.id}`;
      if (told.get(name) === Math.floor(clock.nowMs() / dayMs)) return;
      if (waiting.size < credentialsMax) waiting.set(name, use);
    },
    async step() {
      for (const [name, use] of waiting) {
        const day = Math.floor(clock.nowMs() / dayMs);
        await tell(use, day);
        waiting.delete(name);
        const oldest = told.keys().next();
        if (told.size >= credentialsMax && oldest.done !== true) told.delete(oldest.value);
        told.set(name, day);
      }
    },
  };
}
