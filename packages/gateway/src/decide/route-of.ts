/**
 * From a request to the route that serves it and to who asks: the first half of the Verify path.
 * Find the place, read the credential, prove it, choose by it. What must never happen: a word about
 * a route that the credential did not choose.
 */
import { err, nowSeconds, ok, type Result, type RouteCors, type UnixSeconds } from '@mintmark/core';
import type { StreamRequest } from '@mintmark/net';
import { type Credential, parseCredential } from '@mintmark/tokens';
import type { DecisionRecord } from '../record/record.ts';
import type { Refusal } from '../refusal.ts';
import { chooseRoute, settledRoute } from '../routes/choose.ts';
import { sharedCors } from '../routes/cors.ts';
import type { CompiledRoute, FoundRoutes, MatchedRoute } from '../routes/route-table.ts';
import type { Identity } from '../verify/identity.ts';
import { askOtherNodes } from '../verify/proof.ts';
import { hasTokenInQuery } from '../verify/query.ts';
import { credentialKindOf } from '../verify/verify.ts';
import type { StatusView } from '../view/status-view.ts';
import type { TenantScope, TenantViews } from '../view/tenant-views.ts';
import type { DecideParts } from './decide.ts';
import { judgeStatus } from './judge.ts';
import { judgeProven, type Proving, prove } from './prove.ts';

/** What is known of a request as it goes on: a refusal says no more than this. */
export interface Course {
  /** What the request is for; undefined until that is settled. */
  asked?: CompiledRoute;
  /** Of the place, whichever route will serve: where a client may get a token. */
  near?: CompiledRoute;
  cors?: RouteCors | undefined;
  /** Whose credential it was proven to be. */
  holder?: Identity;
}

export interface Routed {
  readonly matched: MatchedRoute;
  readonly scope: TenantScope;
  /** Undefined where the route asks for nobody, or nobody says who he is. */
  readonly identity: Identity | undefined;
  readonly now: UnixSeconds;
}

type Step = {
  readonly request: StreamRequest;
  readonly record: DecisionRecord;
  /** Filled as the request goes on. */
  readonly course: Course;
};

export async function routeOf(parts: DecideParts, step: Step): Promise<Result<Routed, Refusal>> {
  const { request, record, course } = step;
  const { tenants } = parts;
  const found = parts.view.routes.find(request);
  if (!found.ok) return err(found.refusal);
  const place = found.value;
  const only = settledRoute(place);
  course.near = place.routes[0]!;
  if (only === undefined) course.cors = sharedCors(place.routes, request);
  else take(parts, { ...step, route: only, path: place.path });
  const isShed = place.routes.every(({ priority }) => parts.pressure?.sheds(priority) === true);
  if (isShed) return err({ reason: 'overloaded' });
  const scopes = scopesOf(tenants, place.routes);
  if (scopes === undefined) return err({ reason: 'status_absent' });
  if (hasTokenInQuery(request.query, parts.config.prefix)) return err({ reason: 'token_in_query' });
  const credential = presentedTo(parts, place, { request, scopes });
  record.presented(credentialKindOf(credential));
  const anonymous = credential.kind === 'none' || only?.credential === 'none';
  const early = anonymous || !only ? undefined : judgeFreshness(scopes[0]!.view, only, record);
  if (early !== undefined) return err(early);

  const now = nowSeconds(parts.clock);
  const address = request.remoteAddress;
  const answer = anonymous ? undefined : prove(scopes, { credential, address, now });
  // Only where the authority must be asked is there anything to wait for.
  const proof = answer instanceof Promise ? await answer : answer;
  const unproven = proof && judgeProof(parts, { ...step, proof, credential, now });
  if (unproven !== undefined) return err(unproven);
  const by = proof?.ok === true ? proof.value : undefined;
  const elsewhere = by && askOtherNodes(parts.proofs, { identity: by.identity, credential });
  const replayed = elsewhere && judgeElsewhere(parts, record, await elsewhere);
  if (replayed !== undefined) return err(replayed);
  // The answer took its time: what was revoked meanwhile is refused.
  const view = elsewhere && by?.scope.view;
  const ended = view && judgeStatus(by.identity, { view, address, now: nowSeconds(parts.clock) });
  if (ended !== undefined) return err(ended);
  const proven = by && { identity: by.identity, ...by.scope };
  const route = only ?? chooseRoute(place, proven, tenants.home.tenant);
  if (route === undefined) {
    return err({ reason: anonymous ? 'no_credential' : 'no_route_for_credential' });
  }
  const matched = { route, path: place.path };
  const identity = route.credential === 'none' ? undefined : by?.identity;
  const scope = identity === undefined ? tenants.of(route.tenant) : by?.scope;
  if (scope === undefined) return err({ reason: 'status_absent' });
  if (only === undefined) {
    take(parts, { ...step, ...matched });
    // The place may have routes that matter more: they were not meant.
    if (parts.pressure?.sheds(route.priority) === true) return err({ reason: 'overloaded' });
    const late = identity && judgeChosen({ route, scope, request, record });
    if (late !== undefined) return err(late);
  }
  return ok({ matched, scope, identity, now });
}

