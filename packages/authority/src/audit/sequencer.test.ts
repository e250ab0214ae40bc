import {
  type AuditEvent,
  defaultTenant,
  limits,
  manualClock,
  StoreFault,
  seededEntropy,
  type Timers,
  type UnixMs,
} from '@mintmark/core';
import { describe, expect, it } from 'vitest';
import type { Act } from '../store/act.ts';
import { openMemoryStore } from '../store/memory/memory-store.ts';
import type { Store } from '../store/store.ts';
import { createRecorder } from './record.ts';
import { createSequencer } from './sequencer.ts';
import { verifyAudit } from './verify.ts';

const timers: Pick<Timers, 'after'> = {
  after(_ms, run) {
    queueMicrotask(run);
    return () => undefined;
  },
};

const at = 1_700_000_000_000;

function scene() {
  const store = openMemoryStore();
  const clock = manualClock(at);
  const sealer = {
    seal: async () => {
      throw new Error('nothing personal here');
    },
  };
  const recorder = createRecorder({ sealer, entropy: seededEntropy(3), clock });
  async function act(id: string): Promise<void> {
    const event: AuditEvent = {
      tenant: defaultTenant,
      action: 'key.create',
      at: clock.nowMs() as UnixMs,
      actor: { kind: 'system', id: 'test' },
      object: { kind: 'key', id },
      result: 'done',
    };
    await store.acts.run({ steps: [], audit: await recorder.record(event) });
  }
  async function acts(count: number): Promise<void> {
    for (let i = 0; i < count; i++) await act(`k${i}`);
  }
  return { store, clock, act, acts };
}

/** A store whose acts go through `run`, as seen by one sequencer. */
function withRunner(store: Store, run: (act: Act) => ReturnType<Store['acts']['run']>) {
  return { auditPending: store.auditPending, auditHead: store.auditHead, acts: { run } };
}

async function idsOf(store: Store): Promise<string[]> {
  return (await store.auditLog.list({ limit: 10_000 })).map((row) => row.id);
}

describe('the sequencer', () => {
  it('enters waiting records without holes and leaves none waiting', async () => {
    const { store, clock, acts } = scene();
    const sequencer = createSequencer({ store, clock });
    expect(await sequencer.tick()).toBe(0);
    await acts(3);
    expect(await sequencer.tick()).toBe(3);
    await acts(2);
    expect(await sequencer.tick()).toBe(2);
    const log = await store.auditLog.list({ limit: 10 });
    expect(log.map((row) => row.index)).toEqual([0, 1, 2, 3, 4]);
    expect(await store.auditPending.count()).toBe(0);
    expect(await verifyAudit({ store, clock, timers })).toMatchObject({
      ok: true,
      head: { size: 5 },
    });
  });

  it('takes bounded batches, so that no other act waits long', async () => {
    const { store, clock, acts } = scene();
    const sizes: number[] = [];
    const observed = withRunner(store, (act) => {
      for (const step of act.steps) if (step.do === 'insertMany') sizes.push(step.rows.length);
      return store.acts.run(act);
    });
    await acts(limits.auditActRowsMax + 5);
    expect(await createSequencer({ store: observed, clock }).tick()).toBe(
      limits.auditActRowsMax + 5,
    );
    expect(sizes).toEqual([limits.auditActRowsMax, 5]);
  });

  it('tells how far it is behind', async () => {
    const { store, clock, act } = scene();
    const sequencer = createSequencer({ store, clock });
    await act('k1');
    clock.advanceMs(700);
    await act('k2');
    const faulty = withRunner(store, async () => {
      throw new StoreFault('store_io', 'disk');
    });
    const stuck = createSequencer({ store: faulty, clock });
    await expect(stuck.tick()).rejects.toThrow('disk');
    expect(stuck.view()).toEqual({ size: 0, lagMs: 700, sequenced: 0, overtaken: 0 });
    await sequencer.tick();
    expect(sequencer.view()).toEqual({ size: 2, lagMs: 0, sequenced: 2, overtaken: 0 });
  });

  it('shares one run between calls at the same time', async () => {
    const { store, clock, acts } = scene();
    await acts(3);
    const sequencer = createSequencer({ store, clock });
    expect(await Promise.all([sequencer.tick(), sequencer.tick()])).toEqual([3, 3]);
    expect(await idsOf(store)).toHaveLength(3);
  });

  it('loses and doubles nothing where several race', async () => {
    const { store, clock, acts } = scene();
    const racing = [1, 2, 3, 4].map(() => createSequencer({ store, clock }));
    for (let round = 0; round < 5; round++) {
      await acts(20);
      await Promise.all(racing.map((sequencer) => sequencer.tick()));
    }
    const views = racing.map((sequencer) => sequencer.view());
    expect(views.reduce((sum, view) => sum + view.sequenced, 0)).toBe(100);
    expect(views.reduce((sum, view) => sum + view.overtaken, 0)).toBeGreaterThan(0);
    expect(new Set(await idsOf(store)).size).toBe(100);
    expect(await verifyAudit({ store, clock, timers })).toMatchObject({
      ok: true,
      head: { size: 100 },
    });
  });

  it('changes nothing where another one moved between its two reads', async () => {
    const { store, clock, acts } = scene();
    await acts(2);
    const other = createSequencer({ store, clock });
    const slow = {
      ...withRunner(store, (act) => store.acts.run(act)),
      auditHead: {
        ...store.auditHead,
        get: async (...key: readonly (string | number)[]) => {
          const head = await store.auditHead.get(...key);
          await other.tick();
          return head;
        },
      },
    };
    const late = createSequencer({ store: slow, clock });
    expect(await late.tick()).toBe(0);
    const later = {
      ...slow,
      auditHead: store.auditHead,
      auditPending: {
        ...store.auditPending,
        list: async (query: Parameters<Store['auditPending']['list']>[0]) => {
          const rows = await store.auditPending.list(query);
          await other.tick();
          return rows;
        },
      },
    };
    await acts(2);
    expect(await createSequencer({ store: later, clock }).tick()).toBe(0);
    expect(await idsOf(store)).toHaveLength(4);
    expect(await verifyAudit({ store, clock, timers })).toMatchObject({ ok: true });
  });

  it('goes on after a crash before and after its act, with nothing lost or doubled', async () => {
    const { store, clock, acts } = scene();
    await acts(3);
    const before = withRunner(store, async () => {
      throw new StoreFault('store_io', 'crash before commit');
    });
    const after = withRunner(store, async (act) => {
      await store.acts.run(act);
      throw new StoreFault('store_outcome_unknown', 'crash after commit');
    });
    await expect(createSequencer({ store: before, clock }).tick()).rejects.toThrow('before');
    expect(await idsOf(store)).toHaveLength(0);
    await expect(createSequencer({ store: after, clock }).tick()).rejects.toThrow('after');
    await acts(2);
    const next = createSequencer({ store, clock });
    expect(await next.tick()).toBe(2);
    expect(new Set(await idsOf(store)).size).toBe(5);
    expect(await verifyAudit({ store, clock, timers })).toMatchObject({
      ok: true,
      head: { size: 5 },
    });
  });
});
