/**
 * Headers on their way through. Towards the upstream: no credential, nothing hop-by-hop, nothing by
 * which a client could speak in the gateway's name, under no spelling that a server behind might
 * fold into ours; then what the gateway itself vouches for. Back: nothing hop-by-hop.
 */
import {
  type CredentialField,
  canonicalFieldName,
  isHopByHop,
  isReservedFieldName,
  type TenantId,
} from '@mintmark/core';
import type { StreamRequest } from '@mintmark/net';
import type { CompiledRoute } from '../routes/route-table.ts';
import type { Identity } from '../verify/identity.ts';
import { changeHeaders } from './change-headers.ts';
import { identityHeaders } from './identity-headers.ts';

/** A client cannot nominate these away (`Connection: content-type`). */
const notNominable: ReadonlySet<string> = new Set([
  'accept',
  'cache-control',
  'content-encoding',
  'content-type',
  'cookie',
  'origin',
  'range',
  'sec-websocket-extensions',
  'sec-websocket-key',
  'sec-websocket-protocol',
  'sec-websocket-version',
]);

export interface ForwardedAs {
  readonly route: CompiledRoute;
  readonly identity: Identity | undefined;
  readonly tenant: TenantId;
  /** That it is limited by, where values of headers may name it. */
  readonly plan?: string | undefined;
  /** Names what policies said of the request, where that was kept. */
  readonly decision?: string | undefined;
  /** The answer is masked: it must come whole, and as it is written. */
  readonly masked?: boolean | undefined;
  /** What the gateway presents to the upstream for itself, names in lower case. */
  readonly presents?: readonly CredentialField[] | undefined;
}

/**
 * Builds the headers of the request to the upstream, name and value in turn.
 *
 * Identity values are visible ASCII: every other byte, and `%`, is percent-encoded as UTF-8, so
 * that a subject can neither break out of its header nor be taken for another.
 */
export function upstreamHeaders(request: StreamRequest, as: ForwardedAs): string[] {
  const { route, identity } = as;
  const { rawHeaders } = request;
  const nominated = nominatedBy(request.header('connection'));
  let out: string[] = ['host', hostFor(request, route)];
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!;
    if (!goesOn(name)) continue;
    if (nominated !== undefined && isNominated(nominated, name)) continue;
    if (as.masked === true && isOfWholes(name)) continue;
    out.push(name, rawHeaders[i + 1]!);
  }
  if (as.masked === true) out.push('accept-encoding', 'identity');
  // Before what the gateway itself says, so that no rule reaches it.
  const changes = route.rewrites?.requestHeaders;
  if (changes !== undefined) out = changeHeaders(out, changes, as);
  const { bodyLength } = request;
  if (typeof bodyLength === 'number' && request.header('content-length') !== undefined) {
    out.push('content-length', String(bodyLength));
  }
  // The one use of TE that a gateway can keep: trailers come back.
  const te = request.header('te');
  if (te !== undefined && /(?:^|[\s,])trailers(?:[\s,;]|$)/i.test(te)) out.push('te', 'trailers');
  const via = request.header('via');
  out.push('via', via === undefined ? '1.1 mintmark' : `${via}, 1.1 mintmark`);
  pushForwarded(out, request);
  if (identity !== undefined && route.identityHeaders) {
    for (const text of identityHeaders(identity, as.tenant)) out.push(text);
  }
  if (as.decision !== undefined) out.push('x-mintmark-decision', as.decision);
  for (const field of as.presents ?? []) out = presented(out, field);
  return out;
}

/** Would bring a part of an answer, or one that cannot be looked into. */
function isOfWholes(name: string): boolean {
  return wholes.has(canonicalFieldName(name.toLowerCase()));
}

const wholes: ReadonlySet<string> = new Set([
  'accept-encoding',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'range',
]);

/** In place of whatever a client sent under that name, or under one that is read as it. */
function presented(fields: string[], { header: name, value }: CredentialField): string[] {
  const out: string[] = [];
  for (let i = 0; i < fields.length; i += 2) {
    const same = canonicalFieldName(fields[i]!.toLowerCase()) === name;
    if (!same) out.push(fields[i]!, fields[i + 1]!);
  }
  out.push(name, value);
  return out;
}

function nominatedBy(connection: string | undefined): ReadonlySet<string> | undefined {
  if (connection === undefined || connection === 'keep-alive') return undefined;
  if (/^(?:keep-alive|close|upgrade)$/i.test(connection)) return undefined;
  return new Set(connection.split(',').map((name) => name.trim().toLowerCase()));
}

