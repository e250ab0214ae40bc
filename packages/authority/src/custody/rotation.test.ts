import {
  CustodyFault,
  defaultTenant,
  limits,
  manualClock,
  ok,
  seededEntropy,
  type TenantId,
  utf8,
} from '@mintmark/core';
import { sealedKeyId } from '@mintmark/tokens';
import { beforeEach, describe, expect, it } from 'vitest';
import { createRecorder } from '../audit/record.ts';
import type { Requester } from '../audit/requester.ts';
import type { Step } from '../store/act.ts';
import { undecidedKeyColumns } from '../store/key-tables.ts';
import { openMemoryStore } from '../store/memory/memory-store.ts';
import type { Store } from '../store/store.ts';
import type { Row } from '../store/tables.ts';
import { sealContext } from './contexts.ts';
import type { Custody } from './custody.ts';
import { openMemoryCustody } from './memory.ts';
import { createPeppers } from './peppers.ts';
import { destroyRootKey } from './root-key.ts';
import { type ResealCursor, type RewrapCursor, resealRecords, rewrapKeys } from './rotation.ts';
import { createSealer, type Sealer } from './sealer.ts';

const tenant = defaultTenant;
let clock: ReturnType<typeof manualClock>;
let entropy: ReturnType<typeof seededEntropy>;
let custody: Custody;
let store: Store;

beforeEach(() => {
  clock = manualClock(1_700_000_000_000);
  entropy = seededEntropy(41);
  custody = openMemoryCustody({ entropy, clock });
  store = openMemoryStore();
});

function sealerOf(used: Pick<Custody, 'wrap' | 'unwrap'> = custody): Sealer {
  return createSealer({ custody: used, store, entropy, clock });
}

/** Custody that fails at its n-th call and all after it; -1 never. */
function failingAt(n: number): { custody: Custody; calls: () => number } {
  let calls = 0;
  const guard =
    <A extends readonly unknown[], R>(work: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      calls += 1;
      if (n >= 0 && calls > n) throw new CustodyFault('custody_unavailable', `call ${calls}`);
      return work(...args);
    };
  const failing: Custody = {
    ...custody,
    describe: guard(custody.describe),
    wrap: guard(custody.wrap),
    unwrap: guard(custody.unwrap),
    rotate: guard(custody.rotate),
    destroy: guard(custody.destroy),
  };
  return { custody: failing, calls: () => calls };
}

async function put(...steps: readonly Step[]): Promise<void> {
  await store.acts.run({ steps, audit: null });
}

function signingKeyRow(kid: string, sealedPrivate: Uint8Array): Row<'signingKeys'> {
  return {
    tenant,
    kid,
    algorithm: 'ES256',
    generation: Number(kid.slice(1)),
    publicJwk: {},
    sealedPrivate,
    status: 'active',
    createdAt: 1,
    activateAt: 1,
    retireAt: null,
    version: 1,
  };
}

function keyRow(id: string, sealedVerifier: Uint8Array | null): Row<'keys'> {
  return {
    tenant,
    id,
    kind: 'key',
    name: id,
    status: 'active',
    hashScheme: 'pepper',
    hash: new Uint8Array(32),
    pepperVersion: 'pepper-1',
    sealedVerifier,
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
  };
}

/** Signing keys, API keys, one of them imported, secrets of a threat feed and of an upstream. */
async function fill(sealer: Sealer): Promise<void> {
  for (const kid of ['s1', 's2']) {
    const sealed = await sealer.seal(tenant, sealContext.signingKey(kid), utf8(`private ${kid}`));
    await put({ do: 'put', table: 'signingKeys', row: signingKeyRow(kid, sealed) });
  }
  await put({ do: 'put', table: 'signingKeys', row: signingKeyRow('s3', new Uint8Array(0)) });
  for (const id of ['k1', 'k2']) {
    const sealed = await sealer.seal(tenant, sealContext.keyVerifier(id), utf8(`verifier ${id}`));
    const sealedSecret = await sealer.seal(tenant, sealContext.keyText(id), utf8(`text ${id}`));
    await put({ do: 'put', table: 'keys', row: { ...keyRow(id, sealed), sealedSecret } });
  }
  await put({ do: 'put', table: 'keys', row: keyRow('k3', null) });
  const secret = await sealer.seal(tenant, sealContext.threatFeedSecret('f1'), utf8('secret f1'));
  await put({
    do: 'put',
    table: 'threatFeeds',
    row: {
      ...{ tenant, name: 'f1', definition: {}, sealedSecret: secret, dueAt: 0, progress: {} },
      ...{ countsUntilSeconds: 0, createdAt: 0, updatedAt: 0, version: 1, deletedAt: null },
    },
  });
  const context = sealContext.upstreamCredential('u1');
  const sealedSecret = await sealer.seal(tenant, context, utf8('secret u1'));
  const dates = { createdAt: 0, updatedAt: 0, version: 1 };
  const row = { tenant, name: 'u1', form: { scheme: 'bearer' }, sealedSecret, ...dates } as const;
  await put({ do: 'put', table: 'upstreamCredentials', row });
}

