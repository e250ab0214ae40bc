/** One change of a limit: what it was, what it is, and why, in words and numbers. */
import {
  type AdaptiveRule,
  type CeilingReason,
  ceilingOf,
  hoursOfWeek,
  type Profile,
} from '@mintmark/detection';
import { z } from 'zod';
import type { Row } from '../store/tables.ts';

export type BaselineRow = Row<'limitBaselines'>;
export type ChangeRow = Row<'limitChanges'>;

/** Over the hours of a week, with good answers and from no listed address. */
const span = z.object({
  basis: z.enum(['static', 'learned']),
  low: z.number(),
  high: z.number(),
});

const changeSchema = z.object({
  mode: z.enum(['shadow', 'enforce']),
  before: span,
  after: span,
  /** Of the hour with the highest ceiling. */
  reasons: z.array(z.object({ reason: z.string(), words: z.string(), value: z.number() })),
  evidence: z.object({
    busiest: z.number(),
    bound: z.number(),
    denied: z.int(),
    wouldDeny: z.int(),
  }),
  /** Unix milliseconds: it is judged anew then. */
  until: z.int(),
});

export type LimitChange = z.output<typeof changeSchema>;
export type CeilingSpan = LimitChange['before'];

/** @throws ZodError where the row holds none: stored state is suspect */
export function changeOf(row: Pick<ChangeRow, 'change'>): LimitChange {
  return changeSchema.parse(row.change);
}

/** The ceilings of a week, and why the highest is what it is. */
export function weekOfCeilings(rule: AdaptiveRule, profile: Profile | undefined) {
  const all = Array.from({ length: hoursOfWeek }, (_, slot) => ceilingOf(rule, profile, slot, {}));
  const values = all.map(({ value }) => value);
  const high = Math.max(...values);
  const highest = all[values.indexOf(high)]!;
  const basis = all.some((one) => one.basis === 'learned') ? 'learned' : 'static';
  const reasons: readonly CeilingReason[] = highest.reasons;
  const shown: CeilingSpan = { basis, low: Math.min(...values), high };
  return { values, span: shown, reasons };
}

/** Smaller differences are no change: the limit stays as it was. */
const differenceMin = 0.1;

/** Whether any hour of the week differs by so much that it is worth a change. */
export function isMaterial(before: readonly number[], after: readonly number[]): boolean {
  return before.some((value, slot) => {
    return Math.abs(after[slot]! - value) > differenceMin * Math.max(value, after[slot]!);
  });
}
