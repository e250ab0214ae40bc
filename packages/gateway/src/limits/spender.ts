/**
 * The one place where limits are spent, whatever asks: routes and plans (`route-limiter.ts`), the
 * rate limit service of Envoy, ceilings that change at run time. To use it:
 *
 *   1. make charges: `{name, key, group, rule, cost, isReserved}`. `key` says whose count it is and
 *      under which rule; a rule's quota may change from request to request (a ceiling, a threat
 *      factor) and the count under the same key goes on;
 *   2. `const spent = await spender.spend({charges, mode, onDown})`: all charges or none, after
 *      everything else was judged. It is no promise where the count is in this process;
 *   3. where `spent.refusal` is set, answer with it and `spent.fields`; otherwise go on, and call
 *      `spent.giveBack()` where the request is refused after all, or `spent.settle(cost)` where its
 *      cost was reserved (`isReserved`) and is known now. Neither is needed otherwise.
 *
 * Names of header fields and of the problem are those of draft-ietf-httpapi-ratelimit-headers-10.
 */
import {
  type KeyedCharge,
  type LimitAnswer,
  type LimitMode,
  type LimitStore,
  type LocalLimits,
  limits,
  NetworkFault,
} from '@mintmark/core';
import type { Metrics } from '../record/metrics.ts';
import type { Refusal } from '../refusal.ts';

/** One limit of whatever is asked for. */
export interface NamedCharge extends KeyedCharge {
  /** Of the policy, in `RateLimit-Policy`. */
  readonly name: string;
}

/** What a request is to spend. */
export interface Limited {
  /** With keys that differ. */
  readonly charges: readonly NamedCharge[];
  readonly mode: LimitMode;
  /** While the store in common cannot be asked. */
  readonly onDown: 'open' | 'closed' | 'local';
}

export type LimitRefusal = Extract<
  Refusal,
  { readonly reason: 'quota_exceeded' | 'limits_unavailable' }
>;

export interface Spent {
  /** Undefined where the request may go on. */
  readonly refusal: LimitRefusal | undefined;
  /** Header fields for the answer: names and values in turn. */
  readonly fields: readonly string[];
  /** Decided without the store in common. */
  readonly degraded: boolean;
  /** What is left of each charge, in their order; empty where nothing was counted. */
  readonly looks: LimitAnswer['looks'];
  /** Takes back what was spent. */
  giveBack(): void;
  /** What the charges cost that were reserved. */
  settle(cost: number): void;
}

export interface Spender {
  /** @returns no promise where it is counted in this process */
  spend(limited: Limited): Spent | Promise<Spent>;
}

export interface SpenderParts {
  readonly local: LocalLimits;
  /** Undefined: each node counts by itself. */
  readonly common: LimitStore | undefined;
  readonly metrics: Pick<Metrics, 'count'>;
}

export function createSpender(parts: SpenderParts): Spender {
  const { local, common } = parts;
  return {
    spend(limited) {
      if (common === undefined) {
        return spentOf(limited, { store: local, answer: local.spend(limited.charges) });
      }
      return spendInCommon(parts, common, limited);
    },
  };
}

/** No promise where the store already knows enough. */
function spendInCommon(
  parts: SpenderParts,
  store: LimitStore,
  limited: Limited,
): Spent | Promise<Spent> {
  const asked = store.spend(limited.charges, limited.mode);
  if (!(asked instanceof Promise)) return spentOf(limited, { store, answer: asked });
  return asked.then(
    (answer) => spentOf(limited, { store, answer }),
    (error: unknown) => {
      if (!(error instanceof NetworkFault)) throw error;
      return withoutStore(parts, limited);
    },
  );
}

function withoutStore({ local, metrics }: SpenderParts, limited: Limited): Spent {
  metrics.count('mintmark_gateway_limits_down_total', limited.onDown);
  if (limited.onDown === 'local') {
    const answer = local.spend(limited.charges);
    return { ...spentOf(limited, { store: local, answer }), degraded: true };
  }
  const refusal: LimitRefusal | undefined =
    limited.onDown === 'closed' ? { reason: 'limits_unavailable' } : undefined;
  return { ...nothingSpent, refusal };
}

const nothingSpent: Spent = {
  ...{ refusal: undefined, fields: [], degraded: true, looks: [] },
  giveBack() {},
  settle() {},
};

function spentOf(
  { charges }: Limited,
  { store, answer }: { readonly store: LimitStore; readonly answer: LimitAnswer },
): Spent {
  const { looks, receipt, isAllowed } = answer;
  return {
    refusal: isAllowed ? undefined : refusalOf(charges, looks),
    fields: fieldsOf(charges, answer),
    degraded: false,
    looks,
    giveBack() {
      if (receipt !== undefined) store.settle(receipt, costsOf(receipt.charges, 0));
    },
    settle(cost) {
      if (receipt === undefined) return;
      const isKnown = Number.isFinite(cost) && cost >= 0;
      // What is no cost at all is taken for what was reserved.
      const units = isKnown ? Math.min(Math.ceil(cost), limits.limitCostMax) : undefined;
      const costs = receipt.charges.map((charge) =>
        charge.isReserved ? (units ?? charge.cost) : charge.cost,
      );
      store.settle(receipt, costs);
    },
  };
}

function costsOf(charges: readonly KeyedCharge[], cost: number): readonly number[] {
  return charges.map(() => cost);
}

function refusalOf(charges: readonly NamedCharge[], looks: LimitAnswer['looks']): LimitRefusal {
  const denied = looks.filter(({ isAllowed }) => !isAllowed);
  const waitMs = Math.max(...denied.map(({ retryMs }) => retryMs));
  return {
    reason: 'quota_exceeded',
    policies: charges.filter((_, place) => !looks[place]!.isAllowed).map(({ name }) => name),
    // What never fits has no time at which it does.
    retryAfterSeconds: Number.isFinite(waitMs) ? Math.max(1, Math.ceil(waitMs / 1000)) : undefined,
  };
}

function fieldsOf(
  charges: readonly NamedCharge[],
  { looks, isAllowed }: LimitAnswer,
): readonly string[] {
  if (charges.length === 0) return [];
  const left = charges.map((charge, place) => {
    const look = looks[place]!;
    // Nothing was spent where another denies: the cost is still there.
    const remaining = look.remaining + (look.isAllowed && !isAllowed ? charge.cost : 0);
    return `"${charge.name}";r=${remaining};t=${Math.ceil(look.resetMs / 1000)}`;
  });
  return ['ratelimit-policy', charges.map(policyOf).join(', '), 'ratelimit', left.join(', ')];
}

function policyOf({ name, rule }: NamedCharge): string {
  switch (rule.kind) {
    case 'window':
      return `"${name}";q=${rule.quota};w=${Math.ceil(rule.windowMs / 1000)}`;
    case 'rate': {
      // So much comes back in so long: what may come at once is not to be had in each window.
      const { burst, quota, windowMs } = rule;
      return `"${name}";q=${burst};w=${Math.ceil(((burst / quota) * windowMs) / 1000)}`;
    }
    case 'calendar':
      // Of a month the longest, since the field knows no others.
      return `"${name}";q=${rule.quota};w=${rule.period === 'day' ? 86_400 : 31 * 86_400}`;
  }
}
