/**
 * What happened that rotation rules may name, as a step of the act in which it did: no crash loses
 * it. `rotation/events.ts` asks the rules, within a second.
 */
import type { TenantId } from '@mintmark/core';
import type { Step } from './act.ts';

export const rotationEvents = [
  'leak',
  'owner_left',
  'administrator_left',
  'custody_rotation',
] as const;

export type RotationEvent = (typeof rotationEvents)[number];

/** Which credentials it concerns. */
export type RotationScope =
  | { readonly kind: 'credential'; readonly of: string; readonly id: string }
  | { readonly kind: 'owner'; readonly owner: string }
  /** All of the tenant. */
  | { readonly kind: 'all' }
  /** All of all tenants. */
  | { readonly kind: 'installation' };

/** The step, of the act that it is about: it refuses nothing. */
export function rotationEventStep(
  tenant: TenantId,
  event: RotationEvent,
  { about, at }: { readonly about: RotationScope; readonly at: number },
): Step {
  return {
    do: 'merge',
    table: 'rotationEvents',
    row: { tenant, event, about: JSON.stringify(about), count: 1, at },
    set: { count: { add: 1 } },
  };
}

/** @throws SyntaxError where the row was not written here */
export function scopeOf({ about }: { readonly about: string }): RotationScope {
  return JSON.parse(about) as RotationScope;
}
