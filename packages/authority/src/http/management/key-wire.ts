/** API keys on the wire: the schemas that describe them and the functions that render them. */
import { limits, type UnixMs } from '@mintmark/core';
import { z } from 'zod';
import type { ShownKey } from '../../apikeys/list-keys.ts';
import type { KeyWithUsage } from '../../apikeys/show-key.ts';
import { budgetSetting, budgetsShown, renderBudgets } from './key-budget-wire.ts';
import {
  addressBlock,
  line,
  metadata,
  moment,
  momentOut,
  renderMoment,
  renderMomentOrNull,
  scopes,
} from './wire-schema.ts';

const countries = z
  .array(z.string().regex(/^[A-Z]{2}$/, 'must be two capital letters'))
  .min(1)
  .max(250);

/** What a caller may say about a key, however it comes here. */
export const keySettings = {
  name: line({ min: 1, max: 200 }),
  scopes,
  owner: line({ min: 1, max: 255 }).optional(),
  environment: line({ min: 1, max: 64 }).optional(),
  plan: line({ min: 1, max: 64 }).optional(),
  allowed_addresses: z.array(addressBlock).min(1).max(limits.addressRangesMax).optional(),
  allowed_countries: countries.optional().describe('ISO 3166-1 alpha-2, such as DE'),
  denied_countries: countries.optional(),
  metadata: metadata.optional(),
  purpose: line({ min: 1, max: 500 }).optional().describe('What it is for, for people'),
  tags: z
    .array(line({ min: 1, max: 64 }))
    .max(32)
    .optional(),
  not_before: moment.optional(),
  expires_at: moment.optional(),
};

/** What is said of a key where it is made. */
export const newKeySettings = {
  ...keySettings,
  uses: budgetSetting.optional().describe('Each verification takes one'),
  credits: budgetSetting.optional().describe('Each verification takes its `cost`'),
  recoverable: z
    .boolean()
    .optional()
    .describe('Whether it can be shown again; the tenant’s policy must allow it'),
};

export const keyId = z.strictObject({ id: z.string().min(1).max(128) });

export const keyStatus = z.enum(['active', 'disabled', 'quarantined', 'revoked']);

const shown = {
  id: z.string(),
  name: z.string(),
  status: keyStatus,
  refused_as: z
    .enum(['disabled', 'quarantined', 'revoked', 'not_yet_valid', 'expired'])
    .nullable()
    .describe('As what every use is refused now; null where it works'),
  owner: z.string(),
  scopes: z.array(z.string()),
  environment: z.string().nullable(),
  plan: z.string().nullable(),
  allowed_addresses: z.array(z.string()).nullable(),
  allowed_countries: z.array(z.string()).nullable(),
  denied_countries: z.array(z.string()).nullable(),
  metadata: z.record(z.string(), z.json()),
  purpose: z.string().nullable(),
  recoverable: z.boolean(),
  tags: z.array(z.string()),
  violations: z
    .array(
      z.strictObject({
        ...{ rule: z.string(), member: z.string(), message: z.string() },
        accepted: z.boolean().describe('Whether somebody lets it be so'),
      }),
    )
    .optional()
    .describe('What breaks the tenant’s policy for keys; where a key is shown, or asked for by it'),
  mend_by: momentOut
    .nullable()
    .optional()
    .describe('Until when that is to be mended, where the policy says so'),
  acceptance: z
    .strictObject({
      rules: z.array(z.string()),
      ...{ reason: z.string(), at: momentOut, by: z.string(), until: momentOut.nullable() },
    })
    .nullable()
    .describe('Rules that it may break, why, by whose word, and for how long'),
  imported: z.boolean().describe('Whether it came from another system by its hash'),
  created_at: momentOut,
  updated_at: momentOut,
  not_before: momentOut.nullable(),
  expires_at: momentOut.nullable(),
  quarantine: z
    .strictObject({ reason: z.string(), at: momentOut, by: z.string() })
    .nullable()
    .describe('Why and since when the key is held back, and who did it'),
  predecessor: z.string().nullable().describe('The key that this one was rotated from'),
  successor: z.string().nullable().describe('The key that this one was rotated into'),
};

