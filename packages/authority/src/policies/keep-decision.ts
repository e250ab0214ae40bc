/** What this process decided by policies: kept to be explained, and what shadows would change. */
import {
  type Clock,
  decisionName,
  type Entropy,
  type JsonObject,
  type KeepBudget,
  limits,
  nowSeconds,
  type PolicyUse,
  type PolicyVerdict,
  type TenantId,
} from '@mintmark/core';
import { type AccessRequest, isDiffering, type Judgement, showRequest } from '@mintmark/policy';
import type { DecisionLog } from './decision-log.ts';

export interface KeepPorts {
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly log: Pick<DecisionLog, 'accept' | 'add'>;
  readonly budget: KeepBudget;
}

/**
 * @returns its name; where there was no room for more, it says so (see `explain-decision.ts`)
 */
export async function keepDecision(
  { clock, entropy, log, budget }: KeepPorts,
  made: Pick<Judgement, 'answers' | 'shadows'> & {
    readonly tenant: TenantId;
    readonly surface: PolicyUse;
    readonly request: AccessRequest;
    readonly verdict: PolicyVerdict;
    readonly reason: string;
  },
): Promise<string> {
  const { tenant, surface, request, verdict, reason, answers, shadows } = made;
  const { principal, action, resource } = request;
  const differs = shadows.some(isDiffering);
  const hasFailed = answers.some(({ errors }) => errors.length > 0);
  const isNotable = verdict === 'deny' || differs || hasFailed;
  const isKept = budget.take(isNotable ? 'notable' : 'ordinary');
  const id = decisionName(nowSeconds(clock), { isKept, entropy });
  const example = isKept ? id : undefined;
  const at = clock.nowMs();
  for (const outcome of shadows) {
    // No gateway was asked: the surface stands for a route.
    log.add({ tenant, outcome, route: `(${surface})`, action: action.id, at, example });
  }
  if (!isKept) return id;
  await log.accept([
    {
      ...{ type: 'explained', id, tenant, at, node: 'authority' },
      ...{ surface, verdict, reason, differs, answers },
      ...{ principal: String(principal), action: action.id, resource: String(resource) },
      request: bounded(showRequest(request)),
    },
  ]);
  return id;
}

function bounded(request: JsonObject): JsonObject {
  const isShort = JSON.stringify(request).length <= limits.explainedRequestCharsMax;
  return isShort ? request : { omitted: 'too long' };
}
