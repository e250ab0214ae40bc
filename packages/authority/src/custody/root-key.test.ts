import {
  CustodyFault,
  defaultTenant,
  err,
  limits,
  manualClock,
  ok,
  seededEntropy,
} from '@mintmark/core';
import { beforeEach, describe, expect, it } from 'vitest';
import { parseLeaf } from '../audit/leaf.ts';
import { createRecorder, type Recorder } from '../audit/record.ts';
import type { Requester } from '../audit/requester.ts';
import { openMemoryStore } from '../store/memory/memory-store.ts';
import type { Store } from '../store/store.ts';
import type { Custody } from './custody.ts';
import { openMemoryCustody } from './memory.ts';
import { destroyRootKey, rotateRootKey } from './root-key.ts';
import { rewrapKeys } from './rotation.ts';
import { createSealer, type Sealer } from './sealer.ts';

const tenant = defaultTenant;
const requester: Requester = { tenant, actor: { kind: 'admin_key', id: 'a1' } };
let clock: ReturnType<typeof manualClock>;
let custody: Custody;
let store: Store;
let sealer: Sealer;
let recorder: Recorder;

beforeEach(() => {
  clock = manualClock(1_700_000_000_000);
  const entropy = seededEntropy(43);
  custody = openMemoryCustody({ entropy, clock });
  store = openMemoryStore();
  sealer = createSealer({ custody, store, entropy, clock });
  recorder = createRecorder({ sealer, entropy, clock });
});

const away = (): Promise<never> => {
  throw new CustodyFault('custody_unavailable', 'away');
};

/** What the audit trail says of each step, sorted: ids order records by the second only. */
async function recorded(): Promise<readonly string[]> {
  const leaves = (await store.auditPending.list({ limit: 10 })).map((row) => parseLeaf(row.leaf));
  return leaves.map((leaf) => `${leaf?.action} ${leaf?.result}`).sort();
}

function rotate(ports: { readonly custody?: Custody; readonly recorder?: Recorder } = {}) {
  const input = { requester, reason: { code: 'policy' } };
  return rotateRootKey({ custody, store, recorder, clock, ...ports }, input);
}

function destroy(keyId: string, ports: { readonly recorder?: Recorder } = {}) {
  return destroyRootKey({ custody, store, recorder, clock, ...ports }, { requester, keyId });
}

describe('a new root key', () => {
  it('is made and recorded before and after, and the old one still opens', async () => {
    const before = (await custody.describe()).currentKey;
    const wrapped = await custody.wrap(new Uint8Array(3), 'c');
    const rotated = await rotate();
    expect(rotated).toEqual(ok((await custody.describe()).currentKey));
    expect(rotated).not.toEqual(ok(before));
    expect(await recorded()).toEqual(['custody.rotate done', 'custody.rotate started']);
    expect(await custody.unwrap(wrapped, 'c')).toHaveLength(3);
  });

  it('is not made where it cannot be recorded', async () => {
    const before = await custody.describe();
    await expect(rotate({ recorder: { record: away } })).rejects.toThrow('away');
    expect(await custody.describe()).toEqual(before);
  });

  it('leaves its first record alone where custody fails in between', async () => {
    await expect(rotate({ custody: { ...custody, rotate: away } })).rejects.toThrow('away');
    expect(await recorded()).toEqual(['custody.rotate started']);
  });

  it('is refused while too many older ones are kept', async () => {
    for (let i = 0; i < limits.replacedKeysMax; i++) await custody.rotate();
    expect(await rotate()).toEqual(err({ reason: 'too_many_keys' }));
    expect(await recorded()).toEqual([]);
  });
});

describe('destroying a root key', () => {
  it('is refused while it is current or was until a moment ago', async () => {
    const old = (await custody.describe()).currentKey;
    clock.advanceMs(limits.replacedKeyUsedMs);
    expect(await destroy(old)).toEqual(err({ reason: 'key_current' }));
    await custody.rotate();
    const until = clock.nowMs() + limits.replacedKeyUsedMs;
    clock.advanceMs(limits.replacedKeyUsedMs - 1);
    expect(await destroy(old)).toEqual(err({ reason: 'key_replaced_lately', until }));
    clock.advanceMs(1);
    expect(await destroy(old)).toEqual(ok(undefined));
    expect(await destroy(old)).toEqual(err({ reason: 'key_not_found' }));
  });

  it('is refused while a row still names it', async () => {
    const old = (await custody.describe()).currentKey;
    await sealer.currentKeyId(tenant);
    await custody.rotate();
    clock.advanceMs(limits.replacedKeyUsedMs);
    expect(await destroy(old)).toEqual(err({ reason: 'key_named', wraps: 1 }));
    await rewrapKeys({ custody, store });
    expect(await destroy(old)).toEqual(ok(undefined));
  });

  it('waits from its own making where the clock was set back before the next', async () => {
    const old = (await custody.describe()).currentKey;
    const madeAt = clock.nowMs();
    clock.setWallMs(madeAt - 86_400_000);
    await custody.rotate();
    const until = madeAt + limits.replacedKeyUsedMs;
    expect(await destroy(old)).toEqual(err({ reason: 'key_replaced_lately', until }));
    clock.setWallMs(until);
    expect(await destroy(old)).toEqual(ok(undefined));
  });

  it('is recorded before and after, and where it cannot be, the key stays', async () => {
    const old = (await custody.describe()).currentKey;
    await custody.rotate();
    clock.advanceMs(limits.replacedKeyUsedMs);
    await expect(destroy(old, { recorder: { record: away } })).rejects.toThrow('away');
    expect((await custody.describe()).keys).toHaveLength(2);
    await destroy(old);
    expect(await recorded()).toEqual(['custody.destroy done', 'custody.destroy started']);
  });
});
