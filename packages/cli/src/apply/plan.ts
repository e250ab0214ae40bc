/**
 * Compares what the files want with what the server has. Everything is compared before anything is
 * changed, so that a mistake in the last file leaves the server as it was.
 */
import { isDeepStrictEqual } from 'node:util';
import { defaultPatPolicy, ok, type Result } from '@mintmark/core';
import { type Api, type ApiRequest, pathOf } from '../api/api.ts';
import type { CommandRefusal } from '../command.ts';
import { usage } from '../commands/send.ts';
import { idOfUsername } from '../commands/user.ts';
import type { Section, Thing, Wanted } from './wanted.ts';

export interface Change {
  readonly action: 'create' | 'update' | 'unchanged';
  readonly section: Section;
  readonly name: string;
  /** Members that differ; of a new thing all that are given. */
  readonly members: readonly string[];
  /** Undefined where nothing has to be done. */
  readonly request: ApiRequest | undefined;
}

/** What the server has of one thing. */
interface Present {
  readonly thing: Thing;
  readonly etag: string | undefined;
  readonly path: string;
}

/** @returns the changes in the order in which they are made; the server's refusal of a look */
export async function planChanges(
  api: Api,
  wanted: readonly Wanted[],
): Promise<Result<readonly Change[], CommandRefusal>> {
  const changes: Change[] = [];
  for (const one of wanted) {
    const present = await find(api, one);
    if (!present.ok) return present;
    const change =
      present.value === undefined ? ok(creation(one)) : await difference(api, one, present.value);
    if (!change.ok) return change;
    changes.push(change.value);
  }
  return ok(changes);
}

function find(api: Api, wanted: Wanted): Promise<Result<Present | undefined, CommandRefusal>> {
  switch (wanted.section) {
    case 'tenants':
      return look(api, pathOf`/v1/tenants/${wanted.name}`);
    case 'clients':
      return look(api, pathOf`/v1/clients/${wanted.name}`);
    case 'routes':
    case 'apis':
    case 'policies':
    case 'rotations':
    case 'assertion_issuers':
    case 'threat_feeds':
    case 'upstream_credentials':
    case 'plans':
    case 'plan_holders':
    case 'roles':
    case 'groups':
    case 'pat_policy':
    case 'leak_policy':
    case 'authorization_details_types':
      return look(api, wholePaths[wanted.section](wanted.name));
    case 'users':
      return findUser(api, wanted);
    case 'keys':
      return findKey(api, wanted);
  }
}

/** Sections whose things are written and replaced as a whole, at the place of their name. */
type WholeSection =
  | 'routes'
  | 'rotations'
  | 'apis'
  | 'policies'
  | 'roles'
  | 'groups'
  | 'pat_policy'
  | 'leak_policy'
  | 'assertion_issuers'
  | 'threat_feeds'
  | 'upstream_credentials'
  | 'plans'
  | 'plan_holders'
  | 'authorization_details_types';

function isWhole(section: Section): section is WholeSection {
  return Object.hasOwn(wholePaths, section);
}

const wholePaths: Readonly<Record<WholeSection, (name: string) => string>> = {
  routes: (name) => pathOf`/v1/routes/${name}`,
  apis: (name) => pathOf`/v1/apis/${name}`,
  policies: (name) => pathOf`/v1/policies/${name}`,
  roles: (name) => pathOf`/v1/roles/${name}`,
  groups: (name) => pathOf`/v1/groups/${name}`,
  pat_policy: () => '/v1/pat-policy',
  leak_policy: () => '/v1/leak-policy',
  rotations: (name) => pathOf`/v1/rotations/${name}`,
  assertion_issuers: (name) => pathOf`/v1/assertion-issuers/${name}`,
  threat_feeds: (name) => pathOf`/v1/threat-feeds/${name}`,
  upstream_credentials: (name) => pathOf`/v1/upstream-credentials/${name}`,
  plans: (name) => pathOf`/v1/plans/${name}`,
  plan_holders: (name) => {
    const cut = name.indexOf('/');
    return pathOf`/v1/limits/${name.slice(0, Math.max(0, cut))}/${name.slice(cut + 1)}`;
  },
  authorization_details_types: (name) => pathOf`/v1/authorization-details-types/${name}`,
};

async function look(api: Api, path: string): Promise<Result<Present | undefined, CommandRefusal>> {
  const answer = await api.call({ method: 'GET', path });
  if (answer.ok) return ok({ thing: answer.value.body, etag: answer.value.etag, path });
  const { refusal } = answer;
  return refusal.reason === 'refused' && refusal.status === 404 ? ok(undefined) : answer;
}

/** A user's id is the server's to give, so files know him by his name. */
async function findUser(
  api: Api,
  { name }: Wanted,
): Promise<Result<Present | undefined, CommandRefusal>> {
  const id = await idOfUsername(api, name);
  if (!id.ok) return id;
  return id.value === undefined ? ok(undefined) : look(api, pathOf`/v1/users/${id.value}`);
}

/** A key's id is the server's to give, so files know it by its name; revoked ones do not count. */
async function findKey(
  api: Api,
  { name, thing }: Wanted,
): Promise<Result<Present | undefined, CommandRefusal>> {
  const owner = typeof thing['owner'] === 'string' ? thing['owner'] : undefined;
  const listed = await api.list('/v1/keys', { owner }, Number.POSITIVE_INFINITY);
  if (!listed.ok) return listed;
  const live = listed.value.filter(
    (key) =>
      key['name'] === name && key['status'] !== 'revoked' && (key['successor'] ?? null) === null,
  );
  if (live.length > 1) {
    return usage(`keys: ${live.length} keys are called "${name}"`, 'revoke or rename all but one');
  }
  return live[0] === undefined
    ? ok(undefined)
    : look(api, pathOf`/v1/keys/${String(live[0]['id'])}`);
}

