/** The one shape of most commands: one request, one rendering. */
import { err, ok, type Result } from '@mintmark/core';
import type { ApiRequest } from '../api/api.ts';
import type { CommandRefusal, Invocation, Outcome } from '../command.ts';
import type { Style } from '../style.ts';

/** A JSON object as the server sent it. */
export type Item = Readonly<Record<string, unknown>>;

/** Sends the request; with `--json` its body is the answer as it came. */
export async function send(
  invocation: Invocation,
  request: ApiRequest,
  render: (style: Style, body: Item) => string,
): Promise<Outcome> {
  const api = await invocation.api();
  if (!api.ok) return api;
  const answer = await api.value.call(request);
  if (!answer.ok) return answer;
  const { body } = answer.value;
  return ok({ json: body, text: (style) => render(style, body) });
}

/**
 * Reads a thing, then edits it under the ETag that came with it.
 *
 * @param request.keeps members of it that are sent again as they are, where the body has none
 */
export async function edit(
  invocation: Invocation,
  request: ApiRequest & { readonly read: string; readonly keeps?: readonly string[] },
  render: (style: Style, body: Item) => string,
): Promise<Outcome> {
  const api = await invocation.api();
  if (!api.ok) return api;
  const { read, keeps = [], ...change } = request;
  const seen = await api.value.call({ method: 'GET', path: read });
  if (!seen.ok) return seen;
  const given = (change.body ?? {}) as Readonly<Record<string, unknown>>;
  const kept = keeps.map((name) => [name, given[name] ?? seen.value.body[name] ?? undefined]);
  const body = keeps.length === 0 ? change.body : { ...given, ...Object.fromEntries(kept) };
  return send(invocation, { ...change, body, ifMatch: seen.value.etag }, render);
}

/** Lists what is at a path, up to `--max` items. */
export async function list(
  invocation: Invocation,
  request: { readonly path: string; readonly query?: ApiRequest['query'] },
  render: (style: Style, items: readonly Item[]) => string,
): Promise<Outcome> {
  const max = Number(invocation.options.text('max') ?? listMaxDefault);
  if (!Number.isSafeInteger(max) || max < 1) return usage('--max is not a number above 0');
  const api = await invocation.api();
  if (!api.ok) return api;
  const found = await api.value.list(request.path, request.query ?? {}, max);
  if (!found.ok) return found;
  return ok({ json: { items: found.value }, text: (style) => render(style, found.value) });
}

const listMaxDefault = 100;

export const maxOption = {
  flags: '--max <count>',
  description: `at most so many; default ${listMaxDefault}`,
};

export function usage(message: string, hint?: string): Result<never, CommandRefusal> {
  return err({ reason: 'usage', message, ...(hint === undefined ? {} : { hint }) });
}

/** A member for a table: text as it is, lists with commas, nothing as an empty cell. */
export function cell(item: Item, name: string): string {
  const value = item[name];
  if (value === undefined || value === null) return '';
  if (Array.isArray(value)) return value.join(' ');
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** The members of a thing in a given order, for `fields`. */
export function rowsOf(item: Item, names: readonly string[]): [string, string | undefined][] {
  return names.map((name) => [name, cell(item, name) || undefined]);
}
