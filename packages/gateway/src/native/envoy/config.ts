/**
 * A whole configuration for Envoy 1.40, written anew from a view of the feed. A pure function of
 * what it is given: whoever keeps it knows by comparing which files are new.
 */
import { hash } from 'node:crypto';
import type { RevocationEntry, Route } from '@mintmark/core';
import { chainReason, type NativeAbilities } from '../native-routes.ts';
import type { NativeView } from '../native-view.ts';
import { envoyBootstrap } from './bootstrap.ts';
import { judgeFilter, newsFilter } from './judge.ts';
import { limitProblem } from './limits.ts';
import { clusterConfigs, routeConfig } from './routes.ts';
import { type EnvoySettings, type PartName, revocationsMax } from './settings.ts';
import { tokenFilter } from './tokens.ts';

export interface EnvoyConfig {
  /** The file that Envoy is started with. */
  readonly bootstrap: string;
  readonly parts: ReadonlyMap<PartName, EnvoyPart>;
  /** Why a route is not judged by Envoy; by name. */
  readonly elsewhere: ReadonlyMap<string, string>;
}

export interface EnvoyPart {
  /** Of the file that Envoy watches. */
  readonly text: string;
  /** Names its content; Envoy says which one it goes by. */
  readonly version: string;
}

export interface EnvoyInput {
  readonly view: NativeView;
  readonly revocations: Iterable<RevocationEntry>;
  readonly settings: EnvoySettings;
}

const abilities: NativeAbilities = {
  limitProblem,
  staleness: true,
};

export function envoyConfig({ view, revocations, settings }: EnvoyInput): EnvoyConfig {
  const known = [...revocations];
  const reasons = new Map(
    view.routes.map((route) => [route, reasonOf(route, view, known.length)] as const),
  );
  const isNative = (route: Route): boolean => reasons.get(route) === undefined;
  const native = view.routes.filter(isNative);
  const judge = judgeFilter({ view, revocations: known, routes: native, prefix: settings.prefix });
  return {
    bootstrap: `${JSON.stringify(envoyBootstrap(settings), null, 2)}\n`,
    parts: new Map<PartName, EnvoyPart>([
      ['clusters', envoyPart(clusterConfigs(native, settings))],
      ['tokens', envoyPart([tokenFilter(view)])],
      ['judge', envoyPart([judge])],
      ['routes', envoyPart([routeConfig(view, isNative)])],
    ]),
    elsewhere: new Map(
      [...reasons].flatMap(([{ name }, reason]) => (reason === undefined ? [] : [[name, reason]])),
    ),
  };
}

/** Until when the judge may go by its view. @param newsUntilMs milliseconds since 1970 */
export function envoyNews(newsUntilMs: number): EnvoyPart {
  return envoyPart([newsFilter(Math.floor(newsUntilMs))]);
}

function reasonOf(route: Route, view: NativeView, revocations: number): string | undefined {
  if (revocations > revocationsMax) return `there are more than ${revocationsMax} revocations`;
  if (route.addressRanges !== undefined) return 'it is for some addresses alone';
  return chainReason(route, { view, abilities });
}

function envoyPart(resources: readonly object[]): EnvoyPart {
  const version = hash('sha256', JSON.stringify(resources)).slice(0, 16);
  return { text: `${JSON.stringify({ version_info: version, resources })}\n`, version };
}
