/**
 * A route: which requests a gateway sends where, and what it demands of them. Routes are written by
 * operators, kept by the authority and carried to gateways by the status feed, so this one parser
 * serves both: what the management API accepts is what every gateway understands. A demand that no
 * gateway could keep is refused here, never accepted and forgotten.
 */
import { createRangeSet } from '../address.ts';
import { parseTenantId, type TenantId } from '../ids.ts';
import { limits } from '../limits.ts';
import type { Priority } from '../pressure.ts';
import { ok, type Result } from '../result.ts';
import { isScope } from './oauth.ts';
import { type RouteBounds, readBounds } from './route-bounds.ts';
import { type RouteCors, readCors } from './route-cors.ts';
import { type RouteInjection, readInjection } from './route-injection.ts';
import { type InspectionMode, readValidate } from './route-inspection.ts';
import { type RouteInternalToken, readInternalToken } from './route-internal-token.ts';
import { type RouteLimits, readRouteLimits } from './route-limits.ts';
import { type RouteMask, readMask } from './route-mask.ts';
import { type RouteMatch, type RouteUpstream, readMatch, readUpstream } from './route-match.ts';
import {
  type Members,
  missing,
  type RouteRefusal,
  readChoice,
  readObject,
  refuse,
} from './route-refusal.ts';
import { type RouteRewrites, readRewrites } from './route-rewrites.ts';
import { type RouteStepUp, readStepUp } from './route-step-up.ts';
import { type RouteThreats, readThreats } from './route-threats.ts';
import { planNames, readPlan, type UpstreamPlan } from './route-upstream.ts';
import { readUpstreamCredential, refuseBothAuthorizations } from './route-upstream-credential.ts';

export type { AdaptiveMode, LimitAdaptive } from './route-adaptive.ts';
export type { RouteBounds } from './route-bounds.ts';
export type {
  ClaimCondition,
  ClaimValue,
  HeaderCondition,
  TokenCondition,
} from './route-conditions.ts';
export type { RouteCors } from './route-cors.ts';
export type { RouteCost } from './route-cost.ts';
export {
  type InjectionExemption,
  type InjectionPlace,
  type InjectionRule,
  injectionPlaces,
  injectionRules,
  type RouteInjection,
} from './route-injection.ts';
export type { InspectionMode } from './route-inspection.ts';
export type { RouteInternalToken } from './route-internal-token.ts';
export { limitSubjects, type RouteLimit, type RouteLimits } from './route-limits.ts';
export { type MaskAction, type MaskRule, maskActions, type RouteMask } from './route-mask.ts';
export type { RouteMatch, RouteUpstream } from './route-match.ts';
export type { RouteRefusal } from './route-refusal.ts';
export {
  type CallerFact,
  callerFacts,
  type HeaderChanges,
  type PathPattern,
  type PathRewrite,
  type PathSegment,
  type RouteRewrites,
  type TemplatePart,
} from './route-rewrites.ts';
export type { RouteStepUp } from './route-step-up.ts';
export type { RouteThreats, ThreatAction } from './route-threats.ts';
export type { CircuitPlan, HealthPlan, UpstreamPlan } from './route-upstream.ts';

export interface Route extends RouteLimits {
  readonly name: string;
  readonly match: RouteMatch;
  readonly upstream: RouteUpstream;
  readonly plan: UpstreamPlan;
  /** `required`: of an authority that the listener trusts; `optional` by default. */
  readonly clientCertificate: 'optional' | 'required';
  /** All of them are required of the credential. */
  readonly scopes: readonly string[];
  /** Required among the audiences of a token; undefined: the gateway's own default. */
  readonly audience: string | undefined;
  /** The API behind it, whose operations are actions of policies; undefined: methods are. */
  readonly api: string | undefined;
  /** Whose credentials it takes; undefined: those of the gateway's own tenant. */
  readonly tenant: TenantId | undefined;
  /** Undefined: whoever holds the credential has signed in well enough. */
  readonly stepUp: RouteStepUp | undefined;
  /** `required` by default. `optional`: a bad credential is refused, none at all is let through. */
  readonly credential: 'required' | 'optional' | 'none';
  /** Takes the password of HTTP Basic as a credential, for clients that can send nothing else. */
  readonly acceptBasic: boolean;
  /**
   * Sends the Host that the client used, so that upstreams write links that lead back through the
   * gateway.
   */
  readonly preserveHost: boolean;
  /** Removes `match.pathPrefix` before forwarding. */
  readonly stripPrefix: boolean;
  /** What to do with a view of revocations that is too old. */
  readonly onStale: OnStale;
  /** `required`: what it lets through stands in the audit trail first, or is refused. */
  readonly audit: 'counted' | 'required';
  /** How long it is served where not everything can be; `normal` by default. */
  readonly priority: Priority;
  /** `opaque`: `%2F` is data within a segment and goes on byte for byte. */
  readonly encodedSlash: 'refuse' | 'opaque';
  /** Tells the upstream who calls, in `X-Mintmark-…`. */
  readonly identityHeaders: boolean;
  /** Client addresses that may use the route, as blocks; undefined: any. */
  readonly addressRanges: readonly string[] | undefined;
  readonly bounds: RouteBounds;
  /** Undefined: the gateway says nothing of other origins. */
  readonly cors: RouteCors | undefined;
  /** Undefined: nobody looks for injected code. */
  readonly injection: RouteInjection | undefined;
  /** Undefined: answers go on as they are. */
  readonly mask: RouteMask | undefined;
  /** Undefined: nobody holds requests against the description of the API. */
  readonly validate: InspectionMode | undefined;
  /** Undefined: the upstream is told who calls by headers alone. */
  readonly internalToken: RouteInternalToken | undefined;
  /** Name of the upstream's own credential; undefined: it gets none. */
  readonly upstreamCredential: string | undefined;
  /** Undefined: headers and path go on as they are. */
  readonly rewrites: RouteRewrites | undefined;
  /** Undefined: nobody asks whether the address is listed. */
  readonly threats: RouteThreats | undefined;
}

