/**
 * The beginning of a rotation, one act: the successor, its secret sealed for delivery, the
 * predecessor's end, the run, and the rule that now follows the successor. Of racing processes one
 * wins; the others' successors never were. *A crash before the commit leaves nothing: the secret
 * existed in memory alone. After it, the secret waits sealed in the run's row.*
 */
import { err, freshId, ok, type Result, type TenantId, utf8 } from '@mintmark/core';
import type { Requester } from '../audit/requester.ts';
import { sealContext } from '../custody/contexts.ts';
import type { Alongside } from '../store/act.ts';
import type { Row } from '../store/tables.ts';
import { blockedSteps } from './news.ts';
import type { Planned } from './rotatable.ts';
import type { RotationDeps } from './rotations.ts';
import { dueByAge, neverDue, type RuleRow, ruleOf, termsOf } from './rule.ts';
import { dueOf, keptWhileOpen, type Progress } from './run.ts';

export type BeginRefusal =
  /** One is under way: its predecessor has not ended yet. */
  | { readonly reason: 'under_way'; readonly run: string }
  /** The credential cannot be rotated, with why; the rule shows it until it can. */
  | { readonly reason: 'blocked'; readonly fault: string }
  /** Somebody else changed rule or credential: what is there now is judged anew. */
  | { readonly reason: 'changed' }
  | { readonly reason: 'refused_by_step'; readonly step: string };

/** How long a rule whose credential does not rotate is left alone. */
const blockedMs = 3_600_000;

/** @throws StoreFault, CustodyFault; then nothing was rotated */
export async function beginRotation(
  deps: RotationDeps,
  input: {
    readonly requester: Requester;
    readonly row: RuleRow;
    readonly cause: string;
    readonly alongside?: Alongside<Row<'rotationRuns'>> | undefined;
  },
): Promise<Result<Row<'rotationRuns'>, BeginRefusal>> {
  const { requester, row, cause } = input;
  if (row.runId !== null) return err({ reason: 'under_way', run: row.runId });
  const rule = ruleOf(row);
  const terms = termsOf(rule);
  const rotatable = deps.rotatables[rule.target.kind];
  const id = freshId(deps.entropy);
  if (cause === 'age' && (await isYounger(deps, row))) return err({ reason: 'changed' });
  const planned = await rotatable.plan({
    requester,
    id: row.targetId,
    overlapSeconds: terms.overlapSeconds,
    detail: { rotation: row.name, run: id, cause },
  });
  if ('reason' in planned) {
    if (planned.reason === 'already_rotated') {
      await follow(deps, row, planned.successor);
      return err({ reason: 'changed' });
    }
    const fault = planned.reason === 'not_found' ? 'not found' : planned.status;
    await block(deps, row, fault);
    return err({ reason: 'blocked', fault });
  }
  const run = await runRow(deps, { row, id, cause, planned, terms });
  const { tenant, name, version } = row;
  const { outcome } = await deps.store.acts.run({
    steps: [
      {
        do: 'update',
        table: 'rotationRules',
        where: { tenant, name, version, runId: null },
        set: {
          targetId: planned.target,
          ...{ dueAt: neverDue, cause: null, runId: id, fault: null, version: version + 1 },
        },
        refused: 'changed',
      },
      ...planned.steps,
      { do: 'insert', table: 'rotationRuns', row: run, refused: 'changed' },
      ...(input.alongside?.(run) ?? []),
    ],
    audit: planned.audit,
  });
  if (outcome === 'done') {
    rotatable.changed(tenant as TenantId, planned.target);
    return ok(run);
  }
  const isOurs = ['changed', 'conflict', 'version_conflict'].includes(outcome);
  return err(isOurs ? { reason: 'changed' } : { reason: 'refused_by_step', step: outcome });
}

