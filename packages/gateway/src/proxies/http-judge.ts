/**
 * The judge of proxies that ask by HTTP: `/ext-authz/…` (Envoy), `/auth-request` (nginx),
 * `/forward-auth` (Traefik, Caddy), and `/answers/…` for what a gateway answers by itself. One
 * decision stands behind all of them (`decide/decide.ts`). What must never happen: a word of
 * somebody who is no trusted proxy believed, for then he would choose his own address and path.
 */
import type { HttpRequest, HttpResponse, RangeSet } from '@mintmark/core';
import { type CertificateHeader, certificateOfHeader, type StreamRequest } from '@mintmark/net';
import { problem } from '../refusal.ts';
import { clientBehind, originalRequest } from './original-request.ts';
import { type Judged, type Passed, ruleOf } from './ruling.ts';

export interface JudgeOptions {
  /** Who may ask: the proxies' own addresses. */
  readonly proxies: RangeSet;
  /**
   * What stands before those proxies: further left in `X-Forwarded-For` than the last hop, which is
   * the word of the proxy that asks, only what these say is believed.
   */
  readonly trusted: RangeSet;
  /** Where a proxy puts the certificate of its client, if it does. */
  readonly certificateHeader?: CertificateHeader | undefined;
}

export interface HttpJudge {
  /** @returns undefined where it is no question to the judge, or not of a trusted proxy */
  ask(request: HttpRequest): Promise<HttpResponse> | undefined;
  /** The same for a listener of its own: answers everything. */
  answer(request: HttpRequest): Promise<HttpResponse> | HttpResponse;
}

interface Parts extends JudgeOptions {
  readonly decide: (request: StreamRequest) => Promise<Judged>;
}

export function createHttpJudge(
  { decide }: { readonly decide: (request: StreamRequest) => Promise<Judged> },
  options: JudgeOptions,
): HttpJudge {
  const parts = { ...options, decide };
  const isProxy = ({ peerAddress }: HttpRequest): boolean => options.proxies.contains(peerAddress);
  const ask: HttpJudge['ask'] = (request) => {
    const shape = shapeOf(request.path);
    return shape === undefined || !isProxy(request) ? undefined : judge(parts, shape, request);
  };
  return {
    ask,
    answer: (request) =>
      ask(request) ?? (isProxy(request) ? problem(404, 'not_found') : problem(403, 'not_a_proxy')),
  };
}

/** How one kind of proxy asks, and takes an answer. */
interface Shape {
  /** Method, target and host of the original; undefined where they are missing or doubled. */
  readonly asked: (request: HttpRequest) => Asked | undefined;
  /** Headers of the question that are not the client's. */
  readonly ownHeaders: ReadonlySet<string>;
  /** Whether the proxy sends on the target that we name, and not the one that it got. */
  readonly takesTarget: boolean;
  readonly pass: (passed: Passed) => HttpResponse;
  readonly refuse: (response: HttpResponse) => HttpResponse;
}

interface Asked {
  readonly method: string;
  readonly target: string;
  readonly host: string;
}

async function judge(parts: Parts, shape: Shape, request: HttpRequest): Promise<HttpResponse> {
  const asked = shape.asked(request);
  if (asked === undefined) return shape.refuse(problem(400, 'original_request_missing'));
  const original = originalOf(parts, shape, { request, asked });
  if (!original.ok) return shape.refuse(original.refusal);
  const { path } = original.value;
  // It judges `/a/b`, and the proxy would send `//a//b`, which is another path to some servers.
  if (!shape.takesTarget && path.includes('//')) return shape.refuse(problem(400, 'empty_segment'));
  const ruling = ruleOf(original.value, await parts.decide(original.value), ownSayings);
  return ruling.kind === 'passed' ? shape.pass(ruling) : shape.refuse(ruling.response);
}

function originalOf(
  { trusted, certificateHeader }: Parts,
  shape: Shape,
  { request, asked }: { readonly request: HttpRequest; readonly asked: Asked },
) {
  const { peerAddress, scheme, signal } = request;
  const client = clientBehind({
    peer: { remoteAddress: peerAddress, scheme },
    trusted,
    forwardedFor: request.header('x-forwarded-for'),
    forwardedProto: request.header('x-forwarded-proto'),
  });
  // Never the certificate of the connection: that is the proxy's.
  const certificate =
    certificateHeader &&
    certificateOfHeader(request.header(certificateHeader.name), certificateHeader);
  const headers: string[] = [];
  const { rawHeaders } = request;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!.toLowerCase();
    if (ofTheQuestion.has(name) || shape.ownHeaders.has(name)) continue;
    headers.push(rawHeaders[i]!, rawHeaders[i + 1]!);
  }
  return originalRequest({
    ...asked,
    headers,
    client: { ...client, certificate },
    ...{ peerAddress, signal },
  });
}

/** They speak of the connection between the proxy and us, and of a question without a body. */
const ofTheQuestion: ReadonlySet<string> = new Set([
  ...['host', 'content-length', 'transfer-encoding', 'expect', 'connection', 'keep-alive'],
  ...['upgrade', 'te', 'trailer'],
]);

