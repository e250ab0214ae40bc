import { CustodyFault, limits, StoreFault, type TenantId, utf8 } from '@mintmark/core';
import { assembleJws, jwsSigningInput, verifyJws } from '@mintmark/tokens';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Sealer } from '../custody/sealer.ts';
import type { Act } from '../store/act.ts';
import type { Store } from '../store/store.ts';
import { hourMs, type KeyringBed, keyringBed, kidsOf, settings, tenant } from './keyring-bed.ts';

let bed: KeyringBed;

beforeEach(async () => {
  bed = await keyringBed();
});

describe('a keyring', () => {
  it('has a key to sign with, and publishes it, from the start', async () => {
    const keyring = await bed.open();
    const signer = await keyring.signer(tenant, 'ES256');
    expect(await kidsOf(keyring)).toEqual([signer.kid]);
    expect(await bed.feedEntries()).toEqual([`trusted ${signer.kid}`]);
    expect(await bed.audited()).toEqual(['signing_key.create by keyring for schedule']);
    const jwk = (await keyring.jwks(tenant))[0]!;
    expect(Object.keys(jwk).sort()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y']);
  });

  it.each(['ES256', 'EdDSA', 'PS256', 'ML-DSA-44'] as const)(
    'signs with %s what its own key set verifies, after a restart too',
    async (algorithm) => {
      const first = await bed.open();
      const { kid } = await first.signer(tenant, algorithm);
      const keyring = await bed.open();
      const signer = await keyring.signer(tenant, algorithm);
      expect(signer.kid).toBe(kid);
      const input = jwsSigningInput({ alg: algorithm, kid }, { sub: 'x' });
      const token = assembleJws(input, await signer.sign(utf8(input)));
      const keySet = await first.verificationKeys(tenant);
      expect(verifyJws(token, keySet, { typ: null, algorithms: [algorithm] }).ok).toBe(true);
      const forged = token.replace('.', '.e');
      expect(verifyJws(forged, keySet, { typ: null, algorithms: [algorithm] }).ok).toBe(false);
    },
  );

  it('refuses HS256, which has no key pair', async () => {
    const keyring = await bed.open({ settings: { ...settings, algorithms: ['HS256', 'ES256'] } });
    await expect(keyring.signer(tenant, 'HS256')).rejects.toMatchObject({
      code: 'custody_unsupported',
    });
    expect(await bed.statuses()).toEqual(['active']);
  });

  it('keeps private keys sealed at rest, bound to tenant and key', async () => {
    const keyring = await bed.open();
    const { kid } = await keyring.signer(tenant, 'ES256');
    const [row] = await keyring.list(tenant);
    const context = `signing-key:${kid}`;
    const pkcs8 = await bed.sealer.open(tenant, context, row!.sealedPrivate);
    expect(pkcs8.length).toBeGreaterThan(100);
    expect(Buffer.from(row!.sealedPrivate).includes(pkcs8.subarray(40, 60))).toBe(false);
    const moved = bed.sealer.open(tenant, 'signing-key:other', row!.sealedPrivate);
    await expect(moved).rejects.toMatchObject({ code: 'custody_tampered' });
  });

  it('makes one first key, however many ask for it at once', async () => {
    const keyrings = await Promise.all([bed.open(), bed.open(), bed.open()]);
    expect(await bed.statuses()).toEqual(['active']);
    const asked = keyrings.flatMap((one) =>
      Array(20)
        .fill(0)
        .map(() => one.signer(tenant, 'EdDSA')),
    );
    const kids = (await Promise.all(asked)).map((signer) => signer.kid);
    expect(new Set(kids).size).toBe(1);
    expect(await bed.store.signingKeys.count()).toBe(2);
  });

  it('reads the store seldom, and unseals a key once', async () => {
    let [reads, opens] = [0, 0];
    const signingKeys: Store['signingKeys'] = {
      ...bed.store.signingKeys,
      list: (query) => {
        reads += 1;
        return bed.store.signingKeys.list(query);
      },
    };
    const counting: Pick<Sealer, 'seal' | 'open'> = {
      seal: bed.sealer.seal,
      open: (...args) => {
        opens += 1;
        return bed.sealer.open(...args);
      },
    };
    const keyring = await bed.open({ store: { ...bed.store, signingKeys }, sealer: counting });
    await keyring.signer(tenant, 'ES256');
    [reads, opens] = [0, 0];
    for (let i = 0; i < 100; i++) await keyring.signer(tenant, 'ES256');
    expect([reads, opens]).toEqual([0, 0]);
    bed.clock.advanceMs(limits.keyringViewMs);
    await Promise.all(
      Array(100)
        .fill(0)
        .map(() => keyring.signer(tenant, 'ES256')),
    );
    expect([reads, opens]).toEqual([1, 0]);
  });

  it("keeps tenants apart, and one tenant's fault from the others", async () => {
    const other = 'another' as TenantId;
    await bed.addTenant(other);
    const keyring = await bed.open();
    const kids = await Promise.all([tenant, other].map((one) => keyring.signer(one, 'ES256')));
    expect(kids[0]!.kid).not.toBe(kids[1]!.kid);
    expect((await keyring.verificationKeys(tenant)).lookup(kids[1]!.kid)).toBeUndefined();
    bed.clock.advanceMs(9 * 24 * hourMs);
    const list: Store['signingKeys']['list'] = async (query) => {
      if (query.where?.tenant === other) throw new StoreFault('store_io', 'one bad page');
      return bed.store.signingKeys.list(query);
    };
    const broken = { ...bed.store, signingKeys: { ...bed.store.signingKeys, list } };
    await expect(bed.open({ store: broken })).rejects.toThrow('one bad page');
    expect(await bed.statuses()).toEqual(['active', 'published']);
  });
});

describe('a scheduled rotation', () => {
  it('walks published, active, retiring and retired', async () => {
    const keyring = await bed.open();
    const first = (await keyring.signer(tenant, 'ES256')).kid;
    bed.clock.advanceMs(9 * 24 * hourMs);
    await keyring.tick();
    expect(await bed.statuses()).toEqual(['active', 'published']);
    const second = (await kidsOf(keyring)).find((kid) => kid !== first)!;
    expect((await keyring.signer(tenant, 'ES256')).kid).toBe(first);
    bed.clock.advanceMs((86_400 + limits.clockSkewSeconds) * 1000 - 1);
    await keyring.tick();
    expect((await keyring.signer(tenant, 'ES256')).kid).toBe(first);
    bed.clock.advanceMs(1);
    await keyring.tick();
    expect((await keyring.signer(tenant, 'ES256')).kid).toBe(second);
    expect(await bed.statuses()).toEqual(['retiring', 'active']);
    expect(await kidsOf(keyring)).toEqual([second, first]);
    bed.clock.advanceMs(hourMs);
    await keyring.tick();
    expect(await kidsOf(keyring)).toEqual([second, first]);
    bed.clock.advanceMs(limits.clockSkewSeconds * 1000 + limits.keyringViewMs);
    await keyring.tick();
    expect(await kidsOf(keyring)).toEqual([second]);
    expect(await bed.statuses()).toEqual(['retired', 'active']);
    const [old] = await bed.store.signingKeys.list({ where: { tenant, kid: first }, limit: 1 });
    expect(old?.sealedPrivate).toHaveLength(0);
    expect(await bed.feedEntries()).toEqual([
      `trusted ${first}`,
      `trusted ${second}`,
      `retired ${first}`,
    ]);
    expect(await bed.audited()).toEqual([
      'signing_key.create by keyring for schedule',
      'signing_key.create by keyring for schedule',
      'signing_key.activate by keyring for schedule',
      'signing_key.retire by keyring for schedule',
    ]);
  });

  it('never lets a token meet a verifier that cannot verify it', async () => {
    // Two processes tick and serve; a verifier caches a key set for as long as it is told to.
    const processes = [await bed.open(), await bed.open()];
    const sets: { readonly at: number; readonly kids: readonly string[] }[] = [];
    const signed: { readonly at: number; readonly kid: string }[] = [];
    const switches = new Set<string>();
    for (let step = 0; step < 35 * 24; step++) {
      bed.clock.advanceMs(hourMs);
      await processes[step % 2]!.tick();
      const now = bed.clock.nowMs();
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
    const processes = await Promise.all([bed.open(), bed.open(), bed.open(), bed.open()]);
    const everywhere = () => Promise.all(processes.map((one) => one.tick()));
    for (let day = 0; day < 40; day++) {
      bed.clock.advanceMs(24 * hourMs);
      await everywhere();
      const found = await bed.statuses();
      expect(found.filter((status) => status === 'active')).toHaveLength(1);
      expect(found.filter((status) => status === 'published').length).toBeLessThan(2);
    }
    const rows = await bed.store.signingKeys.list({ limit: 100 });
    expect(rows.map((row) => row.generation).sort()).toEqual([1, 2, 3, 4]);
    expect((await bed.audited()).filter((line) => line.includes('create'))).toHaveLength(4);
  });

  it('goes on after a crash before or after any of its acts', async () => {
    for (const committed of [false, true]) {
      for (let at = 0; at < 5; at++) {
        bed = await keyringBed();
        let count = 0;
        const run = async (act: Act) => {
          const crash = count++ === at;
          const outcome = crash && !committed ? undefined : await bed.store.acts.run(act);
          if (outcome === undefined || crash) throw new StoreFault('store_io', 'crash');
          return outcome;
        };
        const crashing = { ...bed.store, acts: { run } };
        const life = async (): Promise<void> => {
          const keyring = await bed.open({ store: crashing });
          for (let day = 0; day < 12; day++) {
            bed.clock.advanceMs(24 * hourMs);
            await keyring.tick();
          }
        };
        await life().catch(() => undefined);
        const restarted = await bed.open();
        for (let day = 0; day < 14; day++) {
          bed.clock.advanceMs(24 * hourMs);
          await restarted.tick();
        }
        const found = await bed.statuses();
        expect(found.filter((status) => status === 'active')).toHaveLength(1);
        expect(found.filter((status) => status === 'retired').length).toBeGreaterThan(0);
        const acts = (await bed.audited()).length;
        const versions = (await bed.store.signingKeys.list({ limit: 100 })).map(
          (row) => row.version,
        );
        // A creation is version 1 and one record; each later change is one version and one record,
        // but that an activation also retires the key before it.
        const activations = (await bed.audited()).filter((line) =>
          line.includes('activate'),
        ).length;
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
    await expect(bed.open({ recorder })).rejects.toThrow('cannot record');
    expect(await bed.store.signingKeys.count()).toBe(0);
    await bed.open();
    bed.clock.advanceMs(20 * 24 * hourMs);
    await expect(bed.open({ recorder })).rejects.toThrow('cannot record');
    expect(await bed.statuses()).toEqual(['active']);
    expect(await bed.store.auditPending.count()).toBe(1);
    expect(await bed.feedEntries()).toHaveLength(1);
  });
});
