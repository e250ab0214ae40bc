/**
 * What a route changes of requests and answers on their way: headers, by values that may name the
 * caller, and the path. Nothing by which the gateway itself speaks can be set here, and a path is
 * put together from whole segments, so that no value becomes a `..` or another segment.
 */
import { limits } from '../limits.ts';
import { ok, type Result } from '../result.ts';
import { isHopByHop, isReservedFieldName } from './field-names.ts';
import { type Members, missing, type RouteRefusal, readObject, refuse } from './route-refusal.ts';

export interface RouteRewrites {
  readonly requestHeaders: HeaderChanges | undefined;
  /** Of the upstream's answers; what the gateway answers itself stays as it is. */
  readonly responseHeaders: HeaderChanges | undefined;
  readonly path: PathRewrite | undefined;
}

/** In this order. Names are in lower case. */
export interface HeaderChanges {
  readonly remove: readonly string[];
  /** In place of every field of the name. */
  readonly set: readonly HeaderValue[];
  /** Beside those that are there. */
  readonly add: readonly HeaderValue[];
}

export interface HeaderValue {
  readonly name: string;
  readonly parts: readonly TemplatePart[];
}

export const callerFacts = ['subject', 'client', 'tenant', 'credential', 'scopes', 'plan'] as const;
export type CallerFact = (typeof callerFacts)[number];

/** Text, or what stands in for it once the caller is known. */
export type TemplatePart = string | { readonly fact: CallerFact } | { readonly claim: string };

export type PathRewrite =
  /** Takes the place of `match.path_prefix`; `/…` without a final slash, or empty. */
  | { readonly kind: 'prefix'; readonly to: string }
  /** The first that fits; where none does, the path stays as it is. */
  | { readonly kind: 'patterns'; readonly patterns: readonly PathPattern[] };

export interface PathPattern {
  readonly from: readonly PathSegment[];
  readonly to: readonly PathSegment[];
}

/** `rest`: one segment or more, as far as the path goes; only at the end. */
export type PathSegment = string | { readonly name: string; readonly rest: boolean };

type Parsed<T> = Result<T, RouteRefusal>;
type Direction = 'request' | 'response';

/** @returns undefined where the route changes nothing */
export function readRewrites(wire: Members): Parsed<RouteRewrites | undefined> {
  const requestHeaders = readChanges(wire['request_headers'], 'request');
  if (!requestHeaders.ok) return requestHeaders;
  const responseHeaders = readChanges(wire['response_headers'], 'response');
  if (!responseHeaders.ok) return responseHeaders;
  const path = readPathRewrite(wire['rewrite_path']);
  if (!path.ok) return path;
  if (path.value !== undefined && wire['strip_prefix'] === true) {
    return refuse('malformed', '/rewrite_path', 'a path is rewritten, or loses its prefix');
  }
  const read = [requestHeaders.value, responseHeaders.value, path.value];
  if (read.every((one) => one === undefined)) return ok(undefined);
  return ok({
    requestHeaders: requestHeaders.value,
    responseHeaders: responseHeaders.value,
    path: path.value,
  });
}

function readChanges(value: unknown, direction: Direction): Parsed<HeaderChanges | undefined> {
  if (value === undefined) return ok(undefined);
  const path = `/${direction}_headers`;
  const members = readObject(value, path, ['set', 'add', 'remove']);
  if (!members.ok) return members;
  const set = readValues(members.value['set'], { path: `${path}/set`, direction, is: 'set' });
  if (!set.ok) return set;
  const add = readValues(members.value['add'], { path: `${path}/add`, direction, is: 'add' });
  if (!add.ok) return add;
  const remove = readRemoved(members.value['remove'], `${path}/remove`, direction);
  if (!remove.ok) return remove;
  return ok({ set: set.value, add: add.value, remove: remove.value });
}

type Change = 'set' | 'add' | 'remove';

interface Place {
  readonly path: string;
  readonly direction: Direction;
  readonly is: Change;
}

