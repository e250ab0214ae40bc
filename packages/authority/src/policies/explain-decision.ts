/** Why a decision was as it was: what was asked, which policies decided, what they say. */
import {
  type Clock,
  err,
  type JsonObject,
  limits,
  nowSeconds,
  ok,
  type PolicyAnswer,
  type Result,
  readDecisionName,
  type TenantId,
  type UnixSeconds,
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

/** Why a decision cannot be explained. There may well have been one. */
export type ExplainRefusal =
  /** Not what a decision is called. */
  | { readonly reason: 'no_name' }
  /** Its node had kept as many as it may. */
  | { readonly reason: 'no_room'; readonly at: UnixSeconds }
  | { readonly reason: 'too_old'; readonly at: UnixSeconds }
  /** Perhaps on its way here. */
  | { readonly reason: 'too_young'; readonly at: UnixSeconds }
  /** Its report was lost, or the name is made up. */
  | { readonly reason: 'not_reported'; readonly at: UnixSeconds };

export interface ExplainPorts {
  readonly store: Pick<Store, 'decisions' | 'policyVersions'>;
  readonly clock: Clock;
  readonly keptSeconds: number;
}

/** @throws StoreFault */
export async function explainDecision(
  { store, clock, keptSeconds }: ExplainPorts,
  { tenant, id }: { readonly tenant: TenantId; readonly id: string },
): Promise<Result<Explained, ExplainRefusal>> {
  const row = await store.decisions.get(tenant, id);
  if (row === undefined) return err(whyNot(id, { now: nowSeconds(clock), keptSeconds }));
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

function whyNot(
  id: string,
  { now, keptSeconds }: { readonly now: UnixSeconds; readonly keptSeconds: number },
): ExplainRefusal {
  const named = readDecisionName(id);
  if (named === undefined) return { reason: 'no_name' };
  const { at, isKept } = named;
  if (!isKept) return { reason: 'no_room', at };
  if (now - at >= keptSeconds) return { reason: 'too_old', at };
  return { reason: now - at < limits.explainedDelaySeconds ? 'too_young' : 'not_reported', at };
}

function shown({ id, effect, annotations, position, text }: Policy): Determining {
  return {
    ...{ id, effect, text },
    annotations: Object.fromEntries(annotations),
    line: position.line,
  };
}
