/** Whether anything that a long-lived grant rests on was revoked, however long ago. */
import type { FeedPosition, RevocationTarget, TenantId } from '@mintmark/core';
import type { Store } from '../store/store.ts';

/**
 * The feed forgets a revocation when the last access token that it could touch has ended; the
 * record of it stays. So this is asked where something older than the feed is used again.
 *
 * @throws StoreFault
 */
export async function revokedSince(
  store: Pick<Store, 'revocations'>,
  tenant: TenantId,
  since: { readonly position: FeedPosition; readonly targets: readonly RevocationTarget[] },
): Promise<boolean> {
  const found = await Promise.all(
    since.targets.map(({ kind, id }) =>
      store.revocations.list({
        where: {
          tenant,
          targetKind: kind,
          targetId: id,
          position: { is: '>', value: since.position },
        },
        orderBy: ['position'],
        limit: 1,
      }),
    ),
  );
  return found.some((rows) => rows.length > 0);
}
