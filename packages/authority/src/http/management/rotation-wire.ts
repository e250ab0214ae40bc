/** Rotations on the wire: the schemas that describe them and the functions that render them. */
import { z } from 'zod';
import type { KeySchedule, RotationItem } from '../../admin/rotation-view.ts';
import {
  nextRotation,
  type RuleRow,
  rotationKinds,
  rotationName,
  rotationRuleSchema,
  ruleOf,
} from '../../rotation/rule.ts';
import { type Run, runOf } from '../../rotation/run.ts';
import type { Row } from '../../store/tables.ts';
import { momentOut, renderMoment, renderMomentOrNull } from './wire-schema.ts';

export const rotationSettings = rotationRuleSchema
  .extend({ name: rotationName.optional() })
  .meta({ id: 'RotationSettings' });

const state = z
  .strictObject({
    credential: z.string().describe('Id of what works now: the key, the client, the signing key'),
    next_at: momentOut.nullable().describe('When it rotates next; null: when an event asks for it'),
    run: z.string().nullable().describe('The rotation that is under way'),
    waiting_for: z.string().nullable().describe('The event that asks for the next rotation'),
    fault: z.string().nullable().describe('Why the last one could not begin'),
  })
  .meta({ id: 'RotationState' });

export const rotation = z
  .looseObject({
    name: z.string(),
    target: z.strictObject({
      kind: z.enum(rotationKinds),
      id: z.string().describe('Of a signing or encryption key its algorithm'),
    }),
    every_seconds: z.int().optional(),
    state,
    updated_at: momentOut.optional(),
  })
  .meta({ id: 'Rotation' });

export const rotationRun = z
  .strictObject({
    id: z.string().describe('By which receivers know a delivery that they have had before'),
    rotation: z.string(),
    status: z.enum(['delivering', 'confirming', 'ending', 'done', 'unconfirmed', 'abandoned']),
    cause: z.string(),
    kind: z.enum(rotationKinds),
    credential: z.string().describe('The key, or the client, that it is about'),
    predecessor: z.string(),
    successor: z.string(),
    started_at: momentOut,
    predecessor_ends_at: momentOut,
    extensions: z.int(),
    places_delivered: z.int(),
    delivery_attempts: z.int(),
    delivery_failure: z.string().nullable(),
    delivered_at: momentOut.nullable(),
    confirmed_at: momentOut.nullable(),
    overlap_uses: z
      .int()
      .nullable()
      .describe('Uses of the predecessor since its rotation, once it has ended'),
    programs_waiting: z
      .array(z.string())
      .describe('Of the programs that share it, those that have not used the successor'),
  })
  .meta({ id: 'RotationRun' });

export function renderItem(item: RotationItem): Readonly<Record<string, unknown>> {
  return item.kind === 'rule' ? renderRule(item.row) : renderSchedule(item.schedule);
}

export function renderRule(row: RuleRow): Readonly<Record<string, unknown>> {
  return {
    name: row.name,
    ...ruleOf(row),
    state: {
      credential: row.targetId,
      next_at: renderMomentOrNull(nextRotation(row)),
      run: row.runId,
      waiting_for: row.cause,
      fault: row.fault,
    },
    updated_at: renderMoment(row.updatedAt),
  };
}

export function renderSchedule(schedule: KeySchedule): Readonly<Record<string, unknown>> {
  return {
    name: schedule.name,
    target: { kind: schedule.kind, id: schedule.algorithm },
    every_seconds: schedule.everySeconds,
    overlap_seconds: schedule.publishAheadSeconds,
    state: {
      credential: schedule.kid,
      next_at: renderMoment(schedule.nextAt),
      run: schedule.published ?? null,
      waiting_for: null,
      fault: null,
    },
  };
}

export function renderRun(row: Row<'rotationRuns'>): Readonly<Record<string, unknown>> {
  return renderProgress(runOf(row));
}

function renderProgress({ row, status, progress }: Run): Readonly<Record<string, unknown>> {
  return {
    id: row.id,
    rotation: row.rule,
    status,
    cause: progress.cause,
    kind: progress.kind,
    credential: progress.target,
    predecessor: progress.predecessor,
    successor: progress.successor,
    started_at: renderMoment(row.startedAt),
    predecessor_ends_at: renderMoment(progress.endsAt),
    extensions: progress.extensions,
    places_delivered: progress.delivered.length,
    delivery_attempts: progress.attempts,
    delivery_failure: progress.failure,
    delivered_at: renderMomentOrNull(progress.deliveredAt),
    confirmed_at: renderMomentOrNull(progress.confirmedAt),
    overlap_uses: progress.overlapUses,
    programs_waiting: progress.programsWaiting ?? [],
  };
}
