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

export const internalTokenSchema = {
  type: 'object',
  additionalProperties: false,
  description: 'A short-lived signed token for the upstream in place of the outside credential',
  properties: {
    audience: { type: 'string', pattern: '^[\\x21-\\x7e]{1,512}$' },
    claims: {
      type: 'array',
      maxItems: limits.matchConditionsMax,
      items: { type: 'string', pattern: '^[\\x21-\\x7e]{1,128}$' },
      description: 'Claims of the credential that it carries too',
    },
    ttl_seconds: { type: 'integer', minimum: 1, maximum: limits.internalTokenSecondsMax },
    reuse_seconds: {
      type: 'integer',
      minimum: 0,
      maximum: limits.internalTokenReuseSecondsMax,
      description: 'How long one is given again for the same request of the same caller',
    },
    header: { ...name, description: 'Default: authorization, as a bearer token' },
  },
} as const;
