/** What each kind of step does, and what a refused act leaves: nothing. */
import { describe, expect, it } from 'vitest';
import type { Step } from '../act.ts';
import type { Store } from '../store.ts';
import { recordOf, recordsOf } from './records.ts';
import { auditRow, clientRow, freshTenant, nodeRow } from './rows.ts';
import { done, stepRunner } from './run-steps.ts';

export function describeSteps(store: () => Store): void {
  describeInserts(store);
  describeChanges(store);
  describeDeletes(store);
  describeConditions(store);
  describeRefusals(store);
  describeRecords(store);
}

function describeInserts(store: () => Store): void {
  const run = stepRunner(store);
  describe('steps that add', () => {
    it('insert adds a row, and refuses a taken key', async () => {
      const tenant = freshTenant();
      const insert = (version: number): Step => ({
        do: 'insert',
        table: 'clients',
        row: clientRow(tenant, 'a', version),
        refused: 'taken',
      });
      expect(await run([insert(1)])).toEqual(done);
      expect(await run([insert(2)])).toEqual({ outcome: 'taken', position: undefined });
      expect(await store().clients.get(tenant, 'a')).toEqual(clientRow(tenant, 'a', 1));
    });

    it('insertMany adds all rows, or faults and adds none', async () => {
      const tenant = freshTenant();
      const rows = (...ids: string[]) => ids.map((id) => clientRow(tenant, id));
      const many = (...ids: string[]): Step => {
        return { do: 'insertMany', table: 'clients', rows: rows(...ids) };
      };
      expect(await run([many('a', 'b')])).toEqual(done);
      await expect(run([many('c', 'b')])).rejects.toMatchObject({ code: 'store_conflict' });
      expect(await store().clients.count({ tenant })).toBe(2);
      expect(await run([{ do: 'insertMany', table: 'clients', rows: [] }])).toEqual(done);
    });

    it('put adds a row, then replaces it whole', async () => {
      const tenant = freshTenant();
      for (const version of [1, 2]) {
        const row = { ...clientRow(tenant, 'a', version), status: `status ${version}` };
        expect(await run([{ do: 'put', table: 'clients', row }])).toEqual(done);
        expect(await store().clients.get(tenant, 'a')).toEqual(row);
      }
    });

    it('merge adds a row, then changes the one that is there', async () => {
      const tenant = freshTenant();
      const row = nodeRow(tenant, 'n', 7);
      const merge: Step = { do: 'merge', table: 'nodes', row, set: { position: { add: 2 } } };
      expect(await run([merge])).toEqual(done);
      expect(await store().nodes.get(tenant, 'n')).toEqual(row);
      expect(await run([merge])).toEqual(done);
      expect(await store().nodes.get(tenant, 'n')).toEqual({ ...row, position: 9 });
    });
  });
}

function describeChanges(store: () => Store): void {
  const run = stepRunner(store);
  describe('steps that change', () => {
    it('update changes what matches, adds in place, refuses where nothing matched', async () => {
      const tenant = freshTenant();
      const rows = [nodeRow(tenant, 'a', 1), nodeRow(tenant, 'b', 2), nodeRow(tenant, 'c', 3)];
      await run([{ do: 'insertMany', table: 'nodes', rows }]);
      const update = (least: number, refused?: string): Step => ({
        do: 'update',
        table: 'nodes',
        where: { tenant, position: { is: '>=', value: least } },
        set: { epoch: 'next', position: { add: -1 } },
        ...(refused === undefined ? {} : { refused }),
      });
      expect(await run([update(2, 'none')])).toEqual(done);
      const after = await store().nodes.list({ where: { tenant }, limit: 10 });
      expect(after.map(({ epoch, position }) => [epoch, position])).toEqual([
        ['first', 1],
        ['next', 1],
        ['next', 2],
      ]);
      expect(await run([update(100)])).toEqual(done);
      expect(await run([update(100, 'none')])).toMatchObject({ outcome: 'none' });
    });
  });
}

