import { defaultTenant, limits, type UnixMs } from '@mintmark/core';
import { describe, expect, it } from 'vitest';
import { readReason } from '../audit/reason.ts';
import type { Act } from '../store/act.ts';
import { type BulkAct, type BulkPorts, previewBulk, runBulk } from './bulk-keys.ts';
import { createKey } from './create-key.ts';
import { keyBed, requester } from './key-bed.ts';
import type { KeyFilter } from './key-filter.ts';
import { quarantineKey } from './quarantine-key.ts';
import { updateKey } from './update-key.ts';

const yes = (_owner: string) => true;

async function filled(count = 3) {
  const bed = keyBed();
  const timers = {
    after(_ms: number, run: () => void) {
      run();
      return () => undefined;
    },
  };
  const ports = { ...bed, timers } as unknown as BulkPorts;
  const ids: string[] = [];
  for (let i = 0; i < count; i++) {
    const owner = i % 2 === 0 ? 'even' : 'odd';
    const settings = { name: `k${i}`, owner, scopes: ['read'], tags: ['all'] };
    const made = await createKey(bed, { requester, settings });
    if (made.ok) ids.push(made.value.row.id);
    bed.clock.advanceMs(1);
  }
  const preview = async (filter: KeyFilter, act: BulkAct, mayNameOwner = yes, mayRevoke = true) => {
    const found = await previewBulk(ports, {
      ...{ requester, mayNameOwner, mayRevoke, mayHoldTokens: true, filter, act },
    });
    if (!found.ok) throw new Error(found.refusal.reason);
    return found.value;
  };
  const run = async (
    id: string,
    by = requester,
    mayNameOwner = yes,
    used = ports,
    mayRevoke = true,
  ) => {
    const may = { mayNameOwner, mayRevoke, mayHoldTokens: true };
    const went = await runBulk(used, { requester: by, ...may, id });
    return went.ok ? went.value : went.refusal.reason;
  };
  const rows = () =>
    Promise.all(ids.map(async (id) => (await bed.store.keys.get(defaultTenant, id))!));
  return { bed, ports, ids, preview, run, rows };
}

