import {
  type AuditActor,
  CustodyFault,
  defaultTenant,
  type JwsAlgorithm,
  limits,
  manualClock,
  StoreFault,
  seededEntropy,
  type TenantId,
  utf8,
} from '@mintmark/core';
import { beforeEach, describe, expect, it } from 'vitest';
import { parseLeaf } from '../audit/leaf.ts';
import { createRecorder } from '../audit/record.ts';
import { openMemoryCustody } from '../custody/memory.ts';
import { createSealer, type Sealer } from '../custody/sealer.ts';
import type { Act } from '../store/act.ts';
import { openMemoryStore } from '../store/memory/memory-store.ts';
import type { Store } from '../store/store.ts';
import { createKeyring, type Keyring } from './keyring.ts';

const tenant = defaultTenant;
const hourMs = 3_600_000;
const settings = {
  algorithms: ['ES256'] as readonly JwsAlgorithm[],
  rotateEverySeconds: 10 * 86_400,
  publishAheadSeconds: 86_400,
  tokenTtlSecondsMax: 3600,
};
const operator = {
  actor: { kind: 'admin_key', id: 'a1' } satisfies AuditActor,
  reason: 'because',
} as const;

let clock: ReturnType<typeof manualClock>;
let entropy: ReturnType<typeof seededEntropy>;
let store: Store;
let sealer: Sealer;

beforeEach(async () => {
  clock = manualClock(1_700_000_000_000);
  entropy = seededEntropy(51);
  store = openMemoryStore();
  sealer = createSealer({ custody: openMemoryCustody({ entropy, clock }), store, entropy, clock });
  await addTenant(tenant);
});

async function addTenant(id: TenantId): Promise<void> {
  const row = { tenant: id, name: id, status: 'active', createdAt: 1, version: 1 };
  await store.acts.run({ steps: [{ do: 'put', table: 'tenants', row }], audit: null });
}

function open(more: Partial<Parameters<typeof createKeyring>[0]> = {}): Promise<Keyring> {
  const recorder = createRecorder({ sealer, entropy, clock });
  return createKeyring({ store, sealer, recorder, clock, entropy, settings, ...more });
}

async function kidsOf(keyring: Keyring): Promise<string[]> {
  return (await keyring.jwks(tenant)).map((jwk) => String(jwk['kid']));
}

async function statuses(): Promise<string[]> {
  const rows = await store.signingKeys.list({ where: { tenant }, limit: 100 });
  return [...rows].sort((a, b) => a.generation - b.generation).map((row) => row.status);
}

async function audited(): Promise<string[]> {
  const rows = await store.auditPending.list({ limit: 1000 });
  const leaves = rows.map((row) => ({ at: row.at, leaf: parseLeaf(row.leaf)! }));
  return leaves
    .sort((a, b) => a.at - b.at)
    .map(({ leaf }) => `${leaf.action} by ${leaf.actor.id} for ${leaf.why}`);
}

async function feedEntries(): Promise<unknown[]> {
  const rows = await store.feed.list({ where: { tenant }, limit: 100 });
  return rows.map(({ entry }) => {
    if (entry.type === 'signing_key') return `${entry.status} ${entry.kid}`;
    return entry.type === 'revocation' ? `revoked ${entry.target.id}` : entry.type;
  });
}

