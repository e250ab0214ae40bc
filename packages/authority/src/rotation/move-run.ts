/** One change of a run, as an act that holds only on the version that it was decided on. */
import { limits, type TenantId } from '@mintmark/core';
import type { Requester } from '../audit/requester.ts';
import type { AuditRecord, Step } from '../store/act.ts';
import type { RotationDeps } from './rotations.ts';
import { dueByAge, ruleOf } from './rule.ts';
import { dueOf, isOpen, keptWhileOpen, type Progress, type Run, type RunStatus } from './run.ts';

export interface Move {
  readonly status?: RunStatus;
  readonly progress?: Partial<Progress>;
  readonly sealedSecret?: null;
  /** Steps of the same act; they refuse with `changed`. */
  readonly steps?: readonly Step[];
  readonly audit?: AuditRecord;
}

/** Who does what happens by itself. */
export function bySchedule(tenant: string): Requester {
  return { tenant: tenant as TenantId, actor: { kind: 'system', id: 'rotation' } };
}

/**
 * @returns the run as it is then; undefined where another process was faster
 * @throws StoreFault
 */
export async function moveRun(deps: RotationDeps, run: Run, move: Move): Promise<Run | undefined> {
  const { row } = run;
  const status = move.status ?? run.status;
  const progress: Progress = { ...run.progress, ...move.progress };
  const now = deps.clock.nowMs();
  const { tenant, id, version } = row;
  const set = {
    status,
    progress: { ...progress },
    dueAt: dueOf(status, progress, { at: now + limits.rotationPollMs }),
    version: version + 1,
    expiresAtSeconds: isOpen(status)
      ? keptWhileOpen
      : Math.floor(now / 1000) + limits.rotationRunKeptSeconds,
    // Nobody waits for it any more.
    ...((move.sealedSecret === null || !isOpen(status)) && { sealedSecret: null }),
  };
  const { outcome } = await deps.store.acts.run({
    steps: [
      {
        do: 'update',
        table: 'rotationRuns',
        where: { tenant, id, version },
        set,
        refused: 'changed',
      },
      ...(isOpen(status) ? [] : await freeRule(deps, run)),
      ...(move.steps ?? []),
    ],
    audit: move.audit ?? null,
  });
  return outcome === 'done' ? { row: { ...row, ...set }, status, progress } : undefined;
}

/** The rule waits for its next time again, or begins at once where an event came meanwhile. */
async function freeRule(deps: RotationDeps, { row, progress }: Run): Promise<readonly Step[]> {
  const { tenant, id } = row;
  const rule = await deps.store.rotationRules.get(tenant, row.rule);
  if (rule?.runId !== id) return [];
  const found = await deps.rotatables[progress.kind].look(tenant as TenantId, rule.targetId);
  const asked = rule.cause !== null || found === undefined;
  const dueAt = asked ? deps.clock.nowMs() : dueByAge(ruleOf(rule), found);
  return [
    {
      do: 'update',
      table: 'rotationRules',
      where: { tenant, name: rule.name, version: rule.version },
      set: { dueAt, runId: null, version: rule.version + 1 },
      refused: 'changed',
    },
  ];
}
