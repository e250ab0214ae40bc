import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type LimitAccount, limitHoldMs, settleAccount, spendAccount } from './limit-account.ts';

const rule = { kind: 'window', quota: 10, windowMs: 60_000 } as const;
const at = (ms: number) => ({ at: { steadyMs: ms, wallMs: ms } });
const reserve = (cost: number) => ({ rule, cost, isReserved: true });
const spend = (cost: number) => ({ rule, cost, isReserved: false });
const settled = (cost: number, freed: number, madeMs: number) => ({
  ...{ rule, cost, freed: { cost: freed, madeMs }, spent: undefined },
});

describe('a reservation', () => {
  it('is in the way of others, and costs what it comes to', () => {
    const held = spendAccount(reserve(8), undefined, at(1_000_000));
    expect(held).toMatchObject({ isAllowed: true, remaining: 2 });
    const other = spendAccount(spend(3), held.account, at(1_000_001));
    expect(other).toMatchObject({ isAllowed: false, retryMs: 1_000 });
    const account = settleAccount(settled(1, 8, 1_000_000), held.account, at(1_000_002));
    expect(spendAccount(spend(9), account, at(1_000_003))).toMatchObject({
      ...{ isAllowed: true, remaining: 0 },
    });
    const more = settleAccount(settled(12, 8, 1_000_000), held.account, at(1_000_002));
    expect(spendAccount(spend(1), more, at(1_000_003)).isAllowed).toBe(false);
  });

  it('lapses where nobody settles it, and counts when it is settled after all', () => {
    const { account } = spendAccount(reserve(10), undefined, at(1_000_000));
    const soon = 1_000_000 + (limitHoldMs * 11) / 12 - 20_000;
    expect(spendAccount(spend(1), account, at(soon)).isAllowed).toBe(false);
    const late = 1_000_000 + limitHoldMs;
    expect(spendAccount(spend(10), account, at(late)).isAllowed).toBe(true);
    const settledLate = settleAccount(settled(10, 10, 1_000_000), account, at(late));
    expect(spendAccount(spend(1), settledLate, at(late)).isAllowed).toBe(false);
  });

  it('frees what it held, and nothing of others, in whatever order they end', () => {
    const made = fc.array(
      fc.record({
        cost: fc.integer({ min: 0, max: 4 }),
        afterMs: fc.integer({ min: 0, max: 9_000 }),
        actual: fc.integer({ min: 0, max: 2 }),
        place: fc.nat(),
      }),
      { maxLength: 12 },
    );
    fc.assert(
      fc.property(made, (wanted) => {
        let nowMs = 1_000_000;
        let account: LimitAccount | undefined;
        const open: { cost: number; madeMs: number }[] = [];
        for (const { cost, afterMs } of wanted) {
          nowMs += afterMs;
          const look = spendAccount(reserve(cost), account, at(nowMs));
          if (look.isAllowed) open.push({ cost, madeMs: nowMs });
          account = look.account;
        }
        let spent = 0;
        for (const { actual, place } of wanted) {
          const [one] = open.splice(place % Math.max(1, open.length), 1);
          if (one === undefined) break;
          account = settleAccount(settled(actual, one.cost, one.madeMs), account, at(nowMs));
          spent += actual;
        }
        // Costs that were known too late may be more than there was room for.
        const look = spendAccount(spend(0), account, at(nowMs));
        expect(look.remaining).toBe(Math.max(0, rule.quota - spent));
        expect(account?.holds).toBeUndefined();
      }),
    );
  });

  it('of a calendar is settled in the period in which it ends', () => {
    const month = { kind: 'calendar', quota: 10, period: 'month', offsetMinutes: 0 } as const;
    const [january, february] = [Date.UTC(2026, 0, 31, 23, 59, 59), Date.UTC(2026, 1, 1, 0, 0, 9)];
    const { account } = spendAccount({ ...reserve(5), rule: month }, undefined, at(january));
    const freed = { cost: 5, madeMs: january };
    const known = { rule: month, cost: 7, freed, spent: undefined };
    const after = settleAccount(known, account, at(february));
    expect(after).toEqual({ state: [Date.UTC(2026, 1, 1), 7], holds: undefined });
  });
});
