/**
 * Decisions for other programs (AuthZEN Authorization API 1.0): they say who, what and where, and
 * are believed, for they enforce what is answered. Nothing is permitted that no policy for
 * evaluations permits.
 */
import { nowSeconds, type TenantId } from '@mintmark/core';
import {
  type AccessRequest,
  type EntityInput,
  EntityUid,
  type Judgement,
  judgePolicies,
  momentContext,
} from '@mintmark/policy';
import { type RightsStore, rightsOf } from '../roles/rights.ts';
import { type KeepPorts, keepDecision } from './keep-decision.ts';
import type { PolicyReader } from './policy-reader.ts';
import type { Evaluation } from './read-evaluation.ts';

export interface EvaluatePorts extends KeepPorts {
  readonly policies: Pick<PolicyReader, 'of'>;
  /** Roles and groups of our own users. */
  readonly rights: RightsStore;
}

export interface Evaluated {
  readonly allowed: boolean;
  /** Names the decision. */
  readonly decision: string;
}

/** @throws StoreFault where the policies cannot be known */
export async function evaluateAccess(
  ports: EvaluatePorts,
  input: { readonly tenant: TenantId; readonly evaluation: Evaluation },
): Promise<Evaluated> {
  const { tenant, evaluation } = input;
  const policies = await ports.policies.of(tenant);
  const request = await requestOf(ports, tenant, evaluation);
  const at = { use: 'evaluation', resourceType: request.resource.type } as const;
  const { answers, shadows, verdict } = judgePolicies(policies, at, () => request) ?? nothingSaid;
  const isDecided = answers.some(({ stage }) => stage === 'enforce');
  const allowed = verdict === 'allow';
  const reason = allowed ? 'ok' : isDecided ? 'policy_denied' : 'no_policy';
  const decision = await keepDecision(ports, {
    ...{ tenant, surface: 'evaluation', request, verdict, reason, answers, shadows },
  });
  return { allowed, decision };
}

/** Where no policy is for it, nothing permits it. */
const nothingSaid: Pick<Judgement, 'answers' | 'shadows' | 'verdict'> = {
  ...{ answers: [], shadows: [], verdict: 'deny' },
};

/** What policies are asked, with what we know ourselves. @throws StoreFault */
export async function requestOf(
  { clock, rights }: Pick<EvaluatePorts, 'clock' | 'rights'>,
  tenant: TenantId,
  { principal, action, resource, context }: Evaluation,
): Promise<AccessRequest> {
  const moment = momentContext({ now: nowSeconds(clock), address: undefined });
  const { uid } = principal;
  const proven = uid.type === 'User' ? await userOf(rights, tenant, principal) : principal;
  return {
    ...{ principal: uid, action: action.uid, resource: resource.uid },
    context: { ...moment, ...context },
    entities: [proven, action, resource],
  };
}

/** What we know of a user ourselves goes before what the caller says of them. */
async function userOf(
  rights: RightsStore,
  tenant: TenantId,
  { uid, attributes }: EntityInput,
): Promise<EntityInput> {
  const { scopes, ...known } = await rightsOf(rights, tenant, uid.id);
  const [roles, groups] = [[...known.roles], known.groups];
  return {
    uid,
    attributes: { ...attributes, tenant, scopes: [...scopes], roles, groups },
    parents: [
      ...roles.map((role) => new EntityUid('Role', role)),
      ...groups.map((group) => new EntityUid('Group', group)),
    ],
  };
}
