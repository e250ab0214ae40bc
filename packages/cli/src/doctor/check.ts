/** What one look of the doctor says: how it is, and what to do about it. */
export interface Check {
  /** Stable name, such as `custody_key`. */
  readonly check: string;
  readonly verdict: 'pass' | 'warn' | 'fail';
  readonly message: string;
  /** What to do; absent where it passes. */
  readonly todo?: string;
}

export function pass(check: string, message: string): Check {
  return { check, verdict: 'pass', message };
}

export function warn(check: string, message: string, todo: string): Check {
  return { check, verdict: 'warn', message, todo };
}

export function fail(check: string, message: string, todo: string): Check {
  return { check, verdict: 'fail', message, todo };
}
