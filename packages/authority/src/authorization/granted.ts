/** What a person allows a client: scopes, at which resources, and claims asked for by name. */
import { hash } from 'node:crypto';
import { canonicalJson, type JsonObject, limits } from '@mintmark/core';
import type { AuthorizationRequest } from './authorization-request.ts';
import { claimNames } from './claims-parameter.ts';

export interface Granted {
  readonly scopes: readonly string[];
  readonly resources: readonly string[];
  readonly claims: readonly string[];
  /** Types and digests of authorization details, newest first; missing in older consents. */
  readonly details?: readonly string[];
}

export function wantedBy(
  request: Pick<AuthorizationRequest, 'scopes' | 'audience' | 'claims' | 'details' | 'alwaysAsks'>,
): Granted {
  const { scopes, audience, claims, details, alwaysAsks } = request;
  const wanted = { scopes, resources: audience, claims: claimNames(claims) };
  // What is always asked for is not remembered: each payment is another one.
  if (details === undefined || alwaysAsks === true) return wanted;
  return { ...wanted, details: details.map(digestOf) };
}

/** By type and content: another amount is another consent. */
function digestOf(detail: JsonObject): string {
  const digest = hash('sha256', canonicalJson(detail), 'base64url');
  return `${String(detail['type'])} ${digest}`;
}

export function covers(granted: Granted, wanted: Granted): boolean {
  return (
    isPartOf(wanted.scopes, granted.scopes) &&
    isPartOf(wanted.resources, granted.resources) &&
    isPartOf(wanted.claims, granted.claims) &&
    isPartOf(wanted.details ?? [], granted.details ?? [])
  );
}

export function joined(granted: Granted | undefined, more: Granted): Granted {
  if (granted === undefined) return more;
  const both = (a: readonly string[], b: readonly string[]) => [...new Set([...a, ...b])].sort();
  return {
    scopes: both(granted.scopes, more.scopes),
    resources: both(granted.resources, more.resources),
    claims: both(granted.claims, more.claims),
    details: [...new Set([...(more.details ?? []), ...(granted.details ?? [])])].slice(
      0,
      limits.detailsRememberedMax,
    ),
  };
}

function isPartOf(part: readonly string[], whole: readonly string[]): boolean {
  return part.every((one) => whole.includes(one));
}
