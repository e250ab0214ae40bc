/**
 * The frontend: route, token, lease, revocations. A good token that was seen before passes by the
 * first two rules of the verdict; everything else is looked at more closely below them. What must
 * never happen: a rule below that lets pass what a rule above could not decide, so each condition
 * to pass is one that holds, and none is one that is merely not broken.
 */
import { limits } from '@mintmark/core';
import type { NativeView } from '../native-view.ts';
import { claim, readClaims } from './claims.ts';
import { elsewhere, isNativeKey } from './maps.ts';
import { normalTarget, tokenInQuery } from './paths.ts';
import { acl, request, section, set } from './rules.ts';
import {
  type HaproxySettings,
  keyFile,
  leaseKey,
  leaseTable,
  type MapName,
  mapFile,
  type RevocableKind,
  revocableKinds,
} from './settings.ts';
import { word } from './words.ts';

export interface FrontendInput {
  readonly view: NativeView;
  readonly settings: HaproxySettings;
  /** Routes that go on without news, by how long. */
  readonly continuing: ReadonlyMap<number, readonly string[]>;
  /** Until when a new process goes by the news of the one before it, milliseconds since 1970. */
  readonly startedWithNewsUntilMs: number;
}

export function frontend(input: FrontendInput): string {
  const { certificate, listen } = input.settings;
  const tls = certificate === undefined ? '' : ` ssl crt ${word(certificate)} alpn h2,http/1.1`;
  return section('frontend mintmark', [
    `bind ${listen}${tls}`,
    ...routing(input),
    ...reading(input),
    ...standing(input),
    ...passing(),
    ...notJudgedHere(input),
    ...seenForTheFirstTime(input),
    ...judgedAnew(input),
    ...sending(input),
  ]);
}

/**
 * A name or address, and a port: a slash in it would move the border between host and path. The
 * whole of the field, which `req.hdr` would part at commas: one good part would speak for another.
 */
const normalPort =
  '[0-9]{1,4}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]';
const normalHost =
  '^(?:[a-z0-9][a-z0-9_-]*(?:[.][a-z0-9_-]+)*[.]?|[[][0-9a-f:.]{2,45}\\])' +
  `(?::(?:${normalPort}))?$`;

function routing({ view, settings }: FrontendInput): readonly string[] {
  const ifPath = 'if { var(txn.path) -m found }';
  const ifNone = '!{ var(txn.route) -m found }';
  const byRoute = `concat(,txn.path,?),map_beg(${mapFile(settings, 'routes')})`;
  const hosted = [
    // Without port and final dot, as routes name it.
    set('host', `'req.fhdr(host),lower,regsub("[.]?(:[0-9]+)?$","")'`),
    set('route', `method,concat(:,txn.host),${byRoute}`, ifPath),
  ];
  const isHosted = view.routes.some(({ match }) => match.host !== undefined);
  return [
    '',
    '# Route: the longest prefix for this method and host. Only a path in its one normal form has',
    '# any, so that what is judged is what the upstream serves.',
    acl('normal_target', `pathq -m reg ${word(normalTarget())}`),
    acl('normal_host', `req.fhdr(host) -m reg -i ${word(normalHost)}`),
    set('path', 'path', 'if normal_target normal_host'),
    ...(isHosted ? hosted : []),
    set('route', `method,concat(:*),${byRoute}`, isHosted ? `${ifPath} ${ifNone}` : ifPath),
  ];
}

function reading({ view, settings }: FrontendInput): readonly string[] {
  const headers = new Set(view.keys.filter(isNativeKey).map(({ header }) => header.length));
  const [length] = headers;
  // A part of known length need not be looked for; the header of another key is no key's then.
  const isKnown = headers.size === 1 && length !== undefined;
  const header = isKnown ? `bytes(0,${length})` : 'field(1,.)';
  const payload = isKnown ? `bytes(${length + 1}),regsub("[.].*","")` : 'field(2,.)';
  const claims = `var(txn.token),${payload},ub64dec,${readClaims(view)}`;
  return [
    '',
    '# Token: its first part names type, algorithm and key at once. It is remembered by the digest',
    '# of all of it, in this set of keys.',
    set('token', 'http_auth_bearer'),
    set('key', `var(txn.token),${header},map_str(${mapFile(settings, 'keys')})`),
    set('digest', 'var(txn.token),sha2(256),hex,concat(.,txn.key)'),
    '# Claims, in the one form in which the authority writes them: exp iat pos sub client jti',
    '# family aud scopes.',
    set('claims', word(claims)),
    set('pos', `'${claim('pos')},add(0)'`),
    set('client', `'${claim('client')}'`),
    '# A client that acts for itself is not taken for a person of the same name.',
    set('subject', `'${claim('sub')}'`),
    set(
      'subject',
      'str(client:),concat(,txn.client)',
      'if { var(txn.subject),strcmp(txn.client) eq 0 }',
    ),
    set('now', 'date'),
  ];
}

