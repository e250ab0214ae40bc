/** Why a decision was as it was: what was asked, which policies decided, what they say. */
import {
  err,
  type JsonObject,
  ok,
  type PolicyAnswer,
  type Result,
  type TenantId,
} from '@mintmark/core';
import { type Policy, parsePolicies } from '@mintmark/policy';
import type { Store } from '../store/store.ts';
import type { Row } from '../store/tables.ts';

/** A Cedar policy that decided, as its author wrote it. */
export interface Determining {
  readonly id: string;
  readonly effect: 'permit' | 'forbid';
  readonly annotations: Readonly<Record<string, string>>;
  readonly line: number;
  readonly text: string;
}

export interface ExplainedAnswer extends PolicyAnswer {
  readonly determining: readonly Determining[];
}

export interface Explained {
  readonly row: Row<'decisions'>;
  readonly answers: readonly ExplainedAnswer[];
}

/** @throws StoreFault */
export async function explainDecision(
  { store }: { readonly store: Pick<Store, 'decisions' | 'policyVersions'> },
  { tenant, id }: { readonly tenant: TenantId; readonly id: string },
): Promise<Result<Explained, { readonly reason: 'not_found' }>> {
  const row = await store.decisions.get(tenant, id);
  if (row === undefined) return err({ reason: 'not_found' });
  const answers: ExplainedAnswer[] = [];
  for (const answer of row.decision.answers) {
    const found = await store.policyVersions.get(tenant, answer.policy, answer.version);
    const { cedar } = (found?.document ?? {}) as JsonObject;
    const parsed = parsePolicies(typeof cedar === 'string' ? cedar : '');
    const policies = parsed.ok ? parsed.value.policies : [];
    const determining = answer.reasons.flatMap((reason) => {
      const policy = policies.find((one) => one.id === reason);
      return policy === undefined ? [] : [shown(policy)];
    });
    answers.push({ ...answer, determining });
  }
  return ok({ row, answers });
}

function shown({ id, effect, annotations, position, text }: Policy): Determining {
  return {
    ...{ id, effect, text },
    annotations: Object.fromEntries(annotations),
    line: position.line,
  };
}
