import { defaultTenant } from '@mintmark/core';
import { expect, it } from 'vitest';
import { createKey } from '../apikeys/create-key.ts';
import { keyBed, requester } from '../apikeys/key-bed.ts';
import { readReason } from '../audit/reason.ts';
import { releaseLeak, reportLeak } from './report-leak.ts';
import type { RespondDeps } from './respond.ts';

async function leaked() {
  const bed = keyBed();
  const settings = { name: 'ci', owner: 'a', scopes: ['read'] };
  const made = await createKey(bed, { requester, settings });
  if (!made.ok) throw new Error(made.refusal.reason);
  const credential = made.value.row.id;
  const deps = { ...bed, held: async () => undefined } as unknown as RespondDeps;
  const proven = { kind: 'key', credential, owner: 'a', name: 'ci', ended: false } as const;
  const seen = { by: 'report', url: null, source: null };
  const { id } = await reportLeak(deps, { requester, proven, seen });
  const release = (mayNameOwner: (owner: string) => boolean) => {
    const reason = readReason('a test of Ann');
    return releaseLeak(deps, { requester, id, reason, mayNameOwner });
  };
  const statuses = async () => [
    (await bed.store.leaks.get(defaultTenant, id))?.status,
    (await bed.store.keys.get(defaultTenant, credential))?.status,
  ];
  return { bed, release, statuses };
}

it('stays held where the key, given to somebody else meanwhile, may not be let go', async () => {
  const { release, statuses } = await leaked();
  let asked = 0;
  const refused = await release(() => asked++ === 0);
  expect(refused).toMatchObject({ ok: false, refusal: { reason: 'owner_not_allowed' } });
  expect(await statuses()).toEqual(['held', 'quarantined']);
});

it('keeps what was typed out of the permanent record', async () => {
  const { bed, release, statuses } = await leaked();
  expect((await release(() => true)).ok).toBe(true);
  expect(await statuses()).toEqual(['released', 'active']);
  expect(await bed.recorded()).toContain('leak.release');
  expect(await bed.leaves()).not.toContain('Ann');
});
