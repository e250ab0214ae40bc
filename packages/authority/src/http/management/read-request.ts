/** From a vetted HTTP request to an endpoint's typed input, or the problem that says why not. */
import {
  err,
  type HttpRequest,
  limits,
  ok,
  parseJson,
  pointerToken,
  type Result,
  utf8Decode,
} from '@mintmark/core';
import type { ZodError, ZodType } from 'zod';
import type { AnyCall, PreparedEndpoint } from './endpoint.ts';
import { type IfMatch, parseIfMatch } from './etag.ts';
import type { InputError, Problem } from './problem.ts';

/** Enough to mend a document; 10,000 wrong rows do not get an answer of their own size. */
const errorsMax = 20;

/**
 * Path parameters and query parameters, each at most once. Query values are strings; a schema that
 * wants another type converts it.
 */
export function readParameters(
  endpoint: PreparedEndpoint,
  input: {
    readonly params: Readonly<Record<string, string>>;
    readonly query: string | undefined;
  },
): Result<Pick<AnyCall, 'params'> & { readonly query: Record<string, unknown> }, Problem> {
  const params = endpoint.params?.safeParse(input.params);
  // A path parameter that no such thing can have names nothing.
  if (params !== undefined && !params.success) return err({ code: 'not_found' });
  const query = readQuery(input.query);
  if (!query.ok) return query;
  const parsed = endpoint.query.safeParse(query.value);
  if (!parsed.success) return err(problemOf('invalid_request', parsed.error));
  return ok({ params: params?.data, query: parsed.data });
}

/** The media type that the endpoint answers with when it succeeds. */
export function answerType(endpoint: PreparedEndpoint): string {
  for (const answer of Object.values(endpoint.answers)) {
    if (answer.contentType !== undefined) return answer.contentType;
  }
  return 'application/json';
}

/** Refuses a request that cannot use the answer (RFC 9110 §12.5.1). Weights are not compared. */
export function readAccept(endpoint: PreparedEndpoint, request: HttpRequest): Problem | undefined {
  const header = request.header('accept');
  if (header === undefined || header.trim() === '') return undefined;
  const offered = answerType(endpoint).split(';')[0]!;
  const group = `${offered.split('/')[0]}/*`;
  for (const part of header.split(',')) {
    const range = part.split(';')[0]!.trim().toLowerCase();
    if (range === '*/*' || range === group || range === offered) return undefined;
  }
  return { code: 'not_acceptable', detail: `the answer is ${offered}` };
}

/** If-Match, required where the endpoint always edits something that exists. */
export function readIfMatch(
  endpoint: PreparedEndpoint,
  request: HttpRequest,
): Result<IfMatch | undefined, Problem> {
  if (endpoint.edits === undefined) return ok(undefined);
  const parsed = parseIfMatch(request.header('if-match'));
  if (!parsed.ok) return err({ code: 'invalid_request', detail: 'If-Match is malformed' });
  if (parsed.value === undefined && endpoint.edits === 'always') {
    return err({ code: 'if_match_required' });
  }
  return parsed;
}

/** Reads and validates the body of an endpoint that takes one; for others there is none. */
export async function readBody(
  endpoint: PreparedEndpoint,
  request: HttpRequest,
): Promise<Result<{ readonly value: unknown; readonly text: string }, Problem>> {
  const { body: schema, bodyOptional, bodyBytesMax = limits.managementBodyBytesMax } = endpoint;
  if (schema === undefined) return ok({ value: undefined, text: '' });
  const type = request.header('content-type');
  const json = type !== undefined && isJsonType(type) && !request.header('content-encoding');
  if (!json && (type !== undefined || bodyOptional !== true)) {
    return err({ code: 'unsupported_media_type', headers: { accept: 'application/json' } });
  }
  const bytes = await request.body(bodyBytesMax);
  if (bytes === 'too_large') {
    return err({ code: 'body_too_large', detail: `at most ${bodyBytesMax} bytes` });
  }
  if (bytes.length === 0 && bodyOptional === true) return parseBody(schema, '{}');
  if (!json) return err({ code: 'unsupported_media_type' });
  const text = utf8Decode(bytes);
  // It may hold a secret, and the memory that it lies in is given back as it is.
  bytes.fill(0);
  if (text === undefined) return err({ code: 'invalid_json', detail: 'not UTF-8' });
  return parseBody(schema, text);
}

function parseBody(
  schema: ZodType,
  text: string,
): Result<{ readonly value: unknown; readonly text: string }, Problem> {
  const json = parseJson(text);
  if (!json.ok) return err({ code: 'invalid_json', detail: json.refusal.reason });
  const parsed = schema.safeParse(json.value);
  if (!parsed.success) return err(problemOf('invalid_body', parsed.error));
  return ok({ value: parsed.data, text });
}

function readQuery(query: string | undefined): Result<Record<string, string>, Problem> {
  const values: Record<string, string> = {};
  if (query === undefined || query === '') return ok(values);
  for (const part of query.split('&')) {
    const equals = part.indexOf('=');
    const name = decode(equals === -1 ? part : part.slice(0, equals));
    const value = decode(equals === -1 ? '' : part.slice(equals + 1));
    if (name === undefined || value === undefined) {
      return err({
        code: 'invalid_request',
        detail: 'a query parameter is not percent-encoded text',
      });
    }
    if (Object.hasOwn(values, name)) {
      return err({ code: 'invalid_request', errors: [{ pointer: name, message: 'given twice' }] });
    }
    Object.defineProperty(values, name, { value, enumerable: true });
  }
  return ok(values);
}

function decode(text: string): string | undefined {
  try {
    const decoded = decodeURIComponent(text.replaceAll('+', ' '));
    return decoded.includes('\0') ? undefined : decoded;
  } catch {
    return undefined;
  }
}

function isJsonType(type: string): boolean {
  return /^application\/json[ \t]*(?:;[ \t]*charset=(?:utf-8|"utf-8")[ \t]*)?$/i.test(type);
}

function problemOf(code: 'invalid_request' | 'invalid_body', error: ZodError): Problem {
  const errors: InputError[] = [];
  for (const issue of error.issues.slice(0, errorsMax)) {
    const at = pointerOf(issue.path);
    if (issue.code === 'unrecognized_keys') {
      for (const key of issue.keys.slice(0, errorsMax)) {
        errors.push({ pointer: `${at}/${pointerToken(key)}`, message: 'not a known member' });
      }
    } else {
      errors.push({ pointer: at, message: issue.message });
    }
  }
  return { code, errors: errors.slice(0, errorsMax) };
}

function pointerOf(path: readonly PropertyKey[]): string {
  return path.map((part) => `/${pointerToken(String(part))}`).join('');
}
