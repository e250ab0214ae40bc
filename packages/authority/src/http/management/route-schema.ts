/**
 * A route as JSON Schema, for readers and tools. Whatever `parseRoute` of core accepts fits it (a
 * test holds the two together); the parser decides, and knows more than a pattern can say.
 */
import { acrValues, limitSubjects, limits } from '@mintmark/core';
import { costAfterSchema, limitProperties } from './limit-schema.ts';
import { headerConditionsSchema, tokenConditionSchema } from './route-conditions-schema.ts';
import { injectionSchema } from './route-injection-schema.ts';
import { maskSchema } from './route-mask-schema.ts';
import {
  headerChangesSchema,
  internalTokenSchema,
  pathRewriteSchema,
} from './route-rewrites-schema.ts';
import { routeUpstreamSchemas } from './route-upstream-schema.ts';

const segment = "[A-Za-z0-9._~!$&'()*+,=:@-]+";

const limitAdaptiveSchema = {
  type: 'object',
  required: ['mode', 'floor', 'ceiling'],
  additionalProperties: false,
  description: 'The limit follows what each caller usually does in each hour of the week',
  properties: {
    mode: {
      enum: ['observe', 'shadow', 'enforce'],
      description: '`observe` learns, `shadow` counts whom it would deny, `enforce` denies',
    },
    floor: {
      type: 'integer',
      minimum: 1,
      maximum: limits.limitQuotaMax,
      description: 'Never less, whatever was learned; at most the quota',
    },
    ceiling: {
      type: 'integer',
      minimum: 1,
      maximum: limits.limitQuotaMax,
      description: 'Never more, whatever was learned; at least the quota',
    },
    growth_per_week: {
      type: 'number',
      minimum: 1,
      maximum: 10,
      description: 'By which factor what is above the quota may grow in a week; default: 2',
    },
    headroom: {
      type: 'number',
      minimum: 1,
      maximum: 20,
      description: 'How many times the usual is let through with good answers; default: 4',
    },
  },
} as const;

const routeLimitsSchema = {
  type: 'array',
  maxItems: limits.routeLimitsMax,
  description: 'All of them hold; a request that one denies spends of none',
  items: {
    type: 'object',
    required: ['name', 'quota'],
    additionalProperties: false,
    properties: {
      ...limitProperties,
      adaptive: limitAdaptiveSchema,
      by: { enum: limitSubjects, description: 'Whose requests count together; default: token' },
    },
  },
} as const;

