/**
 * A limit of a route as a bucket of Envoy's own: one for each caller, by the name that the judge
 * gives him. Envoy counts by itself, as every gateway does that shares no store.
 */
import type { Route, RouteLimit } from '@mintmark/core';
import { metadata } from './settings.ts';

/** Callers that a limit counts at once. */
const callersMax = 100_000;
/** Envoy's buckets fill no oftener. */
const fillMsMin = 50;

/** Why limits cannot be kept by Envoy, or undefined. */
export function limitProblem(limits: Route['limits']): string | undefined {
  if (limits.length > 1) return 'it has more than one limit';
  const [limit] = limits;
  if (limit === undefined) return undefined;
  const foreign = Object.entries(limit).some(
    ([name, value]) => value !== undefined && !known.has(name),
  );
  if (foreign || limit.cost === 'after') return `limit ${limit.name} is of another kind`;
  if (limit.rule.kind !== 'rate') return `limit ${limit.name} is not a rate`;
  return bucketOf(limit) === undefined ? `limit ${limit.name} comes back too fast` : undefined;
}

const known: ReadonlySet<string> = new Set(['name', 'by', 'rule', 'cost']);

interface Bucket {
  readonly max_tokens: number;
  readonly tokens_per_fill: number;
  readonly fill_interval: string;
}

/** Rounded so that a caller who keeps the rate is let in. */
function bucketOf({ rule, cost }: RouteLimit): (Bucket & { readonly oneMs: number }) | undefined {
  if (rule.kind !== 'rate' || cost === 'after') return undefined;
  const holds = Math.floor(rule.burst / cost);
  const oneMs = (rule.windowMs * cost) / rule.quota;
  const tokens = Math.max(1, Math.ceil(fillMsMin / oneMs));
  if (holds < tokens) return undefined;
  const ms = Math.max(fillMsMin, Math.floor(oneMs * tokens));
  const interval = `${ms / 1000}s`;
  return { max_tokens: holds, tokens_per_fill: tokens, fill_interval: interval, oneMs };
}

const type = 'type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit';
const limitFilter = 'envoy.filters.http.local_ratelimit';

/** Without a bucket: only routes have limits. */
export const noLimits: object = {
  name: limitFilter,
  typed_config: { '@type': type, stat_prefix: 'limits' },
};

/** Of one route. Empty where it has none. */
export function limitConfig({ name, limits }: Route): object {
  const [limit] = limits;
  const bucket = limit && bucketOf(limit);
  if (limit === undefined || bucket === undefined) return {};
  const { oneMs, ...token_bucket } = bucket;
  const always = { default_value: { numerator: 100, denominator: 'HUNDRED' } };
  const path = { key: metadata.space, path: [{ key: metadata.caller }] };
  const wait = Math.max(1, Math.ceil(oneMs / 1000));
  const after = { header: { key: 'retry-after', value: String(wait) } };
  return {
    [limitFilter]: {
      '@type': type,
      stat_prefix: `limit.${name}`,
      filter_enabled: always,
      filter_enforced: always,
      // Of everybody together: none. Each caller has his own.
      token_bucket: { max_tokens: 0xffffffff, tokens_per_fill: 0xffffffff, fill_interval: '1s' },
      always_consume_default_token_bucket: false,
      max_dynamic_descriptors: callersMax,
      rate_limits: [
        { actions: [{ metadata: { descriptor_key: limit.name, metadata_key: path } }] },
      ],
      descriptors: [{ entries: [{ key: limit.name }], token_bucket }],
      response_headers_to_add: [after],
    },
  };
}

/** What is said to who has nothing left (draft-ietf-httpapi-ratelimit-headers-10 §6.1). */
export const limitReply: object = {
  mappers: [
    {
      filter: {
        status_code_filter: {
          comparison: { op: 'EQ', value: { default_value: 429, runtime_key: 'mintmark.429' } },
        },
      },
      body_format_override: {
        json_format: {
          type: 'https://iana.org/assignments/http-problem-types#quota-exceeded',
          title: 'Too Many Requests',
          status: 429,
          code: 'quota_exceeded',
        },
        content_type: 'application/problem+json',
      },
    },
  ],
};