describe('a change of many keys', () => {
  it.each(['quarantine', 'revoke'] as const)(
    'keeps what was typed out of records (%s)',
    async (act) => {
      const { bed, preview, run } = await filled(2);
      const { id } = await preview({ owner: 'even' }, { do: act, reason: 'Ann lost it' });
      expect(await run(id)).toMatchObject({ changed: 1 });
      expect(await bed.leaves()).toContain('"other"');
      expect(await bed.leaves()).not.toContain('Ann');
    },
  );

  it.each([
    [{ do: 'disable' }, { status: 'disabled' }],
    [{ do: 'quarantine', reason: 'r' }, { status: 'quarantined' }],
    [{ do: 'revoke', reason: 'r' }, { status: 'revoked' }],
    [
      { do: 'set_expiry', expiresAt: 1_900_000_000_000 as UnixMs },
      { expiresAt: 1_900_000_000_000 },
    ],
    [{ do: 'add_tag', tag: 'new' }, { tags: ['all', 'new'] }],
    [{ do: 'remove_tag', tag: 'all' }, { tags: [] }],
    [{ do: 'set_owner', owner: 'team' }, { owner: 'team' }],
  ] as const)('%j is previewed, and done to exactly what was previewed', async (act, after) => {
    const { bed, preview, run, rows } = await filled(4);
    const before = await rows();
    const { id, count, sample } = await preview({ owner: 'even' }, act);
    expect([count, sample.map(({ name }) => name)]).toEqual([2, ['k2', 'k0']]);
    expect(await rows()).toEqual(before);
    expect(await run(id)).toEqual({ count: 2, done: 2, changed: 2 });
    const [a, b, c, d] = await rows();
    expect([a, c]).toMatchObject([after, after]);
    expect([b, d]).toEqual([before[1], before[3]]);
    const recorded = await bed.recorded();
    expect(recorded.filter((action) => action === 'key.bulk')).toHaveLength(1);
    // One record for each key beside it.
    expect(recorded).toHaveLength(4 + 2 + 1);
    // Asked again it has nothing left to do.
    expect(await run(id)).toEqual({ count: 2, done: 2, changed: 2 });
  });

  it('enables again what is disabled, and nothing else', async () => {
    const { preview, run, rows } = await filled(3);
    await run((await preview({ owner: 'even' }, { do: 'disable' })).id);
    const { id, count } = await preview({ tag: 'all' }, { do: 'enable' });
    expect(count).toBe(2);
    await run(id);
    expect((await rows()).map(({ status }) => status)).toEqual(Array(3).fill('active'));
  });

  it('passes over what somebody changed since, and what came since', async () => {
    const { bed, ids, preview, run, rows } = await filled(3);
    const { id } = await preview({ tag: 'all' }, { do: 'disable' });
    const patch = { name: 'renamed' };
    await updateKey(bed, { requester, id: ids[0]!, mayNameOwner: yes, isSeen: () => true, patch });
    const settings = { name: 'late', owner: 'even', scopes: [], tags: ['all'] };
    await createKey(bed, { requester, settings });
    expect(await run(id)).toEqual({ count: 3, done: 3, changed: 2 });
    expect((await rows())[0]).toMatchObject({ status: 'active', name: 'renamed' });
    expect(await bed.store.keys.count({ status: 'disabled' })).toBe(2);
  });

  it('does not count as its own what somebody else did to a key meanwhile', async () => {
    const { bed, ids, preview, run } = await filled(2);
    const { id } = await preview({ tag: 'all' }, { do: 'disable' });
    const reason = readReason('suspected');
    await quarantineKey(bed, { requester, id: ids[0]!, reason });
    expect(await run(id)).toEqual({ count: 2, done: 2, changed: 1 });
  });

  it('stops everybody’s keys, and changes only one’s own', async () => {
    const { preview } = await filled(5);
    const own = (owner: string) => owner === 'odd';
    const stopped = await preview({ tag: 'all' }, { do: 'disable' }, own);
    expect([stopped.count, stopped.leftOut]).toEqual([5, 0]);
    const tagged = await preview({ tag: 'all' }, { do: 'add_tag', tag: 'x' }, own);
    expect([tagged.count, tagged.leftOut]).toEqual([2, 3]);
    const given = preview({ tag: 'all' }, { do: 'set_owner', owner: 'even' }, own);
    await expect(given).rejects.toThrow('owner_not_allowed');
  });

  it('revokes for nobody who may only change keys, nor once the right is gone', async () => {
    const { ports, preview, run, rows } = await filled();
    const act = { do: 'revoke', reason: 'r' } as const;
    await expect(preview({ tag: 'all' }, act, yes, false)).rejects.toThrow('revoking_not_allowed');
    const { id } = await preview({ tag: 'all' }, act);
    expect(await run(id, requester, yes, ports, false)).toBe('revoking_not_allowed');
    expect((await rows()).every(({ status }) => status === 'active')).toBe(true);
  });

  it('is only for whoever previewed it, for an hour', async () => {
    const { bed, preview, run, rows } = await filled();
    const { id } = await preview({ tag: 'all' }, { do: 'disable' });
    const other = { ...requester, actor: { kind: 'admin_key', id: 'other' } } as const;
    expect(await run(id, other)).toBe('not_found');
    expect(await run('none')).toBe('not_found');
    bed.clock.advanceMs(limits.keyBulkSeconds * 1000);
    expect(await run(id)).toBe('not_found');
    expect((await rows()).every(({ status }) => status === 'active')).toBe(true);
  });

  it('goes on where it stopped, in bounded parts', async () => {
    const many = limits.keyBulkRequestMax + limits.keyBulkStepMax + 3;
    const { bed, ports, preview, run } = await filled(many);
    const { id, count } = await preview({ tag: 'all' }, { do: 'disable' });
    expect(count).toBe(many);
    // The store goes away after some acts, in the middle of a part.
    let left = limits.keyBulkStepMax + 7;
    const acts = {
      run: (act: Act) =>
        left-- > 0 ? bed.store.acts.run(act) : Promise.reject(new Error('went away')),
    };
    const failing = { ...ports, store: { ...bed.store, acts } } as unknown as BulkPorts;
    await expect(run(id, requester, yes, failing)).rejects.toThrow('went away');
    expect(await run(id)).toMatchObject({ done: limits.keyBulkRequestMax + limits.keyBulkStepMax });
    expect(await run(id)).toEqual({ count: many, done: many, changed: many });
    expect(await bed.store.keys.count({ status: 'disabled' })).toBe(many);
  });

  it('changes each key once where two go on at the same time', async () => {
    const { bed, preview, run } = await filled(limits.keyBulkStepMax);
    const { id, count } = await preview({ tag: 'all' }, { do: 'add_tag', tag: 'x' });
    await Promise.all([run(id), run(id), run(id)]);
    expect(await run(id)).toMatchObject({ done: count });
    const rows = await bed.store.keys.list({ limit: 1000 });
    expect(new Set(rows.map(({ version }) => version))).toEqual(new Set([2]));
  });

  it('is of a bounded number of keys', async () => {
    const { bed, ports } = await filled(1);
    const [row] = await bed.store.keys.list({ limit: 1 });
    const page = Array.from({ length: limits.longReadRows }, (_, i) => ({ ...row!, id: `x${i}` }));
    const store = { ...bed.store, keys: { ...bed.store.keys, list: async () => page } };
    const endless = { ...ports, store } as unknown as BulkPorts;
    const may = { mayNameOwner: yes, mayRevoke: true, mayHoldTokens: true };
    const input = { requester, ...may, filter: {}, act: { do: 'disable' } } as const;
    expect(await previewBulk(endless, input)).toEqual({
      ok: false,
      refusal: { reason: 'too_many', most: limits.keyBulkMax },
    });
  });
});