function describeDeletes(store: () => Store): void {
  const run = stepRunner(store);
  describe('steps that delete', () => {
    it('delete removes what matches, and refuses where nothing matched', async () => {
      const tenant = freshTenant();
      const rows = [nodeRow(tenant, 'a', 1), nodeRow(tenant, 'b', 2)];
      await run([{ do: 'insertMany', table: 'nodes', rows }]);
      const where = { tenant, position: 1 };
      expect(await run([{ do: 'delete', table: 'nodes', where, refused: 'none' }])).toEqual(done);
      expect(await store().nodes.get(tenant, 'a')).toBeUndefined();
      expect(await store().nodes.get(tenant, 'b')).toEqual(rows[1]);
      expect(await run([{ do: 'delete', table: 'nodes', where }])).toEqual(done);
      const again: Step = { do: 'delete', table: 'nodes', where, refused: 'none' };
      expect(await run([again])).toMatchObject({ outcome: 'none' });
    });

    it('deleteMany removes by key what is there', async () => {
      const tenant = freshTenant();
      const rows = [nodeRow(tenant, 'a'), nodeRow(tenant, 'b'), nodeRow(tenant, 'c')];
      const keys = [
        [tenant, 'a'],
        [tenant, 'absent'],
        [tenant, 'c'],
      ];
      await run([{ do: 'insertMany', table: 'nodes', rows }]);
      expect(await run([{ do: 'deleteMany', table: 'nodes', keys }])).toEqual(done);
      const left = await store().nodes.list({ where: { tenant }, limit: 10 });
      expect(left.map(({ node }) => node)).toEqual(['b']);
    });
  });
}

function describeConditions(store: () => Store): void {
  const run = stepRunner(store);
  describe('conditions and order', () => {
    it('require refuses where nothing matches', async () => {
      const tenant = freshTenant();
      await run([{ do: 'put', table: 'clients', row: clientRow(tenant, 'a') }]);
      const require = (status: string): Step => ({
        do: 'require',
        table: 'clients',
        where: { tenant, clientId: 'a', status },
        refused: 'inactive',
      });
      expect(await run([require('active')])).toEqual(done);
      expect(await run([require('disabled')])).toMatchObject({ outcome: 'inactive' });
    });

    it('steps see the effects of those before', async () => {
      const tenant = freshTenant();
      const where = { tenant, node: 'a' };
      const outcome = await run([
        { do: 'put', table: 'nodes', row: nodeRow(tenant, 'a', 1) },
        { do: 'update', table: 'nodes', where, set: { position: { add: 1 } }, refused: 'x' },
        { do: 'require', table: 'nodes', where: { ...where, position: 2 }, refused: 'unseen' },
        { do: 'delete', table: 'nodes', where, refused: 'y' },
        { do: 'insert', table: 'nodes', row: nodeRow(tenant, 'a', 9), refused: 'z' },
      ]);
      expect(outcome).toEqual(done);
      expect(await store().nodes.get(tenant, 'a')).toMatchObject({ position: 9 });
    });

    it('puts a row that is nothing but its key, as often as one likes', async () => {
      const tenant = freshTenant();
      const row = { tenant, origin: 'https://app.example', clientId: 'a' };
      for (let i = 0; i < 2; i++) {
        expect(await run([{ do: 'put', table: 'clientOrigins', row }])).toEqual(done);
      }
      expect(await store().clientOrigins.count({ tenant })).toBe(1);
    });

    it('of several refusals reports the first', async () => {
      const tenant = freshTenant();
      const require = (refused: string): Step => {
        return { do: 'require', table: 'clients', where: { tenant, clientId: 'x' }, refused };
      };
      expect(await run([require('first'), require('second')])).toMatchObject({ outcome: 'first' });
    });
  });
}

