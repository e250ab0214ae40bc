/**
 * The decision (Cedar's authorization algorithm): a request is denied unless a `permit` holds and
 * no `forbid` does. A policy that fails is skipped and reported; it neither permits nor forbids.
 */
import type { CompiledPolicies, CompiledPolicy } from './compile-policies.ts';
import type { Entities } from './entities.ts';
import type { EntityUid } from './entity-uid.ts';
import { type Env, failed, wrongType } from './outcome.ts';
import { type Locate, locator, type Position } from './position.ts';
import type { RecordValue } from './value.ts';

export interface AuthorizationRequest {
  readonly principal: EntityUid;
  readonly action: EntityUid;
  readonly resource: EntityUid;
  readonly context: RecordValue;
  readonly entities: Entities;
}

export interface EvaluationError {
  /** Id of the policy that was skipped. */
  readonly policy: string;
  /** What failed, for its author; no value of the request is in it but names. */
  readonly message: string;
}

export interface Decision {
  readonly decision: 'allow' | 'deny';
  /** Ids of the policies that decided, in the order of the text; none when nothing permitted. */
  readonly reasons: readonly string[];
  readonly errors: readonly EvaluationError[];
}

const noReasons: readonly string[] = Object.freeze([]);
const noErrors: readonly EvaluationError[] = Object.freeze([]);

/** Decides one request. Takes no time but its own: no clock, no store, no await. */
export function evaluate(compiled: CompiledPolicies, request: AuthorizationRequest): Decision {
  const { principal, action, resource, context, entities } = request;
  const env: Env = {
    principal,
    action,
    resource,
    context,
    entities,
    principalEntity: entities.get(principal),
    actionEntity: entities.get(action),
    resourceEntity: entities.get(resource),
    failure: '',
    failedAt: 0,
  };
  const { policies, index } = compiled;
  const count = index.find(env);
  let permits: string[] | undefined;
  let forbids: string[] | undefined;
  let errors: EvaluationError[] | undefined;
  for (let at = 0; at < count; at += 1) {
    const policy = policies[index.found[at]!]!;
    const outcome = policy.holds(env);
    if (outcome === false) continue;
    if (outcome !== true) {
      if (outcome !== failed)
        wrongType(env, conditionAt(policy), { wanted: 'bool', found: outcome });
      errors ??= [];
      errors.push({ policy: policy.id, message: failureOf(env, compiled) });
    } else if (policy.effect === 'permit') {
      if (permits === undefined) permits = [policy.id];
      else permits.push(policy.id);
    } else if (forbids === undefined) {
      forbids = [policy.id];
    } else {
      forbids.push(policy.id);
    }
  }
  return {
    decision: forbids === undefined && permits !== undefined ? 'allow' : 'deny',
    reasons: forbids ?? permits ?? noReasons,
    errors: errors ?? noErrors,
  };
}

function conditionAt({ source }: CompiledPolicy): number {
  return source.conditions[0]?.body.at ?? source.position.offset;
}

const locators = new WeakMap<CompiledPolicies, Locate>();

function failureOf(env: Env, compiled: CompiledPolicies): string {
  const { line, column } = locate(compiled, env.failedAt);
  return `${env.failure} (line ${line}, column ${column})`;
}

function locate(compiled: CompiledPolicies, offset: number): Position {
  let found = locators.get(compiled);
  if (found === undefined) {
    found = locator(compiled.source.text);
    locators.set(compiled, found);
  }
  return found(offset);
}
