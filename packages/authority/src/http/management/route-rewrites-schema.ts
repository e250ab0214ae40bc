/** What a route changes of headers and paths, as JSON Schema. */
import { limits } from '@mintmark/core';

const name = { type: 'string', pattern: '^[A-Za-z0-9-]{1,64}$' } as const;

const values = {
  type: 'object',
  maxProperties: limits.headerChangesMax,
  description:
    'Values may hold {subject}, {client}, {tenant}, {credential}, {scopes}, {plan}, {claims.NAME}',
  propertyNames: name,
  additionalProperties: {
    type: 'string',
    maxLength: limits.headerTemplateCharsMax,
    pattern: '^[\\x20-\\x7e]+$',
  },
} as const;

export const headerChangesSchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    set: values,
    add: values,
    remove: { type: 'array', maxItems: limits.headerChangesMax, items: name },
  },
} as const;

const path = { type: 'string', maxLength: limits.routePathCharsMax, pattern: '^/' } as const;

export const pathRewriteSchema = {
  anyOf: [
    {
      type: 'object',
      required: ['prefix'],
      additionalProperties: false,
      properties: { prefix: { ...path, description: 'In place of match.path_prefix' } },
    },
    {
      type: 'array',
      minItems: 1,
      maxItems: limits.pathPatternsMax,
      description: 'The first that fits; segments are text, {name}, or at the end {name...}',
      items: {
        type: 'object',
        required: ['from', 'to'],
        additionalProperties: false,
        properties: { from: path, to: path },
      },
    },
  ],
} as const;
