/**
 * What HAProxy looks up: routes by method, host and path, keys by the header of their tokens, and
 * revocations by what a token belongs to. Only ids that stand in a map as they are get into one: a
 * token with another id is not judged here.
 */
import { type RevocationEntry, type Route, typedSubject } from '@mintmark/core';
import { routedPlaces } from '../native-routes.ts';
import type { NativeKey, NativeView } from '../native-view.ts';
import { nativeId } from './claims.ts';
import type { MapName, RevocableKind } from './settings.ts';

/** Algorithms that HAProxy verifies. */
export function isNativeKey({ algorithm }: NativeKey): boolean {
  return algorithm === 'ES256' || algorithm === 'RS256';
}

/** How a key is called in this key set: what was verified in another is not known in this. */
function keyName({ keyEpoch }: Pick<NativeView, 'keyEpoch'>, { kid }: NativeKey): string {
  return `${keyEpoch}.${kid}`;
}

/** A backend for each class of a route; names of routes hold no space, and may hold dots. */
export type RouteClass = 'judged' | 'optional' | 'open';

export function classOf({ credential }: Route): RouteClass {
  if (credential === 'required') return 'judged';
  return credential === 'none' ? 'open' : credential;
}

/** What the gateway behind decides, where there is one. */
export const elsewhere = 'elsewhere';

/** `GET:example.com/api?` → backend. The last sign stands behind the path, which cannot hold it. */
export function routeEntries(
  view: NativeView,
  isNative: (route: Route) => boolean,
): ReadonlyMap<string, string> {
  const entries = new Map<string, string>();
  for (const { method, host = '*', pathPrefix, route } of routedPlaces(view.routes, isNative)) {
    const to = route === undefined ? elsewhere : `${classOf(route)}.${route.name}`;
    for (const end of prefixEnds(pathPrefix))
      entries.set(`${method}:${host}${pathPrefix}${end}`, to);
  }
  return entries;
}

/** Whole segments: `/api` holds `/api` and `/api/x`, never `/apix`. */
function prefixEnds(pathPrefix: string): readonly string[] {
  return pathPrefix.endsWith('/') ? [''] : ['?', '/'];
}

/** `example.com/api?` → methods that some route there takes, where it takes not all. */
export function allowEntries({ routes }: Pick<NativeView, 'routes'>): ReadonlyMap<string, string> {
  const entries = new Map<string, string>();
  for (const { match } of routes) {
    const { host, pathPrefix } = match;
    const methods = routes
      .filter((other) => other.match.host === undefined || other.match.host === host)
      .filter((other) => isUnder(pathPrefix, other.match.pathPrefix))
      .flatMap((other) => other.match.methods ?? []);
    if (methods.length === 0) continue;
    const allow = [...new Set(methods)].join(',');
    for (const end of prefixEnds(pathPrefix))
      entries.set(`${host ?? '*'}${pathPrefix}${end}`, allow);
  }
  return entries;
}

function isUnder(path: string, prefix: string): boolean {
  if (!path.startsWith(prefix)) return false;
  return prefix.endsWith('/') || path.length === prefix.length || path[prefix.length] === '/';
}

export function keyEntries(view: NativeView): ReadonlyMap<string, string> {
  const keys = view.keys.filter(isNativeKey);
  return new Map(keys.map((key) => [key.header, keyName(view, key)]));
}

/** Larger than any position, and than any moment. */
const allOfIt = 2 ** 53 - 1;

/** One look-up that a revocation changes. */
export interface RevokedEntry {
  readonly map: MapName;
  readonly key: string;
  readonly value: number;
}

/**
 * What a revocation is in the maps. Nothing, where no token that is judged here can belong to it.
 */
export function revokedEntries(view: NativeView, entry: RevocationEntry): readonly RevokedEntry[] {
  const { target, before, position } = entry;
  const value = before ?? position;
  const mapOf = (kind: RevocableKind): MapName =>
    before === undefined ? `revoked-${kind}` : `before-${kind}`;
  const one = (kind: RevocableKind, key: string): readonly RevokedEntry[] =>
    isMapKey(key) ? [{ map: mapOf(kind), key, value }] : [];
  switch (target.kind) {
    case 'token':
    case 'family':
    case 'client':
    case 'user':
      return one(target.kind, target.id);
    case 'holder':
      return one('holder', holderKey(target.id));
    case 'signing_key': {
      const key = view.keys.find(({ kid }) => kid === target.id);
      return key === undefined ? [] : one('key', keyName(view, key));
    }
    case 'tenant':
      if (target.id !== view.tenant) return [];
      return view.keys.flatMap((key) => one('key', keyName(view, key)));
    case 'key':
    case 'sub_key':
      return [];
  }
}

/** The parts of a holder, with a sign between that no id judged here has. */
function holderKey(id: string): string {
  const space = id.indexOf(' ');
  const clientId = decodeURIComponent(id.slice(0, space));
  return `${clientId}%${typedSubject(clientId, id.slice(space + 1))}`;
}

function isMapKey(key: string): boolean {
  return key.split('%').every((part) => nativeId.test(part));
}

/** All that a map holds of revocations: the farthest of each target. */
export function revocationMaps(
  view: NativeView,
  revocations: Iterable<RevocationEntry>,
): ReadonlyMap<MapName, ReadonlyMap<string, string>> {
  const maps = new Map<MapName, Map<string, string>>();
  const put = ({ map, key, value }: RevokedEntry): void => {
    const entries = maps.get(map) ?? new Map<string, string>();
    maps.set(map, entries);
    entries.set(key, String(Math.max(value, Number(entries.get(key) ?? 0))));
  };
  for (const entry of revocations) for (const one of revokedEntries(view, entry)) put(one);
  if (view.isDisabled) {
    for (const key of view.keys) {
      put({ map: 'revoked-key', key: keyName(view, key), value: allOfIt });
    }
  }
  return maps;
}
