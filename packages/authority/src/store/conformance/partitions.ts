/** Tables in partitions: as one table to readers, dropped by the piece. */
import { describe, expect, it } from 'vitest';
import type { Step } from '../act.ts';
import type { Store } from '../store.ts';
import { freshTenant, tokenRow } from './rows.ts';
import { stepRunner } from './run-steps.ts';

export function describePartitions(store: () => Store): void {
  const run = stepRunner(store);
  const insert = (partition: number, tenant: string, id: string): Step => {
    return {
      do: 'insert',
      table: 'tokens',
      row: tokenRow(partition, tenant, id),
      refused: 'taken',
    };
  };
  describe('partitions', () => {
    it('are made when a row needs them; a read elsewhere finds nothing', async () => {
      const tenant = freshTenant();
      expect(await store().tokens.get(30_001, tenant, 'a')).toBeUndefined();
      expect(await run([insert(30_001, tenant, 'a')])).toMatchObject({ outcome: 'done' });
      expect(await store().tokens.get(30_001, tenant, 'a')).toEqual(tokenRow(30_001, tenant, 'a'));
      expect(await store().tokens.get(30_002, tenant, 'a')).toBeUndefined();
      expect(await run([insert(30_001, tenant, 'a')])).toMatchObject({ outcome: 'taken' });
      expect(await run([insert(30_002, tenant, 'a')])).toMatchObject({ outcome: 'done' });
    });

    it('are made by racing callers', async () => {
      const tenant = freshTenant();
      const partitions = [31_000, 31_001, 31_000, 31_001, 31_000, 31_002];
      const outcomes = await Promise.all(
        partitions.map((p, i) => run([insert(p, tenant, `${i}`)])),
      );
      expect(outcomes.every(({ outcome }) => outcome === 'done')).toBe(true);
      expect(await store().tokens.count({ tenant })).toBe(6);
    });

    it('that do not exist hold nothing for steps either', async () => {
      const tenant = freshTenant();
      const where = { partition: 39_999, tenant, id: 'a' };
      const refused = 'none';
      const steps: Step[] = [
        { do: 'update', table: 'tokens', where, set: { subject: 's' }, refused },
        { do: 'delete', table: 'tokens', where, refused },
        { do: 'require', table: 'tokens', where, refused },
      ];
      for (const step of steps) expect(await run([step])).toMatchObject({ outcome: 'none' });
      const keys = [[39_999, tenant, 'a']];
      expect(await run([{ do: 'deleteMany', table: 'tokens', keys }])).toMatchObject({
        outcome: 'done',
      });
    });

    it('are listed and counted as one table', async () => {
      const tenant = freshTenant();
      const rows = [tokenRow(32_001, tenant, 'b'), tokenRow(32_000, tenant, 'c')];
      rows.push(tokenRow(32_001, tenant, 'a'), tokenRow(32_002, tenant, 'a'));
      await run([{ do: 'insertMany', table: 'tokens', rows }]);
      const ids = async (query: object) => {
        const list = await store().tokens.list({ where: { tenant }, limit: 10, ...query });
        return list.map(({ partition, id }) => `${partition}${id}`);
      };
      const all = ['32000c', '32001a', '32001b', '32002a'];
      expect(await ids({})).toEqual(all);
      expect(await ids({ descending: true, limit: 3 })).toEqual(all.toReversed().slice(0, 3));
      expect(await ids({ after: [32_000, tenant, 'c'] })).toEqual(all.slice(1));
      expect(await ids({ after: [32_001, tenant, 'a'], limit: 1 })).toEqual(['32001b']);
      expect(await ids({ where: { tenant, partition: 32_001 } })).toEqual(['32001a', '32001b']);
      expect(await store().tokens.count({ tenant })).toBe(4);
      expect(await store().tokens.count({ tenant, partition: 32_001 })).toBe(2);
    });

    it('must be named by a step that changes or requires rows', async () => {
      const where = { tenant: freshTenant() };
      const steps: Step[] = [
        { do: 'update', table: 'tokens', where, set: { subject: 's' } },
        { do: 'delete', table: 'tokens', where },
        { do: 'require', table: 'tokens', where, refused: 'x' },
      ];
      for (const step of steps) await expect(run([step])).rejects.toThrow('name its partition');
    });
  });
  describeDropping(store);
}

function describeDropping(store: () => Store): void {
  const run = stepRunner(store);
  it('old partitions are dropped whole, and can be made again', async () => {
    const tenant = freshTenant();
    const rows = [100, 100, 101, 102, 103].map((p, i) => tokenRow(p, tenant, `${i}`));
    await run([{ do: 'insertMany', table: 'tokens', rows }]);
    expect(await store().upkeep.dropPartitionsBelow('tokens', 102)).toBe(2);
    const left = await store().tokens.list({ where: { tenant }, limit: 10 });
    expect(left.map(({ partition }) => partition)).toEqual([102, 103]);
    expect(await store().tokens.get(100, tenant, '0')).toBeUndefined();
    expect(await store().upkeep.dropPartitionsBelow('tokens', 102)).toBe(0);
    const row = tokenRow(100, tenant, '0');
    await run([{ do: 'insert', table: 'tokens', row, refused: 'taken' }]);
    expect(await store().tokens.get(100, tenant, '0')).toEqual(row);
    expect(await store().upkeep.dropPartitionsBelow('tokens', 104)).toBe(3);
    expect(await store().tokens.count({ tenant })).toBe(0);
  });

  it('dropping takes nothing from a table without partitions', async () => {
    expect(await store().upkeep.dropPartitionsBelow('nodes', 1)).toBe(0);
  });

  it('more rows than one step removes are dropped too', async () => {
    const tenant = freshTenant();
    const rows = Array.from({ length: 2_500 }, (_, i) => tokenRow(50, tenant, `${i}`));
    await run([{ do: 'insertMany', table: 'tokens', rows }]);
    expect(await store().upkeep.dropPartitionsBelow('tokens', 51)).toBe(1);
    expect(await store().tokens.count({ tenant })).toBe(0);
  });
}
