/** The words for `explain`: which policies decided, where they stand, what they say. */
import type { Effect } from './ast.ts';
import type { CompiledPolicies } from './compile-policies.ts';
import type { Decision } from './evaluate.ts';
import type { Position } from './position.ts';

export interface ExplainedPolicy {
  readonly id: string;
  readonly effect: Effect;
  readonly annotations: Readonly<Record<string, string>>;
  readonly position: Position;
  /** The policy as written. */
  readonly text: string;
  /** Why it was skipped; absent for a policy that decided. */
  readonly error?: string;
}

export interface Explanation {
  readonly decision: Decision['decision'];
  /** One sentence. */
  readonly summary: string;
  readonly determining: readonly ExplainedPolicy[];
  readonly skipped: readonly ExplainedPolicy[];
}

/** @param decision what `evaluate` gave for these policies; ids that they lack are left out */
export function explain(compiled: CompiledPolicies, decision: Decision): Explanation {
  const byId = new Map(compiled.policies.map(({ id, source }) => [id, source]));
  const explained = (id: string): ExplainedPolicy[] => {
    const policy = byId.get(id);
    if (policy === undefined) return [];
    const { effect, annotations, position, text } = policy;
    return [{ id, effect, annotations: Object.fromEntries(annotations), position, text }];
  };
  const determining = decision.reasons.flatMap(explained);
  const skipped = decision.errors.flatMap(({ policy, message }) =>
    explained(policy).map((one) => ({ ...one, error: message })),
  );
  return { decision: decision.decision, summary: summaryOf(decision), determining, skipped };
}

function summaryOf({ decision, reasons, errors }: Decision): string {
  const named = reasons.map((id) => JSON.stringify(id)).join(', ');
  const failed = errors.map(({ policy }) => JSON.stringify(policy)).join(', ');
  const skipped = errors.length === 0 ? '' : ` Skipped, since they failed: ${failed}.`;
  if (decision === 'allow') return `Allowed by ${named}.${skipped}`;
  if (reasons.length > 0) return `Denied: forbidden by ${named}.${skipped}`;
  return `Denied: no policy permits it.${skipped}`;
}
