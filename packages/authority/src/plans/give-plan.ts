/**
 * Gives somebody a plan, or more of it than others have, and lets a count begin anew: each with a
 * reason, in the trail.
 */
import {
  type Clock,
  err,
  type KeyedCharge,
  type LimitStore,
  ok,
  type PlanHolder,
  type PlanHolderKind,
  planCharges,
  type RaisedLimit,
  type Result,
} from '@mintmark/core';
import type { Recorder } from '../audit/record.ts';
import { eventBy, type Requester } from '../audit/requester.ts';
import type { Step } from '../store/act.ts';
import type { Store } from '../store/store.ts';
import type { Row } from '../store/tables.ts';
import { type HeldPlan, type HolderPorts, ownPlan } from './holder-plan.ts';

export interface GivePorts extends HolderPorts {
  readonly store: Pick<Store, 'planHolders' | 'plans' | 'keys' | 'clients' | 'users' | 'acts'>;
  readonly recorder: Recorder;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly limits: LimitStore;
}

export interface Holding {
  readonly holder: PlanHolder;
  /** Undefined: nothing was ever given. */
  readonly row: Row<'planHolders'> | undefined;
  /** The plan that it has by itself, as it is called. */
  readonly planName: string | null;
  readonly held: HeldPlan | undefined;
}

/** @returns undefined where there is nobody of the kind with this id. @throws StoreFault */
export async function holdingOf(
  ports: Pick<GivePorts, 'store' | 'plans'>,
  asked: { readonly tenant: string; readonly kind: PlanHolderKind; readonly id: string },
): Promise<Holding | undefined> {
  const { tenant, kind, id } = asked;
  const holder: PlanHolder = { tenant, kind, id };
  const key = kind === 'key' ? await ports.store.keys.get(tenant, id) : undefined;
  const isThere =
    kind === 'key'
      ? key !== undefined && key.kind !== 'admin'
      : kind === 'client'
        ? (await ports.store.clients.get(tenant, id)) !== undefined
        : kind === 'user'
          ? ((await ports.store.users.get(tenant, id))?.status ?? 'deleted') !== 'deleted'
          : id === tenant;
  if (!isThere) return undefined;
  const row = await ports.store.planHolders.get(tenant, kind, id);
  const planName = key === undefined ? (row?.plan ?? null) : key.plan;
  return { holder, row, planName, held: await ownPlan(ports, holder, key?.plan ?? null) };
}

export type GiveRefusal =
  | { readonly reason: 'not_found' }
  | { readonly reason: 'version_unknown' }
  | { readonly reason: 'version_mismatch' }
  /** The plan of a key is a member of the key. */
  | { readonly reason: 'key_plan' }
  | { readonly reason: 'plan_unknown' }
  /** The plan has no limit of this name. */
  | { readonly reason: 'limit_unknown'; readonly place: number };

/**
 * @param input.isSeen as for every edit; what was never given has version 0
 * @throws StoreFault, CustodyFault
 */
export async function givePlan(
  ports: GivePorts,
  input: {
    readonly requester: Requester;
    readonly kind: PlanHolderKind;
    readonly id: string;
    readonly plan: string | null;
    readonly raised: readonly RaisedLimit[];
    readonly reason: string;
    readonly isSeen: ((version: number) => boolean) | undefined;
  },
): Promise<Result<Holding, GiveRefusal>> {
  const { requester, kind, id, plan, raised, reason, isSeen } = input;
  const { tenant } = requester;
  const holding = await holdingOf(ports, { tenant, kind, id });
  if (holding === undefined) return err({ reason: 'not_found' });
  const { row: known } = holding;
  if (known !== undefined && isSeen === undefined) return err({ reason: 'version_unknown' });
  if (isSeen !== undefined && !isSeen(known?.version ?? 0)) {
    return err({ reason: 'version_mismatch' });
  }
  if (kind === 'key' && plan !== null && plan !== holding.planName) {
    return err({ reason: 'key_plan' });
  }
  const name = kind === 'key' ? holding.planName : plan;
  const found = name === null ? undefined : await ports.plans.plan(tenant, name);
  if (plan !== null && found === undefined) return err({ reason: 'plan_unknown' });
  const place = raised.findIndex(
    ({ limit }) => found?.limits.some((one) => one.name === limit) !== true,
  );
  if (place !== -1) return err({ reason: 'limit_unknown', place });
  const given = kind === 'key' ? null : plan;
  const done = await keep(ports, { requester, holding, given, raised, reason });
  if (!done) return err({ reason: 'version_mismatch' });
  const now = await holdingOf(ports, { tenant, kind, id });
  return now === undefined ? err({ reason: 'not_found' }) : ok(now);
}

