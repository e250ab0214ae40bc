/**
 * A whole configuration for HAProxy 2.6, written anew from a view of the feed: text, public keys
 * and maps. It is a pure function of what it is given, so whoever keeps it knows by comparing
 * whether HAProxy has to be told.
 */
import { hash } from 'node:crypto';
import type { RevocationEntry, Route } from '@mintmark/core';
import { chainReason, type NativeAbilities } from '../native-routes.ts';
import type { NativeView } from '../native-view.ts';
import { type BackendParts, routeBackends } from './backends.ts';
import { frontend } from './frontend.ts';
import { limitProblem, limitTables } from './limit-rules.ts';
import {
  allowEntries,
  elsewhere,
  isNativeKey,
  keyEntries,
  revocationMaps,
  routeEntries,
} from './maps.ts';
import { section } from './rules.ts';
import {
  type HaproxySettings,
  keyFile,
  leaseMs,
  leaseTable,
  limitEntriesMax,
  type MapName,
  mapFile,
  mapNames,
  seenMax,
  seenSeconds,
} from './settings.ts';
import { refusals, resourceMetadata, routeNotes } from './static-answers.ts';
import { word } from './words.ts';

export interface HaproxyConfig {
  /** Of `haproxy.cfg`. */
  readonly text: string;
  /** Names it, whenever it was written; a running HAProxy says it. */
  readonly id: string;
  /** PEM by file. */
  readonly keys: ReadonlyMap<string, string>;
  /** Every map, also the empty ones: HAProxy opens all of them. */
  readonly maps: ReadonlyMap<MapName, ReadonlyMap<string, string>>;
  /** Seconds for which routes go on without news: each has a table of its own. */
  readonly continuing: readonly number[];
  /** Why a route is not judged by HAProxy; by name. */
  readonly elsewhere: ReadonlyMap<string, string>;
}

export interface HaproxyInput {
  readonly view: NativeView;
  readonly revocations: Iterable<RevocationEntry>;
  readonly settings: HaproxySettings;
  /**
   * A new process goes by the news of the one before it until then, milliseconds since 1970; 0: it
   * has none, and refuses until it is told.
   */
  readonly startedWithNewsUntilMs: number;
}

const abilities: NativeAbilities = { limitProblem, staleness: true };

/** Text, keys and maps of one view. */
export function haproxyConfig(input: HaproxyInput): HaproxyConfig {
  const { view, settings, startedWithNewsUntilMs } = input;
  const notes = new Map(
    view.routes.map((route) => [route, chainReason(route, { view, abilities })] as const),
  );
  const native = view.routes.filter((route) => notes.get(route) === undefined);
  const scheme = settings.certificate === undefined ? 'http' : 'https';
  const parts: BackendParts = {
    ...{ settings, scheme, tenant: view.tenant, audience: view.issuer },
    takesProofs: settings.chain !== undefined,
  };
  const metadata = resourceMetadata(view, parts);
  const continuing = continuingOf(native);
  const sections = (id: string, newsUntilMs: number): readonly string[] => [
    head(view, notes),
    globals(settings, id),
    ...tables([...continuing.keys()]),
    ...native.flatMap((route) => limitTables(route, limitEntriesMax)),
    frontend({ view, settings, continuing, startedWithNewsUntilMs: newsUntilMs }),
    ...native.flatMap((route) => routeBackends(route, parts)),
    ...metadata.sections,
    ...(settings.chain === undefined ? refusals(settings, parts) : [chain(settings.chain, parts)]),
  ];
  const routes = routeEntries(view, (route) => notes.get(route) === undefined);
  const found = new Map<MapName, ReadonlyMap<string, string>>([
    ['keys', keyEntries(view)],
    ['routes', new Map([...routes, ...metadata.entries])],
    ['allow', allowEntries(view)],
    ...revocationMaps(view, input.revocations),
  ]);
  // Routes are not moved about under requests: where they change, another process takes over.
  const identity = [...sections('', 0), ...[...routes, ...metadata.entries].flat()];
  const id = hash('sha256', identity.join('\n')).slice(0, 16);
  return {
    text: `${sections(id, startedWithNewsUntilMs).join('\n\n')}\n`,
    id,
    keys: new Map(
      view.keys.filter(isNativeKey).map(({ kid, pem }) => [keyFile(settings, kid), pem]),
    ),
    maps: new Map(mapNames.map((name) => [name, found.get(name) ?? new Map()])),
    continuing: [...continuing.keys()],
    elsewhere: new Map(
      [...notes].flatMap(([{ name }, reason]) => (reason === undefined ? [] : [[name, reason]])),
    ),
  };
}

