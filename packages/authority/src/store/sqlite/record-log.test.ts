import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@mintmark/core/system';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { AuditRecord } from '../act.ts';
import { emptyHead, nextChain } from '../audit-chain.ts';
import { auditRow, nodeRow } from '../conformance/rows.ts';
import type { Store } from '../store.ts';
import { openSqliteStore } from './sqlite-store.ts';

let directory: string;
let store: Store;

beforeEach(async () => {
  directory = join(mkdtempSync(join(tmpdir(), 'mintmark-records-')), 'data');
  store = await open();
});
afterEach(() => store.upkeep.close());

function open(): Promise<Store> {
  return openSqliteStore({ directory, clock: systemClock });
}

function record(audit: AuditRecord | null, rest: object = {}) {
  return store.acts.run({ steps: [], audit, ...rest });
}

/** The log, after its chain was computed again from the leaves. */
async function checkedLog() {
  const rows = await store.auditLog.list({ limit: 1000 });
  let chain = emptyHead.chain;
  for (const [index, row] of rows.entries()) {
    chain = nextChain(chain, row.leaf);
    expect(row.index).toBe(index);
    expect(Buffer.compare(row.chain, chain)).toBe(0);
  }
  const head = await store.auditHead.get('log');
  expect(head?.size ?? 0).toBe(rows.length);
  expect(Buffer.compare(head?.chain ?? emptyHead.chain, chain)).toBe(0);
  return rows;
}

test('enters records in the order of their acts, chained, with nothing left waiting', async () => {
  const records = Array.from({ length: 300 }, (_, i) =>
    auditRow('t', { leaf: Uint8Array.of(i, i >> 8), personal: i % 2 ? Uint8Array.of(i) : null }),
  );
  await Promise.all(records.map((one) => record(one)));
  const log = await checkedLog();
  expect(log.map(({ index: _i, chain: _c, ...rest }) => rest)).toEqual(records);
  expect(await store.auditPending.count()).toBe(0);
});

test('goes on from the same head after a restart', async () => {
  await record(auditRow('t'));
  await store.upkeep.close();
  store = await open();
  await record(auditRow('t'));
  expect(await checkedLog()).toHaveLength(2);
});

test('enters the record of what was done instead, and none of what was undone', async () => {
  const held = auditRow('t');
  const instead = auditRow('t');
  await record(held, {
    steps: [
      { do: 'put', table: 'nodes', row: nodeRow('t', 'a') },
      { do: 'delete', table: 'nodes', where: { tenant: 't', node: 'none' }, refused: 'no' },
    ],
    otherwise: { no: { steps: [], audit: instead } },
  });
  expect((await checkedLog()).map(({ id }) => id)).toEqual([instead.id]);
});

test('leaves out the record of an act that faulted beside others', async () => {
  const taken = { do: 'insertMany', table: 'nodes', rows: [nodeRow('t', 'a')] } as const;
  const outcomes = await Promise.allSettled(
    Array.from({ length: 20 }, (_, i) =>
      record(auditRow('t'), { steps: i % 2 === 0 ? [taken] : [] }),
    ),
  );
  expect(outcomes.filter(({ status }) => status === 'rejected')).toHaveLength(9);
  expect(await checkedLog()).toHaveLength(11);
});

test('enters behind records that an act entered itself', async () => {
  const waiting = auditRow('t');
  const chain = nextChain(emptyHead.chain, waiting.leaf);
  const row = { ...waiting, index: 0, chain };
  const head = { id: 'log', size: 1, chain };
  await Promise.all([
    record(null, {
      steps: [
        { do: 'insertMany', table: 'auditLog', rows: [row] },
        { do: 'put', table: 'auditHead', row: head },
      ],
    }),
    record(auditRow('t')),
  ]);
  expect(await checkedLog()).toHaveLength(2);
});
