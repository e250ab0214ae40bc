/**
 * Challenges of passkeys (WebAuthn §13.4.3): given out for one use in one transaction, answered
 * once, in the act of whatever the answer brings about.
 */
import {
  base64urlDecode,
  base64urlEncode,
  type Clock,
  type Entropy,
  limits,
  nowSeconds,
  parseJson,
  type SubjectId,
  type TenantId,
  utf8Decode,
} from '@mintmark/core';
import type { Step } from '../store/act.ts';
import type { Store } from '../store/store.ts';

export interface ChallengeDeps {
  readonly store: Pick<Store, 'passkeyChallenges' | 'acts'>;
  readonly clock: Clock;
  readonly entropy: Entropy;
}

/** What a challenge is given out for, and may be answered for. */
export interface ChallengeUse {
  readonly tenant: TenantId;
  readonly purpose: 'register' | 'sign_in';
  readonly transaction: string;
  readonly userId?: SubjectId | undefined;
}

/** @returns 256 random bits in base64url @throws StoreFault */
export async function giveChallenge(deps: ChallengeDeps, use: ChallengeUse): Promise<string> {
  const { tenant, purpose, transaction, userId = null } = use;
  const challenge = base64urlEncode(deps.entropy.bytes(32));
  const expiresAtSeconds = nowSeconds(deps.clock) + limits.passkeyChallengeSeconds;
  const row = { tenant, challenge, purpose, binding: transaction, userId, expiresAtSeconds };
  await deps.store.acts.run({
    // Random: nobody has it. Nothing counts yet, so nothing is recorded.
    steps: [{ do: 'put', table: 'passkeyChallenges', row }],
    audit: null,
  });
  return challenge;
}

/** @returns the challenge that the answer names, where it is one for this use */
export async function findChallenge(
  deps: Pick<ChallengeDeps, 'store' | 'clock'>,
  use: ChallengeUse & { readonly response: unknown },
): Promise<string | undefined> {
  const { tenant, purpose, transaction, userId, response } = use;
  const named = challengeOf(textAt(response, 'response', 'clientDataJSON') ?? '');
  const row = await deps.store.passkeyChallenges.get(tenant, named);
  if (row === undefined || row.expiresAtSeconds <= nowSeconds(deps.clock)) return undefined;
  if (row.purpose !== purpose || row.binding !== transaction) return undefined;
  return row.userId === null || row.userId === userId ? row.challenge : undefined;
}

/** The challenge in a clientDataJSON, or nothing that could be one. The library reads it again. */
function challengeOf(clientData: string): string {
  const bytes = base64urlDecode(clientData);
  const parsed = parseJson((bytes && utf8Decode(bytes)) ?? '');
  return (parsed.ok && textAt(parsed.value, 'challenge')) || '';
}

/** Of two answers to one challenge, one finds it. */
export function spendChallenge(tenant: TenantId, challenge: string): Step {
  const where = { tenant, challenge };
  return { do: 'delete', table: 'passkeyChallenges', where, refused: 'challenge_spent' };
}

/** A text deep in a value of unknown shape. */
export function textAt(value: unknown, ...path: readonly string[]): string | undefined {
  let at = value;
  for (const name of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, name)) return undefined;
    at = (at as Readonly<Record<string, unknown>>)[name];
  }
  return typeof at === 'string' ? at : undefined;
}
