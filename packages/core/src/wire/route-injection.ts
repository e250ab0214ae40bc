/** Which known forms of injected code a route looks for, where, and what is spared. */
import { limits } from '../limits.ts';
import { ok, type Result } from '../result.ts';
import type { InspectionMode } from './route-inspection.ts';
import { readMaskPath } from './route-mask.ts';
import { type Members, type RouteRefusal, readObject, refuse } from './route-refusal.ts';

export const injectionRules = [
  ...['sql', 'nosql', 'traversal', 'command', 'template', 'ldap', 'xxe', 'crlf', 'prototype'],
  'ssrf',
] as const;
export type InjectionRule = (typeof injectionRules)[number];

export const injectionPlaces = ['path', 'query', 'header', 'form', 'json', 'xml'] as const;
export type InjectionPlace = (typeof injectionPlaces)[number];

export interface RouteInjection {
  /** `observe` counts what `enforce` refuses. */
  readonly mode: InspectionMode;
  readonly rules: readonly InjectionRule[];
  readonly places: readonly InjectionPlace[];
  /** Looked into beside the places, in lower case. */
  readonly headers: readonly string[];
  readonly exempt: readonly InjectionExemption[];
}

export interface InjectionExemption {
  readonly in: InjectionPlace;
  /** Of a field as it is named; of JSON a pointer, as segments with `*` and `**`. */
  readonly path: readonly string[];
  readonly rules: readonly InjectionRule[];
}

type Parsed<T> = Result<T, RouteRefusal>;

/** @returns undefined where nobody looks */
export function readInjection(wire: Members): Parsed<RouteInjection | undefined> {
  const value = wire['injection'];
  if (value === undefined) return ok(undefined);
  const at = '/injection';
  const members = readObject(value, at, ['mode', 'rules', 'in', 'headers', 'exempt']);
  if (!members.ok) return members;
  const { mode } = members.value;
  if (mode !== 'observe' && mode !== 'enforce') {
    return refuse('malformed', `${at}/mode`, 'mode is observe or enforce');
  }
  const rules = readList(members.value['rules'], `${at}/rules`, injectionRules);
  if (!rules.ok) return rules;
  const places = readList(members.value['in'], `${at}/in`, injectionPlaces);
  if (!places.ok) return places;
  const headers = readHeaders(members.value['headers'], `${at}/headers`);
  if (!headers.ok) return headers;
  const exempt = readExempt(members.value['exempt'], `${at}/exempt`);
  if (!exempt.ok) return exempt;
  return ok({
    ...{ mode, rules: rules.value, places: places.value },
    ...{ headers: headers.value, exempt: exempt.value },
  });
}

/** All of them where nothing is said. */
function readList<const T extends string>(
  value: unknown,
  at: string,
  known: readonly T[],
): Parsed<readonly T[]> {
  if (value === undefined) return ok(known);
  if (!Array.isArray(value) || value.length === 0) {
    return refuse('malformed', at, 'this is a list that is not empty');
  }
  const wrong = value.findIndex((one) => !known.includes(one));
  if (wrong === -1) return ok([...new Set(value as T[])]);
  return refuse('malformed', `${at}/${wrong}`, `this is one of ${known.join(', ')}`);
}

function readHeaders(value: unknown, at: string): Parsed<readonly string[]> {
  if (value === undefined) return ok([]);
  if (!Array.isArray(value) || value.length > limits.matchConditionsMax) {
    return refuse('malformed', at, `this is a list of at most ${limits.matchConditionsMax} names`);
  }
  const names = value.map((one) => (typeof one === 'string' ? one.toLowerCase() : ''));
  const wrong = names.findIndex((one) => !/^[a-z0-9-]{1,64}$/.test(one));
  return wrong === -1 ? ok(names) : refuse('malformed', `${at}/${wrong}`, 'this is a header');
}

function readExempt(value: unknown, at: string): Parsed<readonly InjectionExemption[]> {
  if (value === undefined) return ok([]);
  if (!Array.isArray(value) || value.length > limits.maskRulesMax) {
    return refuse('malformed', at, `this is a list of at most ${limits.maskRulesMax}`);
  }
  const read: InjectionExemption[] = [];
  for (const [index, one] of value.entries()) {
    const where = `${at}/${index}`;
    const members = readObject(one, where, ['in', 'name', 'rules']);
    if (!members.ok) return members;
    const place = injectionPlaces.find((known) => known === members.value['in']);
    if (place === undefined) {
      return refuse('malformed', `${where}/in`, `in is one of ${injectionPlaces.join(', ')}`);
    }
    const path = readName(members.value['name'], place);
    if (path === undefined) {
      const rule = 'this is the name of a field, or in json a pointer with * and **';
      return refuse('malformed', `${where}/name`, rule);
    }
    const rules = readList(members.value['rules'], `${where}/rules`, injectionRules);
    if (!rules.ok) return rules;
    read.push({ in: place, path, rules: rules.value });
  }
  return ok(read);
}

function readName(value: unknown, place: InjectionPlace): readonly string[] | undefined {
  if (place === 'json') return readMaskPath(value);
  const isName = typeof value === 'string' && value.length > 0;
  return isName && value.length <= limits.maskPathCharsMax ? [value] : undefined;
}