const warnings = z.array(z.string()).optional().describe('What of it cannot come to pass here');

export const key = z.strictObject({ ...shown, warnings }).meta({ id: 'Key' });

export const keyWithUsage = z
  .strictObject({
    ...shown,
    first_used_at: momentOut.nullable(),
    last_used_at: momentOut.nullable(),
    last_address: z.string().nullable(),
    uses_allowed: z.int(),
    uses_denied: z.int(),
    ...budgetsShown,
    uses_in_overlap: z.int().describe('Uses after its rotation: callers yet to be moved'),
  })
  .meta({ id: 'KeyWithUsage' });

/** The answer of whatever makes a key: its text is there once. */
export const newKey = z
  .strictObject({
    ...shown,
    warnings,
    key: z.string().optional().describe('The key itself, in this answer only'),
    secret_already_shown: z.literal(true).optional(),
  })
  .meta({ id: 'NewKey' });

export const rotatedKey = z
  .strictObject({
    ...shown,
    key: z.string().optional().describe('The successor itself, in this answer only'),
    secret_already_shown: z.literal(true).optional(),
    previous_expires_at: momentOut.describe('The first second in which the old key is refused'),
  })
  .meta({ id: 'RotatedKey' });

export function renderKey(row: ShownKey, now: UnixMs): Readonly<Record<string, unknown>> {
  return {
    id: row.id,
    name: row.name,
    status: row.status,
    refused_as: refusedAs(row, now),
    owner: row.owner,
    scopes: row.scopes,
    environment: row.environment,
    plan: row.plan,
    allowed_addresses: row.allowedAddresses,
    allowed_countries: row.allowedCountries,
    denied_countries: row.deniedCountries,
    metadata: row.metadata,
    purpose: row.purpose,
    recoverable: row.sealedSecret !== null,
    tags: row.tags ?? [],
    imported: row.importFormat !== null,
    created_at: renderMoment(row.createdAt),
    updated_at: renderMoment(row.updatedAt),
    not_before: renderMomentOrNull(row.notBefore),
    expires_at: renderMomentOrNull(row.expiresAt),
    quarantine: renderQuarantine(row),
    acceptance: renderAcceptance(row),
    predecessor: row.predecessor,
    successor: row.successor,
  };
}

function renderAcceptance({ acceptance }: ShownKey) {
  if (acceptance === null) return null;
  const { rules, reason, at, by, until } = acceptance;
  return { rules, reason, at: renderMoment(at), by, until: renderMomentOrNull(until) };
}

/** A key past its end is no working one, though nobody has changed its status. */
function refusedAs({ status, notBefore, expiresAt }: ShownKey, now: UnixMs): string | null {
  if (status !== 'active') return status;
  if (notBefore !== null && now < notBefore) return 'not_yet_valid';
  return expiresAt !== null && now >= expiresAt ? 'expired' : null;
}

function renderQuarantine({ quarantine }: ShownKey) {
  if (quarantine === null) return null;
  const { reason, at, by } = quarantine;
  return { reason, at: renderMoment(at), by };
}

export function renderKeyWithUsage(
  shown: KeyWithUsage,
  now: UnixMs,
): Readonly<Record<string, unknown>> {
  const { key, usage, overlapUsage, budgets } = shown;
  return {
    ...renderKey(key, now),
    ...renderBudgets(budgets),
    first_used_at: renderMomentOrNull(usage?.firstUsedAt ?? null),
    last_used_at: renderMomentOrNull(usage?.lastUsedAt ?? null),
    last_address: usage?.lastAddress ?? null,
    uses_allowed: usage?.allowed ?? 0,
    uses_denied: usage?.denied ?? 0,
    uses_in_overlap: overlapUsage?.allowed ?? 0,
  };
}
