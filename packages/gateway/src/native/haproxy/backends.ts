/**
 * The backends of one route: `judged.‹name›` for a token that the frontend let pass, `open.‹name›`
 * for who needs none, `refuse.‹name›` for the answers to all others. What depends on the route is
 * judged here: audience, scopes, address, limits.
 */
import { type Route, reservedFieldNames } from '@mintmark/core';
import { type AnswerParts, refusalRule } from './answers.ts';
import { audienceIs, claim, hasScopes, scopesText } from './claims.ts';
import { limitRules } from './limit-rules.ts';
import { classOf } from './maps.ts';
import { acl, request, section } from './rules.ts';
import type { HaproxySettings } from './settings.ts';
import { argument, exactly, literal, word } from './words.ts';

export interface BackendParts extends AnswerParts {
  readonly settings: HaproxySettings;
  readonly tenant: string;
  /** Where a route names none. */
  readonly audience: string;
}

/** Whole sections. */
export function routeBackends(route: Route, parts: BackendParts): readonly string[] {
  const kind = classOf(route);
  return [
    ...(kind === 'open' ? [] : [judged(route, parts)]),
    ...(kind === 'judged' ? [] : [open(route, parts)]),
    refuse(route, parts),
  ];
}

function judged(route: Route, parts: BackendParts): string {
  const of = { route, parts };
  const wrong = { reason: 'invalid_credential', detail: 'wrong_audience' } as const;
  const short = { reason: 'insufficient_scope', scopes: route.scopes } as const;
  return section(`backend ${classOf(route)}.${route.name}`, [
    ...addressRules(route, parts),
    `${refusalRule(wrong, of)} unless { ${audienceIs(route.audience ?? parts.audience)} }`,
    ...(route.scopes.length === 0
      ? []
      : [`${refusalRule(short, of)} unless { ${hasScopes(route.scopes)} }`]),
    ...limitRules(route, { who: 'proven', parts }),
    ...forwardRules(route, parts),
    ...(route.identityHeaders ? identityRules(parts) : []),
    // A cache between must not serve one caller's answer to another.
    "http-response add-header vary 'Authorization, X-Api-Key'",
    serverOf(route, parts),
  ]);
}

function open(route: Route, parts: BackendParts): string {
  return section(`backend open.${route.name}`, [
    ...addressRules(route, parts),
    ...limitRules(route, { who: 'anonymous', parts }),
    ...forwardRules(route, parts),
    ...(route.credential === 'none'
      ? []
      : ["http-response add-header vary 'Authorization, X-Api-Key'"]),
    serverOf(route, parts),
  ]);
}

/** Why, as the frontend says it in `txn.why`. */
const whys = {
  query: { reason: 'token_in_query' },
  nobody: { reason: 'no_credential' },
  stale: { reason: 'status_stale' },
  guessing: { reason: 'too_many_failures', retryAfterSeconds: 1 },
} as const;
export type Why = keyof typeof whys | 'invalid' | 'elsewhere';

function refuse(route: Route, parts: BackendParts): string {
  const of = { route, parts };
  const rules = Object.entries(whys).map(
    ([why, refusal]) => `${refusalRule(refusal, of)} if { var(txn.why) -m str ${why} }`,
  );
  const invalid = { reason: 'invalid_credential', detail: 'malformed' } as const;
  return section(`backend refuse.${route.name}`, [...rules, refusalRule(invalid, of)]);
}

function addressRules(route: Route, parts: BackendParts): readonly string[] {
  const { addressRanges } = route;
  if (addressRanges === undefined) return [];
  const rule = refusalRule({ reason: 'address_not_allowed' }, { route, parts });
  return [`acl inside src ${addressRanges.join(' ')}`, `${rule} unless inside`];
}

/** Fields of the client that end here, under every spelling that a server behind might fold. */
export const endingFields: string = endingFieldsPattern();

function endingFieldsPattern(): string {
  const { dropped, droppedPrefixes, hopByHop } = reservedFieldNames;
  const loose = (name: string): string => name.replaceAll('-', '[^a-z0-9]');
  // What HAProxy frames messages with is its own to say; only other spellings of it end here.
  const own = new Set([
    'te',
    'trailer',
    'transfer-encoding',
    'host',
    'content-length',
    'expect',
    'via',
  ]);
  const names = [...dropped, ...hopByHop].map((name) =>
    own.has(name) ? name.replaceAll('-', '[^a-z0-9-]') : loose(name),
  );
  const ends = names.filter((name) => !own.has(name));
  const prefixes = droppedPrefixes.map((prefix) => `${loose(prefix)}.*`);
  return `^(?:${[...ends, ...prefixes].join('|')})$`;
}

function forwardRules(route: Route, { scheme }: BackendParts): readonly string[] {
  const { upstream, match, stripPrefix, preserveHost } = route;
  const { basePath, origin } = upstream;
  const prefix = match.pathPrefix.replace(/\/$/, '');
  const host = '%[req.fhdr(host),lower]';
  const rest = `host="${host}";proto=${scheme}`;
  return [
    request(`del-header ${word(endingFields)} -m reg`),
    // An absolute form would name the client's host above any that is set here (RFC 9112 §3.2.2).
    request('set-uri %[pathq]', 'unless { url -m beg / }'),
    request('add-header x-forwarded-for %ci'),
    request(`add-header x-forwarded-proto ${scheme}`),
    request(`add-header x-forwarded-host ${host}`),
    // RFC 7239 §6: an address of IPv6 stands in brackets, and these in quotes.
    acl('over_ipv4', 'src -m ip 0.0.0.0/0'),
    request(`add-header forwarded 'for="[%ci]";${rest}'`, 'unless over_ipv4'),
    request(`add-header forwarded 'for=%ci;${rest}'`, 'if over_ipv4'),
    request("add-header via '1.1 mintmark'"),
    ...(stripPrefix && prefix !== ''
      ? [request(`set-path ${word(`%[path,regsub(${argument(`^${exactly(prefix)}(/|$)`)},"/")]`)}`)]
      : []),
    ...(basePath === '' ? [] : [request(`set-path ${word(`${literal(basePath)}%[path]`)}`)]),
    ...(preserveHost ? [] : [request(`set-header host ${new URL(origin).host}`)]),
  ];
}

function identityRules({ tenant }: BackendParts): readonly string[] {
  return [
    request('add-header x-mintmark-subject %[var(txn.subject)]'),
    request(`add-header x-mintmark-scopes '%[${scopesText}]'`),
    request(`add-header x-mintmark-credential-id '%[${claim('jti')}]'`),
    request('add-header x-mintmark-credential-kind jwt'),
    request(`add-header x-mintmark-tenant ${tenant}`),
    request('add-header x-mintmark-client %[var(txn.client)]'),
  ];
}

function serverOf({ upstream }: Route, { settings }: BackendParts): string {
  const { protocol, hostname, port } = new URL(upstream.origin);
  const isTls = protocol === 'https:';
  const at = `${hostname}:${port === '' ? (isTls ? 443 : 80) : port}`;
  if (!isTls) return `server upstream ${at}`;
  const authorities = settings.upstreamAuthorities ?? '@system-ca';
  return (
    `server upstream ${at} ssl verify required ca-file ${word(authorities)} ` +
    `sni str(${hostname}) verifyhost ${hostname} alpn http/1.1`
  );
}
