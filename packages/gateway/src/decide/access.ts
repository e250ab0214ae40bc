/**
 * Policies on the request path: after the credential, its scopes and the route have let a request
 * in, the policies of the gateway's tenant and of the credential's own are asked. What they said is
 * kept with the request, bounded, so that an operator can ask why; what policies in shadow would
 * have changed is summed up. What must never happen: a request that no policy could be asked about,
 * let through.
 */
import {
  type Clock,
  decisionName,
  type Entropy,
  type ExplainedDecision,
  type JsonObject,
  type KeepBudget,
  limits,
  type PolicyReport,
  type TenantId,
  type UnixSeconds,
} from '@mintmark/core';
import type { StreamRequest } from '@mintmark/net';
import {
  type AccessRequest,
  isDiffering,
  type JudgedPolicy,
  type Judgement,
  judgePolicies,
  type MatchedOperation,
  showRequest,
  type Tallies,
} from '@mintmark/policy';
import type { DecisionQueue } from '../record/decisions.ts';
import type { Metrics } from '../record/metrics.ts';
import { type Refusal, reasonOf } from '../refusal.ts';
import type { MatchedRoute } from '../routes/route-table.ts';
import { upstreamPathOf } from '../routes/upstream-path.ts';
import type { Identity } from '../verify/identity.ts';
import { namesOwnToken } from '../verify/query.ts';
import type { StatusView } from '../view/status-view.ts';
import { type AskedBy, accessRequestOf } from './access-request.ts';
import type { Threat } from './threats.ts';

export interface AccessParts {
  readonly node: string;
  /** The installation's token prefix: what begins so is kept nowhere. */
  readonly prefix: string;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly queue: DecisionQueue<PolicyReport>;
  readonly tallies: Tallies;
  readonly budget: KeepBudget;
  readonly metrics: Metrics;
}

/** A tenant whose policies are asked. */
export interface Judging {
  readonly tenant: TenantId;
  readonly view: StatusView;
}

export interface AccessInput {
  readonly request: Pick<StreamRequest, 'method' | 'host'>;
  readonly matched: MatchedRoute;
  readonly identity: Identity | undefined;
  readonly address: string;
  /** What a list says of it, where the route asks. */
  readonly threat: Threat | undefined;
  readonly now: UnixSeconds;
  /** The gateway's own tenant, which the route belongs to. */
  readonly home: Judging;
  /** Of the credential: the same, or another. */
  readonly own: Judging;
}

export interface Access {
  readonly refusal: Refusal | undefined;
  /** Names the decision, where policies made one. */
  readonly decision: string | undefined;
}

const notJudged: Access = { refusal: undefined, decision: undefined };

/** Judges a request by the policies that are for it, and reports what they said. */
export function judgeAccess(parts: AccessParts, input: AccessInput): Access {
  const found = findOperation(input);
  if ('reason' in found) return { refusal: found, decision: undefined };
  const asked = askAll(input, found.operation);
  if (asked.length === 0) return notJudged;
  const verdict = asked.some(({ judgement }) => judgement.verdict === 'deny') ? 'deny' : 'allow';
  parts.metrics.count('mintmark_gateway_policy_decisions_total', verdict);
  let decision: string | undefined;
  for (const one of asked) {
    const { id, isKept } = keep(parts, { ...one, input });
    count(parts, { ...one, input, example: isKept ? id : undefined });
    // Where two tenants are asked, that which denies is the one to ask about.
    if (decision === undefined || one.judgement.verdict === 'deny') decision = id;
  }
  return { refusal: verdict === 'deny' ? { reason: 'policy_denied' } : undefined, decision };
}

/** Whether what is under way would be let in by the policies of now. Reports nothing. */
export function isStillAllowed(input: AccessInput): boolean {
  const found = findOperation(input);
  if ('reason' in found) return false;
  return askAll(input, found.operation).every(({ judgement }) => judgement.verdict === 'allow');
}

/** Whether anything could be judged for the route: an API to match, a policy to ask. */
export function hasPolicies({
  home,
  own,
  matched,
}: Pick<AccessInput, 'home' | 'own' | 'matched'>): boolean {
  const count = home.view.policies.length + own.view.policies.length;
  return count > 0 || matched.route.api !== undefined;
}

/** Refusals that make people ask why, though no policy made them. */
const explainable: ReadonlySet<Refusal['reason']> = new Set([
  'insufficient_scope',
  'insufficient_authentication',
  'address_not_allowed',
  'address_listed',
  'no_operation',
]);

/**
 * Keeps a refusal that no policy made, of a credential that was proven.
 *
 * @returns its name, where there is anything to explain
 */
