import { defaultTenant, limits } from '@mintmark/core';
import { expect, test } from 'vitest';
import { authorityBed } from './authority-bed.ts';
import { revocationStep } from './revocation/revocation-step.ts';
import type { Act, Step } from './store/act.ts';

const tenant = defaultTenant;

test('lets go of what has ended, in acts of which none holds up the others', async () => {
  const bed = await authorityBed();
  const at = bed.clock.nowMs();
  const count = limits.pageItemsMax + 1;
  for (let i = 0; i < count; i++) {
    const target = { kind: 'token', id: `t${i}` } as const;
    const step = revocationStep({ tenant, id: `r${i}`, target, reason: 'x', actor: 'x', at });
    await bed.store.acts.run({ steps: [step], audit: null });
  }
  const node = { tenant, node: 'gone', epoch: 'e', position: 0, seenAt: at };
  await bed.store.acts.run({ steps: [{ do: 'put', table: 'nodes', row: node }], audit: null });
  const waited = { tenant, account: 'a', failures: 3, lockedUntil: 0, expiresAtSeconds: 1 };
  const counted: Step = { do: 'put', table: 'signInAttempts', row: waited };
  await bed.store.acts.run({ steps: [counted], audit: null });
  const bulk = {
    ...{ tenant, id: 'b', actor: 'admin_key:a', filter: {}, act: {}, keys: [] },
    ...{ done: 0, changed: 0, createdAt: at, expiresAtSeconds: 1 },
  };
  await bed.store.acts.run({ steps: [{ do: 'put', table: 'keyBulks', row: bulk }], audit: null });
  const acts: Act[] = [];
  const { run } = bed.store.acts;
  Object.assign(bed.store.acts, {
    run: (act: Act) => {
      acts.push(act);
      return run(act);
    },
  });
  bed.clock.advanceMs((limits.accessTokenTtlSecondsMax + 2 * 3600) * 1000);
  await bed.authority.tick();
  expect(await bed.store.feed.count({ targetKind: 'token' })).toBe(0);
  expect(await bed.store.nodes.count()).toBe(0);
  expect(await bed.store.signInAttempts.count()).toBe(0);
  expect(await bed.store.keyBulks.count()).toBe(0);
  const deleted = acts.flatMap(({ steps }) =>
    steps.flatMap((step) => (step.do === 'deleteMany' ? [step.keys.length] : [])),
  );
  expect(Math.max(...deleted)).toBe(limits.pageItemsMax);
});

test('lets go of the counts of sub-keys that can live no more', async () => {
  const bed = await authorityBed();
  const at = bed.clock.nowMs();
  const row = {
    ...{ tenant, kind: 'sub_key', id: 'k.s', allowed: 1, denied: 0, lastAddress: null },
    ...{ firstUsedAt: at, lastUsedAt: at },
  };
  await bed.store.acts.run({ steps: [{ do: 'put', table: 'usage', row }], audit: null });
  bed.clock.advanceMs((limits.subKeySecondsMax + 3600) * 1000);
  for (let round = 0; round < 240; round++) await bed.authority.tick();
  expect(await bed.store.usage.count({ kind: 'sub_key' })).toBe(0);
});
