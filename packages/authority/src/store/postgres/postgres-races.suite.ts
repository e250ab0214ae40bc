/**
 * Acts stopped at a chosen point by a row that somebody else holds: what others may do meanwhile.
 */
import type { TenantId } from '@mintmark/core';
import { systemClock } from '@mintmark/core/system';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Act, Step } from '../act.ts';
import { freshDatabase, untilWaiting, withClient } from '../conformance/postgres-database.ts';
import {
  auditRow,
  clientRow,
  freshTenant,
  nodeRow,
  revocationDraft,
  tokenRow,
} from '../conformance/rows.ts';
import type { Store } from '../store.ts';
import { openPostgresStore } from './postgres-store.ts';

let url = '';
let stores: Store[] = [];

beforeAll(async () => {
  url = await freshDatabase();
  const open = () => openPostgresStore({ url, clock: systemClock });
  stores = [await open(), await open()];
});

afterAll(async () => {
  for (const { upkeep } of stores) await upkeep.close();
});

const run = (steps: readonly Step[], rest: Partial<Act> = {}, store = 0) =>
  stores[store]!.acts.run({ steps, audit: null, ...rest });

/** An act that takes this step waits until `release` is called. */
async function gate(tenant: TenantId, names: readonly string[] = ['gate']) {
  await run([{ do: 'insertMany', table: 'nodes', rows: names.map((n) => nodeRow(tenant, n)) }]);
  return {
    step: (name = 'gate'): Step => ({
      do: 'update',
      table: 'nodes',
      where: { tenant, node: name },
      set: { position: { add: 1 } },
    }),
    async hold(client: pg.Client, name = 'gate') {
      await client.query('BEGIN');
      const where = 'WHERE tenant = $1 AND node = $2 FOR UPDATE';
      await client.query(`SELECT 1 FROM nodes ${where}`, [tenant, name]);
    },
  };
}

const feed = (tenant: TenantId, id: string): Step => {
  return { do: 'feed', tenant, entries: [revocationDraft(id)], at: 1 };
};

const mint = (tenant: TenantId, id: string): Step[] => [
  {
    do: 'absent',
    table: 'feed',
    where: { tenant, targetKind: 'client', targetId: 'a', position: { is: '>', value: 0 } },
    refused: 'revoked',
  },
  { do: 'insert', table: 'tokens', row: tokenRow(1, tenant, id), refused: 'taken' },
];

