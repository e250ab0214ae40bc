/** From a request that was proven to what policies are asked of it. */
import type { TenantId, UnixSeconds } from '@mintmark/core';
import {
  type AccessRequest,
  actionOf,
  EntityUid,
  type MatchedOperation,
  momentContext,
  type PrincipalFacts,
  present,
  principalOf,
} from '@mintmark/policy';
import type { Identity } from './identity.ts';
import { hostName, type MatchedRoute } from './route-table.ts';

export interface AskedBy {
  readonly method: string;
  readonly host: string | undefined;
  readonly matched: MatchedRoute;
  /** Of the route's API; undefined where the method is all that is known. */
  readonly operation: MatchedOperation | undefined;
  readonly identity: Identity | undefined;
  /** Whose the credential is. */
  readonly tenant: TenantId;
  readonly address: string;
  /** Where that is, where it is known. */
  readonly country: string | undefined;
  readonly now: UnixSeconds;
}

export function accessRequestOf(asked: AskedBy): AccessRequest {
  const { method, host, matched, operation, identity, tenant, address, country, now } = asked;
  const { route, path } = matched;
  const principal = principalOf(principalFacts(identity, tenant));
  const action = actionOf(operation?.operation ?? method, method);
  const named = host === undefined ? undefined : hostName(host);
  const resource = {
    uid: new EntityUid('Route', route.name),
    attributes: present({ path, host: named }),
    parents: route.api === undefined ? [] : [new EntityUid('Api', route.api)],
  };
  const binding = identity?.binding;
  const context = {
    ...momentContext({ now, address, country }),
    ...present({
      ...{ method, path, host: named },
      parameters: operation?.parameters,
      credential: identity?.kind ?? 'none',
      scopes: identity?.scopes ?? [],
      bound: binding !== undefined,
      binding: binding && (binding.by === 'jkt' ? 'dpop' : 'mtls'),
      acr: identity?.acr,
      amr: identity?.amr,
      auth_time: identity?.authTime,
    }),
  };
  return {
    ...{ principal: principal.uid, action: action.uid, resource: resource.uid, context },
    entities: [principal, action, resource],
  };
}

/** A token whose subject is its client acts for nobody else (RFC 9068 §2.2). */
function principalFacts(identity: Identity | undefined, tenant: TenantId): PrincipalFacts {
  if (identity === undefined) return { kind: 'anonymous', id: 'anonymous', tenant, scopes: [] };
  const { kind, credentialId, subject, clientId: client, scopes, roles, groups } = identity;
  const known = { tenant, scopes, roles, groups, client };
  if (kind === 'api_key') {
    const { environment, plan } = identity;
    return { ...known, kind: 'key', id: credentialId, owner: subject, environment, plan };
  }
  return { ...known, kind: subject === client ? 'client' : 'user', id: subject };
}
