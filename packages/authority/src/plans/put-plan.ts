/** Writes a plan: makes it, replaces it, takes it away. Gateways learn of it by the status feed. */
import {
  type Clock,
  err,
  limits,
  ok,
  parsePlan,
  type Result,
  type RouteRefusal,
} from '@mintmark/core';
import type { Recorder } from '../audit/record.ts';
import { eventBy, type Requester } from '../audit/requester.ts';
import type { Step } from '../store/act.ts';
import type { Store } from '../store/store.ts';
import type { Row } from '../store/tables.ts';

export interface PlanPorts {
  readonly store: Pick<Store, 'plans' | 'acts'>;
  readonly recorder: Recorder;
  readonly clock: Pick<Clock, 'nowMs'>;
}

export type PutPlanRefusal =
  | { readonly reason: 'malformed'; readonly refusal: RouteRefusal }
  /** There is such a plan, and the requester did not say which version he has seen. */
  | { readonly reason: 'version_unknown' }
  | { readonly reason: 'version_mismatch' }
  | { readonly reason: 'too_many' };

/**
 * @param input.wire the plan as the management API takes it, without its name
 * @param input.isSeen whether the requester has seen this version; undefined where he expects none
 * @throws StoreFault, CustodyFault
 */
export async function putPlan(
  ports: PlanPorts,
  input: {
    readonly requester: Requester;
    readonly name: string;
    readonly wire: Readonly<Record<string, unknown>>;
    readonly isSeen: ((version: number) => boolean) | undefined;
  },
): Promise<Result<{ readonly row: Row<'plans'>; readonly created: boolean }, PutPlanRefusal>> {
  const { requester, name, isSeen } = input;
  const { tenant } = requester;
  const plan = { ...input.wire, name };
  const parsed = parsePlan(plan);
  if (!parsed.ok) return err({ reason: 'malformed', refusal: parsed.refusal });
  const known = await ports.store.plans.get(tenant, name);
  if (known === undefined) {
    // A version was seen, so there was one: somebody deleted it since.
    if (isSeen !== undefined) return err({ reason: 'version_mismatch' });
    const count = await ports.store.plans.count({ tenant });
    if (count >= limits.plansMax) return err({ reason: 'too_many' });
  } else if (isSeen === undefined) {
    return err({ reason: 'version_unknown' });
  } else if (!isSeen(known.version)) {
    return err({ reason: 'version_mismatch' });
  }
  const updatedAt = ports.clock.nowMs();
  const row = { tenant, name, plan, updatedAt, version: (known?.version ?? 0) + 1 };
  const refused = 'version_mismatch';
  const step: Step =
    known === undefined
      ? { do: 'insert', table: 'plans', row, refused }
      : {
          ...{ do: 'update', table: 'plans', where: { tenant, name, version: known.version } },
          ...{ set: { plan, updatedAt, version: row.version }, refused },
        };
  const action = known === undefined ? 'plan.create' : 'plan.update';
  const done = await change(ports, { requester, name, action, step, plan });
  return done ? ok({ row, created: known === undefined }) : err({ reason: refused });
}

export type CreatePlanRefusal =
  | Extract<PutPlanRefusal, { readonly reason: 'malformed' | 'too_many' }>
  | { readonly reason: 'already_exists' }
  /** By what was to be written with it. */
  | { readonly reason: 'refused_by_step' };

/**
 * Makes a plan that there is not yet.
 *
 * @param input.alongside steps of the same act, before the plan's own
 * @throws StoreFault, CustodyFault
 */
export async function createPlan(
  ports: PlanPorts,
  input: {
    readonly requester: Requester;
    readonly name: string;
    readonly wire: Readonly<Record<string, unknown>>;
    readonly alongside: (row: Row<'plans'>) => readonly Step[];
  },
): Promise<Result<Row<'plans'>, CreatePlanRefusal>> {
  const { requester, name } = input;
  const { tenant } = requester;
  const plan = { ...input.wire, name };
  const parsed = parsePlan(plan);
  if (!parsed.ok) return err({ reason: 'malformed', refusal: parsed.refusal });
  const count = await ports.store.plans.count({ tenant });
  if (count >= limits.plansMax) return err({ reason: 'too_many' });
  const at = ports.clock.nowMs();
  const row = { tenant, name, plan, updatedAt: at, version: 1 };
  const { outcome } = await ports.store.acts.run({
    steps: [
      ...input.alongside(row),
      { do: 'insert', table: 'plans', row, refused: 'already_exists' },
      { do: 'feed', tenant, at, entries: [{ type: 'plan', name, plan }] },
    ],
    audit: await ports.recorder.record(
      eventBy(requester, { action: 'plan.create', at, object: { kind: 'plan', id: name } }),
    ),
  });
  if (outcome === 'done') return ok(row);
  const isThere = outcome === 'already_exists';
  return err({ reason: isThere ? 'already_exists' : 'refused_by_step' });
}

export type DeletePlanRefusal = { readonly reason: 'not_found' | 'version_mismatch' };

/** Whoever had it has from then on what the next one who holds a plan for him has, or none. */
export async function deletePlan(
  ports: PlanPorts,
  input: {
    readonly requester: Requester;
    readonly name: string;
    readonly isSeen: (version: number) => boolean;
  },
): Promise<Result<undefined, DeletePlanRefusal>> {
  const { requester, name, isSeen } = input;
  const { tenant } = requester;
  const known = await ports.store.plans.get(tenant, name);
  if (known === undefined) return err({ reason: 'not_found' });
  if (!isSeen(known.version)) return err({ reason: 'version_mismatch' });
  const where = { tenant, name, version: known.version };
  const step: Step = { do: 'delete', table: 'plans', where, refused: 'version_mismatch' };
  const action = 'plan.delete';
  const done = await change(ports, { requester, name, action, step, plan: null });
  return done ? ok(undefined) : err({ reason: 'version_mismatch' });
}

async function change(
  ports: PlanPorts,
  input: {
    readonly requester: Requester;
    readonly name: string;
    readonly action: 'plan.create' | 'plan.update' | 'plan.delete';
    readonly step: Step;
    readonly plan: Readonly<Record<string, unknown>> | null;
  },
): Promise<boolean> {
  const { requester, name, action, step, plan } = input;
  const { tenant } = requester;
  const at = ports.clock.nowMs();
  const { outcome } = await ports.store.acts.run({
    steps: [step, { do: 'feed', tenant, at, entries: [{ type: 'plan', name, plan }] }],
    audit: await ports.recorder.record(
      eventBy(requester, { action, at, object: { kind: 'plan', id: name } }),
    ),
  });
  return outcome === 'done';
}