describe('while an act is stopped', () => {
  it('that revokes, no token is minted past it', async () => {
    const tenant = freshTenant();
    const { step, hold } = await gate(tenant);
    await withClient(url, async (client) => {
      await hold(client);
      const revoked = run([feed(tenant, 'a'), step()]);
      await untilWaiting(client, 1);
      const minted = run(mint(tenant, 't'), {}, 1);
      await untilWaiting(client, 2);
      await client.query('ROLLBACK');
      expect(await revoked).toEqual({ outcome: 'done', position: 1 });
      expect(await minted).toMatchObject({ outcome: 'revoked' });
    });
  });

  it('that mints, no revocation gets in between its look and its commit', async () => {
    const tenant = freshTenant();
    const { step, hold } = await gate(tenant);
    await withClient(url, async (client) => {
      await hold(client);
      const minted = run([...mint(tenant, 't'), step()]);
      await untilWaiting(client, 1);
      const revoked = run([feed(tenant, 'a')], {}, 1);
      await untilWaiting(client, 2);
      expect(await stores[1]!.tokens.get(1, tenant, 't')).toBeUndefined();
      await client.query('ROLLBACK');
      expect(await minted).toMatchObject({ outcome: 'done' });
      expect(await revoked).toEqual({ outcome: 'done', position: 1 });
    });
  });

  it('that mints, other mints of the tenant go on', async () => {
    const tenant = freshTenant();
    const { step, hold } = await gate(tenant);
    await withClient(url, async (client) => {
      await hold(client);
      const stopped = run([...mint(tenant, 't'), step()]);
      await untilWaiting(client, 1);
      expect(await run(mint(tenant, 'u'), {}, 1)).toMatchObject({ outcome: 'done' });
      await client.query('ROLLBACK');
      await stopped;
    });
  });

  it('that requires a client, the client is not disabled', async () => {
    const tenant = freshTenant();
    const { step, hold } = await gate(tenant);
    const where = { tenant, clientId: 'a', status: 'active' };
    await run([{ do: 'put', table: 'clients', row: clientRow(tenant, 'a') }]);
    await withClient(url, async (client) => {
      await hold(client);
      const uses = run([{ do: 'require', table: 'clients', where, refused: 'no' }, step()]);
      await untilWaiting(client, 1);
      const set = { status: 'disabled' };
      const disables = run([{ do: 'update', table: 'clients', where, set, refused: 'x' }], {}, 1);
      await untilWaiting(client, 2);
      expect(await stores[1]!.clients.get(tenant, 'a')).toMatchObject({ status: 'active' });
      await client.query('ROLLBACK');
      expect(await uses).toMatchObject({ outcome: 'done' });
      expect(await disables).toMatchObject({ outcome: 'done' });
      const again = run([{ do: 'require', table: 'clients', where, refused: 'no' }]);
      expect(await again).toMatchObject({ outcome: 'no' });
    });
  });

  it('that requires a client, others that require it go on', async () => {
    const tenant = freshTenant();
    const { step, hold } = await gate(tenant, ['gate', 'other']);
    const where = { tenant, clientId: 'a', status: 'active' };
    await run([{ do: 'put', table: 'clients', row: clientRow(tenant, 'a') }]);
    const uses: Step = { do: 'require', table: 'clients', where, refused: 'no' };
    await withClient(url, async (client) => {
      await hold(client);
      const stopped = run([uses, step()]);
      await untilWaiting(client, 1);
      expect(await run([uses, step('other')], {}, 1)).toMatchObject({ outcome: 'done' });
      await client.query('ROLLBACK');
      expect(await stopped).toMatchObject({ outcome: 'done' });
    });
  });

  it('longer than an act may take, it is undone and says so', async () => {
    const tenant = freshTenant();
    const { step, hold } = await gate(tenant);
    const audit = auditRow(tenant);
    await withClient(url, async (client) => {
      await hold(client);
      const steps: Step[] = [{ do: 'put', table: 'nodes', row: nodeRow(tenant, 'new') }, step()];
      await expect(run(steps, { audit })).rejects.toMatchObject({ code: 'store_timeout' });
    });
    expect(await stores[0]!.nodes.get(tenant, 'new')).toBeUndefined();
    expect(await stores[0]!.auditPending.get(audit.id)).toBeUndefined();
  });
});

describe('a server process killed between any two writes', () => {
  const names = ['a', 'b', 'c', 'd'];
  it.each(names)('before the write of %s leaves nothing of the act', async (name) => {
    const tenant = freshTenant();
    const { step, hold } = await gate(tenant, names);
    const audit = auditRow(tenant);
    await withClient(url, async (client) => {
      await hold(client, name);
      const steps = [feed(tenant, 'x'), ...names.map((one) => step(one))];
      const outcome = run(steps, { audit });
      outcome.catch(() => undefined);
      const [pid] = await untilWaiting(client, 1);
      await client.query('SELECT pg_terminate_backend($1)', [pid]);
      await expect(outcome).rejects.toMatchObject({ code: 'store_outcome_unknown' });
      await client.query('ROLLBACK');
    });
    const [store] = stores;
    const rows = await store!.nodes.list({ where: { tenant }, limit: 10 });
    expect(rows.map(({ position }) => position)).toEqual([0, 0, 0, 0]);
    expect(await store!.auditPending.get(audit.id)).toBeUndefined();
    expect(await store!.feedHead.get(tenant)).toBeUndefined();
    expect(await run(names.map((one) => step(one)))).toMatchObject({ outcome: 'done' });
  });
});

describe('acts that wait for one another in a circle', () => {
  it('are both answered: the one that loses is run again', async () => {
    const tenant = freshTenant();
    const insert = (clientId: string): Step => {
      return { do: 'insert', table: 'clients', row: clientRow(tenant, clientId), refused: 'taken' };
    };
    const outcomes = await withClient(url, async (client) => {
      await client.query('BEGIN');
      for (const id of ['gate1', 'gate2']) {
        const values = "VALUES ($1, $2, '', '{}', 0, 0, 0)";
        await client.query(`INSERT INTO clients ${values}`, [tenant, id]);
      }
      // Each has its first row when the gates open, and then wants the first of the other.
      const both = [
        run([insert('one'), insert('gate1'), insert('two')]),
        run([insert('two'), insert('gate2'), insert('one')], {}, 1),
      ];
      await untilWaiting(client, 2);
      await client.query('ROLLBACK');
      return Promise.all(both);
    });
    expect(outcomes.map(({ outcome }) => outcome).sort()).toEqual(['done', 'taken']);
    expect(await stores[0]!.clients.count({ tenant })).toBe(3);
  });
});
