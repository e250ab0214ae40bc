/** What a route matches on beside host, path and method, as JSON Schema. */
import { limits } from '@mintmark/core';

const text = {
  type: 'string',
  minLength: 1,
  maxLength: limits.matchValueCharsMax,
  pattern: '^[\\x20-\\x7e]+$',
} as const;

const claim = { anyOf: [text, { type: 'number' }, { type: 'boolean' }] } as const;
const listed = { minItems: 1, maxItems: limits.matchValuesMax } as const;
const names = { anyOf: [text, { type: 'array', ...listed, items: text }] } as const;

export const headerConditionsSchema = {
  type: 'object',
  minProperties: 1,
  maxProperties: limits.matchConditionsMax,
  description: 'By name: the whole value, a list of which one will do, or true for any',
  additionalProperties: {
    anyOf: [text, { type: 'array', ...listed, items: text }, { const: true }],
  },
} as const;

export const claimConditionsSchema = {
  type: 'object',
  minProperties: 1,
  maxProperties: limits.matchConditionsMax,
  description: 'By name: the value, a list of which one will do, or true for any',
  additionalProperties: {
    anyOf: [claim, { type: 'array', ...listed, items: claim }, { const: true }],
  },
} as const;

export const tokenConditionSchema = {
  type: 'object',
  minProperties: 1,
  additionalProperties: false,
  description: 'What the verified credential must say for the route to be chosen',
  properties: {
    tenant: { type: 'string', pattern: '^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$' },
    scopes: {
      type: 'array',
      minItems: 1,
      maxItems: limits.matchConditionsMax,
      items: { type: 'string', maxLength: limits.scopeCharsMax },
      description: 'All of them',
    },
    client: names,
    plan: names,
    claims: claimConditionsSchema,
  },
} as const;
