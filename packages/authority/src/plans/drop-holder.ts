/** What a client or user who is deleted had of plans goes with him. */
import type { PlanHolderKind, TenantId } from '@mintmark/core';
import type { Step } from '../store/act.ts';

export function dropHolder(
  tenant: TenantId,
  holder: { readonly kind: PlanHolderKind; readonly id: string },
  at: number,
): readonly Step[] {
  const gone = { type: 'plan_holder', ...holder, plan: null, raised: [] } as const;
  return [
    { do: 'delete', table: 'planHolders', where: { tenant, ...holder } },
    { do: 'feed', tenant, at, entries: [gone] },
  ];
}
