/** Plans of one tenant as the feed tells them, and who has which. */
import {
  limits,
  type Plan,
  type PlanEntry,
  type PlanHolder,
  type PlanHolderEntry,
  type PlanHolderKind,
  parsePlan,
  type RaisedLimit,
} from '@mintmark/core';
import type { Identity } from '../verify/identity.ts';

export interface PlanFound {
  readonly plan: Plan;
  /** Whose requests count together: whoever has the plan. */
  readonly holder: PlanHolder;
  readonly raised: readonly RaisedLimit[];
}

export type PlanTrouble = 'unreadable' | 'overfull';

interface Held {
  readonly plan: string | null;
  readonly raised: readonly RaisedLimit[];
}

export class PlanBook {
  readonly #plans = new Map<string, Plan>();
  readonly #holders = new Map<string, Held>();
  readonly #holdersMax: number;

  constructor(holdersMax: number = limits.planHoldersMax) {
    this.#holdersMax = holdersMax;
  }

  /** @returns what an operator should hear of */
  apply(entry: PlanEntry | PlanHolderEntry): PlanTrouble | undefined {
    if (entry.type === 'plan') {
      this.#plans.delete(entry.name);
      if (entry.plan === null) return undefined;
      const plan = parsePlan(entry.plan);
      if (!plan.ok) return 'unreadable';
      this.#plans.set(entry.name, plan.value);
      return undefined;
    }
    const { kind, id, plan, raised } = entry;
    const key = holderKey(kind, id);
    if (plan === null && raised.length === 0) {
      this.#holders.delete(key);
      return undefined;
    }
    if (this.#holders.size >= this.#holdersMax && !this.#holders.has(key)) return 'overfull';
    this.#holders.set(key, { plan, raised });
    return undefined;
  }

  /** The plan of the most specific that has one that there is: key, client, user, tenant. */
  planOf(identity: Identity | undefined, tenant: string): PlanFound | undefined {
    if (this.#plans.size === 0) return undefined;
    return (
      (identity?.kind === 'api_key'
        ? this.#found('key', { tenant, id: identity.credentialId, own: identity.plan })
        : undefined) ??
      (identity?.clientId === undefined
        ? undefined
        : this.#found('client', { tenant, id: identity.clientId })) ??
      (identity === undefined
        ? undefined
        : this.#found('user', { tenant, id: identity.subject })) ??
      this.#found('tenant', { tenant, id: tenant })
    );
  }

  #found(
    kind: PlanHolderKind,
    of: { readonly tenant: string; readonly id: string; readonly own?: string | undefined },
  ): PlanFound | undefined {
    const held = this.#holders.get(holderKey(kind, of.id));
    const plan = this.#plans.get(of.own ?? held?.plan ?? '');
    if (plan === undefined) return undefined;
    const { tenant, id } = of;
    return { plan, holder: { tenant, kind, id }, raised: held?.raised ?? [] };
  }
}

function holderKey(kind: PlanHolderKind, id: string): string {
  return `${kind} ${id}`;
}
