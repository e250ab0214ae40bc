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
import { type Clock, type Entropy, limits, type Result } from '@mintmark/core';
import type { Recorder } from '../audit/record.ts';
import type { Requester } from '../audit/requester.ts';
import type { Sealer } from '../custody/sealer.ts';
import type { Alongside } from '../store/act.ts';
import type { Store } from '../store/store.ts';
import type { Row } from '../store/tables.ts';
import { type BeginRefusal, beginRotation } from './begin.ts';
import type { DeliveryTargets } from './delivery/delivery.ts';
import { drainEvents, type Triggering, trigger } from './events.ts';
import { bySchedule } from './move-run.ts';
import type { ProgramWatch } from './program-watch.ts';
import type { Rotatable } from './rotatable.ts';
import type { RotationKind, RuleRow } from './rule.ts';
import { runOf } from './run.ts';
import { judgeSigningUses, type SigningUses } from './signing-uses.ts';
import { takeFurther } from './watch.ts';

export interface RotationDeps {
  readonly store: Pick<
    Store,
    'rotationRules' | 'rotationRuns' | 'rotationEvents' | 'tenants' | 'usage' | 'acts'
  >;
  readonly sealer: Pick<Sealer, 'seal' | 'open'>;
  readonly recorder: Recorder;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly targets: DeliveryTargets;
  readonly rotatables: Readonly<Record<RotationKind, Rotatable>>;
  readonly signingUses: Pick<SigningUses, 'take'>;
  readonly programWatch: Pick<ProgramWatch, 'refresh'>;
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
  /** As `rotation/events.ts` has it; for what leaves no row of its own. @throws StoreFault */
  trigger(input: Triggering): Promise<readonly string[]>;
}

export function createRotations(deps: RotationDeps): Rotations {
  let underWay: Promise<void> | undefined;

  async function begin(row: RuleRow): Promise<void> {
    const requester = bySchedule(row.tenant);
    await beginRotation(deps, { requester, row, cause: row.cause ?? 'age' });
  }

  async function work(): Promise<void> {
    await drainEvents(deps).catch(deps.onFault);
    await judgeSigningUses(deps).catch(deps.onFault);
    await deps.programWatch.refresh().catch(deps.onFault);
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
