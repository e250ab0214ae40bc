import {
  type AuditEvent,
  type AuditObject,
  concatBytes,
  defaultTenant,
  manualClock,
  seededEntropy,
  type TenantId,
  type UnixMs,
  utf8,
} from '@mintmark/core';
import { beforeEach, describe, expect, it } from 'vitest';
import { openMemoryStore } from '../store/memory/memory-store.ts';
import type { Store } from '../store/store.ts';
import { auditHistory, withPersonal } from './history.ts';
import { createRecorder, type PersonalSealer } from './record.ts';

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

describe('a history', () => {
  it('tells the whole life, predecessors and successors included, oldest first', async () => {
    await happen('a');
    await happen('other');
    await happen('a', { action: 'key.rotate', related: key('b') });
    await happen('b', { action: 'key.update' });
    await sequence();
    await happen('b', { action: 'key.rotate', related: key('c') });
    await happen('r1', {
      action: 'revocation.create',
      object: { kind: 'revocation', id: 'r1' },
      related: key('c'),
    });
    const whole = ['a', 'a', 'b', 'b*', 'r1*'];
    for (const id of ['a', 'b', 'c']) {
      const { items, complete } = await auditHistory(store, defaultTenant, key(id), noPause);
      expect(objectsOf(items)).toEqual(whole);
      expect(complete).toBe(true);
    }
    await sequence();
    const later = await auditHistory(store, defaultTenant, key('c'), noPause);
    expect(objectsOf(later.items)).toEqual(['a', 'a', 'b', 'b', 'r1']);
    const other = await auditHistory(store, defaultTenant, key('other'), noPause);
    expect(objectsOf(other.items)).toEqual(['other']);
  });

  it('stops at a bounded number of objects and says so', async () => {
    for (let i = 0; i < 120; i++) {
      await happen(`k${i}`, { action: 'key.rotate', related: key(`k${i + 1}`) });
    }
    await sequence();
    const { items, complete } = await auditHistory(store, defaultTenant, key('k0'), noPause);
    expect(complete).toBe(false);
    expect(items.length).toBe(100);
  });

  it('shows personal data to those who may open it', async () => {
    await happen('a', { personal: { address: '192.0.2.1' } });
    await sequence();
    await happen('a', { personal: { address: '192.0.2.2' } });
    await happen('a');
    const { items } = await auditHistory(store, defaultTenant, key('a'), noPause);
    const opened = await withPersonal(store, sealer, { tenant: defaultTenant, items });
    expect(opened.map((item) => item.personal?.text)).toEqual([
      '{"address":"192.0.2.1"}',
      '{"address":"192.0.2.2"}',
      undefined,
    ]);
  });

  it('shows once a record that is sequenced between its two reads', async () => {
    await happen('a');
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
    expect(objectsOf((await auditHistory(racing, defaultTenant, key('a'), noPause)).items)).toEqual(
      ['a'],
    );
  });

  it('never shows another tenant', async () => {
    await happen('x', { tenant: 'other' as TenantId });
    expect((await auditHistory(store, defaultTenant, key('x'), noPause)).items).toEqual([]);
    await sequence();
    expect((await auditHistory(store, defaultTenant, key('x'), noPause)).items).toEqual([]);
  });
});
