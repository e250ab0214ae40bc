/** The step that signs a person out everywhere, in the act of whatever takes the access away. */
import type { TenantId } from '@mintmark/core';
import type { Step } from '../store/act.ts';

/**
 * @param input.at unix milliseconds
 * @param input.before where given, only sessions that were opened earlier end; unix milliseconds
 */
export function endSessionsOf(input: {
  readonly tenant: TenantId;
  readonly subject: string;
  readonly at: number;
  readonly before?: number | undefined;
}): Step {
  const { tenant, subject, at, before } = input;
  const earlier = before === undefined ? {} : { createdAt: { is: '<', value: before } as const };
  const where = { tenant, subject, endedAt: null, ...earlier };
  return { do: 'update', table: 'sessions', where, set: { endedAt: at } };
}
