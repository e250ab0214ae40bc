/**
 * Chooses among the routes of one place by what a verified credential says. Pure; the same choice
 * is made when a request comes and when it is judged again. What must never happen: a choice by
 * something that nobody has verified.
 */
import type { ClaimCondition, ClaimValue, TenantId, TokenCondition } from '@mintmark/core';
import { claimOf } from '../verify/claims.ts';
import type { Identity } from '../verify/identity.ts';
import type { StatusView } from '../view/status-view.ts';
import type { CompiledRoute, FoundRoutes } from './route-table.ts';

/** Who was verified, and as one of which tenant. */
export interface Proven {
  readonly identity: Identity;
  readonly tenant: TenantId;
  /** What is known there of who has which plan. */
  readonly view: Pick<StatusView, 'plans'>;
}

/** The one route of a place where no credential chooses; undefined where one does. */
export function settledRoute({ routes }: FoundRoutes): CompiledRoute | undefined {
  const first = routes[0];
  return first?.match.token === undefined ? first : undefined;
}

/**
 * @param by undefined: nobody was verified, and only what asks nothing of a credential is left
 * @param home the gateway's own tenant, whose credentials a route takes that names none
 * @returns undefined where no route fits
 */
export function chooseRoute(
  { routes }: FoundRoutes,
  by: Proven | undefined,
  home: TenantId,
): CompiledRoute | undefined {
  return routes.find((route) => {
    const { token } = route.match;
    if (by === undefined) return token === undefined;
    // A credential says nothing at another tenant; where none is asked for, it plays no part.
    if (route.credential !== 'none' && (route.tenant ?? home) !== by.tenant) return false;
    return token === undefined || fits(token, by);
  });
}

function fits(token: TokenCondition, by: Proven): boolean {
  const { identity, tenant } = by;
  const { clientId } = identity;
  if (token.tenant !== undefined && token.tenant !== tenant) return false;
  if (!token.scopes.every((scope) => identity.scopes.includes(scope))) return false;
  if (token.clients !== undefined && !isOneOf(token.clients, clientId)) return false;
  if (token.plans !== undefined && !isOneOf(token.plans, planOf(by))) return false;
  return token.claims.every((claim) => says(identity, claim));
}

/** The plan by which it is limited, as its tenant has it now; else the one that its key names. */
export function planOf({ identity, tenant, view }: Proven): string | undefined {
  return view.plans?.planOf(identity, tenant)?.plan.name ?? identity.plan;
}

function isOneOf(wanted: readonly string[], said: string | undefined): boolean {
  return said !== undefined && wanted.includes(said);
}

/** By type and value: `"1"` is not `1`. Of a list, one entry. */
export function says(identity: Identity, { name, values }: ClaimCondition): boolean {
  const said = claimOf(identity, name);
  if (said === undefined || said === null) return false;
  if (values === undefined) return true;
  const list: readonly unknown[] = Array.isArray(said) ? said : [said];
  return list.some((one) => values.includes(one as ClaimValue));
}
