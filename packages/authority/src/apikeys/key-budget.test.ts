import { type KeyId, StoreFault } from '@mintmark/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Act } from '../store/act.ts';
import { createKey } from './create-key.ts';
import { topUpKey } from './edit-budgets.ts';
import { keyBed, requester, revokedKey, startMs } from './key-bed.ts';
import { type BudgetSettings, budgetsOf, spend } from './key-budget.ts';
import type { KeyRow } from './key-change.ts';
import { rotateKey } from './rotate-key.ts';
import { spendKey } from './spend-key.ts';
import { type KeyPatch, updateKey } from './update-key.ts';

type Bed = ReturnType<typeof keyBed>;

const yes = () => true;
const daily = { amount: 10, every: 'day', on: 1, atMinute: 0 } as const;
const dayMs = 86_400_000;

async function keyed(budgets: BudgetSettings, bed = keyBed()) {
  const settings = { name: 'ci', owner: 'a', scopes: [], budgets };
  const made = await createKey(bed, { requester, settings });
  if (!made.ok) throw new Error(made.refusal.reason);
  return { bed, row: made.value.row };
}

async function take(bed: Bed, row: KeyRow, cost = 1) {
  const spent = await spend(bed, row, cost);
  return spent.ok ? 'ok' : spent.refusal.reason;
}

async function left(bed: Bed, row: KeyRow) {
  const budgets = await budgetsOf(bed, row);
  return Object.fromEntries(budgets.map((one) => [one.name, one.left]));
}

async function edit(bed: Bed, id: string, patch: KeyPatch): Promise<KeyRow> {
  const edited = await updateKey(bed, { requester, id, mayNameOwner: yes, isSeen: yes, patch });
  if (!edited.ok) throw new Error(edited.refusal.reason);
  return edited.value;
}

