/**
 * A thousand policies as a company has them, and requests of many kinds: roles for actions, single
 * documents for single people, folders for groups, operations under conditions, and rules for all.
 */
import { EntityUid } from '@mintmark/policy';
import { type Random, randomOf } from '../packages/policy/src/conformance/random.ts';

export interface BenchRequest {
  readonly principal: EntityUid;
  readonly action: EntityUid;
  readonly resource: EntityUid;
  readonly address: string;
  readonly risk: number;
  readonly acr: number;
  readonly hour: number;
  readonly mfa: boolean;
  readonly device: string;
}

export interface BenchEntity {
  readonly uid: EntityUid;
  readonly parents: readonly EntityUid[];
  readonly attributes: Readonly<Record<string, string | number | EntityUid | readonly string[]>>;
}

const users = 400;
const groups = 40;
const roles = 60;
const documents = 800;
const folders = 80;
const operations = 60;

const uid = (type: string, id: number | string): EntityUid => new EntityUid(type, `${type}-${id}`);

export const benchActions = Array.from({ length: operations }, (_, index) => uid('Action', index));

/** Five groups of a dozen operations. */
const actionGroup = (index: number): EntityUid => uid('Action', `group-${index % 5}`);

/** Everything that the requests name, and what it is in: three levels of folders, two of groups. */
export function benchEntities(seed: number): BenchEntity[] {
  const random = randomOf(seed);
  const some = (type: string, count: number, below: number): EntityUid[] =>
    Array.from({ length: count }, () => uid(type, random.below(below)));
  return [
    ...each(users, (index) => ({
      uid: uid('User', index),
      parents: unique([...some('Group', 2, groups), ...some('Role', 3, roles)]),
      attributes: { department: `d${index % 8}`, clearance: index % 5, country: country(random) },
    })),
    ...each(groups, (index) => ({
      uid: uid('Group', index),
      parents: index < 5 ? [] : [uid('Group', index % 5)],
      attributes: {},
    })),
    ...each(roles, (index) => ({ uid: uid('Role', index), parents: [], attributes: {} })),
    ...each(documents, (index) => ({
      uid: uid('Document', index),
      parents: [uid('Folder', random.below(folders))],
      attributes: {
        owner: uid('User', random.below(users)),
        department: `d${random.below(8)}`,
        level: random.below(5),
        labels: random.chance(30) ? ['secret', 'draft'] : ['public'],
      },
    })),
    ...each(folders, (index) => ({
      uid: uid('Folder', index),
      parents: index < 8 ? [] : [uid('Folder', index % 8)],
      attributes: {},
    })),
    ...benchActions.map((action, index) => ({
      uid: action,
      parents: [actionGroup(index)],
      attributes: {},
    })),
    ...each(5, (index) => ({ uid: actionGroup(index), parents: [], attributes: {} })),
  ];
}

function each<T>(count: number, make: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(index));
}

function unique(uids: readonly EntityUid[]): EntityUid[] {
  return [...new Map(uids.map((one) => [one.key, one])).values()];
}

function country(random: Random): string {
  return random.pick(['de', 'fr', 'us', 'jp']);
}

/** @param count at least the ten that stand for everybody */
export function benchPolicies(seed: number, count: number): string {
  const random = randomOf(seed);
  const policies = [...forEverybody];
  while (policies.length < count) policies.push(onePolicy(random));
  return policies.join('\n');
}

/** Met by every request: each decision runs these whatever the index leaves out. */
const forEverybody = [
  'forbid(principal, action, resource) when { context.risk > 90 };',
  'forbid(principal, action, resource) unless { context has device };',
  `forbid(principal is User, action in Action::"Action-group-4", resource)
    when { context.acr < 2 || !context.mfa };`,
  `forbid(principal, action, resource is Document)
    when { resource.labels.contains("secret") && principal.clearance < resource.level };`,
  `forbid(principal, action, resource)
    when { context.address.isInRange(ip("203.0.113.0/24")) };`,
  'permit(principal is User, action, resource is Document) when { resource.owner == principal };',
  `permit(principal is User, action in Action::"Action-group-0", resource is Document)
    when { principal.department == resource.department &&
      context.hour >= 7 && context.hour < 20 };`,
  `permit(principal is User, action in Action::"Action-group-1", resource is Document)
    when { ["de", "fr"].contains(principal.country) && resource.level == 0 };`,
  `forbid(principal, action in [Action::"Action-group-2", Action::"Action-group-3"], resource)
    when { context.device like "untrusted-*" };`,
  `forbid(principal, action, resource) when { principal has suspended && principal.suspended };`,
];

function onePolicy(random: Random): string {
  const user = uid('User', random.below(users));
  const group = uid('Group', random.below(groups));
  const role = uid('Role', random.below(roles));
  const document = uid('Document', random.below(documents));
  const folder = uid('Folder', random.below(folders));
  const action = random.pick(benchActions);
  const anyGroup = actionGroup(random.below(5));
  const several = Array.from({ length: 3 }, () => random.pick(benchActions)).join(', ');
  const block = `10.${random.below(64)}.0.0/${random.pick([10, 12, 16])}`;
  const wide = random.pick(['resource', 'resource is Document', `resource in ${folder}`]);
  switch (random.below(10)) {
    case 0:
    case 1:
    case 2:
      return `permit(principal in ${role}, action in [${several}], ${wide});`;
    case 3:
    case 4:
      return `permit(principal == ${user}, action == ${action}, resource == ${document});`;
    case 5:
    case 6:
      return `permit(principal in ${group}, action in ${anyGroup}, resource in ${folder})
        when { context.acr >= ${random.below(3)} && context.address.isInRange(ip("${block}")) };`;
    case 7:
      return `permit(principal is User, action == ${action}, resource is Document)
        when { principal.clearance >= resource.level && context.risk < ${40 + random.below(50)} }
        unless { resource.labels.contains("draft") && context.hour < ${random.below(9)} };`;
    case 8:
      return `forbid(principal in ${group}, action == ${action}, ${wide})
        when { context.risk > ${random.below(60)} && !(context.mfa && context.acr > 1) };`;
    default:
      return `permit(principal is User in ${role}, action, resource in ${folder})
        when { context.device like "managed-*" || context.address.isLoopback() };`;
  }
}

export function benchRequests(seed: number, count: number): BenchRequest[] {
  const random = randomOf(seed);
  return each(count, () => ({
    principal: uid('User', random.below(users)),
    action: random.pick(benchActions),
    resource: uid('Document', random.below(documents)),
    address: `10.${random.below(64)}.${random.below(256)}.${random.below(256)}`,
    risk: random.below(100),
    acr: random.below(3),
    hour: random.below(24),
    mfa: random.chance(60),
    device: `${random.pick(['managed', 'private', 'untrusted'])}-${random.below(1000)}`,
  }));
}
