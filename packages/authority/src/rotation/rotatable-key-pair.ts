/**
 * Signing and encryption keys, as rotations see them. The keyring makes, publishes and ends them: a
 * rule says when the next one is published ahead of the configured schedule. The predecessor
 * verifies as long as a token of it lives.
 */
import { limits, type TenantId } from '@mintmark/core';
import type { Recorder } from '../audit/record.ts';
import { eventBy } from '../audit/requester.ts';
import type { Keyring } from '../keyring/keyring.ts';
import {
  type KeyPairAlgorithm,
  type KeyringSettings,
  retirementOf,
  type SigningKeyRow,
  signingRow,
} from '../keyring/schedule.ts';
import type { Store } from '../store/store.ts';
import type { PlanInput, Planned, PlanRefusal, Rotatable, RuleFault } from './rotatable.ts';
import type { RotationRule } from './rule.ts';

export interface KeyPairPorts {
  readonly keyring: Pick<Keyring, 'list' | 'rotate'>;
  readonly store: Pick<Store, 'signingKeys'>;
  readonly recorder: Recorder;
  readonly clock: { readonly nowMs: () => number };
  readonly settings: KeyringSettings;
}

export function rotatableKeyPair(
  ports: KeyPairPorts,
  kind: 'signing_key' | 'encryption_key',
): Rotatable {
  const isOfKind = (id: string) => (id === 'ECDH-ES') === (kind === 'encryption_key');
  const rowOf = (tenant: TenantId, kid: string) => ports.store.signingKeys.get(tenant, kid);
  return {
    kind,
    judge: (rule) => judge(ports.settings, rule),
    async look(tenant, id) {
      if (!isOfKind(id)) return undefined;
      const used = await usedNow(ports, tenant, id);
      if (used === undefined) return undefined;
      // The next one is published so long before this one is as old as the rule says.
      const ahead = ports.settings.publishAheadSeconds * 1000;
      return { id, owner: '', createdAt: used.activateAt - ahead, expiresAt: null };
    },
    ownerOf: async () => undefined,
    plan: (input) => plan(ports, input),
    async stateOf(tenant, { successor }) {
      const row = await rowOf(tenant, successor);
      if (row?.status === 'published') return 'unused';
      return row?.status === 'active' || row?.status === 'retiring' ? 'used' : 'ended';
    },
    endOf: async (tenant, { predecessor }) =>
      (await rowOf(tenant, predecessor))?.retireAt ?? undefined,
    overlapUses: async () => ({ count: 0, lastAt: null, lastAddress: null }),
    extend: async () => undefined,
    changed: () => undefined,
  };
}

/** The schedule of the configuration goes on beside a rule: a rule can only be earlier. */
function judge(settings: KeyringSettings, rule: RotationRule): RuleFault | undefined {
  const members = [
    ...(['overlap_seconds', 'confirm_within_seconds', 'extend_by_seconds'] as const),
    ...(['max_extensions', 'deliver_to', 'programs'] as const),
  ];
  const foreign = members.find((name) => rule[name] !== undefined);
  if (foreign !== undefined) {
    return { pointer: `/${foreign}`, message: 'is not for keys that the key set publishes' };
  }
  const owner = rule.on?.indexOf('owner_left') ?? -1;
  if (owner >= 0) return { pointer: `/on/${owner}`, message: 'is not for keys that nobody owns' };
  if (rule.max_uses !== undefined && rule.target.kind !== 'signing_key') {
    return { pointer: '/max_uses', message: 'is for signing keys' };
  }
  const { every_seconds: every } = rule;
  const { publishAheadSeconds, rotateEverySeconds } = settings;
  if (every !== undefined && every > rotateEverySeconds) {
    const message = 'must not be longer than signing.rotate_every_seconds';
    return { pointer: '/every_seconds', message };
  }
  if (every !== undefined && every <= publishAheadSeconds) {
    const message = 'must be longer than signing.publish_ahead_seconds';
    return { pointer: '/every_seconds', message };
  }
  return undefined;
}

async function usedNow(
  { keyring }: KeyPairPorts,
  tenant: TenantId,
  algorithm: string,
): Promise<SigningKeyRow | undefined> {
  return signingRow(await keyring.list(tenant), algorithm as KeyPairAlgorithm);
}

/**
 * Publishes the next key by an act of its own. *A crash behind it leaves the key published and the
 * rule due: the next round finds that key, and no other is made.*
 */
async function plan(ports: KeyPairPorts, input: PlanInput): Promise<Planned | PlanRefusal> {
  const { requester, id, detail } = input;
  const { tenant, actor, requestId } = requester;
  const used = await usedNow(ports, tenant, id);
  if (used === undefined) return { reason: 'not_found' };
  const reason = `rotation ${detail['rotation']}: ${detail['cause']}`;
  const next = await ports.keyring.rotate({
    ...{ tenant, algorithm: id as KeyPairAlgorithm, actor, reason, requestId },
  });
  const at = ports.clock.nowMs();
  const event = eventBy(requester, {
    ...{ action: 'rotation.begin', at: at as never },
    object: { kind: 'rotation', id: String(detail['rotation']) },
    related: { kind: 'signing_key', id: next.kid },
    detail: { ...detail, predecessor: used.kid, successor: next.kid },
  });
  return {
    ...{ predecessor: used.kid, successor: next.kid, target: id, owner: '', secret: undefined },
    // As it is expected: what it was is known once the successor is used.
    predecessorEndsAt: retirementOf(ports.settings, next.activateAt) + limits.rotationPollMs,
    predecessorEndsAtMax: null,
    steps: [
      {
        do: 'require',
        table: 'signingKeys',
        where: { tenant, kid: next.kid },
        refused: 'changed',
      },
    ],
    audit: await ports.recorder.record(event),
  };
}
