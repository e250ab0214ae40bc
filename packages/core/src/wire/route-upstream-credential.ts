/** The credential of the upstream's own that a gateway puts in place of the outside one. */
import { ok, type Result } from '../result.ts';
import type { RouteInternalToken } from './route-internal-token.ts';
import { type RouteRefusal, refuse } from './route-refusal.ts';
import { upstreamCredentialNamePattern } from './upstream-credential.ts';

/** @returns undefined where the route names none */
export function readUpstreamCredential(value: unknown): Result<string | undefined, RouteRefusal> {
  if (value === undefined) return ok(undefined);
  if (typeof value === 'string' && upstreamCredentialNamePattern.test(value)) return ok(value);
  const message = 'this names an upstream credential: letters, digits, dot, - and _, at most 64';
  return refuse('malformed', '/upstream_credential', message);
}

/** Both would be `Authorization`, and one would be lost without a word. */
export function refuseBothAuthorizations(route: {
  readonly internalToken: RouteInternalToken | undefined;
  readonly upstreamCredential: string | undefined;
}): ReturnType<typeof refuse> | undefined {
  const { internalToken, upstreamCredential } = route;
  if (upstreamCredential === undefined || internalToken?.header !== 'authorization') {
    return undefined;
  }
  const message = 'beside upstream_credential the internal token has a header of its own';
  return refuse('malformed', '/internal_token/header', message);
}
