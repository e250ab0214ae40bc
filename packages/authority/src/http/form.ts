/**
 * Form parameters of the protocol endpoints (RFC 6749 appendix B), parsed once and strictly: each
 * parameter at most once, well-formed percent-encoding, bounded in count and size.
 */
import { err, type HttpRequest, limits, ok, type Result } from '@mintmark/core';

export type FormRefusal =
  | { readonly reason: 'not_a_form' }
  | { readonly reason: 'body_too_large' }
  | { readonly reason: 'malformed_encoding' }
  | { readonly reason: 'too_many_parameters' }
  | { readonly reason: 'duplicate_parameter'; readonly name: string }
  | { readonly reason: 'parameters_in_query' };

/** Parameters that may stand more than once (RFC 8707 §2, RFC 8693 §2.1). */
const repeatable: ReadonlySet<string> = new Set(['resource', 'audience']);

export interface Form {
  /** The value; undefined where absent or empty (RFC 6749 §3.1: empty counts as omitted). */
  get(name: string): string | undefined;
  all(name: string): readonly string[];
}

/** Reads and parses the body of a protocol request. */
export async function readForm(request: HttpRequest): Promise<Result<Form, FormRefusal>> {
  // A query string ends up in logs and histories: nothing of these endpoints may stand there.
  if (request.query !== undefined) return err({ reason: 'parameters_in_query' });
  const text = await readFormText(request);
  return text.ok ? parseForm(text.value) : text;
}

/** @returns the body of a form, one character a byte */
export async function readFormText(request: HttpRequest): Promise<Result<string, FormRefusal>> {
  const type = request.header('content-type') ?? '';
  if (!/^application\/x-www-form-urlencoded\s*(?:;\s*charset="?utf-8"?\s*)?$/i.test(type)) {
    return err({ reason: 'not_a_form' });
  }
  const body = await request.body(limits.protocolBodyBytesMax);
  if (body === 'too_large') return err({ reason: 'body_too_large' });
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('latin1');
  // Tokens and secrets lie in it, and its memory is given back as it is.
  body.fill(0);
  return ok(text);
}

/** @param text the body, one character a byte */
export function parseForm(text: string): Result<Form, FormRefusal> {
  const parsed = parseParameters(text, repeatable);
  if (!parsed.ok) return parsed;
  const [name] = parsed.value.duplicates;
  return name === undefined ? parsed : err({ reason: 'duplicate_parameter', name });
}

/** A form whose reader decides what a repeated parameter means; beginning with who is told. */
export interface LenientForm extends Form {
  /** Names that stood more than once, where they may not. */
  readonly duplicates: readonly string[];
}

/** @param text a body or a query, one character a byte */
export function parseParameters(
  text: string,
  repeatable: ReadonlySet<string>,
): Result<LenientForm, FormRefusal> {
  const values = new Map<string, string[]>();
  const duplicates = new Set<string>();
  let count = 0;
  for (const pair of text.split('&')) {
    if (pair === '') continue;
    if (++count > limits.formParametersMax) return err({ reason: 'too_many_parameters' });
    const equals = pair.indexOf('=');
    const name = formDecode(equals < 0 ? pair : pair.slice(0, equals));
    const value = formDecode(equals < 0 ? '' : pair.slice(equals + 1));
    if (name === undefined || value === undefined) return err({ reason: 'malformed_encoding' });
    if (value === '') continue;
    const known = values.get(name);
    if (known === undefined) values.set(name, [value]);
    else known.push(value);
    if (known !== undefined && !repeatable.has(name)) duplicates.add(name.slice(0, 64));
  }
  return ok({
    get: (name) => values.get(name)?.[0],
    all: (name) => values.get(name) ?? [],
    duplicates: [...duplicates],
  });
}

/**
 * One form-encoded component.
 *
 * @returns the text, or undefined where it holds a raw non-ASCII byte, a broken escape, NUL, or
 *   bytes that are not UTF-8
 */
export function formDecode(text: string): string | undefined {
  if (!/^[\x20-\x7e]*$/.test(text)) return undefined;
  if (!text.includes('%') && !text.includes('+')) return text;
  try {
    const decoded = decodeURIComponent(text.replaceAll('+', ' '));
    return decoded.includes('\0') ? undefined : decoded;
  } catch {
    return undefined;
  }
}
