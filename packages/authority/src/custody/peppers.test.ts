import { defaultTenant, err, limits, manualClock, ok, seededEntropy } from '@mintmark/core';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Step } from '../store/act.ts';
import { undecidedKeyColumns } from '../store/key-tables.ts';
import { openMemoryStore } from '../store/memory/memory-store.ts';
import type { Store } from '../store/store.ts';
import type { Custody } from './custody.ts';
import { openMemoryCustody } from './memory.ts';
import { createPeppers, type Peppers } from './peppers.ts';
import { rewrapKeys } from './rotation.ts';

const keptMs = 4 * limits.accessTokenTtlSecondsMax * 1000;
let clock: ReturnType<typeof manualClock>;
let entropy: ReturnType<typeof seededEntropy>;
let custody: Custody;
let store: Store;

beforeEach(() => {
  clock = manualClock(1_700_000_000_000);
  entropy = seededEntropy(31);
  custody = openMemoryCustody({ entropy, clock });
  store = openMemoryStore();
});

function open(): Promise<Peppers> {
  return createPeppers({ custody, store, entropy, clock });
}

async function put(step: Step): Promise<void> {
  await store.acts.run({ steps: [step], audit: null });
}

const secretKey = { tenant: defaultTenant, clientId: 'c1', id: 's1' };

function secretUnder(pepperVersion: string): Step {
  const hash = new Uint8Array(32);
  const row = { ...secretKey, hash, pepperVersion, createdAt: 1, expiresAt: null, hold: null };
  return { do: 'insert', table: 'clientSecrets', row, refused: 'taken' };
}

function keyUnder(pepperVersion: string): Step {
  return {
    do: 'insert',
    table: 'keys',
    refused: 'taken',
    row: {
      tenant: defaultTenant,
      id: 'k1',
      kind: 'key',
      name: 'k1',
      status: 'active',
      hashScheme: 'pepper',
      hash: new Uint8Array(32),
      pepperVersion,
      sealedVerifier: null,
      derivationKey: null,
      owner: 'o',
      scopes: [],
      environment: null,
      plan: null,
      allowedAddresses: null,
      metadata: {},
      createdAt: 1,
      updatedAt: 1,
      notBefore: null,
      expiresAt: null,
      predecessor: null,
      successor: null,
      importFormat: null,
      importFingerprint: null,
      version: 1,
      ...undecidedKeyColumns,
    },
  };
}

