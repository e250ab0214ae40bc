/** A policy set in the form that the request path runs. */
import type { Effect, Policy, PolicySet } from './ast.ts';
import { compileExpression } from './compile-expression.ts';
import { failed, type Run, wrongType } from './outcome.ts';
import { ScopeIndex } from './scope-index.ts';

export interface CompiledPolicy {
  readonly id: string;
  readonly effect: Effect;
  /** All conditions, `unless` turned round: true, false, or failed. */
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
  const clauses = policy.conditions.map(({ kind, body }) => ({
    run: compileExpression(body).run,
    wanted: kind === 'when',
    at: body.at,
  }));
  return { id: policy.id, effect: policy.effect, holds: allOf(clauses), source: policy };
}

interface Clause {
  readonly run: Run;
  readonly wanted: boolean;
  readonly at: number;
}

function allOf(clauses: readonly Clause[]): Run {
  const [only] = clauses;
  if (only === undefined) return () => true;
  if (clauses.length === 1) return clause(only);
  const runs = clauses.map(clause);
  return (env) => {
    for (const run of runs) {
      const outcome = run(env);
      if (outcome !== true) return outcome;
    }
    return true;
  };
}

function clause({ run, wanted, at }: Clause): Run {
  return (env) => {
    const outcome = run(env);
    if (typeof outcome === 'boolean') return outcome === wanted;
    return outcome === failed ? failed : wrongType(env, at, { wanted: 'bool', found: outcome });
  };
}
