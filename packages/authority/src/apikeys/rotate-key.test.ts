import { defaultTenant, type UnixMs } from '@mintmark/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createKey } from './create-key.ts';
import { keyBed, requester, revokedKey, startMs } from './key-bed.ts';
import { rotateKey } from './rotate-key.ts';
import { updateKey } from './update-key.ts';
import { verifyKey } from './verify-key.ts';

const asked = { requester, mayNameOwner: () => true };
const settings = { name: 'ci', owner: 'team-a', scopes: ['read'] };

async function rotating(overlapSeconds: number, more: { expiresAt?: UnixMs; seed?: number } = {}) {
  const bed = keyBed(more.seed === undefined ? {} : { seed: more.seed });
  const made = await createKey(bed, {
    requester,
    settings: { ...settings, expiresAt: more.expiresAt },
  });
  if (!made.ok) throw new Error('refused');
  const { row: old, text: oldText } = made.value;
  const rotated = await rotateKey(bed, { ...asked, id: old.id, overlapSeconds });
  if (!rotated.ok) throw new Error(rotated.refusal.reason);
  const codeOf = async (text: string) => {
    const now = bed.clock.nowMs();
    const kinds = ['key'] as const;
    const verdict = await verifyKey(bed, { tenant: defaultTenant, text, kinds, now });
    return verdict.active ? 'ok' : verdict.code;
  };
  return { bed, old, oldText, rotated: rotated.value, codeOf };
}

describe('rotateKey', () => {
  it('ends the predecessor at exactly the second that it names', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 100_000 }),
        fc.integer(),
        async (overlap, seed) => {
          const { bed, oldText, rotated, codeOf } = await rotating(overlap, { seed });
          const end = rotated.previousExpiresAt;
          expect(end).toBe((Math.floor(startMs / 1000) + overlap) * 1000);
          for (const [at, expected] of [
            [end - 1000, 'ok'],
            [end - 1, 'ok'],
            [end, 'expired'],
            [end + 1000, 'expired'],
          ] as const) {
            bed.clock.setWallMs(at);
            expect(await codeOf(oldText)).toBe(expected);
            expect(await codeOf(rotated.text)).toBe('ok');
          }
        },
      ),
      { numRuns: 30 },
    );
  });

  it('links the two keys and keeps what the key may do', async () => {
    const { bed, old, rotated } = await rotating(60);
    const before = await bed.store.keys.get(defaultTenant, old.id);
    expect(before).toMatchObject({ successor: rotated.successor.id, version: 2 });
    expect(rotated.successor).toMatchObject({ predecessor: old.id, ...settings, expiresAt: null });
    expect((await bed.fed()).map((key) => [key.id, key.successor])).toEqual([
      [old.id, undefined],
      [rotated.successor.id, undefined],
      [old.id, rotated.successor.id],
    ]);
    expect(await bed.recorded()).toEqual(['key.create', 'key.rotate']);
  });

  it('never puts off an end that was set before', async () => {
    const expiresAt = (Math.floor(startMs / 1000) * 1000 + 10_000) as UnixMs;
    const { rotated } = await rotating(60, { expiresAt });
    expect(rotated.previousExpiresAt).toBe(expiresAt);
    // The successor lives as long as the predecessor was meant to.
    expect(rotated.successor.expiresAt).toBe(expiresAt);
  });

  it('lets the successor begin when the predecessor was to, and live as long', async () => {
    const bed = keyBed();
    const second = Math.floor(startMs / 1000) * 1000;
    const bounds = {
      notBefore: (second + 60_000) as UnixMs,
      expiresAt: (second + 90_000) as UnixMs,
    };
    const made = await createKey(bed, { requester, settings: { ...settings, ...bounds } });
    const id = made.ok ? made.value.row.id : '';
    const first = await rotateKey(bed, { ...asked, id, overlapSeconds: 0 });
    if (!first.ok) throw new Error(first.refusal.reason);
    expect(first.value.successor).toMatchObject(bounds);
    bed.clock.setWallMs(second + 70_000);
    const next = { ...asked, id: first.value.successor.id, overlapSeconds: 0 };
    const later = await rotateKey(bed, next);
    const successor = later.ok ? later.value.successor : undefined;
    expect(successor).toMatchObject({ notBefore: null, expiresAt: second + 100_000 });
  });

  it('lets one of racing rotations win', async () => {
    const bed = keyBed();
    const made = await createKey(bed, { requester, settings });
    const id = made.ok ? made.value.row.id : '';
    const all = await Promise.all(
      [1, 2, 3].map(() => rotateKey(bed, { ...asked, id, overlapSeconds: 5 })),
    );
    expect(all.filter((one) => one.ok)).toHaveLength(1);
    expect(all.filter((one) => !one.ok && one.refusal.reason === 'conflict')).toHaveLength(2);
    expect(await bed.store.keys.count()).toBe(2);
  });

  it('makes no key of an owner whom the requester may not name', async () => {
    const { bed, rotated } = await rotating(5);
    const { id } = rotated.successor;
    const mayNameOwner = (owner: string) => owner === 'team-b';
    expect(await rotateKey(bed, { requester, id, mayNameOwner, overlapSeconds: 5 })).toEqual({
      ok: false,
      refusal: { reason: 'owner_not_allowed', owner: 'team-a' },
    });
    expect(await bed.store.keys.count()).toBe(2);
  });

  it('refuses what cannot be rotated, each with its reason', async () => {
    const { bed, old, rotated } = await rotating(5);
    const reasonOf = async (id: string) => {
      const result = await rotateKey(bed, { ...asked, id, overlapSeconds: 5 });
      return result.ok ? 'done' : result.refusal;
    };
    expect(await reasonOf('nothing')).toEqual({ reason: 'not_found' });
    expect(await reasonOf(old.id)).toEqual({
      reason: 'already_rotated',
      successor: rotated.successor.id,
    });
    const { id } = rotated.successor;
    const patch = { status: 'disabled' } as const;
    const mayNameOwner = () => true;
    await updateKey(bed, { requester, id, mayNameOwner, isSeen: () => true, patch });
    expect(await reasonOf(id)).toEqual({ reason: 'not_active', status: 'disabled' });
    const revoked = await revokedKey(bed);
    expect(await reasonOf(revoked)).toEqual({ reason: 'not_active', status: 'revoked' });
    const past = (startMs - 250) as UnixMs;
    const made = await createKey(bed, { requester, settings: { ...settings, expiresAt: past } });
    expect(await reasonOf(made.ok ? made.value.row.id : '')).toEqual({
      reason: 'not_active',
      status: 'expired',
    });
  });
});
