/**
 * Roles and groups of a realm in our words. A role of a client is called `client:role`; what a role
 * is composed of goes to whoever has it, and what a group gives goes to those below it, since here
 * a role holds no role and a group no group. What Keycloak gives everybody for itself stays behind.
 */
import type { Item } from '../commands/send.ts';
import { itemOf, itemsOf, leaveOut, type Moved, refuse, textOf, textsOf } from './moved.ts';

/** What every realm has for itself. */
export const builtInClients: readonly string[] = [
  'account',
  'account-console',
  'admin-cli',
  'broker',
  'realm-management',
  'security-admin-console',
];

/** What a user has of them, as the management API takes it. */
export type RightsOf = (user: Item) => { readonly roles: string[]; readonly groups: string[] };

/** As roles and groups may be called here. */
const namePattern = /^[A-Za-z0-9][A-Za-z0-9._:/@-]{0,127}$/;

/** Adds roles and groups to what moves, and tells what each user has. */
export function addRights(moved: Moved, realm: Item): RightsOf {
  const parts = new Map<string, readonly string[]>();
  for (const [at, role, name] of rolesOf(realm)) {
    if (!namePattern.test(name)) {
      refuse(moved, at, name, 'a role is not called so here');
      continue;
    }
    const composites = itemOf(role['composites']);
    parts.set(name, named(composites['realm'], composites['client']));
    if (role['composite'] === true) leaveOut(moved, 'roles of roles: given one by one');
    const description = (textOf(role['description']) ?? '').slice(0, 500);
    moved.roles.push({ at, name, body: { scopes: [], description } });
  }
  leaveOut(moved, 'roles whose rights are to be named (scopes)', moved.roles.length);
  const whole = (names: readonly string[]) => closed(names, parts);
  const groups = new Set<string>();
  addGroups(moved, { list: realm['groups'], place: 'groups', above: [], whole, groups });
  return (user) => ({
    roles: whole(named(user['realmRoles'], user['clientRoles'])),
    groups: textsOf(user['groups'])
      .map(groupName)
      .filter((name) => groups.has(name)),
  });
}

function rolesOf(realm: Item): readonly (readonly [at: string, role: Item, name: string])[] {
  const roles = itemOf(realm['roles']);
  const own = itemsOf(roles['realm'], 'roles.realm')
    .map(([at, role]) => [at, role, textOf(role['name']) ?? ''] as const)
    .filter(([, , name]) => !isGivenToAll(name));
  const ofClients = Object.entries(itemOf(roles['client']))
    .filter(([client]) => !builtInClients.includes(client))
    .flatMap(([client, list]) =>
      itemsOf(list, `roles.client.${client}`).map(
        ([at, role]) => [at, role, `${client}:${textOf(role['name']) ?? ''}`] as const,
      ),
    );
  return [...own, ...ofClients];
}

function isGivenToAll(name: string): boolean {
  return ['offline_access', 'uma_authorization'].includes(name) || /^default-roles-/.test(name);
}

function named(ofRealm: unknown, ofClients: unknown): string[] {
  const clients = Object.entries(itemOf(ofClients)).flatMap(([client, list]) =>
    textsOf(list).map((role) => `${client}:${role}`),
  );
  return [...textsOf(ofRealm), ...clients];
}

/** With all that they are composed of; names of nothing that moves are passed over. */
function closed(names: readonly string[], parts: ReadonlyMap<string, readonly string[]>): string[] {
  const found = new Set(names.filter((name) => parts.has(name)));
  for (const name of found) {
    for (const part of parts.get(name) ?? []) if (parts.has(part)) found.add(part);
  }
  return [...found].sort();
}

interface Level {
  readonly list: unknown;
  readonly place: string;
  /** Roles of the groups above. */
  readonly above: readonly string[];
  readonly whole: (names: readonly string[]) => string[];
  /** Names of those that move. */
  readonly groups: Set<string>;
}

function addGroups(moved: Moved, { list, place, above, whole, groups }: Level): void {
  for (const [at, group] of itemsOf(list, place)) {
    const name = groupName(textOf(group['path']) ?? textOf(group['name']) ?? '');
    const roles = whole([...above, ...named(group['realmRoles'], group['clientRoles'])]);
    if (namePattern.test(name)) {
      groups.add(name);
      moved.groups.push({ at, name, body: { roles } });
    } else refuse(moved, at, name, 'a group is not called so here');
    const below = { list: group['subGroups'], place: `${at}.subGroups`, above: roles };
    addGroups(moved, { ...below, whole, groups });
  }
}

function groupName(path: string): string {
  return path.replace(/^\//, '');
}