/** Everything that was filled in opens, in a process that has just started. */
async function expectAllOpen(): Promise<string[]> {
  const sealer = sealerOf();
  const keyIds: string[] = [];
  const expectOpen = async (context: string, sealed: Uint8Array, text: string): Promise<void> => {
    expect(Buffer.from(await sealer.open(tenant, context, sealed)).toString()).toBe(text);
    keyIds.push(String(sealedKeyId(sealed)));
  };
  for (const { kid, sealedPrivate } of await store.signingKeys.list({ limit: 10 })) {
    if (sealedPrivate.length === 0) continue;
    await expectOpen(sealContext.signingKey(kid), sealedPrivate, `private ${kid}`);
  }
  for (const { id, sealedVerifier, sealedSecret } of await store.keys.list({ limit: 10 })) {
    if (sealedVerifier === null || sealedSecret === null) continue;
    await expectOpen(sealContext.keyText(id), sealedSecret, `text ${id}`);
    await expectOpen(sealContext.keyVerifier(id), sealedVerifier, `verifier ${id}`);
  }
  for (const { name, sealedSecret } of await store.threatFeeds.list({ limit: 10 })) {
    await expectOpen(sealContext.threatFeedSecret(name), sealedSecret!, `secret ${name}`);
  }
  for (const { name, sealedSecret } of await store.upstreamCredentials.list({ limit: 10 })) {
    await expectOpen(sealContext.upstreamCredential(name), sealedSecret, `secret ${name}`);
  }
  expect(keyIds).toHaveLength(8);
  return keyIds;
}

async function resealAll(sealer: Sealer): Promise<number> {
  let total = 0;
  let cursor: ResealCursor | undefined;
  do {
    const step = await resealRecords({ sealer, store }, tenant, cursor);
    total += step.changed;
    cursor = step.next;
  } while (cursor !== undefined);
  return total;
}

async function rewrapAll(used: Custody = custody): Promise<number> {
  let total = 0;
  let cursor: RewrapCursor | undefined;
  do {
    const step = await rewrapKeys({ custody: used, store }, cursor);
    total += step.changed;
    cursor = step.next;
  } while (cursor !== undefined);
  return total;
}

const requester: Requester = { tenant, actor: { kind: 'admin_key', id: 'a1' } };

/** Of a root key that nobody may still use. */
function destroy(keyId: string, used: Custody = custody) {
  const recorder = createRecorder({ sealer: sealerOf(), entropy, clock });
  return destroyRootKey({ custody: used, store, recorder, clock }, { requester, keyId });
}

/** The whole rotation, as an operator runs it. */
async function rotateEverything(used: Custody): Promise<void> {
  const sealer = sealerOf(used);
  const old = (await used.describe()).currentKey;
  await used.rotate();
  await rewrapAll(used);
  await sealer.rotateDataKeys(tenant, null);
  await resealAll(sealer);
  clock.advanceMs(limits.replacedKeyUsedMs);
  expect(await destroy(old, used)).toEqual(ok(undefined));
}

