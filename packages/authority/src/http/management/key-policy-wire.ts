/** A tenant's demands on its API keys, as the management API spells them. */
import { limits } from '@mintmark/core';
import { z } from 'zod';
import type { KeyPolicy } from '../../apikeys/key-policy.ts';
import { line, scope } from './wire-schema.ts';

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
  };
}
