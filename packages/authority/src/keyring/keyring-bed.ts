/** A keyring on a store in memory, for tests: real acts, records and sealing, a clock by hand. */
import {
  type AuditActor,
  defaultTenant,
  type Entropy,
  type JwsAlgorithm,
  type ManualClock,
  manualClock,
  seededEntropy,
  type TenantId,
} from '@mintmark/core';
import { parseLeaf } from '../audit/leaf.ts';
import { createRecorder } from '../audit/record.ts';
import { openMemoryCustody } from '../custody/memory.ts';
import { createSealer, type Sealer } from '../custody/sealer.ts';
import { openMemoryStore } from '../store/memory/memory-store.ts';
import type { Store } from '../store/store.ts';
import type { Row } from '../store/tables.ts';
import { createKeyring, type Keyring, type KeyringPorts } from './keyring.ts';

export const tenant = defaultTenant;
export const hourMs = 3_600_000;

export const settings = {
  algorithms: ['ES256'] as readonly JwsAlgorithm[],
  rotateEverySeconds: 10 * 86_400,
  publishAheadSeconds: 86_400,
  tokenTtlSecondsMax: 3600,
};

/** Who acts in the tests of what operators do. */
export const operator = {
  actor: { kind: 'admin_key', id: 'a1' } satisfies AuditActor,
  reason: 'because',
} as const;

export interface KeyringBed {
  readonly clock: ManualClock;
  readonly entropy: Entropy;
  readonly store: Store;
  readonly sealer: Sealer;
  /** Another process over the same store. */
  open(more?: Partial<KeyringPorts>): Promise<Keyring>;
  addTenant(id: TenantId): Promise<void>;
  /** Statuses in the order in which the keys were made. */
  statuses(): Promise<readonly string[]>;
  /** `action by actor for reason` of every act, oldest first. */
  audited(): Promise<readonly string[]>;
  feedEntries(): Promise<readonly string[]>;
}

export async function keyringBed(): Promise<KeyringBed> {
  const clock = manualClock(1_700_000_000_000);
  const entropy = seededEntropy(51);
  const store = openMemoryStore();
  const custody = openMemoryCustody({ entropy, clock });
  const sealer = createSealer({ custody, store, entropy, clock });
  const recorder = createRecorder({ sealer, entropy, clock });
  const bed: KeyringBed = {
    clock,
    entropy,
    store,
    sealer,
    open: (more) => createKeyring({ store, sealer, recorder, clock, entropy, settings, ...more }),
    async addTenant(id) {
      const row: Row<'tenants'> = {
        ...{ tenant: id, name: id, status: 'active', createdAt: 1, version: 1 },
        ...{ settings: null, sessionsEndedBefore: null },
      };
      await store.acts.run({ steps: [{ do: 'put', table: 'tenants', row }], audit: null });
    },
    async statuses() {
      const rows = await store.signingKeys.list({ where: { tenant }, limit: 100 });
      return [...rows].sort((a, b) => a.generation - b.generation).map((row) => row.status);
    },
    async audited() {
      const rows = await store.auditPending.list({ limit: 1000 });
      return [...rows]
        .sort((a, b) => a.at - b.at)
        .map((row) => parseLeaf(row.leaf)!)
        .map((leaf) => `${leaf.action} by ${leaf.actor.id} for ${leaf.why}`);
    },
    async feedEntries() {
      const rows = await store.feed.list({ where: { tenant }, limit: 100 });
      return rows.map(({ entry }) => {
        if (entry.type === 'signing_key') return `${entry.status} ${entry.kid}`;
        return entry.type === 'revocation' ? `revoked ${entry.target.id}` : entry.type;
      });
    },
  };
  await bed.addTenant(tenant);
  return bed;
}

export async function kidsOf(keyring: Keyring): Promise<readonly string[]> {
  return (await keyring.jwks(tenant)).map((jwk) => String(jwk['kid']));
}
