import type { UnixMs } from '@mintmark/core';
import { describe, expect, it } from 'vitest';
import { createKey } from './create-key.ts';
import { keyBed, requester, revokedKey, startMs } from './key-bed.ts';
import { rotateKey } from './rotate-key.ts';
import { type KeyPatch, updateKey } from './update-key.ts';

async function made(expiresAt?: UnixMs) {
  const bed = keyBed();
  const settings = { name: 'ci', owner: 'a', scopes: ['read'], plan: 'free', expiresAt };
  const key = await createKey(bed, { requester, settings });
  if (!key.ok) throw new Error('refused');
  const { id } = key.value.row;
  const edit = async (patch: KeyPatch, isSeen = (_version: number) => true, of = id) => {
    const mayNameOwner = () => true;
    const result = await updateKey(bed, { requester, id: of, mayNameOwner, isSeen, patch });
    return result.ok ? result.value : result.refusal.reason;
  };
  return { bed, id, edit };
}

describe('updateKey', () => {
  it('changes what is given, takes away what is null, and leaves the rest', async () => {
    const { bed, edit } = await made();
    expect(await edit({ scopes: ['read', 'write'], plan: null })).toMatchObject({
      name: 'ci',
      scopes: ['read', 'write'],
      plan: null,
      version: 2,
    });
    expect((await bed.fed()).at(-1)).toMatchObject({ scopes: ['read', 'write'] });
    expect(await bed.recorded()).toEqual(['key.create', 'key.update']);
  });

  it('disables and enables', async () => {
    const { bed, edit } = await made();
    expect(await edit({ status: 'disabled' })).toMatchObject({ status: 'disabled' });
    expect((await bed.fed()).at(-1)).toMatchObject({ status: 'disabled' });
    expect(await edit({ status: 'active' })).toMatchObject({ status: 'active', version: 3 });
  });

  it('refuses an edit of a version that its maker has not seen', async () => {
    const { edit } = await made();
    expect(await edit({ name: 'b' }, (version) => version === 2)).toBe('version_mismatch');
    expect(await edit({ name: 'b' }, (version) => version === 1)).toMatchObject({ version: 2 });
  });

  it('lets one of racing edits win', async () => {
    const { edit } = await made();
    const results = await Promise.all([edit({ name: 'b' }), edit({ name: 'c' })]);
    expect(results.filter((one) => one === 'version_mismatch')).toHaveLength(1);
  });

  it('refuses what does not exist and what is revoked', async () => {
    const { bed, edit } = await made();
    expect(await edit({ name: 'b' }, undefined, 'nothing')).toBe('not_found');
    const revoked = await revokedKey(bed);
    expect(await edit({ status: 'active' }, undefined, revoked)).toBe('revoked');
  });

  it('does not lengthen the overlap of a rotated key', async () => {
    const { bed, id, edit } = await made();
    await rotateKey(bed, { requester, id, mayNameOwner: () => true, overlapSeconds: 60 });
    const second = Math.floor(startMs / 1000) * 1000;
    expect(await edit({ expiresAt: null })).toBe('already_rotated');
    expect(await edit({ expiresAt: (second + 61_000) as UnixMs })).toBe('already_rotated');
    expect(await edit({ expiresAt: (second + 30_000) as UnixMs })).toMatchObject({ version: 3 });
  });
});
