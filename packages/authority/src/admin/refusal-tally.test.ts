import { defaultTenant, limits, StoreFault } from '@mintmark/core';
import { describe, expect, it } from 'vitest';
import { keyBed } from '../apikeys/key-bed.ts';
import { createRefusalTally, type Refused } from './refusal-tally.ts';

const refused: Refused = {
  tenant: defaultTenant,
  surface: 'management',
  reason: 'not_found',
  address: '192.0.2.1',
};

async function records(bed: ReturnType<typeof keyBed>) {
  const rows = await bed.store.auditPending.list({ limit: 10_000 });
  return rows.map((row) => JSON.parse(Buffer.from(row.leaf).toString()));
}

describe('createRefusalTally', () => {
  it('makes one record of many refusals, without the address in the leaf', async () => {
    const bed = keyBed();
    const tally = createRefusalTally(bed);
    for (let i = 0; i < 500; i++) {
      bed.clock.advanceMs(10);
      tally.note(refused);
    }
    tally.note({ ...refused, reason: 'expired' });
    await tally.flush();
    const leaves = await records(bed);
    expect(leaves.map((leaf) => [leaf.action, leaf.result, leaf.detail.count]).sort()).toEqual([
      ['security.refused', 'expired', 1],
      ['security.refused', 'not_found', 500],
    ]);
    expect(JSON.stringify(leaves)).not.toContain('192.0.2.1');
  });

  it('bounds what any number of addresses can fill', async () => {
    const bed = keyBed();
    const tally = createRefusalTally(bed);
    const extra = 500;
    for (let i = 0; i < limits.refusalGroupsMax + extra; i++) {
      tally.note({ ...refused, address: `10.0.${i >> 8}.${i & 255}` });
    }
    await tally.flush();
    const leaves = await records(bed);
    expect(leaves).toHaveLength(limits.refusalGroupsMax + 1);
    expect(Math.max(...leaves.map((leaf) => leaf.detail.count))).toBe(extra);
  });

  it('names the key that was refused, and bounds keys like addresses', async () => {
    const bed = keyBed();
    const tally = createRefusalTally(bed);
    const most = 2 * limits.refusalGroupsMax;
    for (let i = 0; i < most + 7; i++) tally.note({ ...refused, key: `k${i}` });
    await tally.flush();
    const leaves = await records(bed);
    expect(leaves).toHaveLength(most + 1);
    const named = leaves.filter((leaf) => leaf.object.kind === 'key');
    expect(named).toHaveLength(most);
    const others = leaves.find((leaf) => leaf.object.kind === 'tenant');
    expect(others.detail.count).toBe(7);
  });

  it('keeps a key’s name where there are too many addresses', async () => {
    const bed = keyBed();
    const tally = createRefusalTally(bed);
    for (let i = 0; i < limits.refusalGroupsMax + 7; i++) {
      tally.note({ ...refused, key: 'k', address: `10.0.${i >> 8}.${i & 255}` });
    }
    await tally.flush();
    const leaves = await records(bed);
    expect(leaves).toHaveLength(limits.refusalGroupsMax + 1);
    expect(leaves.every((leaf) => leaf.object.id === 'k')).toBe(true);
    expect(Math.max(...leaves.map((leaf) => leaf.detail.count))).toBe(7);
  });

  it('writes only once in a while', async () => {
    const bed = keyBed();
    const tally = createRefusalTally(bed);
    tally.note(refused);
    await tally.tick();
    expect(await records(bed)).toHaveLength(0);
    bed.clock.advanceMs(limits.refusalFlushMs);
    await tally.tick();
    expect(await records(bed)).toHaveLength(1);
    bed.clock.advanceMs(limits.refusalFlushMs);
    await tally.tick();
    expect(await records(bed)).toHaveLength(1);
  });

  it('keeps what could not be written', async () => {
    const bed = keyBed();
    let broken = true;
    const acts: typeof bed.store.acts = {
      run: async (act) => {
        if (broken) throw new StoreFault('store_closed', 'closed');
        return bed.store.acts.run(act);
      },
    };
    const tally = createRefusalTally({ ...bed, store: { acts } });
    tally.note(refused);
    tally.note(refused);
    await expect(tally.flush()).rejects.toThrow('closed');
    broken = false;
    await tally.flush();
    expect((await records(bed)).map((leaf) => leaf.detail.count)).toEqual([2]);
  });
});