function readValues(value: unknown, place: Place): Parsed<readonly HeaderValue[]> {
  if (value === undefined) return ok([]);
  const { path } = place;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return refuse('malformed', path, 'this is an object of names and values');
  }
  const entries = Object.entries(value);
  if (entries.length > limits.headerChangesMax) {
    return refuse('malformed', path, `this names at most ${limits.headerChangesMax}`);
  }
  const read: HeaderValue[] = [];
  for (const [key, said] of entries) {
    const name = readName(key, place);
    if (!name.ok) return name;
    const parts = readTemplate(said, `${path}/${name.value}`);
    if (!parts.ok) return parts;
    if (read.some((other) => other.name === name.value)) {
      return refuse('malformed', `${path}/${name.value}`, 'this header is named twice');
    }
    read.push({ name: name.value, parts: parts.value });
  }
  return ok(read);
}

function readRemoved(
  value: unknown,
  path: string,
  direction: Direction,
): Parsed<readonly string[]> {
  if (value === undefined) return ok([]);
  if (!Array.isArray(value) || value.length > limits.headerChangesMax) {
    return refuse('malformed', path, `this is a list of at most ${limits.headerChangesMax} names`);
  }
  const read: string[] = [];
  for (const [index, one] of value.entries()) {
    const at = `${path}/${index}`;
    const name = readName(one, { path: at, direction, is: 'remove' });
    if (!name.ok) return refuse('malformed', at, name.refusal.message);
    read.push(name.value);
  }
  return ok(read);
}

function readName(value: unknown, { path, direction, is }: Place): Parsed<string> {
  const name = typeof value === 'string' ? value.toLowerCase() : '';
  if (!/^[a-z0-9-]{1,64}$/.test(name)) {
    return refuse('malformed', path, 'a header is named by letters, digits and -, at most 64');
  }
  const isOurs = direction === 'request' ? isOwnOfRequests(name) : isOwnOfAnswers(name, is);
  return isOurs ? refuse('malformed', `${path}/${name}`, 'this header is the gateway’s') : ok(name);
}

/** Said by the gateway, or about how the body travels. */
function isOwnOfRequests(name: string): boolean {
  if (isHopByHop(name) || isReservedFieldName(name)) return true;
  return name === 'content-encoding' || name.startsWith('sec-websocket-');
}

const ownOfAnswers: ReadonlySet<string> = new Set([
  'authentication-info',
  'content-encoding',
  'content-length',
  'content-range',
  'date',
  'dpop-nonce',
  'retry-after',
  'sec-websocket-accept',
  'via',
  'www-authenticate',
]);
const ownPrefixesOfAnswers = ['access-control-', 'mintmark-', 'ratelimit', 'x-mintmark-'];

function isOwnOfAnswers(name: string, is: Change): boolean {
  if (isHopByHop(name) || ownOfAnswers.has(name)) return true;
  if (ownPrefixesOfAnswers.some((prefix) => name.startsWith(prefix))) return true;
  // What an answer depends on can only become more; a cookie is the upstream's to give.
  if (name === 'vary') return is !== 'add';
  return name === 'set-cookie' && is !== 'remove';
}

/** Text with `{subject}`, `{claims.department}` and their like in it. */
function readTemplate(value: unknown, path: string): Parsed<readonly TemplatePart[]> {
  const most = limits.headerTemplateCharsMax;
  const isText = typeof value === 'string' && value.length <= most;
  if (!isText || !/^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(value)) {
    return refuse('malformed', path, `a value is visible ASCII, at most ${most} characters`);
  }
  const parts: TemplatePart[] = [];
  for (const [index, piece] of value.split(/[{}]/).entries()) {
    // Even pieces stand outside of braces, odd ones within.
    if (index % 2 === 0) {
      if (piece !== '') parts.push(piece);
      continue;
    }
    const part = readPlaceholder(piece);
    if (part === undefined) {
      const known = [...callerFacts, 'claims.NAME'].map((one) => `{${one}}`).join(', ');
      return refuse('malformed', path, `braces hold one of ${known}`);
    }
    parts.push(part);
  }
  const isPaired = /^[^{}]*(?:\{[^{}]*\}[^{}]*)*$/.test(value);
  return isPaired ? ok(parts) : refuse('malformed', path, 'each { has its }');
}

