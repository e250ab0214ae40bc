/**
 * A client ends a token of its own. Each such revocation stands in the memory of every node until
 * the token would have ended, so a client that asks for too many could fill that memory, and a full
 * node refuses everything. Beyond a bound one entry ends all that the client holds for the token's
 * subject: what was acknowledged holds, and what ends too much is the asker's own. See
 * docs/decisions/2026-11-22-own-revocations.md.
 */
import { holderId, limits, type Result, type TenantId, type UnixSeconds } from '@mintmark/core';
import type { Requester } from '../audit/requester.ts';
import { type RevokeDeps, type Revoked, type RevokeRefusal, revoke } from './revoke.ts';

export interface RevokeOwnDeps extends RevokeDeps {
  /** Live revocations that the holder asked for, as far as this process knows. */
  readonly askedBy: (tenant: TenantId, holder: string) => number;
  /** Default `limits.holderRevocationsMax`. */
  readonly holderRevocationsMax?: number;
}

/**
 * @param input.token one that was found good, and the requester's own
 * @throws StoreFault when the act cannot commit; then nothing was revoked
 */
export async function revokeOwn(
  deps: RevokeOwnDeps,
  input: {
    readonly requester: Requester;
    readonly token: {
      readonly tokenId: string;
      readonly clientId: string;
      readonly subject: string;
      readonly expiresAt: UnixSeconds;
    };
  },
): Promise<Result<Revoked, RevokeRefusal>> {
  const { requester } = input;
  const { tokenId, clientId, subject, expiresAt } = input.token;
  const holder = holderId(clientId, subject);
  const most = deps.holderRevocationsMax ?? limits.holderRevocationsMax;
  const about = { kind: 'token', id: tokenId } as const;
  const isFull = deps.askedBy(requester.tenant, holder) >= most;
  const target = isFull ? ({ kind: 'holder', id: holder } as const) : about;
  return revoke(deps, {
    requester,
    target,
    about,
    reason: isFull
      ? `revoked by its client, with all that it holds for the subject: more than ${most} at once`
      : 'revoked by its client',
    ...(isFull ? {} : { holder, tokensEndAt: expiresAt }),
  });
}
