/**
 * One way to declare a management endpoint. The same value routes, validates, authorizes and
 * documents it, so that none of these can disagree with another. A handler parses nothing and knows
 * no header: it gets typed input, makes one call of a use case, and renders what came back.
 */
import type { Result, TenantId, UnixMs } from '@mintmark/core';
import { type ZodObject, type ZodType, z } from 'zod';
import type { Caller } from '../../admin/caller.ts';
import type { Permission } from '../../admin/permission.ts';
import type { Requester } from '../../audit/requester.ts';
import type { Step } from '../../store/act.ts';
import type { Position } from './cursor.ts';
import type { IfMatch } from './etag.ts';
import type { Problem, ProblemCode } from './problem.ts';
import type { Method } from './router.ts';
import { paging } from './wire-schema.ts';

/** What the framework hands to a handler: everything parsed and authorized. */
export interface Call<Params, Query, Body> {
  readonly caller: Caller;
  readonly tenant: TenantId;
  /** Who asks, for the use case and its audit record. */
  readonly requester: Requester;
  /** Read once for the request. */
  readonly now: UnixMs;
  readonly params: Params;
  readonly query: Query;
  readonly body: Body;
  /** Present on endpoints that edit, where the caller sent one. */
  readonly ifMatch: IfMatch | undefined;
  /** On paged endpoints: how many, and behind which row. */
  readonly page: { readonly limit: number; readonly after: Position | undefined };
  /**
   * For endpoints that create: steps that commit with the thing and remember the answer under the
   * request's Idempotency-Key; none where it has no such header. They refuse with `repeated`.
   */
  remember(answer: Answer): readonly Step[];
}

export interface Answer {
  readonly status: number;
  /** Members in their wire spelling. */
  readonly body?: Readonly<Record<string, unknown>> | undefined;
  /** Members that leave once and are not remembered for a replay. */
  readonly secret?: Readonly<Record<string, string>> | undefined;
  /** Version of the thing shown: its ETag. */
  readonly version?: number | undefined;
  /** On paged endpoints: the position of the last row, where more may follow. */
  readonly next?: Position | undefined;
  /** In place of `body` where the answer is not JSON. */
  readonly text?: string | Uint8Array | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/** The outcome of the idempotency step: an earlier request with the same key has committed. */
export const repeated = 'repeated';

export type Outcome = Result<Answer, Problem | typeof repeated>;

interface AnswerDescription {
  readonly description: string;
  /** Absent where the answer has no body. */
  readonly schema?: ZodType;
  /** Default `application/json`. */
  readonly contentType?: string;
}

export interface EndpointOf<
  Params extends ZodObject | undefined,
  Query extends ZodObject | undefined,
  Body extends ZodType | undefined,
> {
  readonly method: Method;
  readonly path: string;
  /** OpenAPI operationId; also the name of the method in generated clients. */
  readonly operation: string;
  readonly group: string;
  readonly summary: string;
  readonly description?: string;
  /** Undefined: no credential is asked for. */
  readonly permission: Permission | undefined;
  /** Of the whole installation: for credentials of its first tenant alone. */
  readonly operatorOnly?: true;
  readonly params?: Params;
  readonly query?: Query;
  readonly body?: Body;
  /** No body at all counts as `{}`. */
  readonly bodyOptional?: true;
  /** Default `limits.managementBodyBytesMax`. */
  readonly bodyBytesMax?: number;
  /** Takes `limit` and `cursor`; answers `{items, next}`. */
  readonly paged?: true;
  /** Takes `Idempotency-Key`. */
  readonly creates?: true;
  /** Takes `If-Match`: always, or only where the thing exists already. */
  readonly edits?: 'always' | 'existing';
  readonly answers: Readonly<Record<number, AnswerDescription>>;
  /** Answers with the `X-Request-ID` that it was asked with, whatever the answer. */
  readonly echoesRequestId?: true;
  /** Served, but not part of the OpenAPI description. */
  readonly hidden?: true;
  /** What it refuses beyond what every endpoint with such input does. */
  readonly problems?: readonly ProblemCode[];
  handle(call: Call<Output<Params>, Output<Query>, Output<Body>>): Promise<Outcome> | Outcome;
  /**
   * Completes a remembered answer with what only the commit could know, or what is not to be kept
   * beside it.
   */
  replay?(
    tenant: TenantId,
    remembered: Readonly<Record<string, unknown>>,
  ): Promise<Result<Answer, Problem>>;
}

type Output<S extends ZodType | undefined> = S extends ZodType ? z.output<S> : undefined;

/** An endpoint of any types. */
export type Endpoint = EndpointOf<
  ZodObject | undefined,
  ZodObject | undefined,
  ZodType | undefined
>;

/** A call of an endpoint of any types. */
export type AnyCall = Parameters<Endpoint['handle']>[0];

/** An endpoint as the framework holds it: query parameters always described, paging included. */
export interface PreparedEndpoint extends Endpoint {
  readonly query: ZodObject;
}

/** Infers the types of one endpoint from its schemas. */
export function endpoint<
  Params extends ZodObject | undefined = undefined,
  Query extends ZodObject | undefined = undefined,
  Body extends ZodType | undefined = undefined,
>(declared: EndpointOf<Params, Query, Body>): PreparedEndpoint {
  const own = declared.query ?? z.strictObject({});
  const query = declared.paged === true ? own.extend(paging) : own;
  // `handle` takes exactly what the schemas of the same value produce.
  return { ...(declared as unknown as Endpoint), query };
}