function describeRefusals(store: () => Store): void {
  const run = stepRunner(store);
  describe('a refused act', () => {
    it('undoes every write before the refusal, and records nothing', async () => {
      const tenant = freshTenant();
      const audit = auditRow(tenant);
      await run([{ do: 'put', table: 'nodes', row: nodeRow(tenant, 'kept', 1) }]);
      const outcome = await run(
        [
          { do: 'put', table: 'nodes', row: nodeRow(tenant, 'kept', 2) },
          { do: 'put', table: 'nodes', row: nodeRow(tenant, 'new', 2) },
          { do: 'delete', table: 'nodes', where: { tenant, node: 'kept' } },
          { do: 'require', table: 'clients', where: { tenant, clientId: 'x' }, refused: 'no' },
        ],
        { audit },
      );
      expect(outcome).toEqual({ outcome: 'no', position: undefined });
      const rows = await store().nodes.list({ where: { tenant }, limit: 10 });
      expect(rows).toEqual([nodeRow(tenant, 'kept', 1)]);
      expect(await recordOf(store(), audit)).toBeUndefined();
    });

    it('does what its refusal has under otherwise, with its own record', async () => {
      const tenant = freshTenant();
      const [held, no, other] = [auditRow(tenant), auditRow(tenant), auditRow(tenant)];
      const outcome = await run(
        [
          { do: 'put', table: 'nodes', row: nodeRow(tenant, 'undone') },
          { do: 'require', table: 'clients', where: { tenant, clientId: 'x' }, refused: 'no' },
        ],
        {
          audit: held,
          otherwise: {
            no: {
              steps: [{ do: 'put', table: 'nodes', row: nodeRow(tenant, 'instead') }],
              audit: no,
            },
            other: { steps: [], audit: other },
          },
        },
      );
      expect(outcome).toEqual({ outcome: 'no', position: undefined });
      const rows = await store().nodes.list({ where: { tenant }, limit: 10 });
      expect(rows).toEqual([nodeRow(tenant, 'instead')]);
      expect(await recordOf(store(), no)).toEqual(no);
      expect(await recordOf(store(), held)).toBeUndefined();
      expect(await recordOf(store(), other)).toBeUndefined();
    });

    it('leaves nothing where a step of otherwise is refused in its turn', async () => {
      const tenant = freshTenant();
      const where = { tenant, clientId: 'x' };
      const outcome = await run([{ do: 'require', table: 'clients', where, refused: 'no' }], {
        otherwise: {
          no: {
            steps: [
              { do: 'put', table: 'nodes', row: nodeRow(tenant, 'undone') },
              { do: 'require', table: 'clients', where, refused: 'neither' },
            ],
            audit: auditRow(tenant),
          },
        },
      });
      expect(outcome).toEqual({ outcome: 'neither', position: undefined });
      expect(await store().nodes.count({ tenant })).toBe(0);
      expect(await recordsOf(store(), tenant)).toEqual([]);
    });
  });
}

function describeRecords(store: () => Store): void {
  const run = stepRunner(store);
  describe('audit', () => {
    it('is recorded with the change, and not where the act faults', async () => {
      const tenant = freshTenant();
      const audit = auditRow(tenant, { personal: Uint8Array.of(), related: 'client:1' });
      const put = (node: string): Step => {
        return { do: 'put', table: 'nodes', row: nodeRow(tenant, node) };
      };
      expect(await run([put('a')], { audit })).toEqual(done);
      expect(await recordOf(store(), audit)).toEqual(audit);
      const faulty = auditRow(tenant);
      const taken: Step = { do: 'insertMany', table: 'nodes', rows: [nodeRow(tenant, 'a')] };
      const faulted = run([put('b'), taken], { audit: faulty });
      await expect(faulted).rejects.toMatchObject({ code: 'store_conflict' });
      expect(await store().nodes.get(tenant, 'b')).toBeUndefined();
      expect(await recordOf(store(), faulty)).toBeUndefined();
    });
  });
}
