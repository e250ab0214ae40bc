/** How the route parser says no: each refusal names its place, and the nearest known name. */
import { pointerToken } from '../pointer-token.ts';
import { err, ok, type Result } from '../result.ts';
import { suggest } from '../suggest.ts';

export interface RouteRefusal {
  readonly reason: 'malformed' | 'missing' | 'unknown_key';
  /** JSON Pointer (RFC 6901) to the offending member. */
  readonly path: string;
  readonly message: string;
}

export type Members = Readonly<Record<string, unknown>>;

/** An object of known members only. @param path JSON Pointer to it */
export function readObject(
  value: unknown,
  path: string,
  known: readonly string[],
): Result<Members, RouteRefusal> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return refuse('malformed', path, 'this is an object');
  }
  for (const key of Object.keys(value)) {
    if (known.includes(key)) continue;
    const near = suggest(key, known);
    const hint = near === undefined ? `known are ${known.join(', ')}` : `did you mean ${near}?`;
    return refuse('unknown_key', `${path}/${pointerToken(key)}`, `unknown key; ${hint}`);
  }
  return ok(value as Members);
}

export function missing(path: string): ReturnType<typeof refuse> {
  return refuse('missing', path, 'this is required');
}

export function refuse(
  reason: RouteRefusal['reason'],
  path: string,
  message: string,
): { readonly ok: false; readonly refusal: RouteRefusal } {
  return err({ reason, path, message });
}

/** The first choice is the default. */
export function readChoice<const T extends string>(
  wire: Members,
  key: string,
  choices: readonly T[],
): Result<T, RouteRefusal> {
  const value = wire[key] === undefined ? choices[0]! : wire[key];
  const found = choices.find((choice) => choice === value);
  if (found !== undefined) return ok(found);
  return refuse('malformed', `/${key}`, `${key} is one of ${choices.join(', ')}`);
}
