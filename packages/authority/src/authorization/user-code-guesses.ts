/**
 * How many wrong user codes are looked up at all (RFC 8628 §5.1): bounded for an address, for a
 * session or browser, and for the tenant as a whole, so that neither many browsers nor many
 * addresses make guessing pay. A try is counted before it is judged, and taken back where it was
 * right: tries made at once cannot outrun the count.
 */
import { hash } from 'node:crypto';
import { type Clock, createFailureBudget, limits, type TenantId } from '@mintmark/core';

export interface Guesser {
  readonly tenant: TenantId;
  readonly address: string;
  /** The session that the browser has shown, or else the browser's own secret. */
  readonly session: string;
}

export interface UserCodeGuesses {
  /** @returns whole seconds to wait, or 0: then the try is counted as wrong */
  begin(guesser: Guesser): number;
  /** The code was one that waits. */
  wasRight(guesser: Guesser): void;
}

/** Of this process: with several nodes an attacker has as many times as much. */
export function createUserCodeGuesses(clock: Pick<Clock, 'monotonicMs'>): UserCodeGuesses {
  const budgets = [
    [createFailureBudget(clock, limits.userCodeGuessesPerAddress), (by: Guesser) => by.address],
    [createFailureBudget(clock, limits.userCodeGuessesPerSession), sessionOf],
    [createFailureBudget(clock, limits.userCodeGuessesPerTenant), (by: Guesser) => by.tenant],
  ] as const;
  return {
    begin(guesser) {
      const waits = budgets.map(([budget, nameOf]) => budget.retryAfterSeconds(nameOf(guesser)));
      const wait = Math.max(...waits);
      // Who has to wait has not guessed, and makes nobody else wait.
      if (wait === 0) for (const [budget, nameOf] of budgets) budget.failed(nameOf(guesser));
      return wait;
    },
    wasRight(guesser) {
      for (const [budget, nameOf] of budgets) budget.takeBack(nameOf(guesser));
    },
  };
}

/** The secret itself is not kept. */
function sessionOf({ session }: Guesser): string {
  return hash('sha256', session, 'base64url');
}