/** What a look-up of a kind is made of. */
const subjects: Readonly<Record<RevocableKind, string>> = {
  token: claim('jti'),
  family: claim('family'),
  client: 'var(txn.client)',
  user: 'var(txn.subject)',
  holder: 'var(txn.client),concat(%,txn.subject)',
  key: 'var(txn.key)',
};

/** Positive: where any part of it is missing or no number, it does not hold. */
function notRevoked(
  settings: HaproxySettings,
  by: 'revoked' | 'before',
  of: 'pos' | 'iat',
): readonly string[] {
  return revocableKinds.map((kind) => {
    const map: MapName = `${by}-${kind}`;
    const found = `map_str_int(${mapFile(settings, map)},0),sub(txn.${of})`;
    return acl(`${kind}_not_${by}`, `'${subjects[kind]},${found}' le 0`);
  });
}

const stands = revocableKinds.map((kind) => `${kind}_not_revoked`).join(' ');
const standsByDate = revocableKinds.map((kind) => `${kind}_not_before`).join(' ');
const presented = '!other_fields !event_stream !token_in_query';

/** Names of header fields, each once for each time that it stands there. */
const otherFields =
  '(?:^|:)(?:x-api-key|dpop|upgrade)(?::|$)|(?:^|:)authorization:(?:.*:)?authorization(?::|$)';

function standing({ settings }: FrontendInput): readonly string[] {
  return [
    '',
    '# What must hold of every request, however often its token was seen.',
    '# No other credential and no second one; and no stream, which would have to be judged again.',
    acl('other_fields', `req.hdr_names(:) -m reg ${word(otherFields)}`),
    acl('event_stream', 'req.fhdr(accept) -m sub text/event-stream'),
    acl('token_in_query', `query -m reg -i ${word(tokenInQuery(settings.prefix))}`),
    '# 1: there are news of revocations. 2: and some go by dates, for which the closer look is.',
    acl('news', `str(${leaseKey}),table_gpt0(${leaseTable(0)}) eq 1`),
    acl('not_expired', `'${claim('exp')},sub(txn.now)' gt 0`),
    acl('begun', `'${claim('iat')},sub(txn.now)' le ${limits.clockSkewSeconds}`),
    ...notRevoked(settings, 'revoked', 'pos'),
  ];
}

function passing(): readonly string[] {
  const seen = '{ var(txn.digest),in_table(seen) -m bool }';
  return [
    '',
    '# The verdict on what was seen before.',
    set('passed', 'bool(true)', `if ${seen} ${presented} news not_expired begun ${stands}`),
    request('allow', 'if { var(txn.passed) -m found }'),
  ];
}

/** Once it is known why not. */
const decided = request('allow', 'if { var(txn.why) -m found }');

function notJudgedHere(input: FrontendInput): readonly string[] {
  const ours = '!other_fields !event_stream { var(txn.key) -m found }';
  const inForm = '{ var(txn.claims) -m reg ^[0-9] }';
  const nobody = '!{ req.hdr_names(:) -m reg (?:^|:)(?:authorization|x-api-key|dpop)(?::|$) }';
  return [
    '',
    '# A closer look: who comes without a token, or with what is judged elsewhere.',
    set('why', 'str(query)', 'if token_in_query'),
    set('why', 'str(nobody)', `if !token_in_query ${nobody}`),
    set('why', `str(${elsewhere})`, `unless { var(txn.why) -m found } || ${ours} ${inForm}`),
    decided,
    '# No news of revocations for too long, but where a route goes on without.',
    set('why', 'str(stale)', `unless ${newsOf(input).join(' || ')}`),
    decided,
  ];
}

