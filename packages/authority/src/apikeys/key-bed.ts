/** Keys on a store in memory, for tests: real acts and records, sealing without encryption. */
import {
  CustodyFault,
  concatBytes,
  defaultTenant,
  type Fault,
  manualClock,
  seededEntropy,
  utf8,
} from '@mintmark/core';
import { createSubKeyMemory } from '@mintmark/tokens';
import { createRecorder } from '../audit/record.ts';
import type { Requester } from '../audit/requester.ts';
import { createSlowHashQueue } from '../custody/slow-hash-queue.ts';
import { openMemoryStore } from '../store/memory/memory-store.ts';
import { createKey } from './create-key.ts';
import { type KeyPolicy, noKeyPolicy } from './key-policy.ts';
import type { KeyPeppers, VerifierSealer } from './key-secret.ts';

export const startMs = 1_790_000_000_250;

export const requester: Requester = {
  tenant: defaultTenant,
  actor: { kind: 'admin_key', id: 'root' },
  address: '192.0.2.1',
  requestId: 'r1',
};

/** Binds to tenant and context as the real one does, and hides nothing. */
const plainSealer: VerifierSealer = {
  seal: async (tenant, context, plaintext) => concatBytes(utf8(`${tenant}|${context}|`), plaintext),
  async open(tenant, context, sealed) {
    const head = utf8(`${tenant}|${context}|`);
    if (Buffer.compare(sealed.subarray(0, head.length), head) !== 0) {
      throw new CustodyFault('custody_tampered', 'moved');
    }
    return sealed.subarray(head.length);
  },
};

/** Peppers that a test can turn over. */
function testPeppers(): KeyPeppers & { rotate(): void } {
  const keys = new Map([['p1', new Uint8Array(32).fill(1)]]);
  let version = 'p1';
  return {
    current: () => ({ version, key: keys.get(version)! }),
    find: async (name) => keys.get(name),
    rotate() {
      version = `p${keys.size + 1}`;
      keys.set(version, new Uint8Array(32).fill(keys.size + 1));
    },
  };
}

export function keyBed(options: { readonly seed?: number } = {}) {
  const clock = manualClock(startMs);
  const entropy = seededEntropy(options.seed ?? 1);
  const store = openMemoryStore();
  const faults: Fault[] = [];
  const peppers = testPeppers();
  const bed = {
    store,
    clock,
    entropy,
    peppers,
    sealer: plainSealer,
    recorder: createRecorder({ sealer: plainSealer, entropy, clock }),
    prefix: 'mm',
    slowHashes: createSlowHashQueue({ concurrencyMax: 2, queueMax: 4 }),
    onFault: (fault: Fault) => void faults.push(fault),
    faults,
    ended: async () => false,
    storeNowMs: async () => clock.nowMs(),
    subKeys: createSubKeyMemory(),
    /** What a test demands of keys. */
    policy: noKeyPolicy as KeyPolicy,
    keyPolicy: () => bed.policy,
    /** Actions recorded so far, sorted: ids order records by the second only. */
    async recorded(): Promise<readonly string[]> {
      const rows = await store.auditPending.list({ limit: 10_000 });
      return rows.map((row) => JSON.parse(Buffer.from(row.leaf).toString()).action).sort();
    },
    /** The permanent text of all records. */
    async leaves(): Promise<string> {
      const rows = await store.auditPending.list({ limit: 10_000 });
      return rows.map((row) => Buffer.from(row.leaf).toString()).join('\n');
    },
    /** Key entries of the feed, in order. */
    async fed() {
      const rows = await store.feed.list({ where: { tenant: defaultTenant }, limit: 10_000 });
      return rows.flatMap(({ entry }) => (entry.type === 'key' ? [entry.key] : []));
    },
  };
  return bed;
}

/** A key that was revoked, as `revocation/revoke.ts` leaves it. @returns its id */
export async function revokedKey(bed: ReturnType<typeof keyBed>): Promise<string> {
  const settings = { name: 'gone', owner: 'a', scopes: [] };
  const made = await createKey(bed, { requester, settings });
  if (!made.ok) throw new Error(made.refusal.reason);
  const { tenant, id } = made.value.row;
  const set = { status: 'revoked', version: { add: 1 } } as const;
  await bed.store.acts.run({
    steps: [{ do: 'update', table: 'keys', where: { tenant, id }, set }],
    audit: null,
  });
  return id;
}