async function keep(
  ports: GivePorts,
  input: {
    readonly requester: Requester;
    readonly holding: Holding;
    readonly given: string | null;
    readonly raised: readonly RaisedLimit[];
    readonly reason: string;
  },
): Promise<boolean> {
  const { requester, holding, given: plan, raised, reason: why } = input;
  const { row: known, holder } = holding;
  const { tenant, kind, id } = holder;
  const at = ports.clock.nowMs();
  const set = { plan, raised, updatedAt: at, version: (known?.version ?? 0) + 1 };
  const refused = 'version_mismatch';
  const step: Step =
    known === undefined
      ? { do: 'insert', table: 'planHolders', row: { tenant, kind, id, ...set }, refused }
      : {
          ...{ do: 'update', table: 'planHolders', set, refused },
          where: { tenant, kind, id, version: known.version },
        };
  const entries = [{ type: 'plan_holder', kind, id, plan, raised }] as const;
  const { outcome } = await ports.store.acts.run({
    steps: [step, { do: 'feed', tenant: requester.tenant, at, entries }],
    audit: await ports.recorder.record(
      eventBy(requester, {
        ...{ action: 'limits.give', at, object: { kind, id }, why },
        detail: {
          ...(plan === null ? {} : { plan }),
          raised: raised.map(({ limit, quota }) => `${limit}=${quota}`),
        },
      }),
    ),
  });
  return outcome === 'done';
}

/** All limits of what somebody has, at no cost. */
export function chargesOf(
  { plan, holder, raised }: HeldPlan,
  nowMs: number,
): readonly (KeyedCharge & { readonly name: string })[] {
  return planCharges(plan, { holder, raised, nowMs, request: undefined });
}

export type ResetRefusal = { readonly reason: 'not_found' | 'no_plan' };

/**
 * Lets the counts of somebody begin anew. What was spent is forgotten after the record is kept.
 *
 * @param input.names of limits; undefined: all
 * @throws StoreFault, CustodyFault, NetworkFault where the count cannot be reached
 */
export async function resetLimits(
  ports: GivePorts,
  input: {
    readonly requester: Requester;
    readonly kind: PlanHolderKind;
    readonly id: string;
    readonly names: readonly string[] | undefined;
    readonly reason: string;
  },
): Promise<Result<Holding, ResetRefusal>> {
  const { requester, kind, id, names, reason: why } = input;
  const { tenant } = requester;
  const holding = await holdingOf(ports, { tenant, kind, id });
  if (holding === undefined) return err({ reason: 'not_found' });
  if (holding.held === undefined) return err({ reason: 'no_plan' });
  const at = ports.clock.nowMs();
  const charges = chargesOf(holding.held, at).filter(
    ({ name }) => names === undefined || names.includes(name),
  );
  await ports.store.acts.run({
    steps: [],
    audit: await ports.recorder.record(
      eventBy(requester, {
        ...{ action: 'limits.reset', at, object: { kind, id }, why },
        detail: { limits: charges.map(({ name }) => name) },
      }),
    ),
  });
  if (charges.length > 0) await ports.limits.forget(charges);
  return ok(holding);
}
