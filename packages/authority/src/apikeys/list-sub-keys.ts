/**
 * Sub-keys of a key, as far as they were used: nobody tells the server of one before. What each did
 * is counted by `usage`, under the target of its revocation and its label.
 */
import type { KeyStatus, TenantId } from '@mintmark/core';
import type { Store } from '../store/store.ts';
import type { Row } from '../store/tables.ts';
import { isApiKey, type KeyRow } from './key-change.ts';

export interface UsedSubKey {
  /** The target of its revocation. */
  readonly id: string;
  readonly label: string | undefined;
  /** What is known of it here: by itself, or by its key. Its own end stands in its text alone. */
  readonly status: KeyStatus;
  readonly usage: Row<'usage'>;
}

const kind = 'sub_key';

/** @returns undefined where the tenant has no such key; else a page, and where the next begins */
export async function listSubKeys(
  store: Pick<Store, 'keys' | 'usage' | 'revocations'>,
  input: {
    readonly tenant: TenantId;
    readonly keyId: string;
    readonly limit: number;
    readonly after?: readonly (string | number)[] | undefined;
  },
): Promise<
  | { readonly subKeys: readonly UsedSubKey[]; readonly next: readonly string[] | undefined }
  | undefined
> {
  const { tenant, keyId, limit, after } = input;
  const key = await store.keys.get(tenant, keyId);
  if (!isApiKey(key)) return undefined;
  const beginning = `${keyId}.`;
  const rows = await store.usage.list({
    where: { tenant, kind, id: { is: '>=', value: beginning } },
    limit: limit + 1,
    ...(after === undefined ? {} : { after }),
  });
  const own = rows.filter(({ id }) => id.startsWith(beginning));
  const page = own.slice(0, limit);
  const last = own.length > limit ? page.at(-1) : undefined;
  return {
    subKeys: await Promise.all(page.map((usage) => subKeyOf(store, key, usage))),
    next: last === undefined ? undefined : [last.tenant, last.kind, last.id],
  };
}

async function subKeyOf(
  store: Pick<Store, 'revocations'>,
  key: KeyRow,
  usage: Row<'usage'>,
): Promise<UsedSubKey> {
  const space = usage.id.indexOf(' ');
  const id = space < 0 ? usage.id : usage.id.slice(0, space);
  const label = space < 0 ? undefined : usage.id.slice(space + 1);
  const [revoked] = await store.revocations.list({
    where: { tenant: key.tenant, targetKind: kind, targetId: id },
    orderBy: ['tenant', 'targetKind', 'targetId', 'position'],
    limit: 1,
  });
  return { id, label, status: revoked === undefined ? key.status : 'revoked', usage };
}
