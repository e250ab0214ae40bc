/** The Lua and the limiter of core, held to the same answers by a real Redis. */
import {
  type KeyedCharge,
  type LimitAccount,
  type LimitRule,
  limitHoldMs,
  settleAccount,
  spendAccount,
} from '@mintmark/core';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openRedis, type TestRedis } from './conformance/redis.ts';
import {
  firstArgument,
  limitScripts,
  readAccount,
  settleArguments,
  spendArguments,
} from './redis-script.ts';

let redis: TestRedis;
beforeAll(async () => {
  redis = await openRedis();
});
afterAll(() => redis.close());

const byHand = limitScripts("\nlocal now = tonumber(redis.call('GET', 'clock'))");

const rule: fc.Arbitrary<LimitRule> = fc.oneof(
  fc.record({
    kind: fc.constant('window' as const),
    quota: fc.integer({ min: 1, max: 20 }),
    windowMs: fc.integer({ min: 1, max: 300_000 }),
  }),
  fc.record({
    kind: fc.constant('rate' as const),
    quota: fc.integer({ min: 1, max: 1_000_000 }),
    windowMs: fc.integer({ min: 1, max: 2_678_400_000 }),
    burst: fc.integer({ min: 1, max: 20 }),
  }),
  fc.record({
    kind: fc.constant('calendar' as const),
    quota: fc.integer({ min: 1, max: 20 }),
    period: fc.constantFrom('day' as const, 'month' as const),
    offsetMinutes: fc.integer({ min: -840, max: 840 }),
  }),
);

const step = fc.record({
  // Back too: a clock may be set, and stands still then.
  afterMs: fc.oneof(
    fc.integer({ min: -3_000, max: 3_000 }),
    fc.integer({ min: 0, max: 200_000 }),
    fc.integer({ min: 0, max: 40 * 86_400_000 }),
  ),
  what: fc.constantFrom('spend' as const, 'reserve' as const, 'settle' as const),
  cost: fc.integer({ min: 0, max: 8 }),
  back: fc.nat(),
});

describe('the Lua of limits', () => {
  it('answers and keeps what the limiter of core does, whatever happened before', async () => {
    let run = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(rule, { minLength: 1, maxLength: 3 }),
        fc.array(step, { minLength: 1, maxLength: 25 }),
        async (rules, steps) => {
          run += 1;
          const keys = rules.map((_, place) => `k${run}.${place}`);
          const accounts: (LimitAccount | undefined)[] = rules.map(() => undefined);
          const made: { cost: number; madeMs: number }[] = [];
          let nowMs = Date.UTC(2026, 0, 1);
          for (const { afterMs, what, cost, back } of steps) {
            nowMs += afterMs;
            await redis.client.set('clock', nowMs);
            const at = { steadyMs: nowMs, wallMs: nowMs };
            if (what === 'settle') {
              const freed = made.splice(back % Math.max(1, made.length), 1)[0];
              const spent = freed && { steadyMs: freed.madeMs, wallMs: freed.madeMs };
              const settlements = rules.map((one) => ({ rule: one, cost: cost - 3, spent, freed }));
              const told = settlements.flatMap(settleArguments);
              const answer = await redis.eval(byHand.settle, keys, [firstArgument(), ...told]);
              for (const [place, settlement] of settlements.entries()) {
                accounts[place] = settleAccount(settlement, accounts[place], { at });
                expect(readAccount(answer[place + 1]!)).toEqual(tidied(accounts[place]!));
              }
              continue;
            }
            const isReserved = what === 'reserve';
            const charges = rules.map(
              (one, place): KeyedCharge => ({
                ...{ key: keys[place]!, group: 'g', rule: one, cost, isReserved },
              }),
            );
            const told = charges.flatMap(spendArguments);
            const answer = await redis.eval(byHand.spend, keys, [firstArgument(), ...told]);
            const looks = charges.map((charge, i) => spendAccount(charge, accounts[i], { at }));
            const isAllowed = looks.every((look) => look.isAllowed);
            expect(Number(answer[0])).toBe(isAllowed ? 1 : 0);
            expect(Number(answer[1])).toBe(nowMs);
            for (const [place, account] of accounts.entries()) {
              if (account !== undefined && answer[place + 2] !== '') {
                expect(readAccount(answer[place + 2]!)).toEqual(tidied(account));
              }
            }
            if (!isAllowed) continue;
            for (const [place, look] of looks.entries()) accounts[place] = look.account;
            if (isReserved) made.push({ cost, madeMs: nowMs });
          }
        },
      ),
      { numRuns: Number(process.env['MINTMARK_LIMIT_HISTORIES'] ?? 300) },
    );
  });

  it('forgets what says nothing any more', async () => {
    const lifeOf = async (one: LimitRule, isReserved: boolean): Promise<number> => {
      const charge = { key: 'life', group: 'g', rule: one, cost: 2, isReserved };
      const told = [firstArgument(), ...spendArguments(charge)];
      await redis.client.del('life');
      await redis.client.set('clock', 1e12);
      await redis.eval(byHand.spend, ['life'], told);
      return redis.client.pttl('life');
    };
    const bound = { quota: 2, windowMs: 6_000 } as const;
    expect(await lifeOf({ kind: 'window', ...bound }, false)).toBeLessThanOrEqual(6_100);
    expect(await lifeOf({ kind: 'rate', ...bound, burst: 4 }, false)).toBeLessThanOrEqual(7_000);
    const held = await lifeOf({ kind: 'window', ...bound }, true);
    expect(held).toBeGreaterThan(limitHoldMs - 1_000);
    expect(held).toBeLessThanOrEqual(limitHoldMs);
  });
});

/** Zeros at the end are left out, and an empty state is none. */
function tidied({ state, holds }: LimitAccount): LimitAccount {
  return { state: shortened(state), holds: shortened(holds) };
}

function shortened(list: readonly number[] | undefined): readonly number[] | undefined {
  if (list === undefined || list.length === 0) return undefined;
  let last = list.length;
  while (last > 1 && list[last - 1] === 0) last -= 1;
  return list.slice(0, last);
}