/** Any of them is enough. */
function newsOf({ continuing, startedWithNewsUntilMs }: FrontendInput): readonly string[] {
  const said = (seconds: number): string =>
    `{ str(${leaseKey}),table_gpt0(${leaseTable(seconds)}) gt 0 }`;
  return [
    said(0),
    ...[...continuing].map(
      ([seconds, routes]) => `${said(seconds)} { var(txn.route) -m str ${routes.join(' ')} }`,
    ),
    // By the clock of the wall, so only just after a start.
    `{ date(0,ms),sub(${startedWithNewsUntilMs}) lt 0 }`,
  ];
}

const strictToken = '^[A-Za-z0-9_-]+[.][A-Za-z0-9_-]+[.][A-Za-z0-9_-]+$';

function seenForTheFirstTime({ view, settings }: FrontendInput): readonly string[] {
  const address = 'src,ipmask(32,64)';
  const guesses = `{ ${address},table_gpc0_rate(failures) ge ${limits.failureBudgetPerMinute} }`;
  const verified = view.keys.filter(isNativeKey).map(({ kid, algorithm }) => {
    const verify = `var(txn.token),jwt_verify(${algorithm},${keyFile(settings, kid)})`;
    return set('signed', verify, `if !seen strict_token { var(txn.key) -m end .${kid} }`);
  });
  return [
    '# Time, then the signature: guesses cost the guesser his own budget. Only what was verified',
    '# is remembered, and nothing of it but that.',
    set('why', 'str(invalid)', 'unless not_expired begun'),
    decided,
    set('seen', 'var(txn.digest),in_table(seen)'),
    acl('seen', 'var(txn.seen) -m bool'),
    set('why', 'str(guessing)', `if !seen ${guesses}`),
    decided,
    acl('strict_token', `var(txn.token) -m reg ${word(strictToken)}`),
    ...verified,
    acl('signed', 'var(txn.signed) -m int 1'),
    request(`track-sc0 ${address} table failures`, 'if !seen !signed'),
    request('sc-inc-gpc0(0)', 'if !seen !signed'),
    set('why', 'str(invalid)', 'if !seen !signed'),
    decided,
    request('track-sc0 var(txn.digest) table seen', 'if !seen signed'),
  ];
}

function judgedAnew({ settings }: FrontendInput): readonly string[] {
  const life = `'${claim('exp')},sub(txn.iat)'`;
  return [
    '# Revocations by position and by date, which are kept as long as the longest-lived token that',
    '# they could touch.',
    set('iat', `'${claim('iat')},add(0)'`),
    acl('lives_as_long', `${life} le ${limits.accessTokenTtlSecondsMax}`),
    ...notRevoked(settings, 'before', 'iat'),
    set('passed', 'bool(true)', `if ${presented} lives_as_long ${stands} ${standsByDate}`),
    set('why', 'str(invalid)', 'unless { var(txn.passed) -m found }'),
  ];
}

function sending({ settings }: FrontendInput): readonly string[] {
  const rest = settings.chain === undefined ? 'unrouted' : elsewhere;
  const byRoute = '%[var(txn.route)]';
  const renamed = (from: string, to: string): string =>
    `'%[var(txn.route),regsub("^${from}","${to}")]'`;
  const anybody = '{ var(txn.route) -m beg optional. } { var(txn.why) -m str nobody }';
  const away = `use_backend ${elsewhere} if { var(txn.why) -m str ${elsewhere} }`;
  return [
    '',
    '# Where to: a backend has the name that the map of routes gives it.',
    `use_backend ${byRoute} if { var(txn.passed) -m found } { var(txn.route) -m found }`,
    `use_backend ${rest} unless { var(txn.route) -m found }`,
    `use_backend ${elsewhere} if { var(txn.route) -m str ${elsewhere} }`,
    `use_backend ${byRoute} if { var(txn.route) -m beg static. }`,
    `use_backend ${byRoute} if { var(txn.route) -m beg open. } !token_in_query`,
    `use_backend ${renamed('optional', 'open')} if ${anybody}`,
    ...(settings.chain === undefined ? [] : [away]),
    `use_backend ${renamed('(judged|optional|open)', 'refuse')}`,
    // A backend that is not there: nothing passes by.
    `default_backend ${rest}`,
  ];
}
