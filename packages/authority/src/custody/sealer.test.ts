import {
  CustodyFault,
  defaultTenant,
  err,
  limits,
  manualClock,
  ok,
  seededEntropy,
  type TenantId,
  utf8,
} from '@mintmark/core';
import { sealedKeyId } from '@mintmark/tokens';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Act } from '../store/act.ts';
import { openMemoryStore } from '../store/memory/memory-store.ts';
import type { Store } from '../store/store.ts';
import type { Custody } from './custody.ts';
import { openMemoryCustody } from './memory.ts';
import { createSealer, type Sealer } from './sealer.ts';

const tenant = defaultTenant;
const secret = utf8('secret');
let clock: ReturnType<typeof manualClock>;
let entropy: ReturnType<typeof seededEntropy>;
let custody: Custody;
let store: Store;

beforeEach(() => {
  clock = manualClock(1_700_000_000_000);
  entropy = seededEntropy(21);
  custody = openMemoryCustody({ entropy, clock });
  store = openMemoryStore();
});

function sealerWith(more: Partial<Parameters<typeof createSealer>[0]> = {}): Sealer {
  return createSealer({ custody, store, entropy, clock, ...more });
}

async function usesOf(id: string): Promise<number | undefined> {
  return (await store.custodyKeys.get(tenant, id))?.uses;
}