export function explainRefusal(
  parts: AccessParts,
  input: AccessInput & { readonly refusal: Refusal },
): string | undefined {
  const { own, now, refusal } = input;
  if (!explainable.has(refusal.reason)) return undefined;
  const isKept = parts.budget.take('ordinary');
  const id = decisionName(now, { isKept, entropy: parts.entropy });
  if (!isKept) {
    parts.metrics.count('mintmark_gateway_decisions_not_kept_total', 'refused');
    return id;
  }
  const found = findOperation(input);
  const operation = 'reason' in found ? undefined : found.operation;
  const request = accessRequestOf(askedBy(input, operation));
  parts.queue.push({
    ...explained(parts, { id, request, tenant: own.tenant }),
    ...{ verdict: 'deny', reason: reasonOf(refusal), differs: false, answers: [] },
  });
  return id;
}

interface Asked {
  readonly tenant: TenantId;
  readonly judgement: Judgement & { readonly request: AccessRequest };
}

function askAll(input: AccessInput, operation: MatchedOperation | undefined): readonly Asked[] {
  const { home, own } = input;
  const first = ask(home, input, operation);
  const second = own.view === home.view ? undefined : ask(own, input, operation);
  return [first, second].filter((one) => one !== undefined);
}

function ask(
  { tenant, view }: Judging,
  input: AccessInput,
  operation: MatchedOperation | undefined,
): Asked | undefined {
  const policies: readonly JudgedPolicy[] = view.policies;
  if (policies.length === 0) return undefined;
  const at = { use: 'gateway', route: input.matched.route.name } as const;
  const build = () => accessRequestOf(askedBy(input, operation));
  const judgement = judgePolicies(policies, at, build);
  return judgement && { tenant, judgement };
}

function askedBy(input: AccessInput, operation: MatchedOperation | undefined): AskedBy {
  const { request, own, ...asked } = input;
  const { method, host } = request;
  const { tenant, view } = own;
  return { ...asked, method, host, operation, tenant, view };
}

/** What the route's API calls it, judged by the path that the API is asked for. */
function findOperation({
  request,
  matched,
  home,
}: AccessInput): { readonly operation: MatchedOperation | undefined } | Refusal {
  const { api: name } = matched.route;
  if (name === undefined) return { operation: undefined };
  const api = home.view.api(name);
  if (api === undefined) return { reason: 'api_unknown' };
  const operation = api.find(request.method, upstreamPathOf(matched));
  if (operation !== undefined || api.unlisted === 'by_method') return { operation };
  return { reason: 'no_operation' };
}

function keep(
  parts: AccessParts,
  one: Asked & { readonly input: AccessInput },
): { readonly id: string; readonly isKept: boolean } {
  const { judgement, tenant, input } = one;
  const { verdict, answers, shadows, request } = judgement;
  const differs = shadows.some(isDiffering);
  const hasFailed = answers.some(({ errors }) => errors.length > 0);
  const isNotable = verdict === 'deny' || differs || hasFailed;
  const isKept = parts.budget.take(isNotable ? 'notable' : 'ordinary');
  const id = decisionName(input.now, { isKept, entropy: parts.entropy });
  if (!isKept) {
    const what = verdict === 'deny' ? 'denied' : isNotable ? 'notable' : 'allowed';
    parts.metrics.count('mintmark_gateway_decisions_not_kept_total', what);
    return { id, isKept };
  }
  const reason = verdict === 'deny' ? 'policy_denied' : 'ok';
  parts.queue.push({
    ...explained(parts, { id, request, tenant }),
    ...{ verdict, reason, differs, answers },
  });
  return { id, isKept };
}

function explained(
  { node, prefix, clock }: AccessParts,
  of: { readonly id: string; readonly tenant: TenantId; readonly request: AccessRequest },
): Omit<ExplainedDecision, 'verdict' | 'reason' | 'differs' | 'answers'> {
  const { id, tenant, request } = of;
  const { principal, action, resource } = request;
  return {
    ...{ type: 'explained', id, tenant, at: clock.nowMs(), node, surface: 'gateway' },
    ...{ principal: String(principal), action: action.id, resource: String(resource) },
    request: shown(request, prefix),
  };
}

/** Bounded, and without a token that somebody put into a path. */
function shown(request: AccessRequest, prefix: string): JsonObject {
  if (namesOwnToken(String(request.context['path']), prefix)) {
    return { omitted: 'a token stands in the path' };
  }
  const json = showRequest(request);
  const isShort = JSON.stringify(json).length <= limits.explainedRequestCharsMax;
  return isShort ? json : { omitted: 'too long' };
}

function count(
  { metrics, tallies, clock }: AccessParts,
  one: Asked & { readonly input: AccessInput; readonly example: string | undefined },
): void {
  const { judgement, tenant, example } = one;
  for (const { stage, errors } of judgement.answers) {
    if (errors.length > 0) metrics.count('mintmark_gateway_policy_errors_total', stage);
  }
  for (const outcome of judgement.shadows) {
    if (isDiffering(outcome)) {
      const kind = outcome.shadow === 'deny' ? 'newly_denied' : 'newly_allowed';
      metrics.count('mintmark_gateway_policy_differences_total', kind);
    }
    const route = one.input.matched.route.name;
    const action = judgement.request.action.id;
    tallies.add({ tenant, outcome, route, action, at: clock.nowMs(), example });
  }
}
