/** Lists keys, newest first; secrets and their hashes stay behind. */
import type { KeyStatus, TenantId } from '@mintmark/core';
import type { Store } from '../store/store.ts';
import type { KeyRow } from './key-change.ts';

/** A row as it may be shown: nothing that depends on the secret. */
export type ShownKey = Omit<KeyRow, 'hash' | 'pepperVersion' | 'sealedVerifier'>;

/**
 * One page of the keys of a kind.
 *
 * @param input.after the position of the last row of the page before
 * @returns the rows; `next` is where to go on, undefined on the last page
 */
export async function listKeys(
  store: Pick<Store, 'keys'>,
  input: {
    readonly tenant: TenantId;
    readonly kind: 'key' | 'admin';
    readonly owner?: string | undefined;
    readonly status?: KeyStatus | undefined;
    readonly limit: number;
    readonly after?: readonly (string | number)[] | undefined;
  },
): Promise<{
  readonly rows: readonly ShownKey[];
  readonly next: readonly (string | number)[] | undefined;
}> {
  const { tenant, kind, owner, status, limit, after } = input;
  const rows = await store.keys.list({
    where: {
      tenant,
      kind,
      ...(owner === undefined ? {} : { owner }),
      ...(status === undefined ? {} : { status }),
    },
    orderBy: ['tenant', owner === undefined ? 'kind' : 'owner', 'createdAt', 'id'],
    descending: true,
    ...(after === undefined ? {} : { after }),
    // One more than asked for shows whether there is a next page.
    limit: limit + 1,
  });
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  const next =
    last === undefined || rows.length <= limit
      ? undefined
      : [last.tenant, owner === undefined ? last.kind : last.owner, last.createdAt, last.id];
  return { rows: page, next };
}
