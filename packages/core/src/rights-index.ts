/**
 * What users may do, as the status feed tells it: roles grant scopes, groups have roles, users have
 * both. Each entry is the whole of its row, so that one change of a role is one entry, however many
 * have it. Who is not told of has no rights.
 */
import { defaultPatPolicy, type PatPolicy } from './personal-token.ts';
import type { GroupEntry, MemberEntry, PatPolicyEntry, RoleEntry } from './wire/status-feed.ts';

export type RightsEntry = RoleEntry | GroupEntry | MemberEntry | PatPolicyEntry;

export interface RightsIndex {
  /** Goes up with every change: what was derived before is to be derived anew. */
  readonly generation: number;
  readonly policy: PatPolicy;
  apply(entry: RightsEntry): void;
  rightsOf(subject: string): ReadonlySet<string>;
  /** Every role that the user has, those of groups included, and the groups, by name. */
  memberOf(subject: string): Membership;
}

export interface Membership {
  readonly roles: readonly string[];
  readonly groups: readonly string[];
}

interface Member {
  readonly roles: readonly string[];
  readonly groups: readonly string[];
}

/** Scopes of a user by what the roles and groups are. */
export function rightsFrom(
  member: Member,
  known: {
    readonly scopesOf: (role: string) => readonly string[] | undefined;
    readonly rolesOf: (group: string) => readonly string[] | undefined;
  },
): ReadonlySet<string> {
  const roles = new Set(member.roles);
  for (const group of member.groups) for (const role of known.rolesOf(group) ?? []) roles.add(role);
  return new Set([...roles].flatMap((role) => known.scopesOf(role) ?? []));
}

export function createRightsIndex(): RightsIndex {
  const roles = new Map<string, readonly string[]>();
  const groups = new Map<string, readonly string[]>();
  const members = new Map<string, Member>();
  let policy = defaultPatPolicy;
  let generation = 0;
  const known = {
    scopesOf: (role: string) => roles.get(role),
    rolesOf: (group: string) => groups.get(group),
  };
  return {
    get generation() {
      return generation;
    },
    get policy() {
      return policy;
    },
    apply(entry) {
      generation++;
      switch (entry.type) {
        case 'role':
          put(roles, entry.name, entry.scopes);
          break;
        case 'group':
          put(groups, entry.name, entry.roles);
          break;
        case 'member': {
          const { subject, roles: own, groups: of } = entry;
          put(members, subject, own.length + of.length === 0 ? null : { roles: own, groups: of });
          break;
        }
        case 'pat_policy':
          policy = entry.policy;
          break;
      }
    },
    rightsOf(subject) {
      const member = members.get(subject);
      return member === undefined ? nothing : rightsFrom(member, known);
    },
    memberOf(subject) {
      const member = members.get(subject);
      if (member === undefined) return nobody;
      const inGroups = member.groups.filter((name) => groups.has(name));
      const all = new Set([...member.roles, ...inGroups.flatMap((name) => groups.get(name) ?? [])]);
      return { roles: [...all].filter((name) => roles.has(name)), groups: inGroups };
    },
  };
}

const nothing: ReadonlySet<string> = new Set();
const nobody: Membership = { roles: [], groups: [] };

function put<T>(map: Map<string, T>, name: string, value: T | null): void {
  if (value === null) map.delete(name);
  else map.set(name, value);
}