describe('a rotation', () => {
  it('leaves every record open, under the new keys only', async () => {
    await fill(sealerOf());
    await createPeppers({ custody, store, entropy, clock });
    await rotateEverything(custody);
    expect(await expectAllOpen()).toEqual(Array(8).fill('data-2'));
    const { currentKey, keys } = await custody.describe();
    expect(keys).toHaveLength(1);
    for (const row of await store.custodyKeys.list({ limit: 10 })) {
      expect(row.wrappedBy).toBe(currentKey);
    }
    expect(await resealAll(sealerOf())).toBe(0);
    expect(await rewrapAll()).toBe(0);
  });

  it('loses nothing where custody is lost at any call, and the next one ends it', async () => {
    await fill(sealerOf());
    const whole = failingAt(-1);
    await rotateEverything(whole.custody);
    const callsMax = whole.calls();
    expect(callsMax).toBeGreaterThan(8);
    for (let n = 0; n < callsMax; n++) {
      await expect(rotateEverything(failingAt(n).custody)).rejects.toMatchObject({
        code: 'custody_unavailable',
      });
      await expectAllOpen();
    }
    await rotateEverything(custody);
    expect(new Set(await expectAllOpen()).size).toBe(1);
  });

  it('goes on while records are sealed and opened elsewhere', async () => {
    const serving = sealerOf();
    await fill(serving);
    const context = sealContext.keyVerifier('k1');
    const rotating = rotateEverything(custody);
    for (let i = 0; i < 50; i++) {
      const sealed = await serving.seal(tenant, context, utf8('busy'));
      expect(await serving.open(tenant, context, sealed)).toEqual(Buffer.from('busy'));
    }
    await rotating;
    await expectAllOpen();
  });
});

describe('wrapping keys again', () => {
  it('works in bounded steps, and passes over what does not open', async () => {
    const sealer = sealerOf();
    const tenants = Array.from({ length: limits.rotationRowsMax + 5 }, (_, i) => `t${1000 + i}`);
    for (const name of tenants) await sealer.currentKeyId(name as TenantId);
    const where = { tenant: 't1001', id: 'data-1' };
    const set = { wrapped: new Uint8Array(60) };
    await put({ do: 'update', table: 'custodyKeys', where, set });
    await custody.rotate();
    const first = await rewrapKeys({ custody, store });
    expect(first).toMatchObject({ changed: 99, damaged: [{ code: 'custody_tampered' }] });
    const second = await rewrapKeys({ custody, store }, first.next);
    expect(second).toEqual({ changed: 5, damaged: [], next: undefined });
  });

  it('leaves a key alone that was wrapped again elsewhere', async () => {
    await fill(sealerOf());
    await custody.rotate();
    const twice = await Promise.all([rewrapAll(), rewrapAll()]);
    expect(twice.sort()).toEqual([0, 1]);
    await expectAllOpen();
  });
});

describe('sealing records again', () => {
  it('works in bounded steps', async () => {
    const sealer = sealerOf();
    const count = limits.rotationRowsMax + 20;
    for (let i = 0; i < count; i++) {
      const id = `k${String(i).padStart(4, '0')}`;
      const sealed = await sealer.seal(tenant, sealContext.keyVerifier(id), utf8('v'));
      await put({ do: 'put', table: 'keys', row: keyRow(id, sealed) });
    }
    await sealer.rotateDataKeys(tenant, null);
    const sizes: number[] = [];
    let cursor: ResealCursor | undefined;
    do {
      const step = await resealRecords({ sealer, store }, tenant, cursor);
      sizes.push(step.changed);
      cursor = step.next;
    } while (cursor !== undefined);
    expect(sizes).toEqual([0, limits.rotationRowsMax, 20, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
  });

  it('leaves a row alone that was changed meanwhile, and its version as it was', async () => {
    const sealer = sealerOf();
    await fill(sealer);
    await sealer.rotateDataKeys(tenant, null);
    const changed = await sealer.seal(tenant, sealContext.keyVerifier('k1'), utf8('newer'));
    const racing: Pick<Sealer, 'seal' | 'open' | 'currentKeyId'> = {
      ...sealer,
      async open(...args) {
        const where = { tenant, id: 'k1', version: 1 };
        const set = { sealedVerifier: changed, version: 2 };
        await put({ do: 'update', table: 'keys', where, set });
        return sealer.open(...args);
      },
    };
    const cursor = { table: 'keys', after: undefined } as const;
    const step = await resealRecords({ sealer: racing, store }, tenant, cursor);
    expect(step).toMatchObject({ changed: 1, damaged: [] });
    expect((await store.keys.get(tenant, 'k1'))?.sealedVerifier).toEqual(Uint8Array.from(changed));
    expect((await store.keys.get(tenant, 'k2'))?.version).toBe(1);
  });
});
