import { defaultTenant, utf8Decode } from '@mintmark/core';
import { describe, expect, it } from 'vitest';
import { readReason } from '../audit/reason.ts';
import type { Act } from '../store/act.ts';
import { createKey } from './create-key.ts';
import { keyBed, requester, revokedKey } from './key-bed.ts';
import { noKeyPolicy } from './key-policy.ts';
import { revealKey } from './reveal-key.ts';
import { rotateKey } from './rotate-key.ts';
import { updateKey } from './update-key.ts';

type Bed = ReturnType<typeof keyBed>;

const yes = () => true;

async function made(recoverable = true) {
  const bed = keyBed();
  bed.policy = { ...noKeyPolicy, recoverableAllowed: true };
  const settings = { name: 'ci', owner: 'a', scopes: [], recoverable };
  const key = await createKey(bed, { requester, settings });
  if (!key.ok) throw new Error(key.refusal.reason);
  return { bed, id: key.value.row.id, text: key.value.text };
}

async function reveal(bed: Bed, id: string, mayNameOwner: (owner: string) => boolean = yes) {
  const shown = await revealKey(bed, {
    requester,
    id,
    reason: readReason('lost by Ann'),
    mayNameOwner,
  });
  return shown.ok ? shown.value.text : shown.refusal.reason;
}

describe('a recoverable key', () => {
  it('is shown again, on the record, and its owner is told', async () => {
    const { bed, id, text } = await made();
    expect(await reveal(bed, id)).toBe(text);
    expect(await bed.recorded()).toEqual(['key.create', 'key.reveal']);
    expect(await bed.leaves()).not.toContain('lost by Ann');
    const notices = await bed.store.notices.list({ limit: 10 });
    expect(notices).toMatchObject([{ kind: 'key.revealed', owner: 'a', aboutId: id }]);
    expect(JSON.stringify(notices)).not.toContain(text);
  });

  it('is sealed for itself alone: moved to another row it does not open', async () => {
    const { bed, id, text } = await made();
    const row = (await bed.store.keys.get(defaultTenant, id))!;
    expect(utf8Decode(row.sealedSecret!)).toBe(`default|key-text:${id}|${text}`);
    const settings = { name: 'other', owner: 'a', scopes: [] };
    const other = await createKey(bed, { requester, settings });
    const where = { tenant: defaultTenant, id: other.ok ? other.value.row.id : '' };
    const { sealedSecret } = row;
    const set = { sealedSecret };
    await bed.store.acts.run({ steps: [{ do: 'update', table: 'keys', where, set }], audit: null });
    await expect(reveal(bed, where.id)).rejects.toMatchObject({ code: 'custody_tampered' });
  });

  it('is not shown to who may not hold it, nor where it is none, gone or not allowed', async () => {
    const { bed, id } = await made();
    expect(await reveal(bed, id, () => false)).toBe('owner_not_allowed');
    expect(await reveal(bed, 'none')).toBe('not_found');
    expect(await reveal(bed, await revokedKey(bed))).toBe('not_active');
    const plain = await createKey(bed, {
      requester,
      settings: { name: 'plain', owner: 'a', scopes: [] },
    });
    expect(await reveal(bed, plain.ok ? plain.value.row.id : '')).toBe('not_recoverable');
    bed.policy = noKeyPolicy;
    expect(await reveal(bed, id)).toBe('not_allowed');
    expect(await bed.recorded()).not.toContain('key.reveal');
    expect(await bed.store.notices.count({})).toBe(0);
  });

  it('stays hidden where it was changed meanwhile', async () => {
    const { bed, id } = await made();
    const run = async (act: Act) => {
      const patch = { name: 'changed' };
      await updateKey(bed, { requester, id, mayNameOwner: yes, isSeen: yes, patch });
      return bed.store.acts.run(act);
    };
    const busy = { ...bed, store: { ...bed.store, acts: { run } } };
    expect(await reveal(busy as Bed, id)).toBe('conflict');
  });

  it('has a recoverable successor, while that is allowed', async () => {
    const { bed, id } = await made();
    const rotate = () => rotateKey(bed, { requester, id, mayNameOwner: yes, overlapSeconds: 0 });
    bed.policy = noKeyPolicy;
    expect(await rotate()).toMatchObject({ refusal: { reason: 'policy_violated' } });
    bed.policy = { ...noKeyPolicy, recoverableAllowed: true };
    const rotated = await rotate();
    if (!rotated.ok) throw new Error(rotated.refusal.reason);
    expect(await reveal(bed, rotated.value.successor.id)).toBe(rotated.value.text);
  });
});
