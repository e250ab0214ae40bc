/**
 * What HAProxy says for itself beside refusals of routes: where a client may get a token (RFC
 * 9728), and that nothing is here.
 */
import type { Route } from '@mintmark/core';
import { problem, refusalResponse } from '../../refusal.ts';
import { answerResourceMetadata } from '../../routes/resource-metadata.ts';
import { createRouteTable } from '../../routes/route-table.ts';
import type { NativeView } from '../native-view.ts';
import { type AnswerParts, answerRule, authorityMark } from './answers.ts';
import { elsewhere } from './maps.ts';
import { section, set } from './rules.ts';
import { type HaproxySettings, mapFile } from './settings.ts';

export interface StaticAnswers {
  readonly sections: readonly string[];
  /** Beside those of routes, and before them: their paths are longer. */
  readonly entries: ReadonlyMap<string, string>;
}

const wellKnown = '/.well-known/oauth-protected-resource';
const methods = ['GET', 'HEAD', 'OPTIONS'] as const;

/** One backend a resource and method. */
export function resourceMetadata(view: NativeView, parts: AnswerParts): StaticAnswers {
  const table = createRouteTable(view.routes.map((route) => ({ ...route, addresses: undefined })));
  const sections: string[] = [];
  const entries = new Map<string, string>();
  const resources = new Map(
    view.routes
      .filter(({ credential }) => credential !== 'none')
      .map(({ match }) => [JSON.stringify([match.host, match.pathPrefix]), match]),
  );
  for (const { host, pathPrefix } of resources.values()) {
    const path = wellKnown + (pathPrefix === '/' ? '' : pathPrefix);
    for (const method of methods) {
      const answer = answerResourceMetadata(
        {
          path,
          host: host ?? authorityMark,
          scheme: parts.scheme,
          method,
          header: () => undefined,
        },
        { routes: table, issuerOf: () => view.issuer },
      );
      if (answer === undefined) continue;
      const name = `static.${sections.length}`;
      const said = JSON.parse(JSON.stringify(answer).replaceAll(`//${host}`, `//${authorityMark}`));
      sections.push(section(`backend ${name}`, [answerRule(said, parts)]));
      entries.set(`${method}:${host ?? '*'}${path}?`, name);
    }
  }
  return { sections, entries };
}

/** Where nothing judges what HAProxy does not: it says so. */
export function refusals(settings: HaproxySettings, parts: AnswerParts): readonly string[] {
  const absent = refusalResponse({ reason: 'no_route' });
  const other = refusalResponse({ reason: 'method_not_allowed', allow: ['allow'] });
  const path = refusalResponse({ reason: 'bad_path', detail: 'not_a_path' });
  const allow = mapFile(settings, 'allow');
  return [
    section('backend unrouted', [
      `${answerRule(path, parts)} unless { var(txn.path) -m found }`,
      set('allow', `var(txn.host),concat(,txn.path,?),map_beg(${allow})`),
      set(
        'allow',
        `str(*),concat(,txn.path,?),map_beg(${allow})`,
        'unless { var(txn.allow) -m found }',
      ),
      `${answerRule(other, parts, { allow: '%[var(txn.allow)]' })} if { var(txn.allow) -m found }`,
      answerRule(absent, parts),
    ]),
    section(`backend ${elsewhere}`, [answerRule(problem(403, 'not_judged_here'), parts)]),
  ];
}

/** For a comment: routes that HAProxy judges, and why it does not judge others. */
export function routeNotes(notes: ReadonlyMap<Route, string | undefined>): readonly string[] {
  return [...notes].map(([{ name }, reason]) =>
    reason === undefined ? `#   ${name}: judged here` : `#   ${name}: elsewhere, for ${reason}`,
  );
}