describe('peppers', () => {
  it('are made once, whoever starts first, and are the same after a restart', async () => {
    const started = await Promise.all([open(), open(), open()]);
    const keys = started.map((peppers) => Buffer.from(peppers.current().key).toString('hex'));
    expect(new Set(keys).size).toBe(1);
    const { version, key } = (await open()).current();
    expect(key).toHaveLength(32);
    expect(Buffer.from(key).toString('hex')).toBe(keys[0]);
    expect(started[1]?.get(version)).toEqual(key);
  });

  it('are replaced for new hashes and kept for old ones', async () => {
    const peppers = await open();
    const old = peppers.current();
    expect(await peppers.rotate(null)).toEqual(ok('pepper-2'));
    expect(peppers.current().version).not.toBe(old.version);
    expect(peppers.current().key).not.toEqual(old.key);
    expect(peppers.get(old.version)).toEqual(old.key);
    expect(peppers.get('pepper-99')).toBeUndefined();
  });

  it('of another process are known after a refresh', async () => {
    const [here, there] = [await open(), await open()];
    await there.rotate(null);
    const { version, key } = there.current();
    expect(here.get(version)).toBeUndefined();
    await here.refresh();
    expect(here.get(version)).toEqual(key);
    expect(here.current().version).toBe(version);
  });

  it('of another process are found for a row that names them, by one look for many', async () => {
    let looks = 0;
    const list: Store['custodyKeys']['list'] = (query) => {
      looks += 1;
      return store.custodyKeys.list(query);
    };
    const counted = { ...store, custodyKeys: { ...store.custodyKeys, list } };
    const here = await createPeppers({ custody, store: counted, entropy, clock });
    const there = await open();
    const { version: old } = here.current();
    await there.rotate(null);
    const { version, key } = there.current();
    looks = 0;
    expect(await here.find(old)).toEqual(here.get(old));
    expect(looks).toBe(0);
    const found = await Promise.all(Array.from({ length: 20 }, () => here.find(version)));
    expect(found).toEqual(Array(20).fill(key));
    expect(looks).toBe(1);
    expect(await here.find('pepper-99')).toBeUndefined();
  });

  it('are not forgotten by a slow look that began before they were made', async () => {
    const slow = Promise.withResolvers<void>();
    let stalls = false;
    const list: Store['custodyKeys']['list'] = async (query) => {
      const stalled = stalls;
      const rows = await store.custodyKeys.list(query);
      if (stalled) await slow.promise;
      return rows;
    };
    const stalling = { ...store, custodyKeys: { ...store.custodyKeys, list } };
    const peppers = await createPeppers({ custody, store: stalling, entropy, clock });
    stalls = true;
    const looking = peppers.refresh();
    await Promise.resolve();
    stalls = false;
    const rotating = peppers.rotate(null);
    // As far as it comes by itself.
    for (let turn = 0; turn < 100; turn++) await Promise.resolve();
    expect(await store.custodyKeys.count()).toBe(2);
    slow.resolve();
    await Promise.all([looking, rotating]);
    const { version, key } = peppers.current();
    expect(version).toBe('pepper-2');
    expect(peppers.get(version)).toBe(key);
    expect(key.some((byte) => byte !== 0)).toBe(true);
  });

  it('are added once where two rotate at the same time', async () => {
    const both = [await open(), await open()];
    const outcomes = await Promise.all(both.map((peppers) => peppers.rotate(null)));
    expect(outcomes).toContainEqual(ok('pepper-2'));
    expect(outcomes).toContainEqual(err({ reason: 'overtaken' }));
    expect(both[0]?.current()).toEqual(both[1]?.current());
  });

  it('die with the last row that names them, not before', async () => {
    const peppers = await open();
    const old = peppers.current();
    await put(secretUnder(old.version));
    await put(keyUnder(old.version));
    await peppers.rotate(null);
    clock.advanceMs(keptMs);
    expect(await peppers.retireUnused()).toEqual([]);
    expect(peppers.get(old.version)).toEqual(old.key);
    await put({ do: 'delete', table: 'clientSecrets', where: secretKey });
    expect(await peppers.retireUnused()).toEqual([]);
    await put({ do: 'delete', table: 'keys', where: { id: 'k1' } });
    expect(await peppers.retireUnused()).toEqual([old.version]);
    expect(peppers.get(old.version)).toBeUndefined();
    expect(old.key.every((byte) => byte === 0)).toBe(true);
    expect(await store.custodyKeys.count()).toBe(1);
  });

  it('are kept for four days after they were replaced, for tokens that live', async () => {
    const peppers = await open();
    await peppers.rotate(null);
    clock.advanceMs(keptMs - 1);
    expect(await peppers.retireUnused()).toEqual([]);
    clock.advanceMs(1);
    expect(await peppers.retireUnused()).toHaveLength(1);
    expect(await peppers.retireUnused()).toEqual([]);
  });

  it('survive a new root key', async () => {
    const before = (await open()).current();
    const old = (await custody.describe()).currentKey;
    await custody.rotate();
    expect(await rewrapKeys({ custody, store })).toMatchObject({ changed: 1 });
    await custody.destroy(old);
    expect((await open()).current()).toEqual(before);
  });

  it('are refused where the table has lost them, and the last known ones stay', async () => {
    const peppers = await open();
    const { version } = peppers.current();
    await put({ do: 'delete', table: 'custodyKeys', where: { tenant: '', id: version } });
    await expect(peppers.refresh()).rejects.toMatchObject({ code: 'custody_unknown_key' });
    expect(peppers.current().version).toBe(version);
  });
});
