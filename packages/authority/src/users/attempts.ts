/**
 * Attempts to sign in, counted by account: whatever the spelling of the name, the address and the
 * process. An attempt is counted before it is judged, so that guesses made at once cannot outrun
 * the count, and a success takes the count back. What must never happen: more guesses than the
 * delays allow; or a person locked out for good, by whoever guesses on purpose. So the delay has a
 * ceiling, and neither sessions, nor passkeys, nor a reset wait for it (see docs/users.md).
 */
import {
  type Clock,
  err,
  limits,
  nowSeconds,
  ok,
  type Result,
  type TenantId,
} from '@mintmark/core';
import type { Step } from '../store/act.ts';
import type { Store } from '../store/store.ts';
import type { Row } from '../store/tables.ts';

export interface AttemptDeps {
  readonly store: Pick<Store, 'signInAttempts' | 'acts'>;
  readonly clock: Clock;
}

/** Whose attempts are counted together. `account` is made by `accountOf…`, never by a caller. */
export interface Account {
  readonly tenant: TenantId;
  readonly account: string;
}

export type AttemptRefusal =
  | { readonly reason: 'locked'; readonly retryAfterSeconds: number }
  /** Too many at once on this very account. */
  | { readonly reason: 'busy' };

/**
 * Seconds that the next attempt waits after so many failures in a row.
 */
export function delaySecondsAfter(failures: number): number {
  const { signInFailuresFree: free, signInDelaySecondsMax: ceiling } = limits;
  return failures < free ? 0 : Math.min(ceiling, 2 ** (failures - free));
}

/** Whether attempts wait now. A look that changes nothing. */
export async function retryAfterSeconds(deps: AttemptDeps, account: Account): Promise<number> {
  const row = await deps.store.signInAttempts.get(account.tenant, account.account);
  return waitOf(row, deps.clock.nowMs());
}

/**
 * Counts an attempt as failed, before it is judged.
 *
 * @returns how many have failed in a row, this one included
 * @throws StoreFault
 */
export async function beginAttempt(
  deps: AttemptDeps,
  account: Account,
): Promise<Result<number, AttemptRefusal>> {
  for (let race = 0; race < limits.signInRacesMax; race++) {
    const row = await deps.store.signInAttempts.get(account.tenant, account.account);
    const now = deps.clock.nowMs();
    const wait = waitOf(row, now);
    if (wait > 0) return err({ reason: 'locked', retryAfterSeconds: wait });
    const expired = row === undefined || row.expiresAtSeconds * 1000 <= now;
    const failures = expired ? 1 : row.failures + 1;
    const counted = {
      failures,
      lockedUntil: now + delaySecondsAfter(failures) * 1000,
      expiresAtSeconds: nowSeconds(deps.clock) + limits.signInFailuresKeptSeconds,
    };
    const { outcome } = await deps.store.acts.run({
      steps: [countStep(account, row, counted)],
      // A count is nothing that anybody owns; that an account waits has a record of its own.
      audit: null,
    });
    if (outcome === 'done') return ok(failures);
  }
  return err({ reason: 'busy' });
}

/** Of two that count the same row, the one that finds it as it was read wins. */
function countStep(
  account: Account,
  row: Row<'signInAttempts'> | undefined,
  counted: Omit<Row<'signInAttempts'>, keyof Account>,
): Step {
  const { tenant, account: name } = account;
  const table = 'signInAttempts';
  if (row === undefined) {
    return { do: 'insert', table, row: { tenant, account: name, ...counted }, refused: 'raced' };
  }
  const { failures, lockedUntil } = row;
  const where = { tenant, account: name, failures, lockedUntil };
  return { do: 'update', table, where, set: counted, refused: 'raced' };
}

/** The step that forgets the failures, in the act of whatever proved the person. */
export function forgetAttempts({ tenant, account }: Account): Step {
  return { do: 'delete', table: 'signInAttempts', where: { tenant, account } };
}

/**
 * A moment further away than any delay was written under a clock that ran ahead; it locks nobody.
 */
function waitOf(row: Row<'signInAttempts'> | undefined, now: number): number {
  const seconds = row === undefined ? 0 : Math.ceil((row.lockedUntil - now) / 1000);
  return seconds > limits.signInDelaySecondsMax ? 0 : Math.max(0, seconds);
}
