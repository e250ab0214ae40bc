/** A policy set in the form that the request path runs. */
import type { Effect, Expression, Policy, PolicySet } from './ast.ts';
import { compileExpression } from './compile-expression.ts';
import type { Run } from './outcome.ts';
import { ScopeIndex } from './scope-index.ts';

export interface CompiledPolicy {
  readonly id: string;
  readonly effect: Effect;
  /** All conditions, `unless` turned round. What is neither true nor false is an error. */
  readonly holds: Run;
  readonly source: Policy;
}

export interface CompiledPolicies {
  /** In the order of the text. */
  readonly policies: readonly CompiledPolicy[];
  readonly index: ScopeIndex;
  /** The policies that were compiled. */
  readonly source: PolicySet;
}

/** Takes what `parsePolicies` gave; a set that parsed always compiles. */
export function compilePolicies(source: PolicySet): CompiledPolicies {
  return {
    policies: source.policies.map(compilePolicy),
    index: new ScopeIndex(source.policies),
    source,
  };
}

function compilePolicy(policy: Policy): CompiledPolicy {
  const { run } = compileExpression(conditionOf(policy));
  return { id: policy.id, effect: policy.effect, holds: run, source: policy };
}

function conditionOf({ conditions, position }: Policy): Expression {
  const operands = conditions.map(({ kind, body }): Expression => {
    const { at, depth } = body;
    return kind === 'when' ? body : { kind: 'not', operand: body, at, depth: depth + 1 };
  });
  const [first, second] = operands;
  const at = position.offset;
  if (first === undefined) return { kind: 'literal', value: true, at, depth: 1 };
  return second === undefined ? first : { kind: 'and', operands, at, depth: 1 };
}
