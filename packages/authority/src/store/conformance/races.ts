/** Many callers, from several handles where the store allows them, want the same row. */
import { describe, expect, it } from 'vitest';
import type { ActOutcome, Step } from '../act.ts';
import type { Store } from '../store.ts';
import { recordsOf } from './records.ts';
import { auditRow, clientRow, freshTenant, nodeRow, revocationDraft } from './rows.ts';

const callers = 50;

export function describeRaces(stores: () => readonly Store[]): void {
  const race = (tenant: string, step: (caller: number) => readonly Step[]) =>
    Promise.all(
      Array.from({ length: callers }, (_, i) =>
        stores()[i % stores().length]!.acts.run({ steps: step(i), audit: auditRow(tenant) }),
      ),
    );
  const store = () => stores()[0]!;
  const winners = (outcomes: readonly ActOutcome[]) =>
    outcomes.filter(({ outcome }) => outcome === 'done').length;
  /** One audit record a winner, none for the others. */
  const expectOneWinner = async (tenant: string, outcomes: readonly ActOutcome[]) => {
    expect(winners(outcomes)).toBe(1);
    expect(outcomes.filter(({ outcome }) => outcome === 'lost').length).toBe(callers - 1);
    expect(await recordsOf(store(), tenant)).toHaveLength(1);
  };

  describe('of racing callers', () => {
    it('one inserts a key', async () => {
      const tenant = freshTenant();
      const outcomes = await race(tenant, (i) => [
        { do: 'put', table: 'nodes', row: nodeRow(tenant, `of caller ${i}`) },
        { do: 'insert', table: 'clients', row: clientRow(tenant, 'a', i), refused: 'lost' },
      ]);
      await expectOneWinner(tenant, outcomes);
      const winner = outcomes.findIndex(({ outcome }) => outcome === 'done');
      expect(await store().clients.get(tenant, 'a')).toMatchObject({ version: winner });
      expect(await store().nodes.count({ tenant })).toBe(1);
    });

    it('one updates a version', async () => {
      const tenant = freshTenant();
      await store().acts.run({
        steps: [{ do: 'put', table: 'clients', row: clientRow(tenant, 'a', 1) }],
        audit: null,
      });
      const outcomes = await race(tenant, (i) => [
        {
          do: 'update',
          table: 'clients',
          where: { tenant, clientId: 'a', version: 1 },
          set: { version: { add: 1 }, status: `of caller ${i}` },
          refused: 'lost',
        },
      ]);
      await expectOneWinner(tenant, outcomes);
      const winner = outcomes.findIndex(({ outcome }) => outcome === 'done');
      const row = await store().clients.get(tenant, 'a');
      expect(row).toMatchObject({ version: 2, status: `of caller ${winner}` });
    });

    it('one deletes a row', async () => {
      const tenant = freshTenant();
      const row = nodeRow(tenant, 'a');
      await store().acts.run({ steps: [{ do: 'put', table: 'nodes', row }], audit: null });
      const where = { tenant, node: 'a' };
      const outcomes = await race(tenant, () => [
        { do: 'delete', table: 'nodes', where, refused: 'lost' },
      ]);
      await expectOneWinner(tenant, outcomes);
    });

    it('all add what they add, also where the first makes the row', async () => {
      const tenant = freshTenant();
      const row = nodeRow(tenant, 'a', 1);
      const outcomes = await race(tenant, () => [
        { do: 'merge', table: 'nodes', row, set: { position: { add: 1 } } },
      ]);
      expect(winners(outcomes)).toBe(callers);
      expect(await store().nodes.get(tenant, 'a')).toMatchObject({ position: callers });
    });

    it('all get through that take two rows in opposite orders', async () => {
      const tenant = freshTenant();
      const rows = [nodeRow(tenant, 'a'), nodeRow(tenant, 'b')];
      await store().acts.run({ steps: [{ do: 'insertMany', table: 'nodes', rows }], audit: null });
      const add = (node: string): Step => ({
        do: 'update',
        table: 'nodes',
        where: { tenant, node },
        set: { position: { add: 1 } },
        refused: 'gone',
      });
      const outcomes = await race(tenant, (i) =>
        i % 2 === 0 ? [add('a'), add('b')] : [add('b'), add('a')],
      );
      expect(winners(outcomes)).toBe(callers);
      const after = await store().nodes.list({ where: { tenant }, limit: 10 });
      expect(after.map(({ position }) => position)).toEqual([callers, callers]);
      expect(await recordsOf(store(), tenant)).toHaveLength(callers);
    });

    it('one that faults takes nothing from those around it', async () => {
      const tenant = freshTenant();
      const rows = [nodeRow(tenant, 'taken')];
      const outcomes = await Promise.allSettled(
        Array.from({ length: callers }, (_, i) =>
          store().acts.run({
            steps: [
              { do: 'feed', tenant, entries: [revocationDraft(`c${i}`)], at: 1 },
              // Of every ten the last adds the same row.
              ...(i % 10 === 9 ? [{ do: 'insertMany', table: 'nodes', rows } as const] : []),
            ],
            audit: auditRow(tenant),
          }),
        ),
      );
      const faulted = outcomes.filter(({ status }) => status === 'rejected').length;
      expect(faulted).toBe(callers / 10 - 1);
      expect(await recordsOf(store(), tenant)).toHaveLength(callers - faulted);
      const entries = await store().feed.list({ where: { tenant }, limit: 100 });
      expect(entries.map(({ position }) => position)).toEqual(
        Array.from({ length: callers - faulted }, (_, i) => i + 1),
      );
    });

    it('none uses a client that another disables at the same time', async () => {
      const tenant = freshTenant();
      const client = clientRow(tenant, 'a');
      await store().acts.run({
        steps: [{ do: 'put', table: 'clients', row: client }],
        audit: null,
      });
      const where = { tenant, clientId: 'a', status: 'active' };
      // Who finds it active counts up; who disables it writes down what was counted until then.
      const outcomes = await race(tenant, (i) =>
        i === callers / 2
          ? [{ do: 'update', table: 'clients', where, set: { status: 'disabled' }, refused: 'x' }]
          : [
              { do: 'require', table: 'clients', where, refused: 'inactive' },
              { do: 'put', table: 'nodes', row: nodeRow(tenant, `${i}`) },
            ],
      );
      const used = winners(outcomes) - 1;
      expect(await store().nodes.count({ tenant })).toBe(used);
      const refused = outcomes.filter(({ outcome }) => outcome === 'inactive').length;
      expect(used + refused).toBe(callers - 1);
    });
  });

  describe('an answered act', () => {
    it('is seen by every read that begins afterwards', async () => {
      const tenant = freshTenant();
      await Promise.all(
        Array.from({ length: callers }, async (_, i) => {
          const row = nodeRow(tenant, `n${i}`, i);
          await store().acts.run({ steps: [{ do: 'put', table: 'nodes', row }], audit: null });
          expect(await store().nodes.get(tenant, `n${i}`)).toEqual(row);
        }),
      );
    });
  });
}
