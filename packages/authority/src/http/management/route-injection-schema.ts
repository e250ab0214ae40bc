/** Which known forms of injected code a route looks for, as JSON Schema. */
import { injectionPlaces, injectionRules, limits } from '@mintmark/core';

const rules = {
  type: 'array',
  minItems: 1,
  items: { enum: injectionRules },
  description: 'Default: all',
} as const;

export const injectionSchema = {
  type: 'object',
  required: ['mode'],
  additionalProperties: false,
  description: 'Known forms of injected code, looked for in requests',
  properties: {
    mode: { enum: ['observe', 'enforce'] },
    rules,
    in: {
      type: 'array',
      minItems: 1,
      items: { enum: injectionPlaces },
      description: 'Default: all',
    },
    headers: {
      type: 'array',
      maxItems: limits.matchConditionsMax,
      items: { type: 'string', pattern: '^[A-Za-z0-9-]{1,64}$' },
      description: 'Looked into too; default: none',
    },
    exempt: {
      type: 'array',
      maxItems: limits.maskRulesMax,
      items: {
        type: 'object',
        required: ['in', 'name'],
        additionalProperties: false,
        properties: {
          in: { enum: injectionPlaces },
          name: {
            type: 'string',
            minLength: 1,
            maxLength: limits.maskPathCharsMax,
            description: 'Of a field; in json a pointer, with * for any name and ** for any depth',
          },
          rules,
        },
      },
    },
  },
} as const;
