/**
 * What policies are asked, from the facts that an enforcement point has proven. One builder for
 * gateways, for the authority and for the tests beside a policy, so that what a test shows is what
 * happens. What must never happen: a fact that a client could choose under a name that is proven.
 */
import { parseAddress, type UnixSeconds } from '@mintmark/core';
import type { EntityInput } from '../entities.ts';
import { EntityUid } from '../entity-uid.ts';
import { IpRange } from '../extension.ts';
import type { RecordValue, Value } from '../value.ts';

export interface AccessRequest {
  readonly principal: EntityUid;
  readonly action: EntityUid;
  readonly resource: EntityUid;
  readonly context: RecordValue;
  /** What is known of the three, and stands before what a version says of them. */
  readonly entities: readonly EntityInput[];
}

/** Who asks, as it was proven. */
export interface PrincipalFacts {
  readonly kind: 'user' | 'client' | 'key' | 'anonymous';
  readonly id: string;
  readonly tenant: string;
  readonly scopes: readonly string[];
  readonly roles?: readonly string[] | undefined;
  readonly groups?: readonly string[] | undefined;
  /** Of a key. */
  readonly owner?: string | undefined;
  readonly environment?: string | undefined;
  readonly plan?: string | undefined;
  /** The client that the credential was given to. */
  readonly client?: string | undefined;
}

const principalTypes = { user: 'User', client: 'Client', key: 'Key', anonymous: 'Anonymous' };

/** The principal with everything that it is in. */
export function principalOf(facts: PrincipalFacts): EntityInput {
  const { kind, id, tenant, scopes, roles = [], groups = [] } = facts;
  const uid = new EntityUid(principalTypes[kind], id);
  if (kind === 'anonymous') return { uid };
  const parents = [
    ...roles.map((role) => new EntityUid('Role', role)),
    ...groups.map((group) => new EntityUid('Group', group)),
  ];
  const { owner, environment, plan, client } = facts;
  const attributes = present({ tenant, scopes, roles, groups, owner, environment, plan, client });
  return { uid, attributes, parents };
}

/**
 * An action under the method that it came with, so that `action in Action::"GET"` is every reading
 * operation of every API. HEAD is a GET (RFC 9110 §9.3.2).
 */
export function actionOf(name: string, method?: string): EntityInput {
  const parents = new Set<string>();
  if (method !== undefined && method !== name) parents.add(method);
  if (method === 'HEAD') parents.add('GET');
  return {
    uid: new EntityUid('Action', name),
    parents: [...parents].map((parent) => new EntityUid('Action', parent)),
  };
}

export interface MomentFacts {
  readonly now: UnixSeconds;
  readonly address: string | undefined;
  readonly country?: string | undefined;
}

/**
 * When and from where: `time` in UTC, with `weekday` from 1 (Monday) to 7 as ISO 8601 counts them.
 */
export function momentContext({ now, address, country }: MomentFacts): Record<string, Value> {
  const days = Math.floor(now / 86_400);
  const time = {
    timestamp: now,
    hour: Math.floor((now % 86_400) / 3600),
    minute: Math.floor((now % 3600) / 60),
    weekday: ((((days + 3) % 7) + 7) % 7) + 1,
  };
  const parsed = address === undefined ? undefined : parseAddress(address);
  const range = parsed && new IpRange(parsed, parsed.family === 4 ? 32 : 128);
  return present({ time, address: range, country });
}

/** Without what is not known: a policy asks `context has country` and finds it missing. */
export function present(
  members: Readonly<Record<string, Value | undefined>>,
): Record<string, Value> {
  const known: Record<string, Value> = {};
  for (const name of Object.keys(members)) {
    const value = members[name];
    if (value !== undefined) known[name] = value;
  }
  return known;
}
