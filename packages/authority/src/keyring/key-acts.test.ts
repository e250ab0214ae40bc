import { CustodyFault, limits, type TenantId } from '@mintmark/core';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Act } from '../store/act.ts';
import type { Store } from '../store/store.ts';
import { hourMs, type KeyringBed, keyringBed, kidsOf, operator, tenant } from './keyring-bed.ts';

let bed: KeyringBed;

beforeEach(async () => {
  bed = await keyringBed();
});

describe('a rotation by hand', () => {
  it('publishes the next key now, once', async () => {
    const keyring = await bed.open();
    const input = { tenant, algorithm: 'ES256', ...operator } as const;
    const before = await keyring.signer(tenant, 'ES256');
    bed.clock.advanceMs(1);
    const rotated = await keyring.rotate(input);
    expect(rotated.activateAt).toBe(bed.clock.nowMs() + (86_400 + limits.clockSkewSeconds) * 1000);
    expect(await keyring.rotate(input)).toEqual(rotated);
    expect((await keyring.signer(tenant, 'ES256')).kid).toBe(before.kid);
    expect(await kidsOf(keyring)).toContain(rotated.kid);
    expect((await bed.audited()).at(-1)).toBe('signing_key.create by a1 for because');
    bed.clock.setWallMs(rotated.activateAt);
    await keyring.tick();
    expect((await keyring.signer(tenant, 'ES256')).kid).toBe(rotated.kid);
  });

  it('makes a first key active at once', async () => {
    const keyring = await bed.open();
    const input = { tenant, algorithm: 'EdDSA', ...operator } as const;
    const { kid, activateAt } = await keyring.rotate(input);
    expect(activateAt).toBe(bed.clock.nowMs());
    expect((await keyring.signer(tenant, 'EdDSA')).kid).toBe(kid);
  });

  it('adds one key where two operators rotate at once', async () => {
    const both = [await bed.open(), await bed.open()];
    const input = { tenant, algorithm: 'ES256', ...operator } as const;
    const [one, two] = await Promise.all(both.map((keyring) => keyring.rotate(input)));
    expect(one).toEqual(two);
    expect(await bed.statuses()).toEqual(['active', 'published']);
  });

  it('gives up where the keys change faster than it reads them', async () => {
    await bed.open();
    const acts = { run: async () => ({ outcome: 'overtaken', position: undefined }) };
    const keyring = await bed.open({ store: { ...bed.store, acts } });
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
    const keyring = await bed.open();
    const { kid } = await keyring.signer(tenant, 'ES256');
    bed.clock.advanceMs(1);
    const done = await keyring.emergency({ tenant, kid, ...operator });
    if (!done.ok) throw new Error(done.refusal.reason);
    const { replacement, revocation } = done.value;
    expect((await keyring.signer(tenant, 'ES256')).kid).toBe(replacement);
    expect(await kidsOf(keyring)).toEqual([replacement]);
    expect(await bed.statuses()).toEqual(['compromised', 'active']);
    expect(await bed.feedEntries()).toEqual([
      `trusted ${kid}`,
      `revoked ${kid}`,
      `retired ${kid}`,
      `trusted ${replacement}`,
    ]);
    expect(await bed.store.revocations.get(tenant, revocation)).toMatchObject({
      targetKind: 'signing_key',
      targetId: kid,
      reason: 'because',
      actor: 'admin_key:a1',
      position: 2,
    });
    expect((await bed.audited()).at(-1)).toBe('signing_key.retire by a1 for because');
    const rows = await keyring.list(tenant);
    expect(rows.find((row) => row.kid === kid)?.sealedPrivate).toHaveLength(0);
  });

  it('is followed by other processes within the bound', async () => {
    const [here, there] = [await bed.open(), await bed.open()];
    const { kid } = await there.signer(tenant, 'ES256');
    const done = await here.emergency({ tenant, kid, ...operator });
    bed.clock.advanceMs(limits.keyringViewMs);
    const next = await there.signer(tenant, 'ES256');
    expect(done.ok && done.value.replacement).toBe(next.kid);
    expect(await kidsOf(there)).not.toContain(kid);
  });

  it('drops a key that does not sign without adding one', async () => {
    const keyring = await bed.open();
    const { kid: signing } = await keyring.signer(tenant, 'ES256');
    const { kid } = await keyring.rotate({ tenant, algorithm: 'ES256', ...operator });
    const done = await keyring.emergency({ tenant, kid, ...operator });
    expect(done).toMatchObject({ ok: true, value: { replacement: undefined } });
    expect((await keyring.signer(tenant, 'ES256')).kid).toBe(signing);
    expect(await bed.statuses()).toEqual(['active', 'compromised']);
  });

  it('is refused for a key that is unknown, of another tenant, or no longer trusted', async () => {
    const keyring = await bed.open();
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
    expect(await bed.statuses()).toEqual(['compromised', 'active']);
  });

  it('happens once where two declare it, and wins against a rotation under way', async () => {
    const processes = [await bed.open(), await bed.open()];
    const { kid } = await processes[0]!.signer(tenant, 'ES256');
    bed.clock.advanceMs(9 * 24 * hourMs);
    const results = await Promise.all([
      ...processes.map((one) => one.emergency({ tenant, kid, ...operator })),
      processes[1]!.tick(),
    ]);
    const outcomes = results.slice(0, 2).map((result) => (result as { ok: boolean }).ok);
    expect(outcomes.sort()).toEqual([false, true]);
    expect((await bed.statuses()).filter((status) => status === 'compromised')).toHaveLength(1);
    expect((await bed.statuses()).filter((status) => status === 'active')).toHaveLength(1);
    for (const process of processes) {
      bed.clock.advanceMs(limits.keyringViewMs);
      expect(await kidsOf(process)).not.toContain(kid);
    }
  });

  it('is not undone by a change that another process decided on before it', async () => {
    const here = await bed.open();
    const { kid } = await here.signer(tenant, 'ES256');
    const { activateAt } = await here.rotate({ tenant, algorithm: 'ES256', ...operator });
    bed.clock.setWallMs(activateAt);
    let declared = false;
    const run = async (act: Act) => {
      if (!declared) {
        declared = true;
        await here.emergency({ tenant, kid, ...operator });
      }
      return bed.store.acts.run(act);
    };
    // Its tick has read that the distrusted key is to retire in a day.
    await bed.open({ store: { ...bed.store, acts: { run } } });
    const row = await bed.store.signingKeys.get(tenant, kid);
    expect(row).toMatchObject({ status: 'compromised' });
    expect(await kidsOf(await bed.open())).not.toContain(kid);
  });

  it('changes nothing where it cannot be recorded', async () => {
    const { kid } = await (await bed.open()).signer(tenant, 'ES256');
    const recorder = {
      record: async () => {
        throw new CustodyFault('custody_unavailable', 'cannot record');
      },
    };
    const keyring = await bed.open({ recorder });
    const declared = keyring.emergency({ tenant, kid, ...operator });
    await expect(declared).rejects.toThrow('cannot record');
    expect(await bed.statuses()).toEqual(['active']);
    expect(await bed.store.revocations.count()).toBe(0);
    expect(await bed.feedEntries()).toHaveLength(1);
  });

  it('does not let a slow read bring the distrusted key back', async () => {
    let release: (() => void) | undefined;
    let slow = false;
    const list: Store['signingKeys']['list'] = async (query) => {
      const rows = await bed.store.signingKeys.list(query);
      if (slow) {
        slow = false;
        await new Promise<void>((resolve) => {
          release = resolve;
        });
      }
      return rows;
    };
    const keyring = await bed.open({
      store: { ...bed.store, signingKeys: { ...bed.store.signingKeys, list } },
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
