import { limits } from '@mintmark/core';
import { expect, it } from 'vitest';
import { authorityBed } from '../authority-bed.ts';
import { type TableName, tables } from '../store/tables.ts';
import { addTenant, holdingsIn } from '../tenant-bed.ts';
import { createTenantRemover } from './remove-tenants.ts';

/** Tables in which the tenant has rows. */
async function tablesWith(bed: Awaited<ReturnType<typeof authorityBed>>, tenant: string) {
  const found: string[] = [];
  for (const name of Object.keys(tables) as TableName[]) {
    if (!('tenant' in tables[name].columns)) continue;
    const reader = bed.store[name] as { count(where: object): Promise<number> };
    if ((await reader.count({ tenant })) > 0) found.push(name);
  }
  return found.sort();
}

it('takes away what a deleted tenant had, and keeps what proves the past', async () => {
  const bed = await authorityBed();
  const registration = {
    ...{ mode: 'open', scopes: ['openid', 'read'], audiences: [] },
    ...{ metadata_documents: false, require_pkce: true },
  };
  const gone = await addTenant(bed, 'gone', { settings: { registration } });
  const stays = await addTenant(bed, 'stays', { settings: { registration } });
  await holdingsIn(bed, gone);
  await holdingsIn(bed, stays);
  const before = await tablesWith(bed, 'stays');
  expect(before.length).toBeGreaterThan(15);
  const remover = createTenantRemover(bed);
  await remover.step();
  const edit = { ifMatch: '*' };
  await bed.manage('PATCH', '/v1/tenants/gone', { ...edit, json: { status: 'disabled' } });
  await bed.manage('DELETE', '/v1/tenants/gone', edit);
  bed.clock.advanceMs(limits.custodyUpkeepMs);
  for (let steps = 0; steps < 50; steps++) await remover.step();
  expect(await tablesWith(bed, 'gone')).toEqual([
    ...['auditPending', 'authorizationCodes', 'custodyKeys', 'feed', 'feedHead'],
    ...['refreshFamilies', 'revocations', 'tenants', 'tokens'],
  ]);
  expect(await tablesWith(bed, 'stays')).toEqual(before);
  expect(await bed.store.tenants.get('gone')).toMatchObject({ status: 'deleted', name: '' });
});
