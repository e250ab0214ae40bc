/**
 * Judges the head of a request before any handler sees it. Node's parser already refuses bare LF,
 * obs-fold, NUL, Content-Length beside Transfer-Encoding and the like; what it lets through and two
 * servers could read differently is refused here: that difference is what request smuggling and
 * routing confusion are made of (RFC 9112 §11.2).
 */
import { err, limits, ok, type Result } from '@mintmark/core';

/** Header values by lower-case name. */
export type Headers = Readonly<Record<string, string | undefined>>;

export interface VettedHead {
  readonly method: string;
  /** As sent, without query; begins with `/`, or is `*` for OPTIONS. */
  readonly path: string;
  readonly query: string | undefined;
  /** Host header in lower case; undefined only in HTTP/1.0. */
  readonly host: string | undefined;
  /** Lower-case names. List-typed headers that came several times are joined by `, `. */
  readonly headers: Headers;
  /** Bytes announced; `chunked` where the length shows itself on the way. */
  readonly bodyLength: number | 'chunked';
  readonly expectsContinue: boolean;
}

export type HeadRefusalReason =
  | 'unsupported_version'
  | 'method_not_allowed'
  | 'malformed_target'
  | 'target_differs_from_host'
  | 'too_many_headers'
  | 'duplicate_header'
  | 'missing_host'
  | 'malformed_host'
  | 'malformed_framing'
  | 'unsupported_transfer_encoding'
  | 'upgrade_refused'
  | 'unsupported_expectation'
  | 'malformed_pseudo'
  | 'malformed_field';

export interface HeadRefusal {
  readonly reason: HeadRefusalReason;
  readonly status: 400 | 405 | 417 | 431 | 501 | 505;
}

export interface HeadInput {
  readonly method: string;
  readonly target: string;
  readonly version: string;
  readonly rawHeaders: readonly string[];
  /** What the parser made of them: one value a name. */
  readonly parsedHeaders: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** HTTP/2: its frames say whether there is a body; undefined for HTTP/1. */
  readonly ended?: boolean;
}

/**
 * Headers whose second occurrence has no agreed meaning: one reader takes the first, another the
 * last. Credentials above all (RFC 9110 §5.3 allows repetition for list-typed fields only).
 */
const singletons: ReadonlySet<string> = new Set([
  'access-control-request-method',
  'age',
  'authorization',
  'client-cert',
  'content-disposition',
  'content-length',
  'content-location',
  'content-range',
  'content-type',
  'date',
  'dpop',
  'dpop-nonce',
  'expect',
  'expires',
  'from',
  'host',
  'http2-settings',
  'idempotency-key',
  'if-modified-since',
  'if-range',
  'if-unmodified-since',
  'last-modified',
  'max-forwards',
  'origin',
  'proxy-authorization',
  'range',
  'referer',
  'sec-websocket-key',
  'sec-websocket-version',
  'traceparent',
  'transfer-encoding',
  'upgrade',
  'user-agent',
  'x-api-key',
  'x-request-id',
]);

