/**
 * One limit as JSON Schema, of a route or of a plan. Whatever the parsers of core accept fits it;
 * they decide, and know more than a pattern can say.
 */
import { limits } from '@mintmark/core';

export const limitProperties = {
  name: { type: 'string', pattern: '^[A-Za-z0-9._-]{1,32}$' },
  kind: {
    enum: ['window', 'rate', 'calendar'],
    description: 'In any window; as fast as it comes back; a day or month. Default: window',
  },
  quota: { type: 'integer', minimum: 1, maximum: limits.limitQuotaMax },
  window_seconds: {
    type: 'integer',
    minimum: 1,
    maximum: limits.limitWindowSecondsMax,
    description: 'Of a window or a rate',
  },
  burst: {
    type: 'integer',
    minimum: 1,
    maximum: limits.limitQuotaMax,
    description: 'Of a rate: what may come at once; default: the quota',
  },
  period: { enum: ['day', 'month'], description: 'Of a calendar' },
  utc_offset: {
    type: 'string',
    pattern: '^[+-][0-9]{2}:[0-5][0-9]$',
    description: 'Of a calendar: where its day begins; default: +00:00',
  },
  cost: {
    anyOf: [{ type: 'integer', minimum: 1, maximum: limits.limitQuotaMax }, { const: 'after' }],
    description: 'Of one request; after: what the route’s cost_after finds out. Default: 1',
  },
} as const;

export const costAfterSchema = {
  type: 'object',
  required: ['reserve', 'from'],
  additionalProperties: false,
  description: 'How a cost is found that only the response tells',
  properties: {
    reserve: {
      type: 'integer',
      minimum: 1,
      maximum: limits.limitQuotaMax,
      description: 'Held until it is known, and spent where it never is',
    },
    from: { enum: ['response_header', 'response_bytes', 'json_pointer'] },
    header: { type: 'string', pattern: '^[A-Za-z0-9-]{1,64}$' },
    pass_on: { type: 'boolean', description: 'Whether clients see that header; default: no' },
    unit_bytes: { type: 'integer', minimum: 1, maximum: limits.limitQuotaMax },
    pointer: { type: 'string', pattern: '^(/([^/~]|~[01]){1,64}){1,16}$' },
  },
} as const;
