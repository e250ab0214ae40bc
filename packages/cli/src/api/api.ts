/**
 * A thin client of the management API. It judges nothing: what the server refuses comes back as a
 * refusal with the server's own words, what cannot be reached is a fault.
 */
import {
  base64Encode,
  base64urlEncode,
  err,
  NetworkFault,
  ok,
  type Result,
  utf8,
} from '@mintmark/core';
import type { CommandRefusal } from '../command.ts';
import type { CliPorts } from '../ports.ts';

export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Begins with `/`; its variable parts are encoded by `pathOf`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly body?: unknown;
  /** In place of a JSON body: a form, as the protocol endpoints take it. */
  readonly form?: Readonly<Record<string, string | undefined>>;
  /** In place of the call's own credential: a client's, by HTTP Basic. */
  readonly client?: { readonly id: string; readonly secret: string };
  /** `If-Match`: the ETag last seen. */
  readonly ifMatch?: string | undefined;
  /** Sends an Idempotency-Key, so that a repeated request makes one thing. */
  readonly creates?: true;
}

export interface ApiAnswer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
  /** The body as it came, for what is not JSON. */
  readonly text: string;
  readonly etag: string | undefined;
  /** Query of the page that follows, where a Link header names one (RFC 8288). */
  readonly next: string | undefined;
}

export interface Api {
  readonly server: string;
  readonly hasCredential: boolean;
  call(request: ApiRequest): Promise<Result<ApiAnswer, CommandRefusal>>;
  /** Follows `next` until `max` items are in hand, or there are no more. */
  list(
    path: string,
    query: Readonly<Record<string, string | undefined>>,
    max: number,
  ): Promise<Result<readonly Readonly<Record<string, unknown>>[], CommandRefusal>>;
}

export interface ApiOptions {
  /** Base URL without final slash. */
  readonly server: string;
  /** Undefined: only what needs no credential. */
  readonly credential: string | undefined;
}

/** Long enough for a bulk import, short enough that a person notices. */
const timeoutMs = 60_000;
const pageItems = 200;

/** Joins a path of literal and variable parts; the variable ones are percent-encoded. */
export function pathOf(literals: TemplateStringsArray, ...values: readonly string[]): string {
  return String.raw({ raw: literals }, ...values.map((value) => encodeURIComponent(value)));
}

export function createApi(
  ports: Pick<CliPorts, 'fetch' | 'timers' | 'entropy'>,
  options: ApiOptions,
): Api {
  const { server } = options;
  const call = (request: ApiRequest) => callOnce(ports, options, request);
  return {
    server,
    hasCredential: options.credential !== undefined,
    call,
    async list(path, query, max) {
      const items: Readonly<Record<string, unknown>>[] = [];
      let cursor: string | undefined;
      do {
        const limit = String(Math.min(pageItems, max - items.length));
        const page = await call({ method: 'GET', path, query: { ...query, limit, cursor } });
        if (!page.ok) return page;
        const { items: found, next } = page.value.body;
        if (!Array.isArray(found)) throw unexpected(server, 'a list has no items');
        items.push(...found);
        cursor = typeof next === 'string' ? next : undefined;
      } while (cursor !== undefined && items.length < max);
      return ok(items);
    },
  };
}

async function callOnce(
  ports: Pick<CliPorts, 'fetch' | 'timers' | 'entropy'>,
  { server, credential }: ApiOptions,
  request: ApiRequest,
): Promise<Result<ApiAnswer, CommandRefusal>> {
  const headers = headersOf(request, credential);
  if (request.creates) headers['idempotency-key'] = base64urlEncode(ports.entropy.bytes(18));
  const body = bodyOf(request);
  const controller = new AbortController();
  const cancel = ports.timers.after(timeoutMs, () => controller.abort());
  try {
    const response = await ports.fetch(`${server}${request.path}${queryOf(request.query)}`, {
      method: request.method,
      headers,
      // A redirect would carry the credential to a place that nobody named.
      redirect: 'error',
      signal: controller.signal,
      ...(body === undefined ? {} : { body }),
    });
    const text = await response.text();
    return judge(server, response, text);
  } catch (cause) {
    if (cause instanceof NetworkFault) throw cause;
    throw new NetworkFault('server_unreachable', `${server} does not answer`, {
      cause: cause instanceof Error && cause.cause !== undefined ? cause.cause : cause,
      hint: 'is it running? start it with "mintmark serve", or name another one with --server',
    });
  } finally {
    cancel();
  }
}

function headersOf(request: ApiRequest, credential: string | undefined): Record<string, string> {
  const headers: Record<string, string> = { accept: 'application/json, */*;q=0.5' };
  if (request.client !== undefined) {
    // RFC 6749 §2.3.1: both parts are form-encoded before they are joined.
    const { id, secret } = request.client;
    const pair = [id, secret].map((part) => encodeURIComponent(part).replaceAll('%20', '+'));
    headers['authorization'] = `Basic ${base64Encode(utf8(pair.join(':')))}`;
  } else if (credential !== undefined) headers['authorization'] = `Bearer ${credential}`;
  if (request.form !== undefined) headers['content-type'] = 'application/x-www-form-urlencoded';
  else if (request.body !== undefined) headers['content-type'] = 'application/json';
  if (request.ifMatch !== undefined) headers['if-match'] = request.ifMatch;
  return headers;
}

function bodyOf({ form, body }: ApiRequest): string | undefined {
  if (form !== undefined) return encode(form);
  return body === undefined ? undefined : JSON.stringify(body);
}

function queryOf(query: ApiRequest['query']): string {
  const text = encode(query ?? {});
  return text === '' ? '' : `?${text}`;
}

function encode(parameters: Readonly<Record<string, string | undefined>>): string {
  const given = Object.entries(parameters).filter((pair) => pair[1] !== undefined);
  return new URLSearchParams(given as [string, string][]).toString();
}

function judge(
  server: string,
  response: Response,
  text: string,
): Result<ApiAnswer, CommandRefusal> {
  const { status } = response;
  const body = jsonOf(text);
  if (status >= 200 && status < 300) {
    const etag = response.headers.get('etag') ?? undefined;
    const link = response.headers.get('link') ?? '';
    const next = /<[^>?]*\?([^>]*)>; rel="next"/.exec(link)?.[1];
    return ok({ status, body: body ?? {}, text, etag, next });
  }
  if (body === undefined) throw unexpected(server, `status ${status} without a problem document`);
  const code = stringOf(body['code']) ?? stringOf(body['error']) ?? `status_${status}`;
  return err({
    reason: 'refused',
    status,
    code,
    title: stringOf(body['title']) ?? code,
    detail: stringOf(body['detail']) ?? stringOf(body['error_description']),
    errors: Array.isArray(body['errors']) ? body['errors'] : [],
    requestId: stringOf(body['request_id']),
    hint: hintFor(code),
  });
}

/** What the server cannot know: how this command is told a credential, or asked again. */
function hintFor(code: string): string | undefined {
  switch (code) {
    case 'unauthenticated':
      return 'set MINTMARK_TOKEN to an admin key, or name a file with --token-file';
    case 'version_mismatch':
      return 'somebody changed it in between; show it, and try again';
    case 'if_match_required':
      return 'there is one of this name: change it with "mintmark apply", or delete it first';
    default:
      return undefined;
  }
}

function jsonOf(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

function stringOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** The server speaks, but not as Mintmark does. */
export function unexpected(server: string, what: string): NetworkFault {
  return new NetworkFault('server_unexpected', `${server} answers unlike Mintmark: ${what}`, {
    hint: 'check --server: it is the base URL of the authority, without a path of the API',
  });
}