/** It was changed by other means since the rule was due, and the rule waits for its new age. */
async function isYounger(deps: RotationDeps, row: RuleRow): Promise<boolean> {
  const { tenant, name, version, targetId } = row;
  const rule = ruleOf(row);
  const found = await deps.rotatables[rule.target.kind].look(tenant as TenantId, targetId);
  if (found === undefined || found.id !== targetId) return false;
  const dueAt = dueByAge(rule, found);
  if (dueAt <= deps.clock.nowMs()) return false;
  const where = { tenant, name, version } as const;
  const set = { dueAt, version: version + 1 };
  await deps.store.acts.run({
    steps: [{ do: 'update', table: 'rotationRules', where, set, refused: 'changed' }],
    audit: null,
  });
  return true;
}

async function runRow(
  { sealer, clock }: RotationDeps,
  input: {
    readonly row: RuleRow;
    readonly id: string;
    readonly cause: string;
    readonly planned: Planned;
    readonly terms: Progress['terms'];
  },
): Promise<Row<'rotationRuns'>> {
  const { row, id, cause, planned, terms } = input;
  const { secret } = planned;
  const tenant = row.tenant as TenantId;
  const now = clock.nowMs();
  const margin = (terms.overlapSeconds - terms.confirmWithinSeconds) * 1000;
  const progress: Progress = {
    kind: row.targetKind as Progress['kind'],
    target: planned.target,
    predecessor: planned.predecessor,
    successor: planned.successor,
    owner: planned.owner,
    cause,
    terms,
    endsAt: planned.predecessorEndsAt,
    endsAtMax: planned.predecessorEndsAtMax,
    // What is published is used when its time comes: there is nobody to wait for longer.
    confirmBy: secret === undefined ? null : planned.predecessorEndsAt - margin,
    extensions: 0,
    delivered: [],
    attempts: 0,
    attemptAt: now,
    failure: null,
    deliveredAt: null,
    confirmedAt: null,
    overlapUses: null,
    programsWaiting: (terms.programs ?? []).map(({ name }) => name),
  };
  const status = secret === undefined ? 'confirming' : 'delivering';
  const context = sealContext.rotatedSecret(id);
  return {
    tenant,
    id,
    rule: row.name,
    status,
    dueAt: dueOf(status, progress, { at: now }),
    startedAt: now,
    sealedSecret: secret === undefined ? null : await sealer.seal(tenant, context, utf8(secret)),
    progress: { ...progress },
    version: 1,
    expiresAtSeconds: keptWhileOpen,
  };
}

/** Somebody rotated the key by hand: the rule goes on with what works now. */
async function follow(deps: RotationDeps, row: RuleRow, successor: string): Promise<void> {
  const { tenant, name, version } = row;
  const rotatable = deps.rotatables[ruleOf(row).target.kind];
  const found = await rotatable.look(tenant as TenantId, successor);
  if (found === undefined) return block(deps, row, 'not found');
  const asked = row.cause === null ? dueByAge(ruleOf(row), found) : deps.clock.nowMs();
  await deps.store.acts.run({
    steps: [
      {
        do: 'update',
        table: 'rotationRules',
        where: { tenant, name, version },
        set: { targetId: found.id, dueAt: asked, fault: null, version: version + 1 },
        refused: 'changed',
      },
    ],
    audit: null,
  });
}

/** It is looked at again in a while; until then the rule shows why. Its owner is told once. */
async function block(deps: RotationDeps, row: RuleRow, fault: string): Promise<void> {
  const { tenant, name, version } = row;
  const now = deps.clock.nowMs();
  const dueAt = row.dueAt === neverDue ? neverDue : now + blockedMs;
  const rotatable = deps.rotatables[ruleOf(row).target.kind];
  const owner = await rotatable.ownerOf(tenant as TenantId, row.targetId);
  await deps.store.acts.run({
    steps: [
      {
        do: 'update',
        table: 'rotationRules',
        where: { tenant, name, version },
        set: { dueAt, fault, version: version + 1 },
        refused: 'changed',
      },
      ...(row.fault === fault ? [] : blockedSteps(row, { fault, owner, at: now })),
    ],
    audit: null,
  });
}
