/** The step that signs a person out everywhere, in the act of whatever takes the access away. */
import { limits, type TenantId } from '@mintmark/core';
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

/**
 * Signs out everybody of a tenant, however many they are: the tenant's row says which sessions have
 * ended, and whoever judges one asks it. Sessions of the last moments are marked by themselves
 * too: they may have been opened by a process whose clock is ahead.
 *
 * @param input.before unix milliseconds; by default everything until now
 */
export function endSessionsOfTenant(input: {
  readonly tenant: TenantId;
  readonly at: number;
  readonly before?: number | undefined;
}): readonly Step[] {
  const { tenant, at, before = at } = input;
  const table = 'tenants';
  const set = { sessionsEndedBefore: before };
  const earlier = { is: '<', value: before } as const;
  const since = at - limits.clockSkewSeconds * 1000;
  const steps: Step[] = [
    { do: 'update', table, where: { tenant, sessionsEndedBefore: null }, set },
    { do: 'update', table, where: { tenant, sessionsEndedBefore: earlier }, set },
  ];
  if (before !== at) return steps;
  const lately = { tenant, endedAt: null, createdAt: { is: '>=', value: since } } as const;
  return [...steps, { do: 'update', table: 'sessions', where: lately, set: { endedAt: at } }];
}
