import { defaultTenant, type UnixMs } from '@mintmark/core';
import { describe, expect, it } from 'vitest';
import { keyBed, requester, startMs } from '../apikeys/key-bed.ts';
import { verifyKey } from '../apikeys/verify-key.ts';
import { createAdminKey } from './create-admin-key.ts';
import { revokeAdminKey } from './revoke-admin-key.ts';

async function made(
  bed: ReturnType<typeof keyBed>,
  permissions: readonly string[],
  more: { held?: readonly string[]; expiresAt?: UnixMs } = {},
) {
  const { held = ['*'], expiresAt } = more;
  const result = await createAdminKey(bed, {
    requester,
    held,
    name: 'x',
    permissions,
    expiresAt,
  });
  return result.ok ? result.value : result.refusal;
}

async function madeOne(bed: ReturnType<typeof keyBed>, ...permissions: string[]) {
  const key = await made(bed, permissions);
  if ('reason' in key) throw new Error(key.reason);
  return key;
}

describe('createAdminKey', () => {
  it('makes a key that works, and of which no enforcement point hears', async () => {
    const bed = keyBed();
    const { row, text } = await madeOne(bed, 'keys:read');
    expect(text).toMatch(/^mm_admin_/);
    const now = startMs as UnixMs;
    const input = { tenant: defaultTenant, text, kinds: ['admin'], now } as const;
    expect(await verifyKey(bed, input)).toMatchObject({ active: true, row: { id: row.id } });
    expect(row.sealedVerifier).toBeNull();
    expect(await bed.fed()).toEqual([]);
    expect(await bed.recorded()).toEqual(['admin_key.create']);
  });

  it.each([
    [['keys:read'], ['keys:write'], 'keys:write'],
    [['keys:*'], ['keys:read', '*'], '*'],
    [['keys:*'], ['clients:*'], 'clients:*'],
    [['keys:read'], ['keys:*'], 'keys:*'],
    [[], ['keys:read'], 'keys:read'],
  ])('does not let the holder of %j give away %j', async (held, permissions, permission) => {
    const bed = keyBed();
    expect(await made(bed, permissions, { held })).toEqual({
      reason: 'permission_not_held',
      permission,
    });
    expect(await bed.store.keys.count()).toBe(0);
  });

  it('refuses an id that is taken, and what a step alongside refuses', async () => {
    const bed = keyBed();
    const stuck = { ...bed, entropy: { bytes: (count: number) => new Uint8Array(count) } };
    await madeOne(stuck, '*');
    expect(await made(stuck, ['*'])).toEqual({ reason: 'id_taken' });
    const stopped = await createAdminKey(bed, {
      requester,
      held: ['*'],
      name: 'x',
      permissions: [],
      alongside: () => [
        { do: 'require', table: 'tenants', where: { tenant: 'none' }, refused: 'stop' },
      ],
    });
    expect(stopped).toMatchObject({ refusal: { reason: 'refused_by_step', step: 'stop' } });
  });
});

describe('revokeAdminKey', () => {
  async function reasonOf(
    bed: ReturnType<typeof keyBed>,
    id: string,
    more: { isSeen?: (version: number) => boolean; held?: readonly string[] } = {},
  ) {
    const { isSeen = () => true, held = ['*'] } = more;
    const result = await revokeAdminKey(bed, { requester, held, id, isSeen });
    return result.ok ? result.value.status : result.refusal.reason;
  }

  it('ends a key, once and for all', async () => {
    const bed = keyBed();
    await madeOne(bed, '*');
    const { row, text } = await madeOne(bed, '*');
    expect(await reasonOf(bed, row.id)).toBe('revoked');
    expect(await reasonOf(bed, row.id)).toBe('revoked');
    const now = startMs as UnixMs;
    const input = { tenant: defaultTenant, text, kinds: ['admin'], now } as const;
    expect(await verifyKey(bed, input)).toMatchObject({ active: false, code: 'revoked' });
    expect(await bed.recorded()).toEqual([
      'admin_key.create',
      'admin_key.create',
      'admin_key.revoke',
    ]);
  });

  it('keeps the last key that makes administrators', async () => {
    const bed = keyBed();
    const first = await madeOne(bed, '*');
    const reader = await madeOne(bed, 'keys:read');
    await made(bed, ['*'], { expiresAt: (startMs - 1) as UnixMs });
    expect(await reasonOf(bed, first.row.id)).toBe('last_one');
    expect(await reasonOf(bed, reader.row.id)).toBe('revoked');
    // One that makes administrators, but none who could do what the first one could.
    await madeOne(bed, 'admin_keys:*');
    expect(await reasonOf(bed, first.row.id)).toBe('last_one');
    await madeOne(bed, '*');
    expect(await reasonOf(bed, first.row.id)).toBe('revoked');
  });

  it('does not let the holder of less end a key that holds more', async () => {
    const bed = keyBed();
    await madeOne(bed, '*');
    const root = await madeOne(bed, '*');
    const reader = await madeOne(bed, 'audit:read', 'audit:personal');
    const held = ['admin_keys:*', 'audit:read'];
    expect(await reasonOf(bed, root.row.id, { held })).toBe('permission_not_held');
    expect(await reasonOf(bed, reader.row.id, { held })).toBe('permission_not_held');
    expect(await reasonOf(bed, reader.row.id, { held: [...held, 'audit:*'] })).toBe('revoked');
  });

  it('lets two administrators who revoke one another leave one of them', async () => {
    const bed = keyBed();
    const [a, b] = [await madeOne(bed, '*'), await madeOne(bed, '*')];
    const both = await Promise.all([reasonOf(bed, a.row.id), reasonOf(bed, b.row.id)]);
    expect(both.sort()).toEqual(['last_one', 'revoked']);
  });

  it('refuses what is unknown, an API key, and a version not seen', async () => {
    const bed = keyBed();
    const { row } = await madeOne(bed, '*');
    expect(await reasonOf(bed, 'nothing')).toBe('not_found');
    expect(await reasonOf(bed, row.id, { isSeen: () => false })).toBe('version_mismatch');
  });
});
