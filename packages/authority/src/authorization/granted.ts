/** What a person allows a client: scopes, at which resources, and claims asked for by name. */
import type { AuthorizationRequest } from './authorization-request.ts';
import { claimNames } from './claims-parameter.ts';

export interface Granted {
  readonly scopes: readonly string[];
  readonly resources: readonly string[];
  readonly claims: readonly string[];
}

export function wantedBy(
  request: Pick<AuthorizationRequest, 'scopes' | 'audience' | 'claims'>,
): Granted {
  const { scopes, audience, claims } = request;
  return { scopes, resources: audience, claims: claimNames(claims) };
}

export function covers(granted: Granted, wanted: Granted): boolean {
  return (
    isPartOf(wanted.scopes, granted.scopes) &&
    isPartOf(wanted.resources, granted.resources) &&
    isPartOf(wanted.claims, granted.claims)
  );
}

export function joined(granted: Granted | undefined, more: Granted): Granted {
  if (granted === undefined) return more;
  const both = (a: readonly string[], b: readonly string[]) => [...new Set([...a, ...b])].sort();
  return {
    scopes: both(granted.scopes, more.scopes),
    resources: both(granted.resources, more.resources),
    claims: both(granted.claims, more.claims),
  };
}

function isPartOf(part: readonly string[], whole: readonly string[]): boolean {
  return part.every((one) => whole.includes(one));
}
