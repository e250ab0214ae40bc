/**
 * A rotation rule: which credential, when, for how long both work, and where the successor is
 * brought. Written and replaced as a whole, and kept as it was written.
 */
import { limits, parseCidr, type UnixMs } from '@mintmark/core';
import { z } from 'zod';
import { rotationEvents } from '../store/rotation-event-row.ts';
import type { Row } from '../store/tables.ts';

export const rotationKinds = ['key', 'client_secret', 'signing_key', 'encryption_key'] as const;
export type RotationKind = (typeof rotationKinds)[number];

const everySecondsMin = 60;
/** Counts are written each second: fewer would be passed before anybody knew. */
const usesMin = 1_000;
const everySecondsMax = 10 * 366 * 86_400;
const extensionsMax = 100;

export const rotationName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/);

const overlap = z.int().min(1).max(limits.keyOverlapSecondsMax);

const rotationPlace = z.strictObject({
  to: z.string().min(1).max(64).describe('Name of a target of the configuration'),
  at: z
    .string()
    .min(1)
    .max(255)
    .optional()
    .describe('Where in it: a file, a Kubernetes Secret, a path in Vault'),
  key: z.string().min(1).max(253).optional().describe('The member of it that holds the secret'),
});

const rotationProgram = z.strictObject({
  name: rotationName,
  addresses: z
    .array(
      z
        .string()
        .max(64)
        .refine((text) => parseCidr(text).ok, 'must be an address, or a block of them'),
    )
    .min(1)
    .max(limits.rotationPlacesMax)
    .describe('Where it calls from; no two programs from one'),
});

/** One of several that share a credential. */
export type RotationProgram = z.output<typeof rotationProgram>;

export type RotationPlace = z.output<typeof rotationPlace>;

export const rotationRuleSchema = z.strictObject({
  target: z.strictObject({
    kind: z.enum(rotationKinds),
    id: z
      .string()
      .min(1)
      .max(255)
      .describe(
        'Of a key, also one that has been rotated since: its newest successor is meant; of ' +
          'signing and encryption keys the algorithm',
      ),
  }),
  every_seconds: z
    .int()
    .min(everySecondsMin)
    .max(everySecondsMax)
    .optional()
    .describe('Age at which the credential rotates; without it only what `on` names rotates it'),
  max_uses: z
    .int()
    .min(usesMin)
    .max(Number.MAX_SAFE_INTEGER)
    .optional()
    .describe('Of a signing key: signatures after which the next key is published'),
  on: z.array(z.enum(rotationEvents)).max(rotationEvents.length).optional(),
  overlap_seconds: overlap
    .optional()
    .describe(`How long both work; ${limits.keyOverlapSecondsDefault} if not given`),
  deliver_to: z
    .array(rotationPlace)
    .max(limits.rotationPlacesMax)
    .optional()
    .describe('At least one place, but for signing and encryption keys, which are published'),
  confirm_within_seconds: overlap
    .optional()
    .describe('Until the successor must have been used; half of the overlap if not given'),
  extend_by_seconds: overlap
    .optional()
    .describe('By how much the overlap grows where it was not; the overlap if not given'),
  max_extensions: z.int().min(0).max(extensionsMax).optional().describe('3 if not given'),
  programs: z
    .array(rotationProgram)
    .min(1)
    .max(limits.rotationProgramsMax)
    .optional()
    .describe('Who shares the key: each must have used the successor; one use is enough if absent'),
});

export type RotationRule = z.output<typeof rotationRuleSchema>;
export type RuleRow = Row<'rotationRules'>;

/** What a run goes by from its beginning to its end, whatever becomes of the rule. */
export interface Terms {
  readonly overlapSeconds: number;
  readonly confirmWithinSeconds: number;
  readonly extendBySeconds: number;
  readonly extensionsMax: number;
  /** Who must have used the successor; absent: anybody. */
  readonly programs?: readonly RotationProgram[];
}

/** Of a rule that waits for events alone, and of one that has an open run. */
export const neverDue = Number.MAX_SAFE_INTEGER;

/** @throws ZodError where the row holds no rule: stored state is suspect, and nothing is done */
export function ruleOf(row: Pick<RuleRow, 'definition'>): RotationRule {
  return rotationRuleSchema.parse(row.definition);
}

export function termsOf(rule: RotationRule): Terms {
  const overlapSeconds = rule.overlap_seconds ?? limits.keyOverlapSecondsDefault;
  return {
    overlapSeconds,
    confirmWithinSeconds: rule.confirm_within_seconds ?? Math.ceil(overlapSeconds / 2),
    extendBySeconds: rule.extend_by_seconds ?? overlapSeconds,
    extensionsMax: rule.max_extensions ?? 3,
    ...(rule.programs === undefined ? {} : { programs: rule.programs }),
  };
}

/**
 * When the credential rotates by its age. One that ends by itself rotates so long before that the
 * successor is live and confirmed by then.
 *
 * @returns unix milliseconds; `neverDue` where the rule has no age
 */
export function dueByAge(
  rule: RotationRule,
  credential: { readonly createdAt: number; readonly expiresAt: number | null },
): number {
  if (rule.every_seconds === undefined) return neverDue;
  const aged = credential.createdAt + rule.every_seconds * 1000;
  if (credential.expiresAt === null) return aged;
  return Math.min(aged, credential.expiresAt - termsOf(rule).overlapSeconds * 1000);
}

/** The same for two rules that would write to one place, and for no others. */
export function nameOfPlace({ to, at = '', key = '' }: RotationPlace): string {
  return [to, at, key].join('\n');
}

/** Of an answer: when it rotates next, null where nothing but an event would. */
export function nextRotation(row: RuleRow): UnixMs | null {
  return row.dueAt === neverDue ? null : (row.dueAt as UnixMs);
}