function readPlaceholder(text: string): TemplatePart | undefined {
  const fact = callerFacts.find((one) => one === text);
  if (fact !== undefined) return { fact };
  const claim = /^claims\.([\x21-\x7e]{1,128})$/.exec(text)?.[1];
  return claim === undefined ? undefined : { claim };
}

function readPathRewrite(value: unknown): Parsed<PathRewrite | undefined> {
  const path = '/rewrite_path';
  if (value === undefined) return ok(undefined);
  if (!Array.isArray(value)) {
    const members = readObject(value, path, ['prefix']);
    if (!members.ok) return members;
    const { prefix } = members.value;
    if (prefix === undefined) return missing(`${path}/prefix`);
    const segments = readSegments(prefix, `${path}/prefix`);
    if (!segments.ok) return segments;
    if (segments.value.some((one) => typeof one !== 'string')) {
      return refuse('malformed', `${path}/prefix`, 'a prefix holds no braces');
    }
    return ok({ kind: 'prefix', to: String(prefix).replace(/\/$/, '') });
  }
  const most = limits.pathPatternsMax;
  if (value.length === 0 || value.length > most) {
    return refuse('malformed', path, `this is {prefix: …}, or 1 to ${most} of {from, to}`);
  }
  const patterns: PathPattern[] = [];
  for (const [index, one] of value.entries()) {
    const pattern = readPattern(one, `${path}/${index}`);
    if (!pattern.ok) return pattern;
    patterns.push(pattern.value);
  }
  return ok({ kind: 'patterns', patterns });
}

function readPattern(value: unknown, path: string): Parsed<PathPattern> {
  const members = readObject(value, path, ['from', 'to']);
  if (!members.ok) return members;
  const from = readSegments(members.value['from'], `${path}/from`);
  if (!from.ok) return from;
  const to = readSegments(members.value['to'], `${path}/to`);
  if (!to.ok) return to;
  const known = namesOf(from.value);
  if (new Set(known).size < known.length) {
    return refuse('malformed', `${path}/from`, 'each name stands once');
  }
  const isSame = (one: PathSegment) =>
    typeof one === 'string' ||
    from.value.some((of) => typeof of !== 'string' && of.name === one.name && of.rest === one.rest);
  if (!to.value.every(isSame)) {
    return refuse('malformed', `${path}/to`, 'this names what stands in from, as it stands there');
  }
  return ok({ from: from.value, to: to.value });
}

function namesOf(segments: readonly PathSegment[]): readonly string[] {
  return segments.flatMap((one) => (typeof one === 'string' ? [] : [one.name]));
}

/** A final slash is a last segment that is empty. */
function readSegments(value: unknown, path: string): Parsed<readonly PathSegment[]> {
  if (value === undefined) return missing(path);
  const text = typeof value === 'string' && value.length <= limits.routePathCharsMax ? value : '';
  if (!text.startsWith('/')) return refuse('malformed', path, 'a path begins with /');
  const pieces = text.slice(1).split('/');
  const segments: PathSegment[] = [];
  for (const [index, piece] of pieces.entries()) {
    const isLast = index === pieces.length - 1;
    const named = /^\{([a-z][a-z0-9_]{0,31})(\.\.\.)?\}$/.exec(piece);
    const rest = named?.[2] !== undefined;
    const isPlain = /^[A-Za-z0-9._~!$&'()*+,=:@-]+$/.test(piece) && !/^\.{1,2}$/.test(piece);
    if (rest ? !isLast : named === null && !isPlain && !(piece === '' && isLast)) {
      const rule = 'a segment is plain text without %, ; and dots alone, {name}, or at the end';
      return refuse('malformed', path, `${rule} {name...}; names are in lower case`);
    }
    segments.push(named === null ? piece : { name: named[1]!, rest });
  }
  return ok(segments);
}
