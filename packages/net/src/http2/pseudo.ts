/**
 * From the fields of an HTTP/2 request to the head that `vetHead` judges: the same judgement as for
 * HTTP/1.1, behind what HTTP/2 alone can say. A proxy writes some of these fields into the lines of
 * an HTTP/1.1 request, and whatever could break out of its line there is refused here, beside what
 * the library below has refused already (RFC 9113 §10.3).
 */
import { err, ok, type Result } from '@mintmark/core';
import type { HeadInput, HeadRefusal, HeadRefusalReason } from '../head.ts';

export interface PseudoInput {
  /** As they came, pseudo-headers included: name and value in turn. */
  readonly rawHeaders: readonly string[];
  /** The client sends no body. */
  readonly ended: boolean;
  readonly isTls: boolean;
}

export interface Http2Head extends HeadInput {
  /** Extended CONNECT (RFC 8441 §4), which asks for what an upgrade asks for in HTTP/1.1. */
  readonly websocket: boolean;
  readonly ended: boolean;
}

const pseudoNames: ReadonlySet<string> = new Set([
  ':method',
  ':scheme',
  ':authority',
  ':path',
  ':protocol',
]);

/** RFC 9113 §8.2.2: they speak of a connection, and a reader of HTTP/1.1 would believe them. */
const connectionSpecific: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
]);

const nameForm = /^[!#$%&'*+.^_`|~0-9a-z-]+$/;
// RFC 9113 §8.2.1: neither these, nor spaces at an end.
const badValue = /[\0\r\n]|^[ \t]|[ \t]$/;
const methodForm = /^[A-Z]{1,32}$/;

type Pseudo = Readonly<Record<string, string | undefined>>;

/** @returns the head, or a refusal (RFC 9113 §8.3.1): the request alone ends, not the connection */
export function readPseudo(input: PseudoInput): Result<Http2Head, HeadRefusal> {
  const fields = partFields(input.rawHeaders);
  if (fields === undefined) return refuse('malformed_field');
  const { pseudo, rest } = fields;
  const protocol = pseudo[':protocol'];
  const websocket = protocol !== undefined;
  const method = pseudo[':method'] ?? '';
  const path = pseudo[':path'] ?? '';
  const scheme = pseudo[':scheme'];
  if (!methodForm.test(method)) return refuse('malformed_pseudo');
  if (method === 'CONNECT' && !websocket) return refuse('method_not_allowed', 405);
  if (websocket && (method !== 'CONNECT' || protocol !== 'websocket' || input.ended)) {
    return refuse('upgrade_refused');
  }
  if (scheme !== 'https' && (scheme !== 'http' || input.isTls)) return refuse('malformed_pseudo');
  // The absolute form has no place here: its host would be a third one.
  if (!path.startsWith('/') && path !== '*') return refuse('malformed_target');
  const host = hostOf(pseudo[':authority'], rest);
  if (host === undefined) return refuse('target_differs_from_host');
  const rawHeaders = host === '' ? rest : ['host', host, ...withoutHost(rest)];
  return ok({
    // A WebSocket is judged as the GET that asks for it in HTTP/1.1.
    method: websocket ? 'GET' : method,
    target: path,
    version: '2',
    rawHeaders: joinCookies(rawHeaders),
    parsedHeaders: {},
    websocket,
    // What follows the head of a WebSocket is no body.
    ended: websocket || input.ended,
  });
}

function refuse(
  reason: HeadRefusalReason,
  status: 400 | 405 = 400,
): { readonly ok: false; readonly refusal: HeadRefusal } {
  return err({ reason, status });
}

/** @returns undefined where a field may not be there, or pseudo-headers come late or twice */
function partFields(
  raw: readonly string[],
): { readonly pseudo: Pseudo; readonly rest: string[] } | undefined {
  const pseudo: Record<string, string> = Object.create(null);
  const rest: string[] = [];
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i]!;
    const value = raw[i + 1]!;
    if (badValue.test(value)) return undefined;
    if (name.startsWith(':')) {
      if (rest.length > 0 || !pseudoNames.has(name) || pseudo[name] !== undefined) return undefined;
      pseudo[name] = value;
      continue;
    }
    if (!nameForm.test(name) || connectionSpecific.has(name)) return undefined;
    if (name === 'te' && value.toLowerCase() !== 'trailers') return undefined;
    rest.push(name, value);
  }
  return { pseudo, rest };
}

/** @returns undefined where two of them disagree; empty where nobody names one */
function hostOf(authority: string | undefined, rest: readonly string[]): string | undefined {
  const named = rest.filter((_, i) => i % 2 === 1 && rest[i - 1] === 'host');
  if (authority === undefined) return named.length > 1 ? undefined : (named[0] ?? '');
  const same = named.every((host) => host.toLowerCase() === authority.toLowerCase());
  return same && named.length < 2 ? authority : undefined;
}

function withoutHost(rest: readonly string[]): string[] {
  return rest.filter((_, i) => rest[i - (i % 2)] !== 'host');
}

/** They may come in pieces (RFC 9113 §8.2.3), which HTTP/1.1 does not know. */
function joinCookies(raw: string[]): string[] {
  const first = raw.findIndex((name, i) => i % 2 === 0 && name === 'cookie');
  if (first === -1) return raw;
  const out: string[] = [];
  const crumbs: string[] = [];
  for (let i = 0; i < raw.length; i += 2) {
    if (raw[i] === 'cookie') crumbs.push(raw[i + 1]!);
    else out.push(raw[i]!, raw[i + 1]!);
  }
  return [...out, 'cookie', crumbs.join('; ')];
}
