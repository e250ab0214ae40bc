import { defaultTenant, limits, type TenantId } from '@mintmark/core';
import { describe, expect, it } from 'vitest';
import { createKey } from './create-key.ts';
import { keyBed, requester } from './key-bed.ts';
import { type KeyPolicy, noKeyPolicy } from './key-policy.ts';
import { createUnusedKeys } from './unused-keys.ts';
import { updateKey } from './update-key.ts';

const dayMs = 86_400_000;
const yes = () => true;

async function swept(policy: Partial<KeyPolicy> = { unusedDays: 30 }) {
  const bed = keyBed();
  const tenant = {
    ...({
      tenant: defaultTenant,
      name: 'first',
      status: 'active',
      createdAt: 1,
      version: 1,
    } as const),
    ...{ settings: null, sessionsEndedBefore: null },
  } as const;
  await bed.store.acts.run({ steps: [{ do: 'put', table: 'tenants', row: tenant }], audit: null });
  const asked: TenantId[] = [];
  const sweep = createUnusedKeys({
    ...bed,
    async policyOf(of) {
      asked.push(of);
      return { ...noKeyPolicy, ...policy };
    },
  });
  const make = async (name = 'ci') => {
    const settings = { name, owner: 'team-a', scopes: [] };
    const key = await createKey(bed, { requester, settings });
    if (!key.ok) throw new Error(key.refusal.reason);
    return key.value.row.id;
  };
  const use = async (id: string) => {
    const at = bed.clock.nowMs();
    const row = {
      ...{ tenant: defaultTenant, kind: 'key', id, allowed: 1, denied: 0, lastAddress: null },
      ...{ firstUsedAt: at, lastUsedAt: at },
    };
    await bed.store.acts.run({ steps: [{ do: 'put', table: 'usage', row }], audit: null });
  };
  const statusOf = async (id: string) => (await bed.store.keys.get(defaultTenant, id))?.status;
  const told = async () => (await bed.store.notices.list({ limit: 100 })).map(({ kind }) => kind);
  return { bed, sweep, make, use, statusOf, told, asked };
}

describe('a key that nobody uses', () => {
  it('is told to its owner, and disabled when the grace is over', async () => {
    const { bed, sweep, make, statusOf, told } = await swept();
    const id = await make();
    await sweep.step();
    expect(await told()).toEqual([]);
    bed.clock.advanceMs(30 * dayMs);
    await sweep.step();
    await sweep.step();
    expect(await told()).toEqual(['key.unused']);
    expect(await statusOf(id)).toBe('active');
    bed.clock.advanceMs(7 * dayMs - 1);
    await sweep.step();
    expect(await statusOf(id)).toBe('active');
    bed.clock.advanceMs(1);
    await sweep.step();
    await sweep.step();
    expect(await statusOf(id)).toBe('disabled');
    expect((await bed.fed()).at(-1)).toMatchObject({ id, status: 'disabled' });
    expect([...(await told())].sort()).toEqual(['key.retired', 'key.unused']);
    expect(await bed.recorded()).toEqual(['key.create', 'key.unused', 'key.update']);
  });

  it('is told to its user and disabled in the same way where it is a personal token', async () => {
    const { bed, sweep, make, statusOf, told } = await swept();
    const id = await make();
    const set = { kind: 'pat', owner: 'alice' } as const;
    const where = { tenant: defaultTenant, id };
    const step = { do: 'update', table: 'keys', where, set } as const;
    await bed.store.acts.run({ steps: [step], audit: null });
    bed.clock.advanceMs(30 * dayMs);
    await sweep.step();
    expect(await told()).toEqual(['pat.unused']);
    bed.clock.advanceMs(7 * dayMs);
    await sweep.step();
    await sweep.step();
    expect(await statusOf(id)).toBe('disabled');
    const notices = await bed.store.notices.list({ limit: 9 });
    expect(notices).toMatchObject([
      { kind: 'pat.retired', owner: 'alice', aboutKind: 'pat', aboutId: id },
      { kind: 'pat.unused', owner: 'alice', aboutKind: 'pat' },
    ]);
  });

  it('lives on once it is used, and is told of anew the next time', async () => {
    const { bed, sweep, make, use, statusOf, told } = await swept({
      ...{ unusedDays: 30, unusedGraceDays: 3 },
    });
    const id = await make();
    bed.clock.advanceMs(30 * dayMs);
    await sweep.step();
    bed.clock.advanceMs(dayMs);
    await use(id);
    bed.clock.advanceMs(29 * dayMs);
    await sweep.step();
    expect([await statusOf(id), await told()]).toEqual(['active', ['key.unused']]);
    bed.clock.advanceMs(dayMs);
    await sweep.step();
    expect([await statusOf(id), (await told()).length]).toEqual(['active', 2]);
    bed.clock.advanceMs(3 * dayMs);
    await sweep.step();
    expect(await statusOf(id)).toBe('disabled');
  });

  it('has its grace anew when somebody enables it again', async () => {
    const { bed, sweep, make, statusOf } = await swept();
    const id = await make();
    for (const days of [30, 7]) {
      bed.clock.advanceMs(days * dayMs);
      await sweep.step();
    }
    expect(await statusOf(id)).toBe('disabled');
    const patch = { status: 'active' } as const;
    await updateKey(bed, { requester, id, mayNameOwner: yes, isSeen: yes, patch });
    await sweep.step();
    bed.clock.advanceMs(7 * dayMs - 1);
    await sweep.step();
    expect(await statusOf(id)).toBe('active');
  });

  it('stays where the policy says nothing, and is let be while it is not active', async () => {
    const quiet = await swept({});
    const id = await quiet.make();
    quiet.bed.clock.advanceMs(9999 * dayMs);
    await quiet.sweep.step();
    expect([await quiet.statusOf(id), await quiet.told()]).toEqual(['active', []]);
    const { bed, sweep, make, told } = await swept();
    const other = await make();
    const patch = { status: 'disabled' } as const;
    await updateKey(bed, { requester, id: other, mayNameOwner: yes, isSeen: yes, patch });
    bed.clock.advanceMs(99 * dayMs);
    await sweep.step();
    expect(await told()).toEqual([]);
  });

  it('is found among many, a bounded number in each step', async () => {
    const { bed, sweep, make, told } = await swept();
    const many = limits.unusedKeysPerSweep + 3;
    for (let i = 0; i < many; i++) await make(`k${i}`);
    bed.clock.advanceMs(30 * dayMs);
    await sweep.step();
    const first = await bed.store.notices.count({});
    expect(first).toBeLessThan(many);
    expect(first).toBeGreaterThan(limits.unusedKeysPerSweep - 1);
    await sweep.step();
    expect(await bed.store.notices.count({})).toBe(many);
    expect(new Set(await told())).toEqual(new Set(['key.unused']));
  });
});
