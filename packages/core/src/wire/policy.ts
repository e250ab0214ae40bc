/**
 * Policies as the status feed carries them to enforcement points, and as their gateways report what
 * came of them. A policy is a set of Cedar policies under one name; what is judged by is one
 * version of it, which never changes.
 */
import type { UnixMs } from '../clock.ts';
import type { TenantId } from '../ids.ts';
import type { JsonObject, JsonValue } from '../json.ts';

/** Where a policy is asked: at gateways, before a token is issued, by other programs (AuthZEN). */
export const policyUses = ['gateway', 'token', 'evaluation'] as const;

export type PolicyUse = (typeof policyUses)[number];

/** One version, as it is judged by. */
export interface PolicyVersionView {
  readonly version: number;
  readonly uses: readonly PolicyUse[];
  /** At gateways: names of the routes that it is for; absent: every route. */
  readonly routes?: readonly string[];
  /** Of evaluations: types of the resources that it is for; absent: every type. */
  readonly resourceTypes?: readonly string[];
  readonly cedar: string;
  /** In Cedar's JSON form of entities; what a request proves goes before what stands here. */
  readonly entities: readonly JsonObject[];
}

/** `enforced` decides; `shadow` is asked beside it, and what it would change is counted. */
export interface PolicyView {
  readonly enforced?: PolicyVersionView;
  readonly shadow?: PolicyVersionView;
}

/** An operation of an API, as its OpenAPI description names it. */
export interface ApiOperation {
  /** `operationId`, else `GET /path/{parameter}`. */
  readonly operation: string;
  readonly method: string;
  /** A template as OpenAPI writes it: `/pets/{id}`. */
  readonly path: string;
  /** What a request of it holds; absent: nobody said. */
  readonly request?: RequestView;
}

/** What may be asked of an operation. Schemas are JSON Schema as OpenAPI 3.1 has it. */
export interface RequestView {
  readonly parameters: readonly ParameterView[];
  /** Absent: none is expected. */
  readonly body?: BodyView;
}

export interface ParameterView {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header' | 'cookie';
  readonly required: boolean;
  /**
   * How several values are written: a field or part for each, parted by commas, spaces or pipes,
   * `name[member]=value`, or all of it as JSON.
   */
  readonly style: 'repeated' | 'commas' | 'spaces' | 'pipes' | 'members' | 'json';
  readonly schema: JsonValue;
}

export interface BodyView {
  readonly required: boolean;
  /** By media type or range; true: taken as it is. */
  readonly content: Readonly<Record<string, JsonValue>>;
}

/** An API behind gateways: what can be done there. */
export interface ApiView {
  /** Of every path, in front of the templates; empty, or from `/` without a final one. */
  readonly basePath: string;
  /** What becomes of requests that are none of its operations. */
  readonly unlisted: 'refuse' | 'by_method';
  readonly operations: readonly ApiOperation[];
  /** Named schemas, which those of requests refer to as `#/components/schemas/NAME`. */
  readonly schemas?: JsonObject;
}

export type PolicyVerdict = 'allow' | 'deny';

/** What one version said to one request. */
export interface PolicyAnswer {
  readonly policy: string;
  readonly version: number;
  readonly stage: 'enforce' | 'shadow';
  readonly verdict: PolicyVerdict;
  /** Ids of the Cedar policies that made it so; none where nothing permitted. */
  readonly reasons: readonly string[];
  readonly errors: readonly { readonly policy: string; readonly message: string }[];
}

/** A decision with what it rests on, kept so that it can be explained. Holds no secret. */
export interface ExplainedDecision {
  readonly type: 'explained';
  readonly id: string;
  readonly tenant: TenantId;
  readonly at: UnixMs;
  readonly node: string;
  readonly surface: PolicyUse;
  readonly verdict: PolicyVerdict;
  /** `ok`, `policy_denied`, or why it was refused before or after any policy. */
  readonly reason: string;
  /** Whether a version in shadow would have decided otherwise. */
  readonly differs: boolean;
  readonly principal: string;
  readonly action: string;
  readonly resource: string;
  /** What the policies were asked, in Cedar's JSON. */
  readonly request: JsonObject;
  readonly answers: readonly PolicyAnswer[];
}

/** What a version in shadow would have changed, summed up over some time at one node. */
export interface PolicyTally {
  readonly type: 'tally';
  readonly tenant: TenantId;
  readonly at: UnixMs;
  readonly policy: string;
  /** The version in shadow. */
  readonly version: number;
  /** The enforced one beside it; 0: none, so that everything was let through. */
  readonly against: number;
  readonly route: string;
  readonly action: string;
  readonly judged: number;
  /** Allowed, and would be denied. */
  readonly newlyDenied: number;
  /** Denied, and would be allowed. */
  readonly newlyAllowed: number;
  /** Requests at which one of its policies failed. */
  readonly failed: number;
  /** Ids of decisions that show it, where such were kept. */
  readonly deniedExample?: string | undefined;
  readonly allowedExample?: string | undefined;
}

export type PolicyReport = ExplainedDecision | PolicyTally;

/** Where reports go. Batches arrive in order; each at most once. */
export interface PolicyReportSink {
  /** @throws NetworkFault or StoreFault: the batch is then counted as lost, never sent twice */
  accept(reports: readonly PolicyReport[]): Promise<void>;
}
