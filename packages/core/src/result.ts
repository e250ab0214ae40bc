/**
 * An expected outcome of an operation: a value, or a refusal that says why not. Refusals are values
 * because callers must look at them; what the caller cannot decide on is thrown as a `Fault`.
 */
export type Result<T, R> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly refusal: R };

export function ok<T>(value: T): { readonly ok: true; readonly value: T } {
  return { ok: true, value };
}

/** Builds the refused side of a `Result`. `refusal` is a tagged union member with a `reason`. */
export function err<R>(refusal: R): { readonly ok: false; readonly refusal: R } {
  return { ok: false, refusal };
}

/**
 * Ends every switch over a tagged union, so that a new member is a compile error, not a
 * fall-through.
 */
export function assertNever(value: never): never {
  throw new Error(`unreachable variant: ${JSON.stringify(value)}`);
}