/** From here on the request is for this route, and every answer may say so. */
function take(
  { tenants }: DecideParts,
  { record, course, route, path }: Step & MatchedRoute,
): void {
  course.asked = route;
  course.cors = route.cors;
  record.routed(route, path, tenants.of(route.tenant)?.tenant);
}

/** @returns undefined where one of them is not followed yet: whose credential it is is unknown */
function scopesOf(
  tenants: TenantViews,
  routes: readonly CompiledRoute[],
): readonly TenantScope[] | undefined {
  const scopes = new Set<TenantScope>();
  for (const { tenant } of routes) {
    const scope = tenants.of(tenant);
    if (scope === undefined) return undefined;
    scopes.add(scope);
  }
  return [...scopes];
}

/** Read as any of the routes would take it; `judgeChosen` looks again at what not all take. */
function presentedTo(
  { config: { prefix } }: DecideParts,
  { routes }: FoundRoutes,
  { request, scopes }: { request: StreamRequest; scopes: readonly TenantScope[] },
): Credential {
  const headers = {
    authorization: request.header('authorization'),
    dpop: request.header('dpop'),
    apiKey: request.header('x-api-key'),
  };
  return parseCredential(headers, {
    prefix,
    basicPassword: routes.some((route) => route.acceptBasic),
    importedPrefixes:
      scopes.length === 1
        ? scopes[0]!.view.importedPrefixes
        : scopes.flatMap(({ view }) => view.importedPrefixes),
  });
}

function judgeProof(
  parts: DecideParts,
  input: Step & {
    readonly proof: Proving;
    readonly credential: Credential;
    readonly now: UnixSeconds;
  },
): Refusal | undefined {
  const { proof, record, course } = input;
  if (!proof.ok) {
    const { denied, scope } = proof;
    record.identified({ ...denied, rotated: scope.view.isRotated(denied.credentialId) });
    return denied.refusal;
  }
  const { identity, scope } = proof.value;
  course.holder = identity;
  const rotated = scope.view.isRotated(identity.credentialId);
  record.identified({ ...identity, authenticated: true, rotated });
  return judgeProven(parts.proofs, { ...proof.value, ...input });
}

/** Where the other nodes cannot be asked, what this one remembers is all that is known. */
function judgeElsewhere(
  { metrics }: DecideParts,
  record: DecisionRecord,
  known: 'first' | 'again' | 'unknown',
): Refusal | undefined {
  metrics.count('mintmark_gateway_common_proofs_total', known);
  if (known === 'unknown') record.degraded();
  return known === 'again' ? { reason: 'invalid_proof', detail: 'proof_used' } : undefined;
}

/** What a route asks before a credential is read, of one that a credential has chosen. */
function judgeChosen(input: {
  readonly route: CompiledRoute;
  readonly scope: TenantScope;
  readonly request: StreamRequest;
  readonly record: DecisionRecord;
}): Refusal | undefined {
  const { route, scope, request, record } = input;
  if (!route.acceptBasic && /^basic(?:\s|$)/i.test(request.header('authorization') ?? '')) {
    return { reason: 'malformed_credential', detail: 'unsupported_scheme' };
  }
  return judgeFreshness(scope.view, route, record);
}

/** A stale view counts only where the route declares it, for as long as it says, and is marked. */
export function isFreshEnough(
  view: StatusView,
  route: CompiledRoute,
  record?: DecisionRecord,
): boolean {
  const freshness = view.freshness();
  if (freshness.kind === 'fresh') return true;
  if (freshness.kind === 'absent' || route.onStale.kind === 'refuse') return false;
  record?.degraded();
  return freshness.overdueMs < route.onStale.seconds * 1000;
}

/** @returns why the view is no ground to stand on; undefined where it is */
export function judgeFreshness(
  view: StatusView,
  route: CompiledRoute,
  record: DecisionRecord,
): Refusal | undefined {
  if (isFreshEnough(view, route, record)) return undefined;
  return { reason: view.freshness().kind === 'absent' ? 'status_absent' : 'status_stale' };
}
