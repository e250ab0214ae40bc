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
import { hostName, type MatchedRoute } from '../routes/route-table.ts';
import type { Identity } from '../verify/identity.ts';
import type { StatusView } from '../view/status-view.ts';
import type { Threat } from './threats.ts';

export interface AskedBy {
  readonly method: string;
  readonly host: string | undefined;
  readonly matched: MatchedRoute;
  /** Of the route's API; undefined where the method is all that is known. */
  readonly operation: MatchedOperation | undefined;
  readonly identity: Identity | undefined;
  /** Whose the credential is, and what is known there of users and keys. */
  readonly tenant: TenantId;
  readonly view: Pick<StatusView, 'memberOf' | 'key' | 'countryOf'>;
  readonly address: string;
  readonly threat: Pick<Threat, 'feed'> | undefined;
  readonly now: UnixSeconds;
}

export function accessRequestOf(asked: AskedBy): AccessRequest {
  const { method, host, matched, operation, identity, address, now, view } = asked;
  const { route, path } = matched;
  const isPersonal = isPersonalToken(asked);
  const principal = principalOf(principalFacts(asked, isPersonal));
  const action = actionOf(operation?.operation ?? method, method);
  const named = host === undefined ? undefined : hostName(host);
  const resource = {
    uid: new EntityUid('Route', route.name),
    attributes: present({ path, host: named }),
    parents: route.api === undefined ? [] : [new EntityUid('Api', route.api)],
  };
  const binding = identity?.binding;
  const context = {
    ...momentContext({ now, address, country: view.countryOf(address) }),
    ...present({
      ...{ method, path, host: named },
      parameters: operation?.parameters,
      credential: isPersonal ? 'pat' : (identity?.kind ?? 'none'),
      scopes: identity?.scopes ?? [],
      bound: binding !== undefined,
      binding: binding && (binding.by === 'jkt' ? 'dpop' : 'mtls'),
      acr: identity?.acr,
      amr: identity?.amr,
      threats: asked.threat === undefined ? [] : [asked.threat.feed],
      auth_time: identity?.authTime,
    }),
  };
  return {
    ...{ principal: principal.uid, action: action.uid, resource: resource.uid, context },
    entities: [principal, action, resource],
  };
}

/** A personal access token acts for its user, as far as it was made to. */
function isPersonalToken({ identity, view }: Pick<AskedBy, 'identity' | 'view'>): boolean {
  return identity?.kind === 'api_key' && view.key(identity.credentialId)?.view.pat !== undefined;
}

/** A token whose subject is its client acts for nobody else (RFC 9068 §2.2). */
function principalFacts(
  { identity, tenant, view }: Pick<AskedBy, 'identity' | 'tenant' | 'view'>,
  isPersonal: boolean,
): PrincipalFacts {
  if (identity === undefined) return { kind: 'anonymous', id: 'anonymous', tenant, scopes: [] };
  const { kind, credentialId, subject, clientId: client, scopes } = identity;
  const known = { tenant, scopes, client };
  if (kind === 'api_key' && !isPersonal) {
    const { environment, plan } = identity;
    return { ...known, kind: 'key', id: credentialId, owner: subject, environment, plan };
  }
  const said = { roles: identity.roles ?? [], groups: identity.groups ?? [] };
  if (subject === client) return { ...known, ...said, kind: 'client', id: subject };
  // What the token says was so when it was made; what the view knows is so now.
  const { roles = [], groups = [] } = view.memberOf(subject) ?? {};
  return {
    ...{ ...known, kind: 'user', id: subject },
    roles: [...new Set([...said.roles, ...roles])],
    groups: [...new Set([...said.groups, ...groups])],
  };
}