const routeThreatsSchema = {
  description: 'What becomes of requests from addresses that threat feeds list',
  anyOf: [
    { enum: ['observe', 'refuse'] },
    {
      type: 'object',
      required: ['action'],
      additionalProperties: false,
      properties: {
        action: { enum: ['observe', 'limit', 'refuse'] },
        factor: {
          type: 'number',
          exclusiveMinimum: 0,
          exclusiveMaximum: 1,
          description: 'The part of each limit that is left, where they are limited',
        },
        feeds: {
          type: 'array',
          minItems: 1,
          maxItems: limits.threatFeedsMax,
          items: { type: 'string', pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$' },
          description: 'Whose lists count; default: all',
        },
      },
    },
  ],
} as const;

export const routeSchema = {
  type: 'object',
  required: ['match', 'upstream'],
  additionalProperties: false,
  properties: {
    name: { type: 'string', pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$' },
    match: {
      type: 'object',
      additionalProperties: false,
      properties: {
        host: {
          type: 'string',
          maxLength: 254,
          description: 'A name or address without port',
        },
        path_prefix: {
          type: 'string',
          maxLength: limits.routePathCharsMax,
          pattern: `^/$|^(/${segment})+/?$`,
        },
        methods: {
          type: 'array',
          minItems: 1,
          items: { enum: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] },
        },
        headers: headerConditionsSchema,
        token: tokenConditionSchema,
      },
    },
    upstream: {
      type: 'string',
      format: 'uri',
      description: 'http:// or https://, host, port and path',
      maxLength: limits.routePathCharsMax,
      pattern: `^https?://[A-Za-z0-9._\\[\\]:-]+(/[A-Za-z0-9._~!$&'()*+,=:@/-]*)?$`,
    },
    ...routeUpstreamSchemas,
    scopes: {
      type: 'array',
      maxItems: limits.scopesMax,
      items: {
        type: 'string',
        maxLength: limits.scopeCharsMax,
        pattern: '^[\\x21\\x23-\\x5b\\x5d-\\x7e]+$',
      },
    },
    audience: { type: 'string', pattern: '^[\\x21-\\x7e]{1,512}$' },
    api: {
      type: 'string',
      pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$',
      description: 'The API behind it, whose operations are the actions of policies',
    },
    tenant: {
      type: 'string',
      pattern: '^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$',
      description: 'Whose credentials it takes; default: those of the gateway’s own tenant',
    },
    acr_values: {
      type: 'array',
      minItems: 1,
      items: { enum: acrValues },
      description: 'How the caller must have signed in: any of them, or stronger (RFC 9470)',
    },
    max_age: {
      type: 'integer',
      minimum: 1,
      maximum: limits.stepUpMaxAgeSecondsMax,
      description: 'Seconds since the caller signed in, at most (RFC 9470)',
    },
    limits: routeLimitsSchema,
    threats: routeThreatsSchema,
    limits_mode: {
      enum: ['fast', 'strict'],
      description: 'With a cache: exact across all gateways, or a batch of each too many',
    },
    on_limits_down: {
      enum: ['local', 'open', 'closed'],
      description: 'While the cache cannot be asked; local: each gateway counts by itself',
    },
    cost: {
      type: 'integer',
      minimum: 1,
      maximum: limits.limitQuotaMax,
      description: 'How many requests one of it is, for the limits of plans; default: 1',
    },
    cost_after: costAfterSchema,
    credential: { enum: ['required', 'optional', 'none'] },
    accept_basic: { type: 'boolean' },
    preserve_host: { type: 'boolean' },
    strip_prefix: { type: 'boolean' },
    on_stale: {
      anyOf: [
        { const: 'refuse' },
        {
          type: 'object',
          required: ['continue_seconds'],
          additionalProperties: false,
          properties: {
            continue_seconds: {
              type: 'integer',
              minimum: 1,
              maximum: limits.staleContinueSecondsMax,
            },
          },
        },
      ],
    },
    audit: {
      enum: ['counted', 'required'],
      description: 'Whether each request that it lets through is in the audit trail first',
    },
    priority: {
      enum: ['low', 'normal', 'high', 'vital'],
      description: 'Who is turned away first where not everything can be served',
    },
    encoded_slash: { enum: ['refuse', 'opaque'] },
    client_certificate: {
      enum: ['optional', 'required'],
      description: 'Whether clients must prove one of an authority that the listener trusts',
    },
    identity_headers: { type: 'boolean' },
    address_ranges: {
      type: 'array',
      minItems: 1,
      maxItems: limits.addressRangesMax,
      items: { type: 'string', pattern: '^[0-9A-Fa-f.:]{2,45}(/[0-9]{1,3})?$' },
    },
    headers_timeout_seconds: {
      type: 'integer',
      minimum: 1,
      maximum: limits.upstreamTimeoutSecondsMax,
      description: 'Until the upstream begins its answer',
    },
    idle_timeout_seconds: {
      type: 'integer',
      minimum: 1,
      maximum: limits.upstreamTimeoutSecondsMax,
      description: 'A pause within its answer',
    },
    body_bytes_max: {
      type: 'integer',
      minimum: 1,
      maximum: limits.routeBodyBytesMax,
      description: 'Largest request body that is passed on',
    },
    request_headers: headerChangesSchema,
    response_headers: headerChangesSchema,
    rewrite_path: pathRewriteSchema,
    internal_token: internalTokenSchema,
    upstream_credential: {
      type: 'string',
      pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$',
      description:
        'Name of the credential of the upstream’s own that takes the place of the outside one',
    },
    mask: maskSchema,
    injection: injectionSchema,
    validate: {
      enum: ['observe', 'enforce'],
      description: 'Requests are held against the description of the api',
    },
    cors: {
      type: 'object',
      required: ['origins'],
      additionalProperties: false,
      properties: {
        origins: {
          description: 'Pages that may call the route from a browser; ["*"] for all',
          anyOf: [
            { type: 'array', minItems: 1, maxItems: 1, items: { const: '*' } },
            {
              type: 'array',
              maxItems: limits.corsOriginsMax,
              items: {
                type: 'string',
                maxLength: 300,
                pattern:
                  '^[a-z][a-z0-9+.-]*://([a-z0-9._-]+|\\[[0-9a-f:.]+\\])(:[1-9][0-9]{0,4})?$',
              },
            },
          ],
        },
        max_age_seconds: { type: 'integer', minimum: 0, maximum: limits.corsMaxAgeSecondsMax },
      },
    },
  },
  // A route that asks for no credential has none to find scopes in.
  not: {
    required: ['credential', 'scopes'],
    properties: { credential: { const: 'none' }, scopes: { minItems: 1 } },
  },
} as const;
