/** What of an upstream's answers a caller may not see, as JSON Schema. */
import { limits, maskActions } from '@mintmark/core';
import { claimConditionsSchema } from './route-conditions-schema.ts';

export const maskSchema = {
  type: 'object',
  required: ['rules'],
  additionalProperties: false,
  description: 'Places of JSON answers that a caller may not see',
  properties: {
    mode: { enum: ['observe', 'enforce'], description: 'Default: enforce' },
    bytes_max: {
      type: 'integer',
      minimum: 1,
      maximum: limits.heldBodyBytesMax,
      description: 'Longest answer that is held to be masked',
    },
    pass_types: {
      type: 'array',
      maxItems: limits.matchConditionsMax,
      items: { type: 'string', pattern: '^[a-z0-9.+-]{1,64}/([a-z0-9.+-]{1,64}|\\*)$' },
      description: 'Media types beside JSON that go on as they are; others are refused',
    },
    rules: {
      type: 'array',
      minItems: 1,
      maxItems: limits.maskRulesMax,
      items: {
        type: 'object',
        required: ['path'],
        additionalProperties: false,
        properties: {
          path: {
            type: 'string',
            maxLength: limits.maskPathCharsMax,
            pattern: '^/',
            description: 'JSON Pointer, with * for any one name and ** for any depth',
          },
          action: { enum: maskActions, description: 'Default: redact' },
          unless_scope: { type: 'string', maxLength: limits.scopeCharsMax },
          unless_claim: claimConditionsSchema,
        },
      },
    },
  },
} as const;
