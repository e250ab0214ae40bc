/** Why a new password was not taken, for the person who chose it. */
import type { Words } from './pages/messages.ts';

/** @returns undefined where the password was not what was wrong */
export function passwordProblem(
  words: Words,
  refusal: {
    readonly reason: string;
    readonly charsMin?: number;
    readonly bytesMax?: number;
  },
): string | undefined {
  switch (refusal.reason) {
    case 'password_too_short':
      return words.say('passwordTooShort', { count: String(refusal.charsMin) });
    case 'password_too_long':
      return words.say('passwordTooLong', { count: String(refusal.bytesMax) });
    case 'password_blocked':
      return words.say('passwordBlocked');
    case 'busy':
      return words.say('busy');
    default:
      return undefined;
  }
}
