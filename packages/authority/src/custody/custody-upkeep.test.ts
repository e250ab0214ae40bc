import {
  defaultTenant,
  limits,
  manualClock,
  seededEntropy,
  type TenantId,
  utf8,
} from '@mintmark/core';
import { sealedKeyId } from '@mintmark/tokens';
import { beforeEach, describe, expect, it } from 'vitest';
import { openMemoryStore } from '../store/memory/memory-store.ts';
import type { Store } from '../store/store.ts';
import { sealContext } from './contexts.ts';
import type { Custody } from './custody.ts';
import { createCustodyUpkeep } from './custody-upkeep.ts';
import { openMemoryCustody } from './memory.ts';
import { createPeppers, type Peppers } from './peppers.ts';
import { createSealer, type Sealer } from './sealer.ts';

const other = 'other' as TenantId;
let clock: ReturnType<typeof manualClock>;
let custody: Custody;
let store: Store;
let sealer: Sealer;
let peppers: Peppers;
let upkeep: ReturnType<typeof createCustodyUpkeep>;

beforeEach(async () => {
  clock = manualClock(1_700_000_000_000);
  const entropy = seededEntropy(61);
  custody = openMemoryCustody({ entropy, clock });
  store = openMemoryStore();
  sealer = createSealer({ custody, store, entropy, clock });
  peppers = await createPeppers({ custody, store, entropy, clock });
  upkeep = createCustodyUpkeep({ custody, store, sealer, peppers, clock });
  for (const tenant of [defaultTenant, other]) {
    for (const kid of ['a', 'b']) await addSigningKey(tenant, kid);
  }
});

async function addSigningKey(tenant: TenantId, kid: string): Promise<void> {
  const row = {
    tenant,
    kid,
    algorithm: kid,
    generation: 1,
    publicJwk: {},
    sealedPrivate: await sealer.seal(tenant, sealContext.signingKey(kid), utf8(kid)),
    status: 'active',
    createdAt: 1,
    activateAt: 1,
    retireAt: null,
    version: 1,
  };
  await store.acts.run({ steps: [{ do: 'put', table: 'signingKeys', row }], audit: null });
}

async function keyIdsOf(tenant: TenantId): Promise<string[]> {
  const rows = await store.signingKeys.list({ where: { tenant }, limit: 10 });
  return rows.map((row) => String(sealedKeyId(row.sealedPrivate)));
}

/** As many rounds as anything could need. */
async function rounds(count = 20): Promise<void> {
  for (let i = 0; i < count; i++) await upkeep.step();
}

