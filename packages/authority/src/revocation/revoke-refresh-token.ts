/** RFC 7009 §2.1: a client gives up a refresh token, and with it all that its family gave. */
import type { ClientId } from '@mintmark/core';
import type { Requester } from '../audit/requester.ts';
import { findRefreshToken, type RefreshReaders } from '../issuance/presented-refresh.ts';
import { endOfFamily } from '../issuance/refresh-token.ts';
import { type RevokeDeps, revoke } from './revoke.ts';

/**
 * Ends the token’s family. One that is unknown, or another client’s, stays as it is. An older token
 * ends its family too: whoever holds it could do so by presenting it.
 *
 * @throws StoreFault: nothing was revoked
 */
export async function revokeRefreshToken(
  deps: RevokeDeps & RefreshReaders,
  input: { readonly requester: Requester; readonly clientId: ClientId; readonly token: string },
): Promise<void> {
  const { requester, clientId, token } = input;
  const presented = await findRefreshToken(deps, requester.tenant, token);
  if (presented === undefined || presented.clientId !== clientId || presented.ended) return;
  await revoke(deps, {
    requester,
    target: { kind: 'family', id: presented.family },
    reason: 'revoked by its client',
    alongside: () => [endOfFamily(presented)],
  });
}
