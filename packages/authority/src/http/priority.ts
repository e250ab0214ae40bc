/**
 * What matters how much when not everything can be done. Signing in and revoking go last, with what
 * they rest on: gateways hear of revocations by the feed. Neighbour: `authority.ts` asks it of each
 * request that comes under pressure.
 */
import type { HttpResponse, Priority } from '@mintmark/core';
import { renderProblem } from './management/problem.ts';
import { uncached } from './render-error.ts';

/** The first that fits; everything else is `normal`. */
const table: readonly (readonly [RegExp, Priority])[] = [
  // Costly among what is vital: nobody who is under attack waits for it.
  [/^\/v1\/revocations\/preview$/, 'low'],
  [/^\/oauth2\/(?:authorize|par|revoke|logout)(?:\/|$)/, 'vital'],
  [/^\/(?:login|logout|consent)$/, 'vital'],
  [/^\/v1\/(?:revocations|emergency|feed|leaks|nodes)(?:\/|$)/, 'vital'],
  [/^\/leaks\//, 'vital'],
  [/^\/v1\/(?:.+\/)?(?:disable|revoke|quarantine)$/, 'vital'],
  [/^\/oauth2\/(?:token|introspect|device_authorization|bc-authorize)$/, 'high'],
  [/^\/v1\/keys\/(?:verify$|[^/]+\/spend$)/, 'high'],
  [/^\/(?:\.well-known|account|device|forgot|reset)(?:\/|$)/, 'high'],
  [/^\/(?:openapi\.json|docs)$/, 'low'],
  [/^\/oauth2\/register(?:\/|$)/, 'low'],
  [/^\/v1\/(?:audit|decisions|policy-reports|usage)(?:\/|$)/, 'low'],
];

/** @param path without the prefix of its tenant */
export function priorityOf(path: string): Priority {
  return table.find(([pattern]) => pattern.test(path))?.[1] ?? 'normal';
}

/** Turned away: OAuth's endpoints have a word for it (RFC 6749 §4.1.2.1), others a problem. */
export function overloaded(path: string): HttpResponse {
  const again = { 'retry-after': '1' };
  if (!path.startsWith('/oauth2/')) return renderProblem({ code: 'overloaded', headers: again });
  return {
    status: 503,
    headers: { 'content-type': 'application/json', ...uncached, ...again },
    body: JSON.stringify({
      error: 'temporarily_unavailable',
      error_description: 'too much is under way',
    }),
  };
}
