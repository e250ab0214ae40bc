/**
 * Names of decisions. Each decision has one, also where nothing more of it is kept: who asks for it
 * is told so, and not that there never was such a decision.
 */
import { base62Value } from './bytes.ts';
import type { UnixSeconds } from './clock.ts';
import type { Entropy } from './entropy.ts';
import { orderedId } from './ids.ts';

/** @param isKept whether it can be explained later */
export function decisionName(
  now: UnixSeconds,
  { isKept, entropy }: { readonly isKept: boolean; readonly entropy: Entropy },
): string {
  return isKept ? orderedId(now, entropy) : orderedId(now, entropy) + unkeptMark;
}

/** One character more than a name has that is kept: none of those ends so. */
const unkeptMark = 'x';
const nameChars = 21;

/** What a name itself says. */
export interface DecisionNamed {
  readonly at: UnixSeconds;
  readonly isKept: boolean;
}

/** @returns undefined where it is no name of a decision. Anybody can make one up. */
export function readDecisionName(text: string): DecisionNamed | undefined {
  const isKept = text.length === nameChars;
  if (!isKept && !(text.length === nameChars + 1 && text.endsWith(unkeptMark))) return undefined;
  const at = base62Value(text.slice(0, 6));
  return at === undefined ? undefined : { at: at as UnixSeconds, isKept };
}