/** Set by the proxies themselves as their documented configuration has them do it. */
const ownSayings: ReadonlySet<string> = new Set([
  ...['x-forwarded-host', 'x-forwarded-port', 'x-forwarded-server', 'x-forwarded-client-cert'],
  ...['x-real-ip', 'x-envoy-external-address'],
]);

function shapeOf(path: string): Shape | undefined {
  switch (path) {
    case '/auth-request':
      return authRequest;
    case '/forward-auth':
      return forwardAuth;
    default:
      if (path.startsWith('/ext-authz/')) return extAuthz;
      return path.startsWith('/answers/') ? answers : undefined;
  }
}

/**
 * Envoy's ext_authz by HTTP: the original behind a path prefix, its method and its host. 200 lets
 * through, everything else is given to the client; but a 5xx is our failure to Envoy, which answers
 * with its own `status_on_error`.
 */
const extAuthz: Shape = {
  asked: (request) => behindPrefix(request, '/ext-authz'),
  ownHeaders: new Set(),
  takesTarget: false,
  pass: ({ remove, ...passed }) =>
    allow({ remove, ...passed }, { 'x-envoy-auth-headers-to-remove': remove.join(',') }),
  refuse: (response) => (response.status === 200 ? answeredElsewhere : response),
};

/** Traefik's and Caddy's: any 2xx lets through, everything else is given to the client whole. */
const forwardAuth: Shape = {
  asked: (request) => said(request, ['x-forwarded-method', 'x-forwarded-uri', 'x-forwarded-host']),
  ownHeaders: new Set(['x-forwarded-method', 'x-forwarded-uri']),
  takesTarget: false,
  pass: (passed) => allow(passed),
  refuse: (response) =>
    response.status >= 200 && response.status < 300 ? answeredElsewhere : response,
};

/**
 * nginx's auth_request knows 2xx, 401 and 403, and drops bodies: status, body and challenges go in
 * headers, out of which the documented configuration makes the answer.
 */
const authRequest: Shape = {
  asked: (request) => said(request, ['x-original-method', 'x-original-uri', 'x-original-host']),
  ownHeaders: new Set(['x-original-method', 'x-original-uri', 'x-original-host']),
  takesTarget: true,
  pass: (passed) => allow(passed),
  refuse: ({ status, headers, body }) => ({
    status: status === 401 ? 401 : 403,
    headers: {
      ...headers,
      ...joined(headers, 'www-authenticate'),
      'x-mintmark-status': String(status),
      ...(typeof body === 'string' ? { 'x-mintmark-body': printable(body) } : {}),
    },
    body: undefined,
  }),
};

/** A proxy sends here what a gateway answers by itself: preflights, and where to get a token. */
const answers: Shape = {
  asked(request) {
    const asked = behindPrefix(request, '/answers');
    const isAnswered =
      request.method === 'OPTIONS' ||
      asked?.target.startsWith('/.well-known/oauth-protected-resource') === true;
    return isAnswered ? asked : undefined;
  },
  ownHeaders: new Set(),
  takesTarget: false,
  pass: () => problem(404, 'not_found'),
  refuse: (response) => response,
};

/** Only this status would let the request through; what it answers is to be had at `/answers/`. */
const answeredElsewhere = problem(404, 'answered_elsewhere');

function allow(passed: Passed, more: Readonly<Record<string, string>> = {}): HttpResponse {
  const headers: Record<string, string> = {
    'cache-control': 'no-store',
    'x-mintmark-target': passed.target,
    'x-mintmark-remove': passed.remove.join(', '),
    ...more,
  };
  for (const fields of [passed.answerFields, passed.set]) {
    for (let i = 0; i < fields.length; i += 2) headers[fields[i]!] = fields[i + 1]!;
  }
  return { status: 200, headers, body: undefined };
}

function behindPrefix(request: HttpRequest, prefix: string): Asked | undefined {
  const { method, path, query } = request;
  const host = request.header('host');
  if (host === undefined) return undefined;
  const target = path.slice(prefix.length) + (query === undefined ? '' : `?${query}`);
  return { method, target, host };
}

/** Each of them once: of two, one could be the client's. */
function said(
  request: HttpRequest,
  names: readonly [method: string, target: string, host: string],
): Asked | undefined {
  const [method, target, host] = names.map((name) => onlyValue(request, name));
  if (method === undefined || target === undefined || host === undefined) return undefined;
  return { method, target, host };
}

function onlyValue({ rawHeaders }: HttpRequest, name: string): string | undefined {
  let found: string | undefined;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (rawHeaders[i]!.toLowerCase() !== name) continue;
    if (found !== undefined) return undefined;
    found = rawHeaders[i + 1]!;
  }
  return found === '' ? undefined : found;
}

function joined(headers: HttpResponse['headers'], name: string): Record<string, string> {
  const value = headers[name];
  return value === undefined ? {} : { [name]: [value].flat().join(', ') };
}

/** JSON in visible ASCII: a header holds nothing else. */
function printable(json: string): string {
  return json.replaceAll(/[^\x20-\x7e]/g, (char) => {
    return `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}
