/**
 * Replicas over one store: of all that see a rule due one begins, and of all that see a secret
 * waiting one delivers it, on SQLite and on PostgreSQL with connections of their own.
 */
import { defaultTenant } from '@mintmark/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openRaceStores, racedStores, raceTrials } from '../store/conformance/race-stores.ts';
import { rotationBed } from './rotation-bed.ts';

describe.each(racedStores)('on %s', (kind) => {
  let close: () => Promise<void> = async () => undefined;
  let bed: Awaited<ReturnType<typeof rotationBed>>;
  let replicas: readonly (typeof bed.rotations)[];

  beforeAll(async () => {
    const opened = await openRaceStores(kind);
    close = opened.close;
    bed = await rotationBed(opened.stores[0]);
    replicas = opened.stores.map((store) => bed.open(store).rotations);
  });
  afterAll(() => close());

  const together = () => Promise.all(replicas.map((one) => one.work()));

  it(`one begins and one delivers: ${raceTrials} trials of ${3}`, async () => {
    for (let trial = 0; trial < raceTrials; trial++) {
      const name = `r${trial}`;
      const id = await bed.addKey();
      const target = { kind: 'key', id } as const;
      const written = await bed.put(name, { target, every_seconds: 1000 });
      expect(written).toMatchObject({ ok: true });
      bed.clock.advanceMs(1_000_000);
      await together();
      await together();
      const runs = await bed.store.rotationRuns.list({
        ...{ where: { tenant: defaultTenant, rule: name }, limit: 10 },
        orderBy: ['startedAt', 'id'],
      });
      expect(runs).toMatchObject([{ status: 'confirming', sealedSecret: null }]);
      const parcels = bed.delivered.filter(({ parcel }) => parcel.rule === name);
      expect(parcels).toHaveLength(1);
      const old = await bed.store.keys.get(defaultTenant, id);
      expect(parcels[0]!.parcel.credential).toBe(old!.successor);
      // Confirmed by one, and ended by one.
      await bed.useKey(old!.successor!);
      bed.clock.advanceMs(2_000);
      await together();
      bed.clock.advanceMs(98_000);
      await together();
      expect(await bed.run(name)).toMatchObject({ status: 'done' });
    }
    expect(bed.faults).toEqual([]);
  });
});
