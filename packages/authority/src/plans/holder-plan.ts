/**
 * Which plan holds for somebody, by the rows of now: the authority's side of what gateways know
 * from the feed (`plan-book.ts` there). The most specific wins who has a plan that there is.
 */
import {
  type Clock,
  limits,
  type Plan,
  type PlanHolder,
  parsePlan,
  type RaisedLimit,
} from '@mintmark/core';
import type { Store } from '../store/store.ts';
import type { Row } from '../store/tables.ts';

export interface HeldPlan {
  readonly plan: Plan;
  readonly holder: PlanHolder;
  readonly raised: readonly RaisedLimit[];
}

/** Kept in memory for a moment: every verification of a key asks. */
export interface PlanReader {
  /** @throws StoreFault */
  plan(tenant: string, name: string): Promise<Plan | undefined>;
  /** Whether the tenant has any. @throws StoreFault */
  hasAny(tenant: string): Promise<boolean>;
}

export function createPlanReader(deps: {
  readonly store: Pick<Store, 'plans'>;
  readonly clock: Pick<Clock, 'monotonicMs'>;
}): PlanReader {
  const kept = new Map<
    string,
    { readonly plans: ReadonlyMap<string, Plan>; readonly at: number }
  >();

  async function plansOf(tenant: string): Promise<ReadonlyMap<string, Plan>> {
    const now = deps.clock.monotonicMs();
    const known = kept.get(tenant);
    if (known !== undefined && now - known.at < limits.plansFreshMs) return known.plans;
    const rows = await deps.store.plans.list({ where: { tenant }, limit: limits.plansMax });
    const plans = new Map<string, Plan>();
    for (const { name, plan } of rows) {
      const parsed = parsePlan(plan);
      // One that this program does not understand is one that it does not have.
      if (parsed.ok) plans.set(name, parsed.value);
    }
    const oldest = kept.keys().next();
    if (kept.size >= limits.plansKeptMax && oldest.done !== true) kept.delete(oldest.value);
    kept.set(tenant, { plans, at: now });
    return plans;
  }

  return {
    plan: async (tenant, name) => (await plansOf(tenant)).get(name),
    hasAny: async (tenant) => (await plansOf(tenant)).size > 0,
  };
}

export interface HolderPorts {
  readonly store: Pick<Store, 'planHolders'>;
  readonly plans: PlanReader;
}

/** What a holder has by itself, whoever stands behind it. @throws StoreFault */
export async function ownPlan(
  { store, plans }: HolderPorts,
  holder: PlanHolder,
  named: string | null = null,
): Promise<HeldPlan | undefined> {
  const row = await store.planHolders.get(holder.tenant, holder.kind, holder.id);
  const name = named ?? row?.plan;
  if (name === undefined || name === null) return undefined;
  const plan = await plans.plan(holder.tenant, name);
  return plan && { plan, holder, raised: row?.raised ?? [] };
}

/** The plan that holds for a key: its own, its owner's, its tenant's. @throws StoreFault */
export async function planOfKey(
  ports: HolderPorts,
  { tenant, id, plan, owner }: Pick<Row<'keys'>, 'tenant' | 'id' | 'plan' | 'owner'>,
): Promise<HeldPlan | undefined> {
  if (!(await ports.plans.hasAny(tenant))) return undefined;
  return (
    (await ownPlan(ports, { tenant, kind: 'key', id }, plan)) ??
    (await ownPlan(ports, { tenant, kind: 'user', id: owner })) ??
    (await ownPlan(ports, { tenant, kind: 'tenant', id: tenant }))
  );
}