function isNominated(nominated: ReadonlySet<string>, name: string): boolean {
  const lower = name.toLowerCase();
  return nominated.has(lower) && !notNominable.has(lower);
}

/** Names that were judged before. Clients use a few dozen; what a stranger makes up is not kept. */
const judgedNames = new Map<string, boolean>();
const judgedNamesMax = 1_000;
/** A longer name is nobody's habit: a thousand of 16 KiB would be held for ever. */
const judgedNameCharsMax = 64;

/** Remembers a verdict, where there is room for it. */
function keep(verdicts: Map<string, boolean>, name: string, verdict: boolean): boolean {
  const fits = name.length <= judgedNameCharsMax && verdicts.size < judgedNamesMax;
  if (fits) verdicts.set(name, verdict);
  return verdict;
}

function goesOn(name: string): boolean {
  const known = judgedNames.get(name);
  if (known !== undefined) return known;
  const lower = name.toLowerCase();
  return keep(judgedNames, name, !isHopByHop(lower) && !isReservedFieldName(lower));
}

function hostFor(request: StreamRequest, route: CompiledRoute): string {
  const own = route.preserveHost ? request.host : undefined;
  return own ?? new URL(route.upstream.origin).host;
}

function pushForwarded(out: string[], request: StreamRequest): void {
  const { remoteAddress, scheme, host } = request;
  const node = remoteAddress.includes(':') ? `"[${remoteAddress}]"` : remoteAddress;
  out.push('x-forwarded-for', remoteAddress, 'x-forwarded-proto', scheme);
  if (host === undefined) {
    out.push('forwarded', `for=${node};proto=${scheme}`);
  } else {
    out.push('x-forwarded-host', host, 'forwarded', `for=${node};host="${host}";proto=${scheme}`);
  }
}

const judgedAnswerNames = new Map<string, boolean>();

/** Names held by the two memories, longest first: what strangers can make a node keep. */
export function namesKept(): readonly string[] {
  const names = [...judgedNames.keys(), ...judgedAnswerNames.keys()];
  return names.sort((a, b) => b.length - a.length);
}

function passesBack(name: string): boolean {
  const known = judgedAnswerNames.get(name);
  if (known !== undefined) return known;
  return keep(judgedAnswerNames, name, !isHopByHop(name.toLowerCase()));
}

function isNamed(name: string, lower: string): boolean {
  return name.length === lower.length && name.toLowerCase() === lower;
}

/** `Content-Length` frames the answer, whoever nominates it. */
function removeNominated(out: string[], nominated: ReadonlySet<string>): void {
  for (let i = out.length - 2; i >= 0; i -= 2) {
    const lower = out[i]!.toLowerCase();
    if (nominated.has(lower) && lower !== 'content-length') out.splice(i, 2);
  }
}

/** Name and value in turn, as the connection to the upstream brought them. */
export type RawFields = readonly (Buffer | string)[];

export function textOf(part: Buffer | string): string {
  return typeof part === 'string' ? part : part.toString('latin1');
}

/** What the client sees of an upstream's answer, name and value in turn. */
export function clientHeaders(
  raw: RawFields,
  options: {
    readonly status: number;
    readonly credentialed: boolean;
    readonly withTrailers: boolean;
  },
): string[] {
  const bodiless = options.status < 200 || options.status === 204;
  const out: string[] = [];
  let connection: string | undefined;
  for (let i = 0; i < raw.length; i += 2) {
    const name = textOf(raw[i]!);
    if (passesBack(name)) {
      // RFC 9110 §8.6: a client that believed it would take the next answer for a body.
      if (bodiless && isNamed(name, 'content-length')) continue;
      out.push(name, textOf(raw[i + 1]!));
    } else if (isNamed(name, 'connection')) {
      const value = textOf(raw[i + 1]!);
      connection = connection === undefined ? value : `${connection},${value}`;
    } else if (options.withTrailers && isNamed(name, 'trailer')) {
      out.push(name, textOf(raw[i + 1]!));
    }
  }
  const nominated = nominatedBy(connection);
  if (nominated !== undefined) removeNominated(out, nominated);
  // A cache between us and the client must not serve one caller's answer to another. It knows the
  // rule for Authorization (RFC 9111 §3.5), but not for a key in a header of its own.
  if (options.credentialed) out.push('vary', 'Authorization, X-Api-Key');
  return out;
}
