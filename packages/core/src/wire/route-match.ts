/** Which requests a route takes, and where it sends them. */
import { limits } from '../limits.ts';
import { ok, type Result } from '../result.ts';
import {
  type HeaderCondition,
  readHeaderConditions,
  readTokenCondition,
  type TokenCondition,
} from './route-conditions.ts';
import { missing, type RouteRefusal, readObject, refuse } from './route-refusal.ts';

export interface RouteMatch {
  /** Lower case, without port and final dot; undefined: any. */
  readonly host: string | undefined;
  /** Begins with `/`; matches whole segments. */
  readonly pathPrefix: string;
  /** Undefined: any. */
  readonly methods: readonly string[] | undefined;
  /** All of them hold. */
  readonly headers: readonly HeaderCondition[];
  /** Of the credential, once it is verified; undefined: nothing is asked of it. */
  readonly token: TokenCondition | undefined;
}

export interface RouteUpstream {
  /** Scheme, host and port. */
  readonly origin: string;
  /** Put before the path; empty or `/…` without a final slash. */
  readonly basePath: string;
}

type Parsed<T> = Result<T, RouteRefusal>;

const methodNames = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

export function readMatch(value: unknown): Parsed<RouteMatch> {
  if (value === undefined) return missing('/match');
  const members = readObject(value, '/match', [
    'host',
    'path_prefix',
    'methods',
    'headers',
    'token',
  ]);
  if (!members.ok) return members;
  const host = readHost(members.value['host']);
  if (!host.ok) return host;
  const pathPrefix = readPathPrefix(members.value['path_prefix']);
  if (!pathPrefix.ok) return pathPrefix;
  const methods = readMethods(members.value['methods']);
  if (!methods.ok) return methods;
  const headers = readHeaderConditions(members.value['headers']);
  if (!headers.ok) return headers;
  const token = readTokenCondition(members.value['token']);
  if (!token.ok) return token;
  return ok({
    ...{ host: host.value, pathPrefix: pathPrefix.value, methods: methods.value },
    ...{ headers: headers.value, token: token.value },
  });
}

function readHost(value: unknown): Parsed<string | undefined> {
  if (value === undefined) return ok(undefined);
  const host = typeof value === 'string' ? value.toLowerCase().replace(/\.$/, '') : '';
  if (host.length > 253 || !/^(?:[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?|\[[0-9a-f:.]+\])$/.test(host)) {
    return refuse('malformed', '/match/host', 'a host is a name or address without port');
  }
  return ok(host);
}

function readPathPrefix(value: unknown): Parsed<string> {
  if (value === undefined) return ok('/');
  const form = /^\/$|^(?:\/[A-Za-z0-9._~!$&'()*+,=:@-]+)+\/?$/;
  if (typeof value !== 'string' || value.length > limits.routePathCharsMax || !form.test(value)) {
    const message = 'a path prefix begins with / and holds no %, ; or empty segment';
    return refuse('malformed', '/match/path_prefix', message);
  }
  if (value.split('/').some((segment) => segment === '.' || segment === '..')) {
    return refuse('malformed', '/match/path_prefix', 'a path prefix holds no dot segments');
  }
  return ok(value);
}

function readMethods(value: unknown): Parsed<readonly string[] | undefined> {
  if (value === undefined) return ok(undefined);
  if (!Array.isArray(value) || value.length === 0) {
    return refuse('malformed', '/match/methods', 'methods is a list that is not empty');
  }
  const wrong = value.findIndex((method) => !methodNames.includes(method));
  if (wrong !== -1) {
    const message = `a method is one of ${methodNames.join(', ')}`;
    return refuse('malformed', `/match/methods/${wrong}`, message);
  }
  return ok([...new Set(value as string[])]);
}

export function readUpstream(value: unknown): Parsed<RouteUpstream> {
  if (value === undefined) return missing('/upstream');
  const wrong = (message: string) => refuse('malformed', '/upstream', message);
  const form = /^https?:\/\/[A-Za-z0-9._[\]:-]+(?:\/[A-Za-z0-9._~!$&'()*+,=:@/-]*)?$/;
  if (typeof value !== 'string' || value.length > limits.routePathCharsMax || !form.test(value)) {
    return wrong('an upstream is http:// or https://, host, port and path, and nothing else');
  }
  if (!URL.canParse(value)) return wrong('an upstream is a URL');
  const url = new URL(value);
  // The parser would take away dot segments and empty ones in silence.
  const path = value.replace(/^https?:\/\/[^/]+/, '');
  if (path.includes('//') || url.pathname !== (path === '' ? '/' : path)) {
    return wrong('the path of an upstream holds no dot or empty segments');
  }
  return ok({ origin: url.origin, basePath: path.replace(/\/$/, '') });
}
