/**
 * Keys whose uses are counted: each use is spent at the authority before the request goes on.
 * Exact, at any number of nodes, at the price of one question a request; what cannot be asked is
 * refused. Neighbour: `decide.ts` calls it last, because it is the only check that takes anything.
 */
import { type Clock, type Introspector, nowSeconds, type TenantId } from '@mintmark/core';
import type { Metrics } from '../record/metrics.ts';
import type { Refusal } from '../refusal.ts';
import type { Identity } from '../verify/identity.ts';
import type { StatusView } from '../view/status-view.ts';
import { judgeStatus } from './judge.ts';

/** @returns undefined, and no promise, where nothing is counted */
export function spendUse(
  parts: {
    readonly introspector: Introspector;
    readonly clock: Clock;
    readonly metrics: Metrics;
  },
  use: {
    readonly identity: Identity;
    readonly tenant: TenantId;
    readonly view: StatusView;
    readonly address: string;
    /** In credits, as the route has it. */
    readonly cost: number;
  },
): Promise<Refusal | undefined> | undefined {
  const { identity, view } = use;
  // As the view has it now: an answer of the authority may be a minute old.
  const held = view.key(identity.credentialId);
  const isCounted = held === undefined ? identity.metered : held.view.metered;
  return isCounted === true ? spend(parts, use) : undefined;
}

async function spend(
  { introspector, clock, metrics }: Parameters<typeof spendUse>[0],
  { identity, tenant, view, address, cost }: Parameters<typeof spendUse>[1],
): Promise<Refusal | undefined> {
  try {
    const keyId = identity.credentialId;
    const answer = await introspector.spend({ tenant, keyId, cost });
    metrics.count('mintmark_gateway_spendings_total', answer.spent ? 'spent' : answer.code);
    if (!answer.spent) {
      const { code: detail, retryAfterSeconds } = answer;
      if (detail === 'not_active') return { reason: 'invalid_credential', detail: 'revoked' };
      return { reason: 'budget_spent', detail, retryAfterSeconds };
    }
  } catch {
    metrics.count('mintmark_gateway_spendings_total', 'failed');
    return { reason: 'spending_unavailable' };
  }
  // The answer took its time: what was revoked meanwhile is refused.
  return judgeStatus(identity, { view, address, now: nowSeconds(clock) });
}