describe('what a key may spend', () => {
  it('is nothing that is counted, unless somebody says so', async () => {
    const { bed, row } = await keyed({});
    expect(row.budget).toBeNull();
    expect(await take(bed, row, 1_000_000)).toBe('ok');
    expect((await bed.fed()).at(-1)).not.toHaveProperty('metered');
  });

  it('tells gateways that they must ask', async () => {
    const { bed } = await keyed({ uses: { remaining: 1 } });
    expect((await bed.fed()).at(-1)).toMatchObject({ metered: true });
  });

  it('counts uses one by one and credits by their cost, and ends at zero', async () => {
    const { bed, row } = await keyed({ uses: { remaining: 3 }, credits: { remaining: 10 } });
    expect(await take(bed, row, 4)).toBe('ok');
    expect(await left(bed, row)).toEqual({ uses: 2, credits: 6 });
    expect(await take(bed, row, 7)).toBe('credits_spent');
    expect(await left(bed, row)).toEqual({ uses: 2, credits: 6 });
    expect(await take(bed, row, 0)).toBe('ok');
    expect(await left(bed, row)).toEqual({ uses: 2, credits: 6 });
    expect(await take(bed, row, 1)).toBe('ok');
    expect(await take(bed, row, 1)).toBe('ok');
    expect(await take(bed, row, 1)).toBe('uses_spent');
    expect(await left(bed, row)).toEqual({ uses: 0, credits: 4 });
  });

  it('takes all of a cost or nothing, in any order, and never goes below zero', async () => {
    const amounts = fc.option(fc.integer({ min: 0, max: 20 }), { nil: undefined });
    const costs = fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(amounts, amounts, costs, async (uses, credits, wanted) => {
        const { bed, row } = await keyed({
          uses: uses === undefined ? undefined : { remaining: uses },
          credits: credits === undefined ? undefined : { remaining: credits },
        });
        let [usesLeft, creditsLeft] = [uses ?? 1e9, credits ?? 1e9];
        for (const cost of wanted) {
          const takes = Math.min(cost, 1);
          const fits = usesLeft >= takes && creditsLeft >= cost;
          const short = usesLeft < takes ? 'uses_spent' : 'credits_spent';
          expect(await take(bed, row, cost)).toBe(fits ? 'ok' : short);
          if (fits) [usesLeft, creditsLeft] = [usesLeft - takes, creditsLeft - cost];
        }
        const expected = {
          ...(uses === undefined ? {} : { uses: usesLeft }),
          ...(credits === undefined ? {} : { credits: creditsLeft }),
        };
        expect(await left(bed, row)).toEqual(expected);
      }),
      { numRuns: 80 },
    );
  });

  it('is raised to its amount at a fixed time, once, and never lowered', async () => {
    const { bed, row } = await keyed({ credits: { remaining: 12, refill: daily } });
    expect(await take(bed, row, 12)).toBe('ok');
    const refused = await spend(bed, row, 1);
    const midnight = Math.ceil(startMs / dayMs) * dayMs;
    expect(refused).toMatchObject({
      refusal: { reason: 'credits_spent', retryMs: midnight - startMs },
    });
    bed.clock.advanceMs(midnight - startMs - 1);
    expect(await take(bed, row)).toBe('credits_spent');
    bed.clock.advanceMs(1);
    expect(await left(bed, row)).toEqual({ credits: 10 });
    // Of two who come first, one refills.
    expect(await Promise.all([take(bed, row, 5), take(bed, row, 5)])).toEqual(['ok', 'ok']);
    expect(await take(bed, row)).toBe('credits_spent');
    bed.clock.advanceMs(3 * dayMs);
    expect(await left(bed, row)).toEqual({ credits: 10 });
    await edit(bed, row.id, { budgets: { credits: { remaining: 50, refill: daily } } });
    bed.clock.advanceMs(dayMs);
    expect(await take(bed, row, 1)).toBe('ok');
    expect(await left(bed, row)).toEqual({ credits: 49 });
  });

  it('is one purse for a key and its successor', async () => {
    const { bed, row } = await keyed({ uses: { remaining: 3 } });
    const input = { requester, id: row.id, mayNameOwner: yes, overlapSeconds: 60 };
    const rotated = await rotateKey(bed, input);
    if (!rotated.ok) throw new Error(rotated.refusal.reason);
    const { successor } = rotated.value;
    expect([await take(bed, row), await take(bed, successor)]).toEqual(['ok', 'ok']);
    expect(await left(bed, row)).toEqual({ uses: 1 });
    // Who takes the counter from the successor does not free its predecessor.
    const freed = await edit(bed, successor.id, { budgets: { uses: null } });
    expect(await take(bed, freed, 1)).toBe('ok');
    expect([await take(bed, row), await take(bed, row)]).toEqual(['ok', 'uses_spent']);
  });

  it('is set anew by an edit, counter by counter', async () => {
    const { bed, row } = await keyed({ uses: { remaining: 3 } });
    const both = await edit(bed, row.id, { budgets: { credits: { remaining: 5 } } });
    expect(await left(bed, both)).toEqual({ uses: 3, credits: 5 });
    const one = await edit(bed, row.id, { budgets: { uses: null } });
    expect(await left(bed, one)).toEqual({ credits: 5 });
    const none = await edit(bed, row.id, { budgets: { credits: null } });
    expect(none.budget).toBeNull();
    // What was left of it does not come back with another counter.
    const uses = await edit(bed, row.id, { budgets: { uses: { remaining: 1 } } });
    expect(await left(bed, uses)).toEqual({ uses: 1 });
    expect((await bed.fed()).at(-1)).toMatchObject({ metered: true });
  });

  it('begins anew where somebody else was quicker, and gives up in the end', async () => {
    const { bed, row } = await keyed({ uses: { remaining: 2 } });
    let meddling = 1;
    const run = async (act: Act) => {
      if (meddling-- > 0) await bed.store.acts.run(act);
      return bed.store.acts.run(act);
    };
    const busy = { ...bed, store: { ...bed.store, acts: { run } } };
    expect(await spend(busy, row, 1)).toMatchObject({ ok: true });
    expect(await spend(busy, row, 1)).toMatchObject({ refusal: { reason: 'uses_spent' } });
    const never = async () => ({ outcome: 'changed', position: undefined });
    const stuck = { ...bed, store: { ...bed.store, acts: { run: never } } };
    await edit(bed, row.id, { budgets: { uses: { remaining: 2 } } });
    await expect(spend(stuck, row, 1)).rejects.toThrow(StoreFault);
  });

  it('is not refused once it is taken, by a store that goes away then', async () => {
    const { bed, row } = await keyed({ uses: { remaining: 3 }, credits: { remaining: 9 } });
    let isAway = false;
    const store = {
      ...bed.store,
      keyBudgets: {
        ...bed.store.keyBudgets,
        list: (query: never) =>
          isAway ? Promise.reject(new Error('away')) : bed.store.keyBudgets.list(query),
      },
      acts: {
        async run(act: Act) {
          const ran = await bed.store.acts.run(act);
          isAway = true;
          return ran;
        },
      },
    };
    const spent = await spend({ ...bed, store } as never, row, 4);
    expect(spent.ok && spent.value.map((one) => [one.name, one.left])).toEqual([
      ['uses', 2],
      ['credits', 5],
    ]);
  });

  it('is nothing where a counted key lacks its counters', async () => {
    const { bed, row } = await keyed({ uses: { remaining: 3 } });
    const where = { tenant: row.tenant, id: row.id, name: 'uses' } as const;
    const steps = [{ do: 'delete', table: 'keyBudgets', where } as const];
    await bed.store.acts.run({ steps, audit: null });
    await expect(take(bed, row)).rejects.toThrow(StoreFault);
  });
});