function creation({ section, name, thing }: Wanted): Change {
  const request: ApiRequest = isWhole(section)
    ? { method: 'PUT', path: wholePaths[section](name), body: thing }
    : { method: 'POST', path: `/v1/${section}`, body: thing, creates: true };
  return { action: 'create', section, name, members: Object.keys(thing), request };
}

/** Members that are written once and shown never. */
const onlyAtCreation: Readonly<Record<Section, readonly string[]>> = {
  tenants: ['tenant'],
  clients: ['client_id', 'client_secret'],
  roles: [],
  groups: [],
  pat_policy: [],
  leak_policy: [],
  users: ['username'],
  // What is left of uses and credits changes with every use: it is set where the key is made.
  keys: ['name', 'uses', 'credits'],
  assertion_issuers: [],
  threat_feeds: ['secret'],
  upstream_credentials: ['secret'],
  plans: [],
  plan_holders: ['holder', 'reason'],
  rotations: [],
  routes: [],
  apis: [],
  // Why it was written is no part of what is.
  policies: ['reason'],
  authorization_details_types: [],
};

/** What the server says of a thing, and no file has to. */
const said = [
  ...['name', 'type', 'updated_at', 'created_at', 'version', 'author', 'stage', 'state'],
  ...['enforced_version', 'shadow_version', 'has_secret', 'progress'],
];

/** Members that no edit can change. */
const fixed: Readonly<Record<Section, readonly string[]>> = {
  tenants: [],
  clients: [],
  roles: [],
  groups: [],
  pat_policy: [],
  leak_policy: [],
  users: [],
  keys: ['owner', 'recoverable'],
  assertion_issuers: ['issuer'],
  threat_feeds: [],
  upstream_credentials: [],
  plans: [],
  plan_holders: [],
  rotations: [],
  routes: [],
  apis: [],
  policies: [],
  authorization_details_types: [],
};

/** The same of some sections alone. */
const saidOf: Readonly<Partial<Record<Section, readonly string[]>>> = {
  plan_holders: ['kind', 'id', 'limits', 'counted'],
};

/** What members are that a file need not say. */
const leftOut: Readonly<Partial<Record<Section, Thing>>> = {
  roles: { description: '', exclusive: false },
  groups: { description: '' },
  plans: { description: '' },
  plan_holders: { plan: null, raised: [] },
  pat_policy: {
    max_life_seconds: defaultPatPolicy.maxLifeSeconds,
    allowed_scopes: null,
    requires_approval: false,
    makers: null,
  },
};

async function difference(
  api: Api,
  { section, name, thing }: Wanted,
  present: Present,
): Promise<Result<Change, CommandRefusal>> {
  const same = await isSamePassword(api, thing, present);
  if (!same.ok) return same;
  const unseen = same.value ? ['password', ...onlyAtCreation[section]] : onlyAtCreation[section];
  const given = Object.keys(thing).filter((member) => !unseen.includes(member));
  const members = given.filter((member) => !isSame(member, thing[member], present.thing[member]));
  // What is replaced as a whole loses what the file no longer says.
  if (isWhole(section)) {
    const kept = new Set([...given, ...unseen, ...said, ...(saidOf[section] ?? [])]);
    const unsaid = leftOut[section] ?? {};
    members.push(
      ...Object.keys(present.thing).filter(
        (member) => !kept.has(member) && !isDeepStrictEqual(present.thing[member], unsaid[member]),
      ),
    );
  }
  const stuck = members.find((member) => fixed[section].includes(member));
  if (stuck !== undefined) {
    return usage(
      `${section}: the ${stuck} of "${name}" cannot change`,
      'revoke it and give the new one another name',
    );
  }
  if (members.length === 0) {
    return ok({ action: 'unchanged', section, name, members, request: undefined });
  }
  const body = isWhole(section)
    ? thing
    : Object.fromEntries(members.map((member) => [member, thing[member]]));
  const method = isWhole(section) ? 'PUT' : 'PATCH';
  const request: ApiRequest = { method, path: present.path, body, ifMatch: present.etag };
  return ok({ action: 'update', section, name, members, request });
}

/** No answer shows a password, and setting one ends sessions: so the server is asked to compare. */
async function isSamePassword(
  api: Api,
  thing: Thing,
  present: Present,
): Promise<Result<boolean, CommandRefusal>> {
  const { password } = thing;
  if (present.thing['has_password'] !== true || typeof password !== 'string') return ok(false);
  const path = `${present.path}/password/compare`;
  const answer = await api.call({ method: 'POST', path, body: { password } });
  return answer.ok ? ok(answer.value.body['same'] === true) : answer;
}

/** Scopes are a set however they are spelled; moments are equal however they are written. */
function isSame(member: string, wanted: unknown, present: unknown): boolean {
  if (member === 'scope') return isDeepStrictEqual(words(wanted), words(present));
  if (setMembers.has(member)) return isDeepStrictEqual(sorted(wanted), sorted(present));
  if (member.endsWith('_at') || member === 'not_before') {
    if (typeof wanted !== 'string' || typeof present !== 'string') return wanted === present;
    return Math.floor(Date.parse(wanted) / 1000) === Math.floor(Date.parse(present) / 1000);
  }
  return isDeepStrictEqual(wanted, present);
}

const setMembers = new Set(['scopes', 'roles', 'groups', 'allowed_scopes', 'makers']);

function words(text: unknown): unknown {
  return typeof text === 'string' ? text.split(' ').filter(Boolean).sort() : text;
}

function sorted(list: unknown): unknown {
  return Array.isArray(list) ? [...list].sort() : list;
}
