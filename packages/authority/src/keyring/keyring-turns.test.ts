import { limits, type TenantId } from '@mintmark/core';
import { expect, it } from 'vitest';
import { keyringBed, operator, settings } from './keyring-bed.ts';

const count = limits.tenantsTendedAtOnce * 2;

it('looks at a few tenants in a round and at all in turn, and makes no first keys', async () => {
  const bed = await keyringBed();
  const keyring = await bed.open();
  const names = Array.from({ length: count }, (_, i) => `t${String(i).padStart(3, '0')}`);
  for (const name of names) await bed.addTenant(name as TenantId);
  const used = names.filter((_, i) => i % 2 === 0) as TenantId[];
  for (const tenant of used) await keyring.signer(tenant, 'ES256');
  bed.clock.advanceMs(settings.rotateEverySeconds * 1000);
  const rowsOf = async () => (await bed.store.signingKeys.list({ limit: 1000 })).length;
  const before = await rowsOf();
  await keyring.tick();
  const afterOne = await rowsOf();
  // One of the first tenant, and of half of those that were looked at.
  expect(afterOne - before).toBeLessThanOrEqual(1 + limits.tenantsTendedAtOnce / 2);
  for (let rounds = 0; rounds < 3; rounds++) await keyring.tick();
  expect(await rowsOf()).toBe(2 * (used.length + 1));
  for (const tenant of names as TenantId[]) {
    expect(await keyring.list(tenant)).toHaveLength(used.includes(tenant) ? 2 : 0);
  }
  const rotated = await keyring.rotate({ tenant: used[0]!, algorithm: 'ES256', ...operator });
  expect(rotated.activateAt).toBeGreaterThan(bed.clock.nowMs());
});
