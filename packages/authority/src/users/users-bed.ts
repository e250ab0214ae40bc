/** Users on a store in memory, for tests: real acts, records and hashes, a clock by hand. */
import {
  defaultTenant,
  manualClock,
  type SubjectId,
  seededEntropy,
  type TenantId,
} from '@mintmark/core';
import { createRecorder } from '../audit/record.ts';
import type { Requester } from '../audit/requester.ts';
import { openMemoryCustody } from '../custody/memory.ts';
import { createSealer } from '../custody/sealer.ts';
import { createSlowHashQueue } from '../custody/slow-hash-queue.ts';
import { openMemoryStore } from '../store/memory/memory-store.ts';
import type { Store } from '../store/store.ts';
import { createUser } from './change-user.ts';
import type { Claims } from './user.ts';
import { createUsers } from './users.ts';

export const tenant = defaultTenant;
export const rightPassword = 'correct horse battery';

export function requesterOf(of: TenantId = tenant): Requester {
  return { tenant: of, actor: { kind: 'admin_key', id: 'root' }, address: '192.0.2.1' };
}

export type UsersBed = ReturnType<typeof usersBed>;

/** @param store shared by several beds: as many processes */
export function usersBed(store: Store = openMemoryStore(), seed = 1) {
  const clock = manualClock(1_790_000_000_000);
  const entropy = seededEntropy(seed);
  const custody = openMemoryCustody({ entropy: seededEntropy(99), clock });
  const sealer = createSealer({ custody, store, entropy, clock });
  const recorder = createRecorder({ sealer, entropy, clock });
  const passwordHashes = createSlowHashQueue();
  const accountKey = new Uint8Array(32);
  const deps = { store, sealer, recorder, clock, entropy, passwordHashes, accountKey };
  const users = createUsers(deps);
  return {
    ...deps,
    users,
    async addUser(
      username: string,
      more: { readonly password?: string; readonly claims?: Claims; tenant?: TenantId } = {},
    ): Promise<SubjectId> {
      const { password = rightPassword, claims } = more;
      const requester = requesterOf(more.tenant);
      const made = await createUser(deps, requester, { username, password, claims });
      if (!made.ok) throw new Error(made.refusal.reason);
      return made.value.id;
    },
    /** What a try to sign in comes to: `ok`, or the refusal's reason. */
    async tryPassword(username: string, password: string = rightPassword): Promise<string> {
      const judged = await users.authenticatePassword({ tenant, username, password });
      return judged.ok ? 'ok' : judged.refusal.reason;
    },
    /** Actions recorded so far, sorted. */
    async recorded(): Promise<readonly string[]> {
      const rows = await store.auditPending.list({ limit: 10_000 });
      return rows.map((row) => JSON.parse(Buffer.from(row.leaf).toString()).action).sort();
    },
  };
}
