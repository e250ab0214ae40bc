/** The server, the way to it and other processes do what they do on bad days. */
import { createServer, connect as dial, type Server, type Socket } from 'node:net';
import { manualClock } from '@mintmark/core';
import { describe, expect, it } from 'vitest';
import type { Step } from '../act.ts';
import { freshDatabase, withClient } from '../conformance/postgres-database.ts';
import { auditRow, freshTenant, nodeRow, tokenRow } from '../conformance/rows.ts';
import type { Store } from '../store.ts';
import { openPostgresStore } from './postgres-store.ts';

const clock = manualClock(0);

async function withStore(url: string, use: (store: Store) => Promise<void>): Promise<void> {
  const store = await openPostgresStore({ url, clock });
  try {
    await use(store);
  } finally {
    await store.upkeep.close();
  }
}

function put(tenant: string, node: string): Step {
  return { do: 'put', table: 'nodes', row: nodeRow(tenant, node) };
}

type Part = 'port' | 'pathname' | 'password';

function changed(url: string, change: Partial<Record<Part, string>>): string {
  return Object.assign(new URL(url), change).href;
}

describe('a server that cannot be used', () => {
  it.each([
    ['does not listen', 'store_unreachable', { port: '1' }],
    ['has no such database', 'store_unreachable', { pathname: '/none' }],
    ['has another password', 'store_permissions', { password: 'wrong' }],
  ])('because it %s is told as %s', async (_, code, change) => {
    const url = changed(await freshDatabase(), change);
    await expect(openPostgresStore({ url, clock })).rejects.toMatchObject({ code });
  });

  it('because it only reads is told as store_readonly', async () => {
    const url = await freshDatabase();
    await withStore(url, async () => undefined);
    await withClient(url, async (client) => {
      const { rows } = await client.query('SELECT current_database() AS name');
      const set = 'SET default_transaction_read_only = on';
      await client.query(`ALTER DATABASE ${rows[0].name} ${set}`);
    });
    await withStore(url, async ({ acts, upkeep }) => {
      const act = acts.run({ steps: [put('t', 'a')], audit: null });
      await expect(act).rejects.toMatchObject({ code: 'store_readonly' });
      await expect(upkeep.check()).rejects.toMatchObject({ code: 'store_readonly' });
    });
  });

  it('because a newer program has migrated it is told as store_newer', async () => {
    const url = await freshDatabase();
    await withStore(url, async () => undefined);
    await withClient(url, async (client) => {
      await client.query("INSERT INTO schema_migrations VALUES (99, 'later', 'x', 99, 0)");
    });
    await expect(openPostgresStore({ url, clock })).rejects.toMatchObject({ code: 'store_newer' });
  });
});

describe('a connection that breaks', () => {
  it('after the act was sent leaves its outcome open, and here it holds', async () => {
    const url = await freshDatabase();
    const proxy = await startProxy(url);
    const tenant = freshTenant();
    const audit = auditRow(tenant);
    await withStore(proxy.url, async (store) => {
      // The function is made and the connection open: what follows is one message and its answer.
      await store.acts.run({ steps: [put(tenant, 'before')], audit: auditRow(tenant) });
      proxy.swallowAnswers();
      const lost = store.acts.run({ steps: [put(tenant, 'a')], audit });
      lost.catch(() => undefined);
      await withClient(url, async (client) => {
        const there = 'SELECT 1 FROM audit_pending WHERE id = $1';
        while ((await client.query(there, [audit.id])).rows.length === 0);
      });
      proxy.cut();
      await expect(lost).rejects.toMatchObject({ code: 'store_outcome_unknown' });
      expect(await store.nodes.get(tenant, 'a')).toEqual(nodeRow(tenant, 'a'));
      await store.acts.run({ steps: [put(tenant, 'b')], audit: auditRow(tenant) });
    });
    await proxy.stop();
  });

  it('before the act is sent says that nothing holds', async () => {
    const url = await freshDatabase();
    const proxy = await startProxy(url);
    const store = await openPostgresStore({ url: proxy.url, clock });
    await proxy.stop();
    const act = store.acts.run({ steps: [put('t', 'a')], audit: null });
    await expect(act).rejects.toMatchObject({ code: 'store_unreachable' });
    await expect(store.nodes.get('t', 'a')).rejects.toMatchObject({ code: 'store_unreachable' });
    await expect(store.upkeep.check()).rejects.toMatchObject({ code: 'store_unreachable' });
    await store.upkeep.close();
  });
});

describe('other processes', () => {
  it('may drop a partition that this one knows, or an act’s function', async () => {
    const url = await freshDatabase();
    await withStore(url, async (store) => {
      const insert = (id: string): Step => {
        return { do: 'insert', table: 'tokens', row: tokenRow(5, 't', id), refused: 'taken' };
      };
      const act = (id: string) => store.acts.run({ steps: [insert(id)], audit: null });
      expect(await act('a')).toMatchObject({ outcome: 'done' });
      await withStore(url, async ({ upkeep }) => {
        expect(await upkeep.dropPartitionsBelow('tokens', 6)).toBe(1);
      });
      expect(await act('b')).toMatchObject({ outcome: 'done' });
      await withClient(url, async (client) => {
        const { rows } = await client.query(
          "SELECT oid::regprocedure::text AS name FROM pg_proc WHERE proname LIKE 'mintmark_act%'",
        );
        expect(rows.length).toBe(1);
        for (const { name } of rows) await client.query(`DROP FUNCTION ${name}`);
      });
      expect(await act('c')).toMatchObject({ outcome: 'done' });
      expect(await store.tokens.count({ tenant: 't' })).toBe(2);
    });
  });

  it('may have been cut off while they dropped a partition', async () => {
    const url = await freshDatabase();
    await withStore(url, async (store) => {
      const row = tokenRow(5, 't', 'a');
      await store.acts.run({
        steps: [{ do: 'insertMany', table: 'tokens', rows: [row] }],
        audit: null,
      });
      await withClient(url, async (client) => {
        await client.query('ALTER TABLE tokens DETACH PARTITION tokens_p5 CONCURRENTLY');
      });
      const again = { ...row, id: 'b' };
      await store.acts.run({
        steps: [{ do: 'insertMany', table: 'tokens', rows: [again] }],
        audit: null,
      });
      expect(await store.tokens.list({ limit: 10 })).toEqual([again]);
    });
  });

  it('are no obstacle to a backup by the server’s own tools, which the fault names', async () => {
    const url = await freshDatabase();
    await withStore(url, async ({ upkeep }) => {
      await expect(upkeep.backup('/nowhere')).rejects.toMatchObject({
        code: 'store_unsupported',
        hint: expect.stringContaining('pg_dump'),
      });
    });
  });
});

/** Stands between the store and the server. */
async function startProxy(target: string) {
  const { hostname, port } = new URL(target);
  const sockets = new Set<Socket>();
  let swallow = false;
  const server: Server = createServer((client) => {
    const upstream = dial(Number(port), hostname);
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from);
      from.on('error', () => undefined);
      from.on('close', () => to.destroy());
    }
    client.on('data', (chunk) => upstream.write(chunk));
    upstream.on('data', (chunk) => void (swallow || client.write(chunk)));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address() as { port: number };
  const cut = () => {
    swallow = false;
    for (const socket of sockets) socket.destroy();
    sockets.clear();
  };
  return {
    url: changed(target, { port: String(address.port) }),
    swallowAnswers() {
      swallow = true;
    },
    cut,
    async stop() {
      const closed = new Promise((resolve) => server.close(resolve));
      cut();
      await closed;
    },
  };
}
