import { defaultTenant } from '@mintmark/core';
import { describe, expect, it } from 'vitest';
import { readReason } from '../audit/reason.ts';
import type { Act } from '../store/act.ts';
import { createKey } from './create-key.ts';
import { keyBed, requester, revokedKey } from './key-bed.ts';
import { quarantineKey, releaseKey } from './quarantine-key.ts';
import { updateKey } from './update-key.ts';

type Bed = ReturnType<typeof keyBed>;

async function made() {
  const bed = keyBed();
  const settings = { name: 'ci', owner: 'a', scopes: ['read'] };
  const key = await createKey(bed, { requester, settings });
  if (!key.ok) throw new Error('refused');
  return { bed, id: key.value.row.id };
}

const yes = () => true;

async function hold(bed: Bed, id: string) {
  const result = await quarantineKey(bed, { requester, id, reason: readReason('seen in a log') });
  return result.ok ? result.value : result.refusal.reason;
}

async function release(bed: Bed, id: string, mayNameOwner: (owner: string) => boolean = yes) {
  const input = { requester, id, reason: readReason('false alarm'), mayNameOwner };
  const result = await releaseKey(bed, input);
  return result.ok ? result.value : result.refusal.reason;
}

async function edit(bed: Bed, id: string, status: 'active' | 'disabled') {
  const input = { requester, id, mayNameOwner: yes, isSeen: yes, patch: { status } };
  const result = await updateKey(bed, input);
  return result.ok ? result.value : result.refusal.reason;
}

describe('quarantineKey', () => {
  it('holds a key back with reason, moment and who did it, and tells the gateways', async () => {
    const { bed, id } = await made();
    expect(await hold(bed, id)).toMatchObject({
      status: 'quarantined',
      quarantine: { reason: 'seen in a log', by: 'admin_key:root', at: bed.clock.nowMs() },
      version: 2,
    });
    expect((await bed.fed()).at(-1)).toMatchObject({ id, status: 'quarantined' });
    expect(await bed.recorded()).toEqual(['key.create', 'key.quarantine']);
    expect(await bed.leaves()).not.toContain('seen in a log');
  });

  it('is undone by a release, to what the key was before', async () => {
    const { bed, id } = await made();
    await hold(bed, id);
    expect(await release(bed, id)).toMatchObject({ status: 'active', quarantine: null });
    expect((await bed.fed()).at(-1)).toMatchObject({ status: 'active' });
    expect(await bed.leaves()).not.toContain('false alarm');
    await edit(bed, id, 'disabled');
    await hold(bed, id);
    expect(await release(bed, id)).toMatchObject({ status: 'disabled', quarantine: null });
  });

  it('refuses what is gone, unknown, held back already, or not held back', async () => {
    const { bed, id } = await made();
    expect(await release(bed, id)).toBe('not_quarantined');
    await hold(bed, id);
    expect(await hold(bed, id)).toBe('already_quarantined');
    const gone = await revokedKey(bed);
    expect(await hold(bed, gone)).toBe('revoked');
    expect(await release(bed, gone)).toBe('not_quarantined');
    expect(await hold(bed, 'none')).toBe('not_found');
    expect(await release(bed, 'none')).toBe('not_found');
  });

  it('is not ended by an edit, nor released for somebody else’s sake', async () => {
    const { bed, id } = await made();
    await hold(bed, id);
    expect(await edit(bed, id, 'active')).toBe('quarantined');
    expect(await edit(bed, id, 'disabled')).toBe('quarantined');
    expect(await release(bed, id, (owner) => owner !== 'a')).toBe('owner_not_allowed');
    expect(await bed.store.keys.get(defaultTenant, id)).toMatchObject({ status: 'quarantined' });
  });

  /** The same ports, where somebody else changes the key just before each of our acts. */
  function meddled(bed: Bed, meddle: () => Promise<unknown>, times: number) {
    let left = times;
    const run = async (act: Act) => {
      if (left-- > 0) await meddle();
      return bed.store.acts.run(act);
    };
    return { ...bed, store: { ...bed.store, acts: { run } } };
  }

  it('holds whatever is edited at the same moment', async () => {
    const { bed, id } = await made();
    const ports = meddled(bed, () => edit(bed, id, 'disabled'), 1);
    expect(await hold(ports, id)).toMatchObject({
      status: 'quarantined',
      quarantine: { from: 'disabled' },
    });
  });

  it('gives up where the key never stands still, and changes nothing', async () => {
    const { bed, id } = await made();
    let turns = 0;
    const flip = () => edit(bed, id, turns++ % 2 === 0 ? 'disabled' : 'active');
    expect(await hold(meddled(bed, flip, 100), id)).toBe('conflict');
    await hold(bed, id);
    const released = meddled(bed, () => release(bed, id), 1);
    expect(await release(released, id)).toBe('conflict');
  });
});