describe('a keyring', () => {
  it('has a key to sign with, and publishes it, from the start', async () => {
    const keyring = await open();
    const signer = await keyring.signer(tenant, 'ES256');
    expect(await kidsOf(keyring)).toEqual([signer.kid]);
    expect(await feedEntries()).toEqual([`trusted ${signer.kid}`]);
    expect(await audited()).toEqual(['signing_key.create by keyring for schedule']);
    const jwk = (await keyring.jwks(tenant))[0]!;
    expect(Object.keys(jwk).sort()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y']);
  });

  it.each(['ES256', 'EdDSA', 'PS256', 'ML-DSA-44'] as const)(
    'signs with %s what its own key set verifies, after a restart too',
    async (algorithm) => {
      const first = await open();
      const { kid } = await first.signer(tenant, algorithm);
      const keyring = await open();
      const signer = await keyring.signer(tenant, algorithm);
      expect(signer.kid).toBe(kid);
      const signature = await signer.sign(utf8('input'));
      expect((await keyring.verificationKeys(tenant)).lookup(kid)?.algorithms).toContain(algorithm);
      expect(signature.length).toBeGreaterThan(60);
    },
  );

  it('refuses HS256, which has no key pair', async () => {
    const keyring = await open({ settings: { ...settings, algorithms: ['HS256', 'ES256'] } });
    await expect(keyring.signer(tenant, 'HS256')).rejects.toMatchObject({
      code: 'custody_unsupported',
    });
    expect(await statuses()).toEqual(['active']);
  });

  it('keeps private keys sealed at rest, bound to tenant and key', async () => {
    const keyring = await open();
    const { kid } = await keyring.signer(tenant, 'ES256');
    const [row] = await keyring.list(tenant);
    const context = `signing-key:${kid}`;
    const pkcs8 = await sealer.open(tenant, context, row!.sealedPrivate);
    expect(pkcs8.length).toBeGreaterThan(100);
    expect(Buffer.from(row!.sealedPrivate).includes(pkcs8.subarray(40, 60))).toBe(false);
    const moved = sealer.open(tenant, 'signing-key:other', row!.sealedPrivate);
    await expect(moved).rejects.toMatchObject({ code: 'custody_tampered' });
  });

  it('makes one first key, however many ask for it at once', async () => {
    const keyrings = await Promise.all([open(), open(), open()]);
    expect(await statuses()).toEqual(['active']);
    const asked = keyrings.flatMap((one) =>
      Array(20)
        .fill(0)
        .map(() => one.signer(tenant, 'EdDSA')),
    );
    const kids = (await Promise.all(asked)).map((signer) => signer.kid);
    expect(new Set(kids).size).toBe(1);
    expect(await store.signingKeys.count()).toBe(2);
  });

  it('reads the store seldom, and unseals a key once', async () => {
    let [reads, opens] = [0, 0];
    const signingKeys: Store['signingKeys'] = {
      ...store.signingKeys,
      list: (query) => {
        reads += 1;
        return store.signingKeys.list(query);
      },
    };
    const counting: Pick<Sealer, 'seal' | 'open'> = {
      seal: sealer.seal,
      open: (...args) => {
        opens += 1;
        return sealer.open(...args);
      },
    };
    const keyring = await open({ store: { ...store, signingKeys }, sealer: counting });
    await keyring.signer(tenant, 'ES256');
    [reads, opens] = [0, 0];
    for (let i = 0; i < 100; i++) await keyring.signer(tenant, 'ES256');
    expect([reads, opens]).toEqual([0, 0]);
    clock.advanceMs(limits.keyringViewMs);
    await Promise.all(
      Array(100)
        .fill(0)
        .map(() => keyring.signer(tenant, 'ES256')),
    );
    expect([reads, opens]).toEqual([1, 0]);
  });

  it("keeps tenants apart, and one tenant's fault from the others", async () => {
    const other = 'another' as TenantId;
    await addTenant(other);
    const keyring = await open();
    const kids = await Promise.all([tenant, other].map((one) => keyring.signer(one, 'ES256')));
    expect(kids[0]!.kid).not.toBe(kids[1]!.kid);
    expect((await keyring.verificationKeys(tenant)).lookup(kids[1]!.kid)).toBeUndefined();
    clock.advanceMs(9 * 24 * hourMs);
    const list: Store['signingKeys']['list'] = async (query) => {
      if (query.where?.tenant === other) throw new StoreFault('store_io', 'one bad page');
      return store.signingKeys.list(query);
    };
    const broken = { ...store, signingKeys: { ...store.signingKeys, list } };
    await expect(open({ store: broken })).rejects.toThrow('one bad page');
    expect(await statuses()).toEqual(['active', 'published']);
  });
});

describe('a scheduled rotation', () => {
  it('walks published, active, retiring and retired', async () => {
    const keyring = await open();
    const first = (await keyring.signer(tenant, 'ES256')).kid;
    clock.advanceMs(9 * 24 * hourMs);
    await keyring.tick();
    expect(await statuses()).toEqual(['active', 'published']);
    const second = (await kidsOf(keyring)).find((kid) => kid !== first)!;
    expect((await keyring.signer(tenant, 'ES256')).kid).toBe(first);
    clock.advanceMs((86_400 + limits.clockSkewSeconds) * 1000 - 1);
    await keyring.tick();
    expect((await keyring.signer(tenant, 'ES256')).kid).toBe(first);
    clock.advanceMs(1);
    await keyring.tick();
    expect((await keyring.signer(tenant, 'ES256')).kid).toBe(second);
    expect(await statuses()).toEqual(['retiring', 'active']);
    expect(await kidsOf(keyring)).toEqual([second, first]);
    clock.advanceMs(hourMs);
    await keyring.tick();
    expect(await kidsOf(keyring)).toEqual([second, first]);
    clock.advanceMs(limits.clockSkewSeconds * 1000 + limits.keyringViewMs);
    await keyring.tick();
    expect(await kidsOf(keyring)).toEqual([second]);
    expect(await statuses()).toEqual(['retired', 'active']);
    const [old] = await store.signingKeys.list({ where: { tenant, kid: first }, limit: 1 });
    expect(old?.sealedPrivate).toHaveLength(0);
    expect(await feedEntries()).toEqual([
      `trusted ${first}`,
      `trusted ${second}`,
      `retired ${first}`,
    ]);
    expect(await audited()).toEqual([
      'signing_key.create by keyring for schedule',
      'signing_key.create by keyring for schedule',
      'signing_key.activate by keyring for schedule',
      'signing_key.retire by keyring for schedule',
    ]);
  });

  it('never lets a token meet a verifier that cannot verify it', async () => {
    // Two processes tick and serve; a verifier caches a key set for as long as it is told to.
    const processes = [await open(), await open()];
    const sets: { readonly at: number; readonly kids: readonly string[] }[] = [];
    const signed: { readonly at: number; readonly kid: string }[] = [];
    const switches = new Set<string>();
    for (let step = 0; step < 35 * 24; step++) {
      clock.advanceMs(hourMs);
      await processes[step % 2]!.tick();
      const now = clock.nowMs();
      for (const process of processes) {
        sets.push({ at: now, kids: await kidsOf(process) });
        const { kid } = await process.signer(tenant, 'ES256');
        signed.push({ at: now, kid });
        switches.add(kid);
      }
      const cached = sets.filter(({ at }) => at >= now - settings.publishAheadSeconds * 1000);
      const alive = signed.filter(({ at }) => at >= now - settings.tokenTtlSecondsMax * 1000);
      const fresh = signed.slice(-2);
      for (const { kids } of cached) for (const { kid } of fresh) expect(kids).toContain(kid);
      for (const { kids } of sets.slice(-2))
        for (const { kid } of alive) expect(kids).toContain(kid);
    }
    expect(switches.size).toBe(4);
  });

  it('is made once where many processes tick at the same time', async () => {
    const processes = await Promise.all([open(), open(), open(), open()]);
    const everywhere = () => Promise.all(processes.map((one) => one.tick()));
    for (let day = 0; day < 40; day++) {
      clock.advanceMs(24 * hourMs);
      await everywhere();
      const found = await statuses();
      expect(found.filter((status) => status === 'active')).toHaveLength(1);
      expect(found.filter((status) => status === 'published').length).toBeLessThan(2);
    }
    const rows = await store.signingKeys.list({ limit: 100 });
    expect(rows.map((row) => row.generation).sort()).toEqual([1, 2, 3, 4]);
    expect((await audited()).filter((line) => line.includes('create'))).toHaveLength(4);
  });

  it('goes on after a crash before or after any of its acts', async () => {
    for (const committed of [false, true]) {
      for (let at = 0; at < 5; at++) {
        store = openMemoryStore();
        sealer = createSealer({
          custody: openMemoryCustody({ entropy, clock }),
          store,
          entropy,
          clock,
        });
        await addTenant(tenant);
        let count = 0;
        const run = async (act: Act) => {
          const crash = count++ === at;
          const outcome = crash && !committed ? undefined : await store.acts.run(act);
          if (outcome === undefined || crash) throw new StoreFault('store_io', 'crash');
          return outcome;
        };
        const crashing = { ...store, acts: { run } };
        const life = async (): Promise<void> => {
          const keyring = await open({ store: crashing });
          for (let day = 0; day < 12; day++) {
            clock.advanceMs(24 * hourMs);
            await keyring.tick();
          }
        };
        await life().catch(() => undefined);
        const restarted = await open();
        for (let day = 0; day < 14; day++) {
          clock.advanceMs(24 * hourMs);
          await restarted.tick();
        }
        const found = await statuses();
        expect(found.filter((status) => status === 'active')).toHaveLength(1);
        expect(found.filter((status) => status === 'retired').length).toBeGreaterThan(0);
        const acts = (await audited()).length;
        const versions = (await store.signingKeys.list({ limit: 100 })).map((row) => row.version);
        // A creation is version 1 and one record; each later change is one version and one record,
        // but that an activation also retires the key before it.
        const activations = (await audited()).filter((line) => line.includes('activate')).length;
        expect(versions.reduce((sum, version) => sum + version, 0)).toBe(acts + activations);
      }
    }
  });

  it('changes nothing where it cannot be recorded', async () => {
    const recorder = {
      record: async () => {
        throw new CustodyFault('custody_unavailable', 'cannot record');
      },
    };
    await expect(open({ recorder })).rejects.toThrow('cannot record');
    expect(await store.signingKeys.count()).toBe(0);
    await open();
    clock.advanceMs(20 * 24 * hourMs);
    await expect(open({ recorder })).rejects.toThrow('cannot record');
    expect(await statuses()).toEqual(['active']);
    expect(await store.auditPending.count()).toBe(1);
    expect(await feedEntries()).toHaveLength(1);
  });
});

describe('a rotation by hand', () => {
  it('publishes the next key now, once', async () => {
    const keyring = await open();
    const input = { tenant, algorithm: 'ES256', ...operator } as const;
    const before = await keyring.signer(tenant, 'ES256');
    clock.advanceMs(1);
    const rotated = await keyring.rotate(input);
    expect(rotated.activateAt).toBe(clock.nowMs() + (86_400 + limits.clockSkewSeconds) * 1000);
    expect(await keyring.rotate(input)).toEqual(rotated);
    expect((await keyring.signer(tenant, 'ES256')).kid).toBe(before.kid);
    expect(await kidsOf(keyring)).toContain(rotated.kid);
    expect((await audited()).at(-1)).toBe('signing_key.create by a1 for because');
    clock.setWallMs(rotated.activateAt);
    await keyring.tick();
    expect((await keyring.signer(tenant, 'ES256')).kid).toBe(rotated.kid);
  });

  it('makes a first key active at once', async () => {
    const keyring = await open();
    const input = { tenant, algorithm: 'EdDSA', ...operator } as const;
    const { kid, activateAt } = await keyring.rotate(input);
    expect(activateAt).toBe(clock.nowMs());
    expect((await keyring.signer(tenant, 'EdDSA')).kid).toBe(kid);
  });

  it('adds one key where two operators rotate at once', async () => {
    const both = [await open(), await open()];
    const input = { tenant, algorithm: 'ES256', ...operator } as const;
    const [one, two] = await Promise.all(both.map((keyring) => keyring.rotate(input)));
    expect(one).toEqual(two);
    expect(await statuses()).toEqual(['active', 'published']);
  });

  it('gives up where the keys change faster than it reads them', async () => {
    await open();
    const acts = { run: async () => ({ outcome: 'overtaken', position: undefined }) };
    const keyring = await open({ store: { ...store, acts } });
    const { kid } = await keyring.signer(tenant, 'ES256');
    const works = [
      () => keyring.rotate({ tenant, algorithm: 'ES256', ...operator }),
      () => keyring.signer(tenant, 'EdDSA'),
      () => keyring.emergency({ tenant, kid, ...operator }),
    ];
    for (const work of works) await expect(work()).rejects.toMatchObject({ code: 'custody_busy' });
  });
});

describe('an emergency', () => {
  it('replaces the key that signs and distrusts it, in one act', async () => {
    const keyring = await open();
    const { kid } = await keyring.signer(tenant, 'ES256');
    clock.advanceMs(1);
    const done = await keyring.emergency({ tenant, kid, ...operator });
    if (!done.ok) throw new Error(done.refusal.reason);
    const { replacement, revocation } = done.value;
    expect((await keyring.signer(tenant, 'ES256')).kid).toBe(replacement);
    expect(await kidsOf(keyring)).toEqual([replacement]);
    expect(await statuses()).toEqual(['compromised', 'active']);
    expect(await feedEntries()).toEqual([
      `trusted ${kid}`,
      `revoked ${kid}`,
      `retired ${kid}`,
      `trusted ${replacement}`,
    ]);
    expect(await store.revocations.get(tenant, revocation)).toMatchObject({
      targetKind: 'signing_key',
      targetId: kid,
      reason: 'because',
      actor: 'admin_key:a1',
      position: 2,
    });
    expect((await audited()).at(-1)).toBe('signing_key.retire by a1 for because');
    const rows = await keyring.list(tenant);
    expect(rows.find((row) => row.kid === kid)?.sealedPrivate).toHaveLength(0);
  });

  it('is followed by other processes within the bound', async () => {
    const [here, there] = [await open(), await open()];
    const { kid } = await there.signer(tenant, 'ES256');
    const done = await here.emergency({ tenant, kid, ...operator });
    clock.advanceMs(limits.keyringViewMs);
    const next = await there.signer(tenant, 'ES256');
    expect(done.ok && done.value.replacement).toBe(next.kid);
    expect(await kidsOf(there)).not.toContain(kid);
  });

  it('drops a key that does not sign without adding one', async () => {
    const keyring = await open();
    const { kid: signing } = await keyring.signer(tenant, 'ES256');
    const { kid } = await keyring.rotate({ tenant, algorithm: 'ES256', ...operator });
    const done = await keyring.emergency({ tenant, kid, ...operator });
    expect(done).toMatchObject({ ok: true, value: { replacement: undefined } });
    expect((await keyring.signer(tenant, 'ES256')).kid).toBe(signing);
    expect(await statuses()).toEqual(['active', 'compromised']);
  });

  it('is refused for a key that is unknown, of another tenant, or no longer trusted', async () => {
    const keyring = await open();
    const { kid } = await keyring.signer(tenant, 'ES256');
    const elsewhere = 'another' as TenantId;
    const unknown = { ok: false, refusal: { reason: 'key_not_found' } };
    expect(await keyring.emergency({ tenant, kid: 'x', ...operator })).toEqual(unknown);
    expect(await keyring.emergency({ tenant: elsewhere, kid, ...operator })).toEqual(unknown);
    await keyring.emergency({ tenant, kid, ...operator });
    expect(await keyring.emergency({ tenant, kid, ...operator })).toEqual({
      ok: false,
      refusal: { reason: 'key_not_trusted' },
    });
    expect(await statuses()).toEqual(['compromised', 'active']);
  });

  it('happens once where two declare it, and wins against a rotation under way', async () => {
    const processes = [await open(), await open()];
    const { kid } = await processes[0]!.signer(tenant, 'ES256');
    clock.advanceMs(9 * 24 * hourMs);
    const results = await Promise.all([
      ...processes.map((one) => one.emergency({ tenant, kid, ...operator })),
      processes[1]!.tick(),
    ]);
    const outcomes = results.slice(0, 2).map((result) => (result as { ok: boolean }).ok);
    expect(outcomes.sort()).toEqual([false, true]);
    expect((await statuses()).filter((status) => status === 'compromised')).toHaveLength(1);
    expect((await statuses()).filter((status) => status === 'active')).toHaveLength(1);
    for (const process of processes) {
      clock.advanceMs(limits.keyringViewMs);
      expect(await kidsOf(process)).not.toContain(kid);
    }
  });

  it('is not undone by a change that another process decided on before it', async () => {
    const here = await open();
    const { kid } = await here.signer(tenant, 'ES256');
    const { activateAt } = await here.rotate({ tenant, algorithm: 'ES256', ...operator });
    clock.setWallMs(activateAt);
    let declared = false;
    const run = async (act: Act) => {
      if (!declared) {
        declared = true;
        await here.emergency({ tenant, kid, ...operator });
      }
      return store.acts.run(act);
    };
    // Its tick has read that the distrusted key is to retire in a day.
    await open({ store: { ...store, acts: { run } } });
    const row = await store.signingKeys.get(tenant, kid);
    expect(row).toMatchObject({ status: 'compromised' });
    expect(await kidsOf(await open())).not.toContain(kid);
  });

  it('changes nothing where it cannot be recorded', async () => {
    const { kid } = await (await open()).signer(tenant, 'ES256');
    const recorder = {
      record: async () => {
        throw new CustodyFault('custody_unavailable', 'cannot record');
      },
    };
    const keyring = await open({ recorder });
    const declared = keyring.emergency({ tenant, kid, ...operator });
    await expect(declared).rejects.toThrow('cannot record');
    expect(await statuses()).toEqual(['active']);
    expect(await store.revocations.count()).toBe(0);
    expect(await feedEntries()).toHaveLength(1);
  });

  it('does not let a slow read bring the distrusted key back', async () => {
    let release: (() => void) | undefined;
    let slow = false;
    const list: Store['signingKeys']['list'] = async (query) => {
      const rows = await store.signingKeys.list(query);
      if (slow) {
        slow = false;
        await new Promise<void>((resolve) => {
          release = resolve;
        });
      }
      return rows;
    };
    const keyring = await open({
      store: { ...store, signingKeys: { ...store.signingKeys, list } },
    });
    const { kid } = await keyring.signer(tenant, 'ES256');
    slow = true;
    const old = keyring.list(tenant);
    const done = await keyring.emergency({ tenant, kid, ...operator });
    release?.();
    await old;
    expect(done.ok).toBe(true);
    expect(await kidsOf(keyring)).not.toContain(kid);
  });
});
