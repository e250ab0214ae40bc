/** cedar-wasm, Cedar's own implementation, asked the same questions. */
import {
  checkParsePolicySet,
  preparsePolicySet,
  statefulIsAuthorized,
  type EntityJson as WasmEntity,
} from '@cedar-policy/cedar-wasm/nodejs';
import type { EntityJson, RequestJson } from './world.ts';

export interface Verdict {
  readonly decision: 'allow' | 'deny';
  /** Sorted, as the order is nobody's promise. */
  readonly reasons: readonly string[];
  readonly errored: readonly string[];
}

/** Whether Cedar takes this text as a set of policies without templates. */
export function oracleParses(text: string): boolean {
  return checkParsePolicySet({ staticPolicies: text }).type === 'success';
}

/** Keeps the set under this name for `oracleDecides`; false if Cedar refuses it. */
export function oraclePrepares(name: string, text: string): boolean {
  return preparsePolicySet(name, { staticPolicies: text }).type === 'success';
}

/** @throws Error if Cedar refuses the request or the entities */
export function oracleDecides(
  name: string,
  request: RequestJson,
  entities: readonly EntityJson[],
): Verdict {
  const answer = statefulIsAuthorized({
    principal: { ...request.principal },
    action: { ...request.action },
    resource: { ...request.resource },
    context: request.context as Parameters<typeof statefulIsAuthorized>[0]['context'],
    preparsedPolicySetId: name,
    entities: entities as WasmEntity[],
  });
  if (answer.type === 'failure') {
    throw new Error(answer.errors.map((error) => error.message).join('; '));
  }
  const { decision, diagnostics } = answer.response;
  const errored = diagnostics.errors.map((error) => error.policyId);
  return {
    decision,
    reasons: [...diagnostics.reason].sort(),
    errored: [...new Set(errored)].sort(),
  };
}
