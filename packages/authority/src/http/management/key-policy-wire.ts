/** A tenant's demands on its API keys, as the management API spells them. */
import { limits } from '@mintmark/core';
import { z } from 'zod';
import type { KeyPolicy } from '../../apikeys/key-policy.ts';
import { line, moment, renderMoment, scope } from './wire-schema.ts';

const secondsMax = 100 * 366 * 86_400;

export const keyPolicy = z
  .strictObject({
    owner_required: z
      .boolean()
      .optional()
      .describe('Somebody who can be told must be named; an admin key is nobody'),
    purpose_required: z.boolean().optional(),
    expiry_required: z.boolean().optional(),
    life_seconds_max: z.int().min(60).max(secondsMax).optional().describe('Implies an end'),
    allowed_scopes: z
      .array(scope)
      .max(limits.scopesMax)
      .optional()
      .describe('One that ends in `*` stands for all that begin so'),
    allowed_environments: z
      .array(line({ min: 1, max: 64 }))
      .min(1)
      .max(100)
      .optional()
      .describe('Implies that every key is of one'),
    recoverable_allowed: z
      .boolean()
      .optional()
      .describe('Whether keys may be made that can be shown again'),
    unused_days: z
      .int()
      .min(1)
      .max(3660)
      .optional()
      .describe('Days without a use after which the owner is told'),
    unused_grace_days: z
      .int()
      .min(1)
      .max(366)
      .optional()
      .describe('Days from then until the key is disabled; default 7'),
    mend_by: moment
      .optional()
      .describe('Until when keys that break it are to be mended, or accepted'),
  })
  .meta({ id: 'KeyPolicy' });

export function keyPolicyOf(wire: z.output<typeof keyPolicy>) {
  const { life_seconds_max: life, allowed_scopes, allowed_environments } = wire;
  return {
    ownerRequired: wire.owner_required ?? false,
    purposeRequired: wire.purpose_required ?? false,
    expiryRequired: wire.expiry_required ?? false,
    ...(life !== undefined && { lifeSecondsMax: life }),
    ...(allowed_scopes && { allowedScopes: allowed_scopes }),
    ...(allowed_environments && { allowedEnvironments: allowed_environments }),
    recoverableAllowed: wire.recoverable_allowed ?? false,
    ...(wire.unused_days !== undefined && { unusedDays: wire.unused_days }),
    ...(wire.unused_grace_days !== undefined && { unusedGraceDays: wire.unused_grace_days }),
    ...(wire.mend_by !== undefined && { mendBy: wire.mend_by }),
  };
}

export function renderKeyPolicy(policy: KeyPolicy): z.input<typeof keyPolicy> {
  const { lifeSecondsMax: life, allowedScopes, allowedEnvironments } = policy;
  return {
    owner_required: policy.ownerRequired,
    purpose_required: policy.purposeRequired,
    expiry_required: policy.expiryRequired,
    ...(life !== undefined && { life_seconds_max: life }),
    ...(allowedScopes && { allowed_scopes: [...allowedScopes] }),
    ...(allowedEnvironments && { allowed_environments: [...allowedEnvironments] }),
    recoverable_allowed: policy.recoverableAllowed,
    ...(policy.unusedDays !== undefined && { unused_days: policy.unusedDays }),
    ...(policy.unusedGraceDays !== undefined && { unused_grace_days: policy.unusedGraceDays }),
    ...(policy.mendBy !== undefined && { mend_by: renderMoment(policy.mendBy) }),
  };
}
