/**
 * A plan: what whoever has it may ask for, whatever the route. Written by operators, kept by the
 * authority and carried to gateways by the status feed, so this one parser serves both.
 */
import { limits } from '../limits.ts';
import { ok, type Result } from '../result.ts';
import { limitMembers, type NamedLimit, readNamedLimit } from './limit-rule.ts';
import { missing, type RouteRefusal, readObject, refuse } from './route-refusal.ts';

export interface Plan {
  readonly name: string;
  /** For people. */
  readonly description: string;
  /** All of them hold; a request that one denies spends of none. */
  readonly limits: readonly PlanLimit[];
}

export interface PlanLimit extends NamedLimit {
  /** Only requests of these routes count; undefined: of any. */
  readonly routes: readonly string[] | undefined;
  /** Only requests of routes of these APIs count; undefined: of any. */
  readonly apis: readonly string[] | undefined;
}

/** Who can have a plan; the first that has one decides. */
export const planHolderKinds = ['key', 'client', 'user', 'tenant'] as const;
export type PlanHolderKind = (typeof planHolderKinds)[number];

/** What an administrator gave one holder beyond the plan. */
export interface RaisedLimit {
  /** Name of a limit of the plan. */
  readonly limit: string;
  readonly quota: number;
  /** Unix milliseconds; absent: until it is taken back. */
  readonly until?: number;
}

export const planNamePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/**
 * Reads a plan in its wire form: `{name, description?, limits: [{name, quota, …}]}`.
 *
 * @param value parsed JSON or YAML
 * @returns the plan; the first refusal names its place
 */
export function parsePlan(value: unknown): Result<Plan, RouteRefusal> {
  const members = readObject(value, '', ['name', 'description', 'limits']);
  if (!members.ok) return members;
  const { name, description = '', limits: list } = members.value;
  if (name === undefined) return missing('/name');
  if (typeof name !== 'string' || !planNamePattern.test(name)) {
    const rule = 'a name is letters, digits, dot, - and _, at most 64, beginning with one of the';
    return refuse('malformed', '/name', `${rule} first two`);
  }
  if (typeof description !== 'string' || description.length > 500) {
    return refuse('malformed', '/description', 'this is a text of at most 500 characters');
  }
  const read = readPlanLimits(list);
  return read.ok ? ok({ name, description, limits: read.value }) : read;
}

function readPlanLimits(value: unknown): Result<readonly PlanLimit[], RouteRefusal> {
  if (value === undefined) return missing('/limits');
  if (!Array.isArray(value) || value.length > limits.routeLimitsMax) {
    return refuse('malformed', '/limits', `limits is a list of at most ${limits.routeLimitsMax}`);
  }
  const read: PlanLimit[] = [];
  for (const [place, one] of value.entries()) {
    const limit = readPlanLimit(one, `/limits/${place}`);
    if (!limit.ok) return limit;
    if (read.some(({ name }) => name === limit.value.name)) {
      return refuse('malformed', `/limits/${place}/name`, 'another limit of it has this name');
    }
    read.push(limit.value);
  }
  return ok(read);
}

function readPlanLimit(value: unknown, path: string): Result<PlanLimit, RouteRefusal> {
  const members = readObject(value, path, [...limitMembers, 'routes', 'apis']);
  if (!members.ok) return members;
  const named = readNamedLimit(members.value, path);
  if (!named.ok) return named;
  const routes = readNames(members.value['routes'], `${path}/routes`);
  if (!routes.ok) return routes;
  const apis = readNames(members.value['apis'], `${path}/apis`);
  if (!apis.ok) return apis;
  return ok({ ...named.value, routes: routes.value, apis: apis.value });
}

/** Names of routes or APIs, as those are called. */
function readNames(
  value: unknown,
  path: string,
): Result<readonly string[] | undefined, RouteRefusal> {
  if (value === undefined) return ok(undefined);
  const isName = (one: unknown) => typeof one === 'string' && planNamePattern.test(one);
  const most = limits.planNamesMax;
  if (!Array.isArray(value) || value.length === 0 || value.length > most || !value.every(isName)) {
    return refuse('malformed', path, `this is a list of 1 to ${most} names`);
  }
  return ok(value as readonly string[]);
}
