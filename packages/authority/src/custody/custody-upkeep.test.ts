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
    await rounds();
    expect(await keyIdsOf(other)).toEqual(['data-2', 'data-2']);
    expect(await keyIdsOf(defaultTenant)).toEqual(['data-1', 'data-1']);
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
    await rounds();
    let reads = 0;
    const list: Store['signingKeys']['list'] = (query) => {
      reads += 1;
      return store.signingKeys.list(query);
    };
    const counted = { ...store, signingKeys: { ...store.signingKeys, list } };
    const again = createCustodyUpkeep({ custody, store: counted, sealer, peppers, clock });
    for (let i = 0; i < 20; i++) await again.step();
    expect(reads).toBe(1);
    clock.advanceMs(limits.custodyUpkeepMs);
    for (let i = 0; i < 20; i++) await again.step();
    expect(reads).toBe(1);
  });

  it('waits for a sealer that has not seen the rotation yet', async () => {
    const rotating = createSealer({ custody, store, entropy: seededEntropy(62), clock });
    await rotating.rotateDataKeys(other, null);
    await rounds();
    expect(await keyIdsOf(other)).toEqual(['data-1', 'data-1']);
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
