/** Whose uses are counted, where somebody makes more credentials than there is room for. */
import {
  type DecisionEvent,
  defaultTenant,
  limits,
  manualClock,
  type TenantId,
} from '@mintmark/core';
import { expect, test } from 'vitest';
import { openMemoryStore } from '../store/memory/memory-store.ts';
import { createEndedSubKeys } from './ended-sub-keys.ts';
import { createUsageCounter } from './usage-counter.ts';

const dayMs = 86_400_000;
const most = limits.subKeysCountedDailyMax;

function counting() {
  const clock = manualClock(1_800_000_000_000);
  const store = openMemoryStore();
  const usage = createUsageCounter({ store, clock });
  const use = (more: Partial<DecisionEvent>): void => {
    const event = {
      ...{ tenant: defaultTenant, at: clock.nowMs(), node: 'n', route: 'r' },
      ...{ credential: 'api_key', credentialId: 'K', authenticated: true },
      ...{ verdict: 'allow', reason: 'ok', address: '192.0.2.7' },
      ...more,
    } as DecisionEvent;
    usage.accept([event]);
  };
  const subKeys = (count: number, from = 0, credentialId = 'K') => {
    for (let i = from; i < from + count; i++) use({ credentialId, subKey: { id: `s${i}` } });
  };
  const rowsOf = (kind: string) => store.usage.count({ tenant: defaultTenant, kind });
  const allowed = async (kind: string, id: string) =>
    (await store.usage.get(defaultTenant, kind, id))?.allowed;
  return { clock, store, usage, use, subKeys, rowsOf, allowed };
}

test('sub-keys of a key beyond the bound count for the key alone', async () => {
  const { usage, subKeys, rowsOf, allowed } = counting();
  subKeys(most + 5);
  subKeys(1, 0, 'L');
  await usage.flush();
  expect(await rowsOf('sub_key')).toBe(most + 1);
  expect(await allowed('key', 'K')).toBe(most + 5);
  expect(usage.lost).toBe(0);
});

test('sub-keys of one key leave room for the tokens of its tenant', async () => {
  const { usage, use, subKeys, allowed } = counting();
  subKeys(76_000);
  use({ credential: 'jwt', credentialId: 't' });
  await usage.flush();
  expect(await allowed('token', 't')).toBe(1);
});

test('a key adds no more of them by flushing often, and those that are known go on', async () => {
  const { clock, usage, subKeys, rowsOf, allowed } = counting();
  subKeys(most - 1);
  await usage.flush();
  subKeys(5, most);
  subKeys(1);
  await usage.flush();
  expect(await rowsOf('sub_key')).toBe(most);
  expect(await allowed('sub_key', 'K.s0')).toBe(2);
  clock.advanceMs(dayMs);
  subKeys(1, 2 * most);
  await usage.flush();
  expect(await rowsOf('sub_key')).toBe(most + 1);
});

test('what one makes leaves room for the keys of his tenant, and of others', async () => {
  const { usage, use, rowsOf, allowed, store } = counting();
  const events = 201_000;
  for (let i = 0; i < events; i++) use({ credential: 'jwt', credentialId: `t${i}` });
  use({});
  use({ tenant: 'other' as TenantId });
  await usage.flush();
  expect(await rowsOf('token')).toBe(events - usage.lost);
  expect(usage.lost).toBeGreaterThan(0);
  expect(await allowed('key', 'K')).toBe(1);
  expect((await store.usage.get('other', 'key', 'K'))?.allowed).toBe(1);
});

test('a tenant that names ever other keys leaves room for another tenant', async () => {
  const { usage, use, store } = counting();
  for (let i = 0; i < 201_000; i++) use({ credentialId: `k${i}` });
  use({ tenant: 'other' as TenantId });
  await usage.flush();
  expect((await store.usage.get('other', 'key', 'K'))?.allowed).toBe(1);
});

test('what a fault kept from being written is counted by the next flush', async () => {
  const { usage, use, subKeys, store, allowed } = counting();
  subKeys(1);
  const { run } = store.acts;
  store.acts.run = () => Promise.reject(new Error('no store'));
  await expect(usage.flush()).rejects.toThrow('no store');
  store.acts.run = run;
  use({});
  await usage.flush();
  expect(await allowed('key', 'K')).toBe(2);
  expect(await allowed('sub_key', 'K.s0')).toBe(1);
});

test('counts of a sub-key go when it can live no more, those of its key stay', async () => {
  const { clock, store, usage, subKeys, rowsOf, allowed } = counting();
  const row = {
    ...({ tenant: defaultTenant, name: 'first', status: 'active' } as const),
    ...{ createdAt: 1, version: 1, settings: null, sessionsEndedBefore: null },
  };
  await store.acts.run({ steps: [{ do: 'put', table: 'tenants', row }], audit: null });
  const sweep = createEndedSubKeys({ store, clock });
  const count = limits.longReadRows + 10;
  subKeys(count);
  await usage.flush();
  clock.advanceMs((limits.subKeySecondsMax + limits.clockSkewSeconds) * 1000);
  subKeys(1, count);
  await usage.flush();
  await sweep.step();
  expect(await rowsOf('sub_key')).toBe(count + 1);
  clock.advanceMs(1);
  await sweep.step();
  expect(await rowsOf('sub_key')).toBe(1);
  expect(await allowed('key', 'K')).toBe(count + 1);
});
