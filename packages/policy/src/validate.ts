/**
 * Policies against a schema: names that nothing has, heads that no request meets, and types. After
 * Cedar's strict validation, which it is held equal to on generated policies.
 */
import type { EntityScope, Expression, Policy, PolicySet, Variable } from './ast.ts';
import { type EntityUid, isActionType } from './entity-uid.ts';
import { namesIn } from './policy-names.ts';
import { type Locate, locator, type Position } from './position.ts';
import type { Schema } from './schema.ts';
import { SchemaFacts, type TypeEnvironment } from './type-environment.ts';
import {
  bool,
  type Capabilities,
  conjunction,
  Typechecker,
  type Typed,
  typed,
  union,
} from './typecheck.ts';

export interface ValidationFinding {
  readonly policy: string;
  readonly message: string;
  readonly position: Position;
}

export interface Validation {
  /** None means that the policies fit the schema. */
  readonly errors: readonly ValidationFinding[];
  /** Policies that no request of the schema ever satisfies. */
  readonly warnings: readonly ValidationFinding[];
}

/** Judges each policy for every kind of request that the schema allows. */
export function validate(set: PolicySet, schema: Schema): Validation {
  const facts = new SchemaFacts(schema);
  const locate = locator(set.text);
  const errors: ValidationFinding[] = [];
  const warnings: ValidationFinding[] = [];
  for (const policy of set.policies) {
    const found = judge(policy, facts, locate);
    errors.push(...found.errors);
    warnings.push(...found.warnings);
  }
  return { errors, warnings };
}

function judge(policy: Policy, facts: SchemaFacts, locate: Locate): Validation {
  const seen = new Map<string, ValidationFinding>();
  const report = (at: number, message: string): void => {
    // Many kinds of request find the same.
    const finding = { policy: policy.id, message, position: locate(at) };
    seen.set(`${at} ${message}`, finding);
  };
  const start = policy.position.offset;
  for (const message of unknownNames(policy, facts)) report(start, message);
  let canHold = false;
  for (const env of facts.environments) {
    const checker = new Typechecker(facts, env);
    const { type } = checkPolicy(policy, checker);
    for (const { at, message } of checker.problems) report(at, message);
    if (type?.kind !== 'bool' || type.known !== false) canHold = true;
  }
  const warnings: string[] = [];
  if (!appliesToSome(policy, facts)) {
    warnings.push('no action of the schema takes such a principal and resource');
  }
  // What has no type may be true or false: only a policy without errors is known never to hold.
  if (!canHold && seen.size === 0) warnings.push('no request of the schema can satisfy it');
  const { id, position } = policy;
  return {
    errors: [...seen.values()],
    warnings: warnings.map((message) => ({ policy: id, message, position })),
  };
}

function* unknownNames(policy: Policy, facts: SchemaFacts): Iterable<string> {
  const { types, uids } = namesIn(policy);
  for (const type of types) {
    if (!facts.isKnownType(type)) yield `there is no entity type ${type}`;
  }
  for (const uid of uids) {
    const choices = facts.schema.entityTypes.get(uid.type)?.choices ?? null;
    if (isActionType(uid.type)) {
      if (!facts.hasAction(uid)) yield `there is no action ${uid}`;
    } else if (choices !== null && !choices.includes(uid.id)) {
      yield `${uid} is none of those that the schema lists`;
    }
  }
}

function appliesToSome({ principal, action, resource }: Policy, facts: SchemaFacts): boolean {
  return facts.environments.some(
    (env) =>
      isScopeFor(principal, env.principal, facts) &&
      isScopeFor(resource, env.resource, facts) &&
      isActionFor(action, env, facts),
  );
}

function isScopeFor(scope: EntityScope, type: string, facts: SchemaFacts): boolean {
  switch (scope.kind) {
    case 'any':
      return true;
    case 'equal':
      return scope.uid.type === type;
    case 'in':
      return facts.typesIn(scope.uid.type).has(type);
    case 'is':
      return scope.entityType === type;
    default:
      return scope.entityType === type && facts.typesIn(scope.uid.type).has(type);
  }
}

function isActionFor(scope: Policy['action'], env: TypeEnvironment, facts: SchemaFacts): boolean {
  const { uid } = env.action;
  if (scope.kind === 'any') return true;
  if (scope.kind === 'equal') return scope.uid.equals(uid);
  return scope.uids.some((group) => facts.isActionIn(uid, group));
}

/** The head as the condition that it is; then the clauses, each knowing what others asked. */
function checkPolicy(policy: Policy, checker: Typechecker): Typed {
  for (const part of headOf(policy)) {
    const { type } = checker.expectBool(part, none);
    if (type?.kind === 'bool' && type.known === false) return typed(type);
  }
  let all: Typed = typed({ kind: 'bool', known: true });
  let known: Capabilities = none;
  for (const { kind, body } of policy.conditions) {
    const at = body.at;
    const clause: Expression =
      kind === 'when' ? body : { kind: 'not', operand: body, at, depth: body.depth + 1 };
    const found = checker.expectBool(clause, known);
    if (found.type?.kind === 'bool' && found.type.known === false) return typed(found.type);
    all = conjunction(all, found.type === undefined ? typed(bool) : found);
    known = union(known, found.known);
  }
  return all;
}

const none: Capabilities = new Set();

function* headOf({ principal, action, resource, position }: Policy): Iterable<Expression> {
  const at = position.offset;
  yield* entityHead(variable('principal', at), principal);
  const target = variable('action', at);
  if (action.kind === 'equal') yield compare('==', target, literal(action.uid, at));
  if (action.kind === 'in') {
    const elements = action.uids.map((uid) => literal(uid, at));
    yield compare('in', target, { kind: 'set', elements, at, depth: 2 });
  }
  // In this order: what is known to be false hides what stands behind it.
  yield* entityHead(variable('resource', at), resource);
}

function* entityHead(target: Expression, scope: EntityScope): Iterable<Expression> {
  const { at } = target;
  if ('entityType' in scope) {
    yield { kind: 'is', target, entityType: scope.entityType, ancestor: null, at, depth: 2 };
  }
  if ('uid' in scope) {
    yield compare(scope.kind === 'equal' ? '==' : 'in', target, literal(scope.uid, at));
  }
}

function variable(name: Variable, at: number): Expression {
  return { kind: 'variable', name, at, depth: 1 };
}

function literal(value: EntityUid, at: number): Expression {
  return { kind: 'literal', value, at, depth: 1 };
}

function compare(operator: '==' | 'in', left: Expression, right: Expression): Expression {
  return { kind: 'binary', operator, left, right, at: left.at, depth: 3 };
}