export type OnStale =
  | { readonly kind: 'refuse' }
  /** Goes on for this long after the lease ended; such decisions are marked and counted. */
  | { readonly kind: 'continue'; readonly seconds: number };

type Parsed<T> = Result<T, RouteRefusal>;

const memberNames = [
  'name',
  'match',
  'upstream',
  'scopes',
  'audience',
  'api',
  'tenant',
  'acr_values',
  'max_age',
  'limits',
  'limits_mode',
  'on_limits_down',
  'cost',
  'cost_after',
  'credential',
  'accept_basic',
  'preserve_host',
  'strip_prefix',
  'on_stale',
  'priority',
  'encoded_slash',
  'client_certificate',
  'identity_headers',
  'address_ranges',
  'headers_timeout_seconds',
  'idle_timeout_seconds',
  'body_bytes_max',
  'cors',
  'request_headers',
  'response_headers',
  'rewrite_path',
  'internal_token',
  'upstream_credential',
  'validate',
  'mask',
  'injection',
  'audit',
  ...planNames,
  'threats',
] as const;

/**
 * Reads a route in its wire form: `{name, match: {host?, path_prefix?, methods?}, upstream, …}`.
 *
 * @param value parsed JSON or YAML
 * @returns the route with every default filled in; the first refusal names its place. reasons:
 *   missing, malformed, unknown_key (with the nearest known name)
 */
export function parseRoute(value: unknown): Result<Route, RouteRefusal> {
  const members = readObject(value, '', memberNames);
  if (!members.ok) return members;
  const wire = members.value;
  const read = allOf({
    name: readName(wire['name']),
    match: readMatch(wire['match']),
    upstream: readUpstream(wire['upstream']),
    plan: readPlan(wire),
    scopes: readScopes(wire['scopes']),
    audience: readAudience(wire['audience']),
    api: readApi(wire['api']),
    stepUp: readStepUp(wire),
    tenant: readTenant(wire['tenant']),
    credential: readChoice(wire, 'credential', ['required', 'optional', 'none']),
    audit: readChoice(wire, 'audit', ['counted', 'required']),
    priority: readChoice(wire, 'priority', ['normal', 'low', 'high', 'vital']),
    encodedSlash: readChoice(wire, 'encoded_slash', ['refuse', 'opaque']),
    clientCertificate: readChoice(wire, 'client_certificate', ['optional', 'required']),
    onStale: readOnStale(wire['on_stale']),
    addressRanges: readAddressRanges(wire['address_ranges']),
    bounds: readBounds(wire),
    cors: readCors(wire['cors']),
    validate: readValidate(wire),
    mask: readMask(wire),
    injection: readInjection(wire),
    rewrites: readRewrites(wire),
    internalToken: readInternalToken(wire['internal_token']),
    upstreamCredential: readUpstreamCredential(wire['upstream_credential']),
    limited: readRouteLimits(wire),
    threats: readThreats(wire['threats']),
    flags: readFlags(wire),
  });
  if (!read.ok) return read;
  const { limited, flags, ...route } = read.value;
  if (route.credential === 'none' && route.scopes.length > 0) {
    return refuse('malformed', '/scopes', 'a route without credential cannot demand scopes');
  }
  const chosen = refuseChoice(route.match, wire) ?? refuseBothAuthorizations(route);
  if (chosen !== undefined) return chosen;
  return ok({ ...route, ...limited, ...flags, tenant: route.match.token?.tenant ?? route.tenant });
}

