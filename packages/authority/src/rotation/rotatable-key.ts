/** API keys, as rotations see them. */
import type { TenantId } from '@mintmark/core';
import type { KeyRow } from '../apikeys/key-change.ts';
import { keyFeedStep, unchanged } from '../apikeys/key-change.ts';
import { planKeyRotation, type RotatePorts } from '../apikeys/rotate-key.ts';
import type { Store } from '../store/store.ts';
import { judgeDelivered } from './judge-delivered.ts';
import type { ExtendInput, PlanInput, Planned, PlanRefusal, Rotatable } from './rotatable.ts';

export type RotatableKeyPorts = RotatePorts & { readonly store: Pick<Store, 'usage'> };

/** Rotations by hand of one key: a longer chain than this is a circle. */
const successorsMax = 10_000;

export function rotatableKey(ports: RotatableKeyPorts): Rotatable {
  const { store } = ports;
  return {
    kind: 'key',
    judge: judgeDelivered,
    async look(tenant, id) {
      const row = await newest(ports, tenant, id);
      if (row === undefined || row.status === 'revoked') return undefined;
      const { owner, createdAt, expiresAt } = row;
      return { id: row.id, owner, createdAt, expiresAt };
    },
    ownerOf: async (tenant, id) => (await newest(ports, tenant, id))?.owner,
    plan: (input) => plan(ports, input),
    async stateOf(tenant, { successor }) {
      const row = await store.keys.get(tenant, successor);
      if (row === undefined || row.status === 'revoked') return 'ended';
      const usage = await store.usage.get(tenant, 'key', successor);
      return (usage?.allowed ?? 0) > 0 ? 'used' : 'unused';
    },
    async overlapUses(tenant, { predecessor }) {
      const usage = await store.usage.get(tenant, 'key_overlap', predecessor);
      const { allowed: count = 0, lastUsedAt: lastAt = null, lastAddress = null } = usage ?? {};
      return { count, lastAt, lastAddress };
    },
    extend: (input) => extend(ports, input),
    changed: () => undefined,
  };
}

async function newest(
  { store }: RotatableKeyPorts,
  tenant: TenantId,
  id: string,
): Promise<KeyRow | undefined> {
  let row = await store.keys.get(tenant, id);
  for (let i = 0; i < successorsMax && row !== undefined && row.successor !== null; i++) {
    row = await store.keys.get(tenant, row.successor);
  }
  // Those of administrators and people are theirs to renew.
  return row?.kind === 'key' ? row : undefined;
}

async function plan(ports: RotatableKeyPorts, input: PlanInput): Promise<Planned | PlanRefusal> {
  const { requester, id } = input;
  const before = await ports.store.keys.get(requester.tenant, id);
  // A rule speaks for whoever wrote it, who was asked then whose keys he may hold.
  const planned = await planKeyRotation(ports, {
    ...input,
    mayNameOwner: () => true,
    // Its holder still needs a key, and nobody else has the successor.
    quarantinedToo: true,
  });
  if (planned.ok) {
    const { successor, predecessor, previousExpiresAt, text, steps, event } = planned.value;
    return {
      predecessor: predecessor.id,
      successor: successor.id,
      target: successor.id,
      owner: successor.owner,
      secret: text,
      predecessorEndsAt: previousExpiresAt,
      predecessorEndsAtMax: before?.expiresAt ?? null,
      steps,
      audit: await ports.recorder.record(event),
    };
  }
  const { refusal } = planned;
  switch (refusal.reason) {
    case 'not_found':
      return { reason: 'not_found' };
    case 'not_active':
      return { reason: 'not_active', status: refusal.status };
    case 'already_rotated':
      return { reason: 'already_rotated', successor: refusal.successor };
    case 'policy_violated':
      return { reason: 'not_active', status: 'outside the policy for keys' };
    case 'owner_not_allowed':
    case 'conflict':
    case 'refused_by_step':
      // Whoever plans is asked for no owner, and runs nothing.
      throw new TypeError(`a planned rotation was refused: ${refusal.reason}`);
  }
}

async function extend(
  { store }: RotatableKeyPorts,
  { tenant, run, endsAt, now }: ExtendInput,
): ReturnType<Rotatable['extend']> {
  const row = await store.keys.get(tenant, run.predecessor);
  // What has ended stays ended, and an end that somebody else set since is his to change.
  if (row?.status !== 'active' || row.expiresAt !== run.endsAt || run.endsAt <= now)
    return undefined;
  const set = { expiresAt: endsAt, updatedAt: now, version: row.version + 1 };
  return [
    { do: 'update', table: 'keys', where: unchanged(row), set, refused: 'changed' },
    keyFeedStep(tenant, [{ ...row, ...set }], now),
  ];
}
