import {
  type AuditEvent,
  CustodyFault,
  concatBytes,
  defaultTenant,
  limits,
  manualClock,
  seededEntropy,
  type Timers,
  type UnixMs,
  utf8,
} from '@mintmark/core';
import { beforeEach, describe, expect, it } from 'vitest';
import { emptyHead, nextChain } from '../store/audit-chain.ts';
import { openMemoryStore } from '../store/memory/memory-store.ts';
import type { Store } from '../store/store.ts';
import type { Row } from '../store/tables.ts';
import { createRecorder, type PersonalSealer } from './record.ts';
import { createSequencer } from './sequencer.ts';
import { verifyAudit } from './verify.ts';

const clock = manualClock(1_700_000_000_000);
/** Gives others their turn at once; counts how often they had it. */
let turns = 0;
const timers: Pick<Timers, 'after'> = {
  after(_ms, run) {
    turns++;
    queueMicrotask(run);
    return () => undefined;
  },
};
const size = 6;

/** Marks instead of encrypting; opens nothing of the tenant whose key is `lost`. */
function markingSealer(lost?: string): PersonalSealer {
  return {
    seal: async (_, context, plaintext) => concatBytes(utf8(`${context}|`), plaintext),
    async open(tenant, context, sealed) {
      if (tenant === lost) throw new CustodyFault('custody_unknown_key', 'gone');
      return sealed.subarray(context.length + 1);
    },
  };
}

const sealer = markingSealer();
let store: Store;

beforeEach(async () => {
  store = openMemoryStore();
  const recorder = createRecorder({ sealer, entropy: seededEntropy(5), clock });
  for (let i = 0; i < size; i++) {
    await store.acts.run({ steps: [], audit: await recorder.record(eventOf(`k${i}`)) });
  }
  await createSequencer({ store, clock }).tick();
});

function eventOf(id: string): AuditEvent {
  return {
    tenant: defaultTenant,
    action: 'key.create',
    at: clock.nowMs() as UnixMs,
    actor: { kind: 'system', id: 'test' },
    object: { kind: 'key', id },
    related: { kind: 'key', id: 'k0' },
    result: 'done',
    personal: { address: '192.0.2.1' },
  };
}

async function edit(index: number, set: Partial<Row<'auditLog'>>): Promise<void> {
  await store.acts.run({
    steps: [{ do: 'update', table: 'auditLog', where: { index }, set, refused: 'none' }],
    audit: null,
  });
}

async function problems(): Promise<readonly unknown[]> {
  const report = await verifyAudit({ store, clock, timers, sealer });
  expect(report.ok).toBe(report.problems.length === 0);
  return report.problems;
}

