import {
  type AuditEvent,
  type AuditObject,
  concatBytes,
  defaultTenant,
  limits,
  manualClock,
  seededEntropy,
  type TenantId,
  type UnixMs,
  utf8,
} from '@mintmark/core';
import { beforeEach, describe, expect, it } from 'vitest';
import { openMemoryStore } from '../store/memory/memory-store.ts';
import type { Store } from '../store/store.ts';
import { createRecorder, type PersonalSealer } from './record.ts';
import { type AuditCursor, type AuditQuery, searchAudit } from './search.ts';
import { createSequencer } from './sequencer.ts';
import type { AuditItem, Pause } from './trail.ts';

const noPause: Pause = async () => undefined;

const start = 1_700_000_000_000;
const sealer: PersonalSealer = {
  seal: async (_, context, plaintext) => concatBytes(utf8(`${context}|`), plaintext),
  open: async (_, context, sealed) => sealed.subarray(context.length + 1),
};

let store: Store;
let clock: ReturnType<typeof manualClock>;
let entropy: ReturnType<typeof seededEntropy>;

beforeEach(() => {
  store = openMemoryStore();
  clock = manualClock(start);
  entropy = seededEntropy(11);
});

async function happen(object: string, more: Partial<AuditEvent> = {}): Promise<void> {
  const recorder = createRecorder({ sealer, entropy, clock });
  clock.advanceMs(10);
  const audit = await recorder.record({
    tenant: defaultTenant,
    action: 'key.create',
    at: clock.nowMs() as UnixMs,
    actor: { kind: 'admin_key', id: 'a1' },
    object: key(object),
    result: 'done',
    ...more,
  });
  await store.acts.run({ steps: [], audit });
}

function key(id: string): AuditObject {
  return { kind: 'key', id };
}

function sequence(): Promise<number> {
  return createSequencer({ store, clock }).tick();
}

function objectsOf(items: readonly AuditItem[]): string[] {
  return items.map((item) => `${item.leaf?.object.id}${item.index === undefined ? '*' : ''}`);
}

/** All pages of a search; `between` runs after each. */
async function pages(
  query: Omit<AuditQuery, 'tenant'>,
  between: () => Promise<unknown> = async () => undefined,
): Promise<string[][]> {
  const found: string[][] = [];
  let after: AuditCursor | undefined;
  for (let page = 0; page < 100; page++) {
    const more = after === undefined ? {} : { after };
    const { items, next } = await searchAudit(
      store,
      { tenant: defaultTenant, ...query, ...more },
      noPause,
    );
    found.push(objectsOf(items));
    if (next === undefined) return found;
    after = next;
    await between();
  }
  throw new Error('the pages do not end');
}

describe('a search by time', () => {
  it('pages from newest to oldest, waiting records included and marked', async () => {
    for (const id of ['a', 'b', 'c']) await happen(id);
    await sequence();
    for (const id of ['d', 'e']) await happen(id);
    expect((await pages({ limit: 2 })).flat()).toEqual(['e*', 'd*', 'c', 'b', 'a']);
    expect(await pages({ limit: 100 })).toEqual([['e*', 'd*', 'c', 'b', 'a']]);
    expect(await pages({ limit: 5 })).toEqual([['e*', 'd*', 'c', 'b', 'a']]);
  });

  it('neither misses nor repeats a record that is sequenced between two pages', async () => {
    for (const id of ['a', 'b', 'c', 'd', 'e', 'f']) await happen(id);
    const found = (await pages({ limit: 1 }, sequence)).flat();
    expect(found).toEqual(['f*', 'e', 'd', 'c', 'b', 'a']);
  });

  it('shows once a record that is sequenced between its two reads', async () => {
    await happen('a');
    await happen('b');
    const racing = {
      auditLog: store.auditLog,
      auditPending: {
        ...store.auditPending,
        list: async (query: Parameters<Store['auditPending']['list']>[0]) => {
          const rows = await store.auditPending.list(query);
          await sequence();
          return rows;
        },
      },
    };
    const { items } = await searchAudit(racing, { tenant: defaultTenant, limit: 10 }, noPause);
    expect(objectsOf(items)).toEqual(['b', 'a']);
  });

  it('is narrowed by time, action and actor', async () => {
    await happen('a');
    await happen('b', { action: 'key.update' });
    await happen('c', { actor: { kind: 'user', id: 'u1' } });
    await sequence();
    await happen('d', { action: 'key.update' });
    const found = async (query: Partial<AuditQuery>) =>
      (await pages({ limit: 1, ...query })).flat();
    expect(await found({ action: 'key.update' })).toEqual(['d*', 'b']);
    expect(await found({ actor: { kind: 'user', id: 'u1' } })).toEqual(['c']);
    expect(await found({ actor: { kind: 'user', id: 'a1' } })).toEqual([]);
    expect(await found({ from: start + 20, to: start + 30 })).toEqual(['c', 'b']);
    expect(await found({ from: start + 40 })).toEqual(['d*']);
  });

  it('never shows another tenant', async () => {
    await happen('a');
    await happen('x', { tenant: 'other' as TenantId });
    await sequence();
    await happen('y', { tenant: 'other' as TenantId });
    expect(await pages({ limit: 10 })).toEqual([['a']]);
    expect(await pages({ limit: 10, object: key('x') })).toEqual([[]]);
  });

  it('answers with what it has after a bounded number of records', async () => {
    await happen('old', { action: 'key.update' });
    for (let i = 0; i < 40; i++) await happen('x');
    await sequence();
    // The store pretends that each page is a full one of a long log.
    let reads = 0;
    const counting = {
      auditPending: store.auditPending,
      auditLog: {
        ...store.auditLog,
        list: async () => {
          reads += 1;
          return Array(limits.longReadRows).fill(await store.auditLog.get(1));
        },
      },
    };
    const query = { tenant: defaultTenant, action: 'key.update', limit: 1 };
    const { items, next } = await searchAudit(counting, query, noPause);
    expect(reads).toBe(limits.auditScanRowsMax / limits.longReadRows);
    expect(items).toEqual([]);
    expect(next?.by).toBe('time');
  });
});