describe('the upkeep of custody', () => {
  it('seals the records of a rotated tenant again, and leaves the others', async () => {
    await sealer.rotateDataKeys(other, null);
    clock.advanceMs(limits.replacedKeyUsedMs);
    await rounds();
    expect(await keyIdsOf(other)).toEqual(['data-2', 'data-2']);
    expect(await keyIdsOf(defaultTenant)).toEqual(['data-1', 'data-1']);
    expect((await store.custodyKeys.get(other, 'data-1'))?.status).toBe('archived');
    expect((await store.custodyKeys.get(other, 'data-2'))?.status).toBe('active');
  });

  it('does not begin while another process may still seal with the old key', async () => {
    await sealer.rotateDataKeys(other, null);
    clock.advanceMs(limits.replacedKeyUsedMs - 1);
    await rounds();
    expect(await keyIdsOf(other)).toEqual(['data-1', 'data-1']);
    expect((await store.custodyKeys.get(other, 'data-1'))?.status).toBe('retired');
  });

  it('passes over a record that does not open, and is not done then', async () => {
    const damaged = await store.signingKeys.get(other, 'a');
    const sealedPrivate = Uint8Array.from(damaged?.sealedPrivate ?? []);
    sealedPrivate[sealedPrivate.length - 1]! ^= 1;
    const where = { tenant: other, kid: 'a' };
    const set = { sealedPrivate };
    const step = { do: 'update', table: 'signingKeys', where, set } as const;
    await store.acts.run({ steps: [step], audit: null });
    await sealer.rotateDataKeys(other, null);
    clock.advanceMs(limits.replacedKeyUsedMs);
    await upkeep.step();
    await expect(upkeep.step()).rejects.toMatchObject({ code: 'custody_tampered' });
    await rounds();
    expect(await keyIdsOf(other)).toEqual(['data-1', 'data-2']);
    expect((await store.custodyKeys.get(other, 'data-1'))?.status).toBe('retired');
  });

  it('looks at once where it is told that something was rotated', async () => {
    await rounds();
    const id = await custody.rotate();
    await rounds();
    expect(await store.custodyKeys.count({ wrappedBy: id })).toBe(0);
    upkeep.soon();
    await rounds();
    expect(await store.custodyKeys.count({ wrappedBy: id })).toBe(3);
  });

  it('is gone on with by the next process', async () => {
    await sealer.rotateDataKeys(other, null);
    clock.advanceMs(limits.replacedKeyUsedMs);
    await upkeep.step();
    await upkeep.step();
    expect((await store.custodyKeys.get(other, 'data-1'))?.status).toBe('retired');
    upkeep = createCustodyUpkeep({ custody, store, sealer, peppers, clock });
    await rounds();
    expect((await store.custodyKeys.get(other, 'data-1'))?.status).toBe('archived');
  });

  it('wraps keys and peppers again after a new root key', async () => {
    await rounds();
    const id = await custody.rotate();
    await rounds();
    expect(await store.custodyKeys.count({ wrappedBy: id })).toBe(0);
    clock.advanceMs(limits.custodyUpkeepMs);
    await rounds();
    expect(await store.custodyKeys.count({ wrappedBy: id })).toBe(3);
  });

  it('reads nothing between two looks, and no record twice', async () => {
    await sealer.rotateDataKeys(other, null);
    let reads = 0;
    const list: Store['signingKeys']['list'] = (query) => {
      reads += 1;
      return store.signingKeys.list(query);
    };
    const counted = { ...store, signingKeys: { ...store.signingKeys, list } };
    upkeep = createCustodyUpkeep({ custody, store: counted, sealer, peppers, clock });
    clock.advanceMs(limits.replacedKeyUsedMs);
    await rounds();
    expect(reads).toBe(1);
    clock.advanceMs(limits.custodyUpkeepMs);
    await rounds();
    expect(reads).toBe(1);
  });

  it('waits for a sealer that has not seen the rotation yet', async () => {
    const rotating = createSealer({ custody, store, entropy: seededEntropy(62), clock });
    await rotating.rotateDataKeys(other, null);
    // The wall clock jumped: its own view is as young as before.
    clock.setWallMs(clock.nowMs() + limits.replacedKeyUsedMs);
    await rounds();
    expect(await keyIdsOf(other)).toEqual(['data-1', 'data-1']);
    expect((await store.custodyKeys.get(other, 'data-1'))?.status).toBe('retired');
    clock.advanceMs(Math.max(limits.custodyViewMs, limits.custodyUpkeepMs));
    await rounds();
    expect(await keyIdsOf(other)).toEqual(['data-2', 'data-2']);
  });

  it('retires peppers that nothing names', async () => {
    await peppers.rotate(null);
    clock.advanceMs(30 * 24 * 3_600_000);
    await rounds();
    expect(await store.custodyKeys.count({ purpose: 'pepper' })).toBe(1);
  });

  it('tries again after a fault', async () => {
    await sealer.rotateDataKeys(other, null);
    clock.advanceMs(limits.replacedKeyUsedMs);
    let fail = true;
    const flaky: Sealer = {
      ...sealer,
      open: (...args) => {
        if (fail) throw new Error('away');
        return sealer.open(...args);
      },
    };
    upkeep = createCustodyUpkeep({ custody, store, sealer: flaky, peppers, clock });
    await upkeep.step();
    await expect(upkeep.step()).rejects.toThrow('away');
    fail = false;
    await rounds();
    expect(await keyIdsOf(other)).toEqual(['data-2', 'data-2']);
  });
});