describe('verifying the store', () => {
  it('passes an untouched log and reads every commitment', async () => {
    const report = await verifyAudit({ store, clock, timers, sealer });
    expect(report).toMatchObject({
      ok: true,
      head: { size },
      problemsTotal: 0,
      unsequenced: { count: 0 },
      personal: { verified: size, erased: 0, unreadable: 0 },
    });
    const anchors = [report.head];
    expect(await verifyAudit({ store, clock, timers }, { anchors })).toMatchObject({
      ok: true,
      personal: { verified: 0, unreadable: size },
    });
  });

  it('passes an installation that has no record yet', async () => {
    const report = await verifyAudit({ store: openMemoryStore(), clock, timers });
    expect(report).toMatchObject({ ok: true, head: emptyHead });
  });

  it('names what is not sequenced yet, with its ages, and judges it too', async () => {
    const recorder = createRecorder({ sealer, entropy: seededEntropy(6), clock });
    const start = clock.nowMs();
    const waiting = await recorder.record(eventOf('waiting'));
    await store.acts.run({ steps: [], audit: waiting });
    clock.advanceMs(400);
    await store.acts.run({ steps: [], audit: await recorder.record(eventOf('later')) });
    clock.advanceMs(100);
    expect(await verifyAudit({ store, clock, timers, sealer })).toMatchObject({
      ok: true,
      unsequenced: { count: 2, oldestAgeMs: 500, newestAgeMs: 100 },
      personal: { verified: size + 2 },
    });
    const set = { leaf: utf8('{}') };
    await store.acts.run({
      steps: [{ do: 'update', table: 'auditPending', where: { id: waiting.id }, set }],
      audit: null,
    });
    expect(await problems()).toEqual([{ problem: 'malformed_waiting', id: waiting.id }]);
    clock.setWallMs(start);
  });

  it('finds an edited leaf and a deleted one', async () => {
    const row = (await store.auditLog.get(2)) as Row<'auditLog'>;
    const leaf = utf8(Buffer.from(row.leaf).toString().replace('"done"', '"gone"'));
    await edit(2, { leaf });
    expect(await problems()).toEqual([{ problem: 'wrong_chain', index: 2 }]);
    await store.acts.run({
      steps: [{ do: 'delete', table: 'auditLog', where: { index: 3 } }],
      audit: null,
    });
    expect(await problems()).toEqual([
      { problem: 'wrong_chain', index: 2 },
      { problem: 'missing', index: 3, count: 1 },
    ]);
  });

  it('finds a cut log, and records behind the head', async () => {
    const last = (await store.auditLog.get(size - 1)) as Row<'auditLog'>;
    await store.acts.run({
      steps: [{ do: 'delete', table: 'auditLog', where: { index: size - 1 } }],
      audit: null,
    });
    expect(await problems()).toEqual([{ problem: 'truncated', index: size - 1, count: 1 }]);
    const chain = nextChain(last.chain, last.leaf);
    await store.acts.run({
      steps: [
        { do: 'insertMany', table: 'auditLog', rows: [last, { ...last, index: size, chain }] },
      ],
      audit: null,
    });
    expect(await problems()).toEqual([
      { problem: 'duplicate_id', index: size, id: last.id },
      { problem: 'beyond_head', index: size, count: 1 },
    ]);
  });

  it.each([
    ['tenant', 'other'],
    ['object', 'key:other'],
    ['related', null],
    ['at', 1],
    ['id', 'other'],
  ])('finds the column %s changed under the leaf', async (column, value) => {
    const row = (await store.auditLog.get(1)) as Row<'auditLog'>;
    const { personal: _, ...rest } = row;
    const id = Buffer.from(row.leaf)
      .toString()
      .match(/"id":"([^"]{21})"/)?.[1];
    await edit(1, { [column]: value });
    const found = await verifyAudit({ store, clock, timers });
    expect(found.problems).toEqual([{ problem: 'wrong_column', id, column }]);
    expect(rest.id).toBe(id);
  });

  it('finds personal data that was changed, and tells erased from unreadable', async () => {
    const [a, b] = [await store.auditLog.get(0), await store.auditLog.get(1)];
    const changed = Uint8Array.from(b?.personal as Uint8Array);
    changed[changed.length - 3]! ^= 1;
    await edit(0, { personal: null });
    await edit(1, { personal: changed });
    const report = await verifyAudit({ store, clock, timers, sealer });
    expect(report.problems).toEqual([{ problem: 'wrong_personal', id: b?.id }]);
    expect(report.personal).toEqual({ verified: size - 2, erased: 1, unreadable: 0 });
    const lost = await verifyAudit({ store, clock, timers, sealer: markingSealer(defaultTenant) });
    expect(lost.personal).toEqual({ verified: 0, erased: 1, unreadable: size - 1 });
    expect(a?.personal).not.toBeNull();
  });

  it('finds personal data beside a leaf that committed to none', async () => {
    const { personal: _, ...event } = eventOf('plain');
    const recorder = createRecorder({ sealer, entropy: seededEntropy(8), clock });
    const record = await recorder.record(event);
    const personal = Uint8Array.of(1, 2, 3);
    await store.acts.run({ steps: [], audit: { ...record, personal } });
    expect(await problems()).toEqual([{ problem: 'wrong_personal', id: record.id }]);
  });

  it('lets others run between the parts of a long log', async () => {
    const recorder = createRecorder({ sealer, entropy: seededEntropy(8), clock });
    const more = 2 * limits.longReadRows;
    const records = await Promise.all(
      Array.from({ length: more }, (_, i) => recorder.record(eventOf(`m${i}`))),
    );
    for (const audit of records) await store.acts.run({ steps: [], audit });
    turns = 0;
    expect(await verifyAudit({ store, clock, timers })).toMatchObject({
      unsequenced: { count: more },
    });
    expect(turns).toBe(2);
    await createSequencer({ store, clock }).tick();
    turns = 0;
    const report = await verifyAudit({ store, clock, timers });
    expect(report).toMatchObject({ ok: true, head: { size: size + more } });
    expect(turns).toBe(2);
  });

  it('verifies a log that grows meanwhile', async () => {
    const recorder = createRecorder({ sealer, entropy: seededEntropy(9), clock });
    let grown = 0;
    const growing = {
      ...store,
      auditLog: {
        ...store.auditLog,
        list: async (query: Parameters<Store['auditLog']['list']>[0]) => {
          if (grown < 3) {
            grown += 1;
            const audit = await recorder.record(eventOf(`g${grown}`));
            await store.acts.run({ steps: [], audit });
            await createSequencer({ store, clock }).tick();
          }
          return store.auditLog.list(query);
        },
      },
    };
    const report = await verifyAudit({ store: growing, clock, timers, sealer });
    expect(report).toMatchObject({ ok: true, head: { size: size + 3 } });
  });
});