/** The text of each map, by file. */
export function haproxyMaps(
  settings: Pick<HaproxySettings, 'folder'>,
  { maps }: Pick<HaproxyConfig, 'maps'>,
): ReadonlyMap<string, string> {
  return new Map(
    [...maps].map(([name, entries]) => [
      mapFile(settings, name),
      [...entries].map(([key, value]) => `${key} ${value}\n`).join(''),
    ]),
  );
}

function continuingOf(routes: readonly Route[]): ReadonlyMap<number, readonly string[]> {
  const bySeconds = new Map<number, string[]>();
  for (const { name, credential, onStale } of routes) {
    if (onStale.kind !== 'continue' || credential === 'none') continue;
    const to = `${credential === 'optional' ? 'optional' : 'judged'}.${name}`;
    bySeconds.set(onStale.seconds, [...(bySeconds.get(onStale.seconds) ?? []), to]);
  }
  return bySeconds;
}

function head(view: NativeView, notes: ReadonlyMap<Route, string | undefined>): string {
  return [
    '# Written by "mintmark proxy-config haproxy": it is written anew, so change routes instead.',
    `# Tenant ${view.tenant} of ${view.issuer}. Routes:`,
    ...routeNotes(notes),
    ...view.unreadableRoutes.map((name) => `#   ${name}: cannot be read, and takes nobody`),
  ].join('\n');
}

function globals({ runtimeSocket, threads }: HaproxySettings, id: string): string {
  return [
    section('global', [
      `description mintmark ${id}`,
      ...(threads === undefined ? [] : [`nbthread ${threads}`]),
      '# Whoever may write here may do everything, forge a verdict among it.',
      `stats socket ${word(runtimeSocket)} mode 600 level admin expose-fd listeners`,
      '# A cache of look-ups costs more than the look-ups of these patterns.',
      'tune.pattern.cache-size 0',
      'hard-stop-after 30m',
    ]),
    section('defaults', [
      'mode http',
      'timeout connect 5s',
      'timeout client 60s',
      'timeout server 60s',
      'timeout http-request 10s',
      'timeout http-keep-alive 60s',
      'timeout queue 5s',
      'http-reuse always',
      'retries 1',
      'default-server init-addr last,libc,none',
    ]),
  ].join('\n\n');
}

function tables(continuing: readonly number[]): readonly string[] {
  const lease = (seconds: number): string =>
    section(`backend ${leaseTable(seconds)}`, [
      `stick-table type string len 8 size 1 expire ${seconds * 1000 + leaseMs}ms store gpt0`,
    ]);
  return [
    '# News of revocations: an entry that goes away by itself where nobody says it again.',
    lease(0),
    ...continuing.map(lease),
    '# Verified signatures, by the digest of the token. Never to be shared with peers.',
    section('backend seen', [
      `stick-table type string len 128 size ${seenMax} expire ${seenSeconds}s`,
    ]),
    section('backend failures', [
      'stick-table type ipv6 size 50000 expire 60s store gpc0,gpc0_rate(60s)',
    ]),
  ];
}

/** The gateway says who the client is by what its trusted proxy, this one, tells it. */
function chain(gateway: string, { scheme }: Pick<BackendParts, 'scheme'>): string {
  return section(`backend ${elsewhere}`, [
    "http-request del-header '^(?:x[^a-z0-9]forwarded[^a-z0-9].*|forwarded)$' -m reg",
    'http-request set-header x-forwarded-for %ci',
    `http-request set-header x-forwarded-proto ${scheme}`,
    '# Streams last as long as the gateway lets them.',
    'timeout server 1h',
    'timeout tunnel 1h',
    `server gateway ${gateway}`,
  ]);
}