/** The values of all, or the first refusal in the order of writing. */
function allOf<const T extends Readonly<Record<string, Parsed<unknown>>>>(
  results: T,
): Parsed<{ readonly [K in keyof T]: Extract<T[K], { readonly ok: true }>['value'] }> {
  const values: Record<string, unknown> = {};
  for (const [key, result] of Object.entries(results)) {
    if (!result.ok) return result;
    values[key] = result.value;
  }
  return ok(values as { readonly [K in keyof T]: Extract<T[K], { readonly ok: true }>['value'] });
}

function refuseChoice(
  { token }: RouteMatch,
  { credential = 'required', tenant }: Members,
): ReturnType<typeof refuse> | undefined {
  if (token === undefined) return undefined;
  if (credential !== 'required') {
    const message = 'only a route that requires a credential is chosen by it';
    return refuse('malformed', '/match/token', message);
  }
  if (token.tenant === undefined || tenant === undefined || token.tenant === tenant) {
    return undefined;
  }
  return refuse('malformed', '/match/token/tenant', 'the route takes those of another tenant');
}

function readName(value: unknown): Parsed<string> {
  if (value === undefined) return missing('/name');
  if (typeof value !== 'string' || !/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(value)) {
    const rule = 'a name is letters, digits, dot, - and _, at most 64, beginning with one of the';
    return refuse('malformed', '/name', `${rule} first two`);
  }
  return ok(value);
}

function readScopes(value: unknown): Parsed<readonly string[]> {
  if (value === undefined) return ok([]);
  if (!Array.isArray(value) || value.length > limits.scopesMax) {
    return refuse('malformed', '/scopes', `scopes is a list of at most ${limits.scopesMax}`);
  }
  const isGood = (scope: unknown) =>
    typeof scope === 'string' && scope.length <= limits.scopeCharsMax && isScope(scope);
  const wrong = value.findIndex((scope) => !isGood(scope));
  if (wrong !== -1) {
    return refuse('malformed', `/scopes/${wrong}`, 'not a scope value (RFC 6749 §3.3)');
  }
  return ok([...new Set(value as string[])]);
}

function readAudience(value: unknown): Parsed<string | undefined> {
  if (value === undefined) return ok(undefined);
  if (typeof value !== 'string' || !/^[\x21-\x7e]{1,512}$/.test(value)) {
    return refuse('malformed', '/audience', 'an audience is one text of visible ASCII');
  }
  return ok(value);
}

function readApi(value: unknown): Parsed<string | undefined> {
  if (value === undefined) return ok(undefined);
  const name = readName(value);
  return name.ok ? name : refuse('malformed', '/api', name.refusal.message);
}

function readTenant(value: unknown): Parsed<TenantId | undefined> {
  if (value === undefined) return ok(undefined);
  const tenant = parseTenantId(typeof value === 'string' ? value : '');
  return tenant.ok ? tenant : refuse('malformed', '/tenant', `a tenant is ${tenant.refusal.rule}`);
}

function readOnStale(value: unknown): Parsed<OnStale> {
  if (value === undefined || value === 'refuse') return ok({ kind: 'refuse' });
  if (typeof value === 'string') {
    const message = 'on_stale is "refuse" or {"continue_seconds": n}';
    return refuse('malformed', '/on_stale', message);
  }
  const members = readObject(value, '/on_stale', ['continue_seconds']);
  if (!members.ok) return members;
  const seconds = members.value['continue_seconds'];
  const most = limits.staleContinueSecondsMax;
  if (!Number.isInteger(seconds) || (seconds as number) < 1 || (seconds as number) > most) {
    const message = `continue_seconds is a whole number from 1 to ${most}`;
    return refuse('malformed', '/on_stale/continue_seconds', message);
  }
  return ok({ kind: 'continue', seconds: seconds as number });
}

function readAddressRanges(value: unknown): Parsed<readonly string[] | undefined> {
  if (value === undefined) return ok(undefined);
  if (!Array.isArray(value) || value.length === 0 || value.length > limits.addressRangesMax) {
    const message = `address_ranges is a list of 1 to ${limits.addressRangesMax} blocks`;
    return refuse('malformed', '/address_ranges', message);
  }
  for (const [index, block] of value.entries()) {
    const set = createRangeSet([typeof block === 'string' ? block : '']);
    if (!set.ok) return refuse('malformed', `/address_ranges/${index}`, set.refusal.rule);
  }
  return ok(value as readonly string[]);
}

type Flags = Pick<Route, 'acceptBasic' | 'preserveHost' | 'stripPrefix' | 'identityHeaders'>;

function readFlags(wire: Members): Parsed<Flags> {
  for (const key of ['accept_basic', 'preserve_host', 'strip_prefix', 'identity_headers']) {
    if (wire[key] !== undefined && typeof wire[key] !== 'boolean') {
      return refuse('malformed', `/${key}`, `${key} is true or false`);
    }
  }
  return ok({
    acceptBasic: wire['accept_basic'] === true,
    preserveHost: wire['preserve_host'] !== false,
    stripPrefix: wire['strip_prefix'] === true,
    identityHeaders: wire['identity_headers'] !== false,
  });
}