describe('the sealer', () => {
  it('opens what it sealed, in another process too', async () => {
    const sealed = await sealerWith().seal(tenant, 'record:1', secret);
    expect(Buffer.from(sealed).includes(Buffer.from(secret))).toBe(false);
    expect(await sealerWith().open(tenant, 'record:1', sealed)).toEqual(Buffer.from(secret));
  });

  it('does not open a record changed, or moved to another identity or tenant', async () => {
    const sealer = sealerWith();
    const other = 'other' as TenantId;
    const sealed = await sealer.seal(tenant, 'record:1', secret);
    await sealer.seal(other, 'record:1', secret);
    const cases = [
      sealer.open(tenant, 'record:2', sealed),
      sealer.open(other, 'record:1', sealed),
      sealer.open(tenant, 'record:1', sealed.with(-1, sealed.at(-1)! ^ 1)),
      sealer.open(tenant, 'record:1', new Uint8Array(0)),
    ];
    for (const opening of cases) {
      await expect(opening).rejects.toMatchObject({ code: 'custody_tampered' });
    }
  });

  it('does not open a data key that was moved to another tenant', async () => {
    const other = 'other' as TenantId;
    const sealed = await sealerWith().seal(tenant, 'record:1', secret);
    const row = await store.custodyKeys.get(tenant, 'data-1');
    await store.acts.run({
      steps: [{ do: 'put', table: 'custodyKeys', row: { ...row!, tenant: other } }],
      audit: null,
    });
    const works = [
      sealerWith().open(other, 'record:1', sealed),
      sealerWith().seal(other, 'record:1', secret),
    ];
    for (const work of await Promise.allSettled(works)) {
      expect(work).toMatchObject({ reason: { code: 'custody_tampered' } });
    }
  });

  it('does not open a record of another tenant, even under the same data key', async () => {
    // Custody that binds nothing, so that the record's own binding is what refuses.
    const lax = {
      wrap: (plaintext: Uint8Array) => custody.wrap(plaintext, ''),
      unwrap: (wrapped: Parameters<Custody['unwrap']>[0]) => custody.unwrap(wrapped, ''),
    };
    const sealer = sealerWith({ custody: lax });
    const other = 'other' as TenantId;
    const sealed = await sealer.seal(tenant, 'record:1', secret);
    const row = await store.custodyKeys.get(tenant, 'data-1');
    await store.acts.run({
      steps: [{ do: 'put', table: 'custodyKeys', row: { ...row!, tenant: other } }],
      audit: null,
    });
    await sealer.seal(other, 'record:1', secret);
    await expect(sealer.open(other, 'record:1', sealed)).rejects.toMatchObject({
      code: 'custody_tampered',
    });
  });

  it('says where the data key of a record is gone', async () => {
    const sealed = await sealerWith().seal(tenant, 'record:1', secret);
    const steps: Act['steps'] = [
      { do: 'delete', table: 'custodyKeys', where: { tenant, id: 'data-1' } },
    ];
    await store.acts.run({ steps, audit: null });
    await expect(sealerWith().open(tenant, 'record:1', sealed)).rejects.toMatchObject({
      code: 'custody_unknown_key',
    });
  });

  it('never uses a nonce twice under one key', async () => {
    const sealer = sealerWith();
    const nonces = new Set<string>();
    for (let i = 0; i < 200; i++) {
      const sealed = await sealer.seal(tenant, 'record:1', secret);
      const head = 2 + sealed[1]!;
      nonces.add(Buffer.from(sealed.subarray(head, head + 12)).toString('hex'));
    }
    expect(nonces.size).toBe(200);
  });

  it('counts uses before they happen, so that a crash counts too many', async () => {
    const uses = { block: 4, max: 100 };
    const first = sealerWith({ uses });
    for (let i = 0; i < 5; i++) await first.seal(tenant, 'r', secret);
    expect(await usesOf('data-1')).toBe(8);
    // The process ends here with three uses left, and they stay counted.
    await sealerWith({ uses }).seal(tenant, 'r', secret);
    expect(await usesOf('data-1')).toBe(12);
  });

  it('counts exactly where many seal at once and share a block', async () => {
    const uses = { block: 4, max: 1000 };
    const sealer = sealerWith({ uses });
    await Promise.all(Array.from({ length: 42 }, () => sealer.seal(tenant, 'r', secret)));
    expect(await usesOf('data-1')).toBe(44);
  });

  it('takes a new data key before the old one is spent', async () => {
    const uses = { block: 4, max: 10 };
    const sealer = sealerWith({ uses });
    const sealed: Uint8Array[] = [];
    for (let i = 0; i < 20; i++) sealed.push(await sealer.seal(tenant, `r${i}`, secret));
    const counts = new Map<string, number>();
    for (const one of sealed) {
      const id = String(sealedKeyId(one));
      counts.set(id, (counts.get(id) ?? 0) + 1);
    }
    expect([...counts]).toEqual([
      ['data-1', 8],
      ['data-2', 8],
      ['data-3', 4],
    ]);
    for (const [i, one] of sealed.entries()) {
      expect(await sealer.open(tenant, `r${i}`, one)).toEqual(Buffer.from(secret));
    }
    expect((await store.custodyKeys.get(tenant, 'data-1'))?.status).toBe('retired');
    expect(limits.dataKeyUsesMax).toBeLessThan(2 ** 31);
  });

  it('shares one key and no block between processes that start at once', async () => {
    const uses = { block: 4, max: 100 };
    const sealers = Array.from({ length: 5 }, () => sealerWith({ uses }));
    const sealed = await Promise.all(sealers.map((sealer) => sealer.seal(tenant, 'r', secret)));
    expect(sealed.map(sealedKeyId)).toEqual(Array(5).fill('data-1'));
    expect(await usesOf('data-1')).toBe(20);
    for (const one of sealed) {
      expect(await sealers[0]!.open(tenant, 'r', one)).toEqual(Buffer.from(secret));
    }
  });

  it('keeps tenants apart', async () => {
    const sealer = sealerWith();
    await sealer.seal(tenant, 'r', secret);
    await sealer.seal('other' as TenantId, 'r', secret);
    const rows = await store.custodyKeys.list({ limit: 10 });
    expect(rows.map((row) => [row.tenant, row.id])).toEqual([
      ['default', 'data-1'],
      ['other', 'data-1'],
    ]);
    expect(rows[0]?.wrapped).not.toEqual(rows[1]?.wrapped);
  });

  it('asks custody once for each key, and the store seldom', async () => {
    let unwraps = 0;
    let reads = 0;
    const counting = {
      wrap: custody.wrap,
      unwrap: (...args: Parameters<Custody['unwrap']>) => {
        unwraps += 1;
        return custody.unwrap(...args);
      },
    };
    const list: Store['custodyKeys']['list'] = (query) => {
      reads += 1;
      return store.custodyKeys.list(query);
    };
    const counted = { ...store, custodyKeys: { ...store.custodyKeys, list } };
    const sealer = sealerWith({ custody: counting, store: counted });
    const sealing = () => sealer.seal(tenant, 'r', secret);
    await sealing();
    const readsAtStart = reads;
    await Promise.all(Array.from({ length: 50 }, sealing));
    expect([unwraps, reads]).toEqual([1, readsAtStart]);
    clock.advanceMs(limits.custodyViewMs);
    await Promise.all(Array.from({ length: 50 }, sealing));
    expect([unwraps, reads]).toEqual([1, readsAtStart + 1]);
  });
});

