/** Uses and credits of keys on the wire. */
import { z } from 'zod';
import type { Budget, BudgetSetting } from '../../apikeys/key-budget.ts';
import type { Refill } from '../../store/key-tables.ts';
import { momentOut, renderMomentOrNull } from './wire-schema.ts';

const amountMax = 1_000_000_000_000;
const amount = z.int().min(0).max(amountMax);

const refill = z
  .strictObject({
    amount: amount.describe('What is left is raised to it, and never lowered'),
    every: z.enum(['day', 'week', 'month']),
    on: z
      .int()
      .min(1)
      .max(31)
      .optional()
      .describe(
        'Weekday from 1 (Monday), or day of the month, of which shorter months take the last',
      ),
    at: z
      .string()
      .regex(/^(?:[01][0-9]|2[0-3]):[0-5][0-9]$/, 'must be HH:MM')
      .optional()
      .describe('Time in UTC; default 00:00'),
  })
  .refine(
    ({ every, on = 1 }) => (every === 'day' ? on === 1 : every === 'week' ? on <= 7 : true),
    'a week has days 1–7, and a day has no `on`',
  );

export const budgetSetting = z
  .strictObject({ remaining: amount, refill: refill.optional() })
  .meta({ id: 'KeyBudget' });

export function budgetOf(wire: z.output<typeof budgetSetting>): BudgetSetting {
  const { remaining } = wire;
  if (wire.refill === undefined) return { remaining };
  const { amount: most, every, on = 1, at = '00:00' } = wire.refill;
  const [hour = 0, minute = 0] = at.split(':').map(Number);
  return { remaining, refill: { amount: most, every, on, atMinute: hour * 60 + minute } };
}

/** What a caller may add at once. */
export const topUp = z
  .strictObject({
    uses: z.int().min(1).max(amountMax).optional(),
    credits: z.int().min(1).max(amountMax).optional(),
  })
  .refine((add) => add.uses !== undefined || add.credits !== undefined, 'must add something')
  .meta({ id: 'TopUpKey' });

const left = z.strictObject({
  remaining: z.int(),
  refill_at: momentOut.nullable().describe('The next refill'),
});

/** What is left, where it is counted. */
export const budgetsLeft = z
  .strictObject({ uses: left.optional(), credits: left.optional() })
  .meta({ id: 'KeyLimits' });

export function renderLeft(budgets: readonly Budget[]): z.input<typeof budgetsLeft> {
  return Object.fromEntries(
    budgets.map(({ name, left: remaining, refillAt }) => [
      name,
      { remaining, refill_at: renderMomentOrNull(refillAt) },
    ]),
  );
}

const full = left.extend({ refill: z.looseObject({}).nullable() });

/** The same with what a counter is raised to, and when, for whoever keeps the key. */
export const budgetsShown = { uses: full.nullable(), credits: full.nullable() };

export function renderBudgets(budgets: readonly Budget[]) {
  const of = (name: Budget['name']) => {
    const found = budgets.find((one) => one.name === name);
    if (found === undefined) return null;
    const { left: remaining, refillAt, refill: terms } = found;
    return {
      remaining,
      refill_at: renderMomentOrNull(refillAt),
      refill: terms === null ? null : renderRefill(terms),
    };
  };
  return { uses: of('uses'), credits: of('credits') };
}

function renderRefill({ amount: most, every, on, atMinute }: Refill) {
  const two = (value: number) => String(value).padStart(2, '0');
  const at = `${two(Math.floor(atMinute / 60))}:${two(atMinute % 60)}`;
  return { amount: most, every, ...(every === 'day' ? {} : { on }), at };
}
