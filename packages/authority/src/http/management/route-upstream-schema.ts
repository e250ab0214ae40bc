/** How a route's upstream is reached, as JSON Schema: the part of `routeSchema` that says it. */
import { limits } from '@mintmark/core';

const whole = (maximum: number, description?: string) => ({
  ...{ type: 'integer', minimum: 1, maximum },
  ...(description === undefined ? {} : { description }),
});
const seconds = (description: string) => whole(limits.upstreamTimeoutSecondsMax, description);

export const routeUpstreamSchemas = {
  protocol: {
    enum: ['http1', 'http2', 'auto'],
    description: 'What the upstream speaks; auto: what it agrees to over TLS',
  },
  servers: {
    type: 'array',
    minItems: 1,
    maxItems: limits.upstreamServersMax,
    description: 'Where requests go in place of the upstream’s URL, which still names them',
    items: {
      type: 'object',
      required: ['url'],
      additionalProperties: false,
      properties: {
        url: {
          type: 'string',
          maxLength: limits.routePathCharsMax,
          pattern: '^https?://[A-Za-z0-9._\\[\\]:-]+/?$',
        },
        weight: whole(1_000),
      },
    },
  },
  health: {
    type: 'object',
    required: ['path'],
    additionalProperties: false,
    description: 'Each server is asked how it is; 200 to 299 is well',
    properties: {
      path: {
        type: 'string',
        maxLength: limits.routePathCharsMax,
        pattern: '^/[\\x21\\x22\\x24-\\x5b\\x5d-\\x7e]*$',
      },
      interval_seconds: seconds('Default: 10'),
      timeout_seconds: seconds('Default: 2'),
      healthy_after: whole(100, 'Good answers in a row that bring a server back; default: 2'),
      unhealthy_after: whole(100, 'Bad ones in a row that take it out; default: 3'),
    },
  },
  circuit: {
    type: 'object',
    additionalProperties: false,
    description: 'When a server that fails is left alone',
    properties: {
      failures: whole(10_000, 'In a row; default: 5'),
      open_seconds: seconds('Default: 10; doubled each time that it fails again'),
      connections: whole(100_000, 'To one server'),
      pending: whole(100_000, 'Requests that wait for a connection to one'),
    },
  },
  retries: {
    type: 'object',
    additionalProperties: false,
    description: 'Requests that may be sent again, as long as nothing of an answer has come',
    properties: {
      attempts: whole(5, 'Beside the first; default: 1'),
      statuses: {
        type: 'array',
        maxItems: 100,
        items: { type: 'integer', minimum: 500, maximum: 599 },
        description: 'That are no answer yet; default: 502, 503, 504',
      },
      try_timeout_seconds: seconds('Until one try begins its answer'),
      body_bytes_max: whole(
        limits.upstreamReplayBytesMax,
        'Bodies of PUT and DELETE up to this are held, to be sent again; default: none are',
      ),
    },
  },
  timeout_seconds: seconds('From the first try to the end of the answer'),
  upstream_tls: {
    type: 'string',
    pattern: '^[A-Za-z0-9._-]{1,64}$',
    description: 'Certificate and authorities by the name that gateways are configured with',
  },
} as const;