describe('a rotation of data keys', () => {
  it('seals with the new one at once here, elsewhere after a bounded time', async () => {
    const [here, there] = [sealerWith(), sealerWith()];
    const old = await there.seal(tenant, 'r', secret);
    expect(await here.rotateDataKeys(tenant, null)).toEqual(ok('data-2'));
    expect(await here.currentKeyId(tenant)).toBe('data-2');
    expect(await there.currentKeyId(tenant)).toBe('data-1');
    clock.advanceMs(limits.custodyViewMs);
    const fresh = await there.seal(tenant, 'r', secret);
    expect(sealedKeyId(fresh)).toBe('data-2');
    for (const sealed of [old, fresh]) {
      expect(await here.open(tenant, 'r', sealed)).toEqual(Buffer.from(secret));
    }
  });

  it('adds one key where two rotate at once', async () => {
    const sealers = [sealerWith(), sealerWith()];
    await sealers[0]!.seal(tenant, 'r', secret);
    const outcomes = await Promise.all(sealers.map((one) => one.rotateDataKeys(tenant, null)));
    expect(outcomes).toContainEqual(ok('data-2'));
    expect(outcomes).toContainEqual(err({ reason: 'overtaken' }));
    expect(await store.custodyKeys.count()).toBe(2);
  });

  it('is recorded in its own act', async () => {
    const audit = {
      id: 'a1',
      tenant,
      leaf: utf8('{}'),
      object: 'tenant:default',
      related: null,
      personal: null,
      at: 1,
    };
    const ids: string[] = [];
    const record = async (keyId: string) => {
      ids.push(keyId);
      return { audit, steps: [] };
    };
    await sealerWith().rotateDataKeys(tenant, record);
    expect(ids).toEqual(['data-1']);
    expect(await store.auditPending.get('a1')).toBeDefined();
    // The same record again: the act as a whole is refused, and no key is added.
    await expect(sealerWith().rotateDataKeys(tenant, record)).rejects.toThrow();
    expect(await store.custodyKeys.count()).toBe(1);
  });

  it('has no last number, and finds the newest whatever the clocks say', async () => {
    const sealer = sealerWith();
    const count = 2 * limits.replacedKeysMax + 3;
    for (let i = 1; i <= count; i++) {
      // Two machines a minute apart take turns.
      clock.setWallMs(1_700_000_000_000 + i * 1_000 + (i % 2) * 60_000);
      expect(await sealer.rotateDataKeys(tenant, null)).toEqual(ok(`data-${i}`));
    }
    expect(await sealerWith().currentKeyId(tenant)).toBe(`data-${count}`);
  });
});

describe('a sealer whose custody fails', () => {
  it('seals nothing, and goes on when custody is back', async () => {
    let away = true;
    const flaky = {
      wrap: async (...args: Parameters<Custody['wrap']>) => {
        if (away) throw new CustodyFault('custody_unavailable', 'away');
        return custody.wrap(...args);
      },
      unwrap: async (...args: Parameters<Custody['unwrap']>) => {
        if (away) throw new CustodyFault('custody_unavailable', 'away');
        return custody.unwrap(...args);
      },
    };
    const sealer = sealerWith({ custody: flaky });
    const sealing = () => sealer.seal(tenant, 'r', secret);
    await expect(sealing()).rejects.toMatchObject({ code: 'custody_unavailable' });
    expect(await store.custodyKeys.count()).toBe(0);
    away = false;
    const sealed = await sealing();
    away = true;
    // What was unwrapped stays usable while custody is away.
    expect(await sealer.open(tenant, 'r', await sealing())).toEqual(Buffer.from(secret));
    const restarted = sealerWith({ custody: flaky });
    await expect(restarted.open(tenant, 'r', sealed)).rejects.toMatchObject({
      code: 'custody_unavailable',
    });
    away = false;
    expect(await restarted.open(tenant, 'r', sealed)).toEqual(Buffer.from(secret));
  });

  it('gives up where its keys change faster than it reads them', async () => {
    const acts = { run: async () => ({ outcome: 'taken', position: undefined }) };
    const sealer = sealerWith({ store: { ...store, acts } });
    await expect(sealer.seal(tenant, 'r', secret)).rejects.toMatchObject({
      code: 'custody_busy',
    });
  });
});