describe('a search by object', () => {
  it('finds its records and those that name it, in pages', async () => {
    await happen('a');
    await happen('b');
    await happen('a', { action: 'key.update' });
    await happen('r1', { object: { kind: 'revocation', id: 'r1' }, related: key('a') });
    await happen('a', { action: 'key.rotate', related: key('c') });
    await sequence();
    await happen('a', { action: 'key.update' });
    const object = key('a');
    expect((await pages({ object, limit: 10 })).flat()).toEqual(['a*', 'a', 'r1', 'a', 'a']);
    expect((await pages({ object, limit: 1 }, sequence)).flat()).toEqual([
      'a*',
      'a',
      'r1',
      'a',
      'a',
    ]);
    expect((await pages({ object, limit: 1, action: 'key.update' })).flat()).toEqual(['a', 'a']);
    expect((await pages({ object: key('c'), limit: 10 })).flat()).toEqual(['a']);
  });
});

/** The most rows that one turn of the event loop read, and how often others had their turn. */
function counted(): {
  readonly store: Pick<Store, 'auditLog' | 'auditPending'>;
  readonly pause: Pause;
  readonly rowsMax: () => number;
  readonly pauses: () => number;
} {
  let [rows, rowsMax, pauses] = [0, 0, 0];
  const count = <T extends 'auditLog' | 'auditPending'>(table: T): Store[T] => {
    const list = async (query: never): Promise<readonly unknown[]> => {
      const found = await store[table].list(query);
      rows += found.length;
      rowsMax = Math.max(rowsMax, rows);
      return found;
    };
    return { ...store[table], list } as unknown as Store[T];
  };
  return {
    store: { auditLog: count('auditLog'), auditPending: count('auditPending') },
    async pause() {
      rows = 0;
      pauses++;
    },
    rowsMax: () => rowsMax,
    pauses: () => pauses,
  };
}

describe('a search of many records', () => {
  const many = 5 * limits.longReadRows;
  /** One part of the waiting ones, and of the log those about the object and those that name it. */
  const turnMax = 3 * limits.longReadRows;

  it.each([
    ['by time', {}],
    ['by object', { object: { kind: 'key', id: 'busy' } as const }],
  ])('%s reads a bounded part in one turn, in the log and of what waits', async (_title, about) => {
    for (let i = 0; i < many; i++) await happen('busy');
    await sequence();
    for (let i = 0; i < many; i++) await happen('busy');
    const { store: slow, pause, rowsMax, pauses } = counted();
    const query = { tenant: defaultTenant, limit: 10, action: 'key.rotate', ...about };
    expect((await searchAudit(slow, query, pause)).items).toEqual([]);
    expect(rowsMax()).toBeLessThanOrEqual(turnMax);
    expect(pauses()).toBeGreaterThanOrEqual(8);
  });
});
