/**
 * Automatic rotation: rules that are due begin runs, and runs are taken to their ends. Neighbours:
 * `apikeys` and `clients` make the successors, `delivery/` brings them where they are used, the
 * authority's round calls `step`, the management API writes rules and asks for runs. What must
 * never happen: a secret lost, or in plain text at rest; or a predecessor ended while nobody has
 * its successor and an extension is left.
 *
 * Any number of processes may run this over one store. Each change is one act that holds only on
 * the version it was decided on, so of two that see one rule due one begins, and a crash between
 * two changes leaves a state from which the next round, of whatever process, goes on.
 */
import { type Clock, type Entropy, limits, type Result, type TenantId } from '@mintmark/core';
import type { Recorder } from '../audit/record.ts';
import type { Requester } from '../audit/requester.ts';
import type { Sealer } from '../custody/sealer.ts';
import type { Alongside } from '../store/act.ts';
import type { Store } from '../store/store.ts';
import type { Row } from '../store/tables.ts';
import { type BeginRefusal, beginRotation } from './begin.ts';
import type { DeliveryTargets } from './delivery/delivery.ts';
import { bySchedule } from './move-run.ts';
import type { Rotatable } from './rotatable.ts';
import { type RotationEvent, type RotationKind, type RuleRow, ruleOf } from './rule.ts';
import { runOf } from './run.ts';
import { takeFurther } from './watch.ts';

export interface RotationDeps {
  readonly store: Pick<Store, 'rotationRules' | 'rotationRuns' | 'acts'>;
  readonly sealer: Pick<Sealer, 'seal' | 'open'>;
  readonly recorder: Recorder;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly targets: DeliveryTargets;
  readonly rotatables: Readonly<Record<RotationKind, Rotatable>>;
  readonly onFault: (fault: unknown) => void;
}

export interface Rotations {
  /** Begins what is due, and takes further what is open, unless that is under way. */
  step(): void;
  /** The same, waited for. */
  work(): Promise<void>;
  /** Waits for what is under way. */
  finish(): Promise<void>;
  /** Begins one now, whatever its age. @throws StoreFault, CustodyFault */
  run(input: {
    readonly requester: Requester;
    readonly row: RuleRow;
    readonly alongside?: Alongside<Row<'rotationRuns'>>;
  }): Promise<Result<Row<'rotationRuns'>, BeginRefusal>>;
  /**
   * Something happened that rules may name: those begin with the next round. Safe to repeat.
   *
   * @param about which credentials it concerns: one, those of an owner, or all
   * @returns names of the rules that begin
   * @throws StoreFault
   */
  trigger(input: {
    readonly tenant: TenantId;
    readonly event: RotationEvent;
    readonly about: TriggerScope;
  }): Promise<readonly string[]>;
}

export type TriggerScope =
  | { readonly kind: 'credential'; readonly of: RotationKind; readonly id: string }
  | { readonly kind: 'owner'; readonly owner: string }
  | { readonly kind: 'all' };

export function createRotations(deps: RotationDeps): Rotations {
  let underWay: Promise<void> | undefined;

  async function begin(row: RuleRow): Promise<void> {
    const requester = bySchedule(row.tenant);
    await beginRotation(deps, { requester, row, cause: row.cause ?? 'age' });
  }

  async function work(): Promise<void> {
    const due = {
      where: { dueAt: { is: '<=', value: deps.clock.nowMs() } },
      orderBy: ['dueAt'],
      limit: limits.rotationsAtOnce,
    } as const;
    for (const row of await deps.store.rotationRules.list(due)) {
      // One that cannot be rotated must not keep the others waiting.
      await begin(row).catch(deps.onFault);
    }
    for (const row of await deps.store.rotationRuns.list(due)) {
      await takeFurther(deps, runOf(row)).catch(deps.onFault);
    }
  }

  return {
    step() {
      underWay ??= work()
        .catch(deps.onFault)
        .finally(() => {
          underWay = undefined;
        });
    },
    work,
    async finish() {
      await underWay;
    },
    run: (input) => beginRotation(deps, { ...input, cause: 'manual' }),
    trigger: (input) => trigger(deps, input),
  };
}

async function trigger(
  deps: RotationDeps,
  { tenant, event, about }: Parameters<Rotations['trigger']>[0],
): Promise<readonly string[]> {
  const begun: string[] = [];
  let after: readonly [string, string] | undefined;
  for (;;) {
    const rows = await deps.store.rotationRules.list({
      where:
        about.kind === 'credential'
          ? { tenant, targetKind: about.of, targetId: about.id }
          : { tenant },
      ...(after !== undefined && { after }),
      limit: limits.pageItemsMax,
    });
    for (const row of rows) {
      if (await concerns(deps, row, { event, about })) {
        await ask(deps, row, event);
        begun.push(row.name);
      }
    }
    const last = rows.at(-1);
    if (last === undefined || rows.length < limits.pageItemsMax) return begun;
    after = [last.tenant, last.name];
  }
}

async function concerns(
  deps: RotationDeps,
  row: RuleRow,
  { event, about }: Pick<Parameters<Rotations['trigger']>[0], 'event' | 'about'>,
): Promise<boolean> {
  const rule = ruleOf(row);
  if (!(rule.on ?? []).includes(event)) return false;
  if (about.kind !== 'owner') return true;
  const found = await deps.rotatables[rule.target.kind].look(row.tenant as TenantId, row.targetId);
  return found?.owner === about.owner;
}

/** Whatever the row's version: an event must not be lost to somebody's edit. */
async function ask({ store, clock }: RotationDeps, row: RuleRow, event: string): Promise<void> {
  const { tenant, name } = row;
  const where = { tenant, name } as const;
  await store.acts.run({
    steps: [
      { do: 'update', table: 'rotationRules', where, set: { cause: event, version: { add: 1 } } },
      // While a run is open, its end begins the next.
      {
        do: 'update',
        table: 'rotationRules',
        where: { ...where, runId: null },
        set: { dueAt: clock.nowMs() },
      },
    ],
    audit: null,
  });
}
