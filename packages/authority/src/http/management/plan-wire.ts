/** What is left of the limits of plans, on the wire. */
import { z } from 'zod';
import type { PlanLeft } from '../../plans/spend-plan.ts';
import { momentOut, renderMoment } from './wire-schema.ts';

export const planLimitLeft = z
  .strictObject({
    name: z.string(),
    quota: z.int().describe('With what was raised; of a rate what may come at once'),
    remaining: z.int().nullable().describe('Null where the count cannot be reached now'),
    reset_at: momentOut.nullable().describe('When all of it is there again, if no more is spent'),
  })
  .meta({ id: 'PlanLimitLeft' });

export function renderPlanLeft(
  { name, quota, remaining, resetMs }: PlanLeft,
  now: number,
): z.input<typeof planLimitLeft> {
  const reset_at = resetMs === 0 ? null : renderMoment(Math.ceil(now + resetMs));
  return { name, quota, remaining, reset_at };
}