// Visible ASCII without `#` and `\`: a fragment never travels (RFC 9112 §3.2), and a backslash is a
// separator to some servers and not to others.
const originForm = /^\/[\x21\x22\x24-\x5b\x5d-\x7e]*$/;
const absoluteForm = /^https?:\/\/([^/?#\\]+)((?:[/?][\x21\x22\x24-\x5b\x5d-\x7e]*)?)$/i;
/** A name or address, and a port (RFC 9112 §3.2), in lower case. */
export const hostForm =
  /^(?:[a-z0-9](?:[a-z0-9._-]*[a-z0-9.])?|\[[0-9a-f:.]{2,45}\])(?::[0-9]{1,5})?$/;
const lengthForm = /^(?:0|[1-9][0-9]{0,14})$/;

/**
 * Refuses what is ambiguous in a request's head (RFC 9110, RFC 9112).
 *
 * @returns the head in one reading; every refusal carries the status to answer with, and the
 *   connection closes after it
 */
export function vetHead(input: HeadInput): Result<VettedHead, HeadRefusal> {
  const { method, version, rawHeaders, parsedHeaders } = input;
  if (version !== '1.1' && version !== '1.0' && version !== '2')
    return refuse('unsupported_version', 505);
  // TRACE echoes credentials; CONNECT asks for a tunnel.
  if (method === 'TRACE' || method === 'CONNECT') return refuse('method_not_allowed', 405);
  if (rawHeaders.length > limits.headerCountMax * 2) return refuse('too_many_headers', 431);

  // As many names as lines: none was repeated, and the parser's reading is the only one.
  const plain = Object.keys(parsedHeaders).length * 2 === rawHeaders.length;
  const headers = plain ? (parsedHeaders as Headers) : collectHeaders(rawHeaders);
  if (headers === undefined) return refuse('duplicate_header', 400);

  const host = headers['host']?.toLowerCase();
  if (host === undefined && version !== '1.0') return refuse('missing_host', 400);
  if (host !== undefined && !isHost(host)) return refuse('malformed_host', 400);

  const target = readTarget(method, input.target, host);
  if (typeof target !== 'string') return target;
  const bodyLength = readBodyLength(headers, input);
  if (typeof bodyLength === 'object') return bodyLength;

  const upgrade = headers['upgrade'];
  if (upgrade !== undefined && isUpgradeRefused({ method, upgrade, headers, bodyLength })) {
    return refuse('upgrade_refused', 400);
  }
  const expect = headers['expect'];
  if (expect !== undefined && expect.toLowerCase() !== '100-continue') {
    return refuse('unsupported_expectation', 417);
  }

  const mark = target.indexOf('?');
  return ok({
    method,
    path: mark === -1 ? target : target.slice(0, mark),
    query: mark === -1 ? undefined : target.slice(mark + 1),
    host,
    headers,
    bodyLength,
    // An HTTP/1.0 client cannot wait for an interim answer (RFC 9110 §10.1.1).
    expectsContinue: expect !== undefined && version !== '1.0',
  });
}

function refuse(
  reason: HeadRefusalReason,
  status: HeadRefusal['status'],
): { readonly ok: false; readonly refusal: HeadRefusal } {
  return err({ reason, status });
}

function collectHeaders(rawHeaders: readonly string[]): Headers | undefined {
  const headers: Record<string, string | undefined> = Object.create(null);
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!.toLowerCase();
    const value = rawHeaders[i + 1]!;
    const earlier = headers[name];
    if (earlier === undefined) {
      headers[name] = value;
    } else {
      if (singletons.has(name)) return undefined;
      headers[name] = `${earlier}${name === 'cookie' ? '; ' : ', '}${value}`;
    }
  }
  return headers;
}

/** @returns the target in origin form, or a refusal */
function readTarget(
  method: string,
  target: string,
  host: string | undefined,
): string | ReturnType<typeof refuse> {
  if (originForm.test(target)) return target;
  if (target === '*') return method === 'OPTIONS' ? target : refuse('malformed_target', 400);
  // Absolute form must be accepted (RFC 9112 §3.2.2), but two authorities must not disagree.
  const absolute = absoluteForm.exec(target);
  if (absolute === null) return refuse('malformed_target', 400);
  if (absolute[1]!.toLowerCase() !== host) return refuse('target_differs_from_host', 400);
  const rest = absolute[2]!;
  return rest.startsWith('/') ? rest : `/${rest}`;
}

function readBodyLength(
  headers: Headers,
  { version, ended }: Pick<HeadInput, 'version' | 'ended'>,
): number | 'chunked' | ReturnType<typeof refuse> {
  const encoding = headers['transfer-encoding'];
  const length = headers['content-length'];
  if (encoding !== undefined) {
    // RFC 9112 §6.1: with HTTP/1.0, or beside a length, the framing is faulty.
    if (length !== undefined || version === '1.0') return refuse('malformed_framing', 400);
    if (encoding.toLowerCase() !== 'chunked') return refuse('unsupported_transfer_encoding', 501);
    return 'chunked';
  }
  if (length === undefined) return ended === false ? 'chunked' : 0;
  return lengthForm.test(length) ? Number(length) : refuse('malformed_framing', 400);
}

/** No empty label, which resolvers and routes read differently, and a port that there is. */
function isHost(host: string): boolean {
  if (!hostForm.test(host) || host.includes('..')) return false;
  const port = /\]?:([0-9]{1,5})$/.exec(host.startsWith('[') ? host.replace(/^[^\]]*/, '') : host);
  return port === null || Number(port[1]) <= 65_535;
}

/**
 * h2c would carry requests past the judgement (RFC 9113 §3.1 withdrew it); a body before a switch
 * of protocols is read differently by different servers. What asks for a WebSocket without being
 * the handshake of RFC 6455 §4.1 hopes for a tunnel that one server sees and another does not.
 * Other unknown protocols are simply ignored.
 */
function isUpgradeRefused(request: {
  readonly method: string;
  readonly upgrade: string;
  readonly headers: Headers;
  readonly bodyLength: number | 'chunked';
}): boolean {
  const { method, upgrade, headers, bodyLength } = request;
  if (/(?:^|[\s,])h2c?(?:$|[\s,/])/i.test(upgrade) || headers['http2-settings'] !== undefined)
    return true;
  if (upgrade.toLowerCase() !== 'websocket') return false;
  const isHandshake =
    method === 'GET' &&
    /^[A-Za-z0-9+/]{22}==$/.test(headers['sec-websocket-key'] ?? '') &&
    headers['sec-websocket-version'] === '13';
  return bodyLength !== 0 || !isHandshake;
}