describe('adding to it', () => {
  async function add(bed: Bed, id: string, uses: number, mayNameOwner = yes) {
    const added = await topUpKey(bed, { requester, id, mayNameOwner, add: { uses } });
    return added.ok ? added.value.budgets[0]?.left : added.refusal.reason;
  }

  it('holds beside what is spent at the same moment', async () => {
    const { bed, row } = await keyed({ uses: { remaining: 10 } });
    const all = [add(bed, row.id, 5), take(bed, row), take(bed, row), add(bed, row.id, 5)];
    await Promise.all(all);
    expect(await left(bed, row)).toEqual({ uses: 18 });
    expect(await bed.recorded()).toEqual(['key.create', 'key.top_up', 'key.top_up']);
  });

  it('comes on top of a refill that is due', async () => {
    const { bed, row } = await keyed({ uses: { remaining: 0, refill: daily } });
    bed.clock.advanceMs(dayMs);
    expect(await add(bed, row.id, 7)).toBe(17);
    // It was taken by that, and comes no second time.
    expect(await take(bed, row, 1)).toBe('ok');
    expect(await left(bed, row)).toEqual({ uses: 16 });
    await edit(bed, row.id, { budgets: { uses: { remaining: 0, refill: daily } } });
    bed.clock.advanceMs(dayMs);
    await Promise.all([add(bed, row.id, 7), take(bed, row), add(bed, row.id, 1), take(bed, row)]);
    expect(await left(bed, row)).toEqual({ uses: 16 });
    const never = async () => ({ outcome: 'changed', position: undefined });
    const stuck = { ...bed, store: { ...bed.store, acts: { run: never } } };
    await expect(add(stuck, row.id, 1)).rejects.toThrow(StoreFault);
  });

  it('is refused where nothing is counted, nothing is there, or it is not one’s own', async () => {
    const { bed, row } = await keyed({ credits: { remaining: 1 } });
    expect(await add(bed, row.id, 1)).toBe('not_counted');
    expect(await add(bed, 'none', 1)).toBe('not_found');
    expect(await add(bed, row.id, 1, () => false)).toBe('owner_not_allowed');
    expect(await add(bed, await revokedKey(bed), 1)).toBe('revoked');
    const alongside = () => [
      { do: 'require', table: 'tenants', where: { tenant: 'x' }, refused: 'repeated' } as const,
    ];
    const input = { requester, id: row.id, mayNameOwner: yes, add: { credits: 1 }, alongside };
    expect(await topUpKey(bed, input)).toMatchObject({
      refusal: { reason: 'refused_by_step', step: 'repeated' },
    });
    expect(await left(bed, row)).toEqual({ credits: 1 });
  });
});

describe('a use at a gateway', () => {
  it('is taken from a key that works, and from no other', async () => {
    const { bed, row } = await keyed({ uses: { remaining: 1, refill: daily } });
    const ask = (id: string) => spendKey(bed, { tenant: row.tenant as never, id, cost: 1 });
    expect(await ask(row.id)).toEqual({ spent: true });
    const retryAfterSeconds = Math.ceil((dayMs - (startMs % dayMs)) / 1000);
    expect(await ask(row.id)).toEqual({ spent: false, code: 'uses_spent', retryAfterSeconds });
    await edit(bed, row.id, { status: 'disabled', budgets: { uses: { remaining: 5 } } });
    expect(await ask(row.id)).toMatchObject({ spent: false, code: 'not_active' });
    expect(await ask('none' as KeyId)).toMatchObject({ spent: false, code: 'not_active' });
    expect(await left(bed, row)).toEqual({ uses: 5 });
  });
});
