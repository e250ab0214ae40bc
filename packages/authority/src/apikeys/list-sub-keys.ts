/**
 * Sub-keys of a key, as far as they were used: nobody tells the server of one before. What each did
 * is counted by `usage`, under the target of its revocation and its label.
 */
import type { TenantId } from '@mintmark/core';
import type { Store } from '../store/store.ts';
import type { Row } from '../store/tables.ts';
import { isApiKey } from './key-change.ts';

export interface UsedSubKey {
  /** The target of its revocation. */
  readonly id: string;
  readonly label: string | undefined;
  readonly usage: Row<'usage'>;
}

const kind = 'sub_key';

/** @returns undefined where the tenant has no such key; else a page, and where the next begins */
export async function listSubKeys(
  store: Pick<Store, 'keys' | 'usage'>,
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
  if (!isApiKey(await store.keys.get(tenant, keyId))) return undefined;
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
    subKeys: page.map(subKeyOf),
    next: last === undefined ? undefined : [last.tenant, last.kind, last.id],
  };
}

function subKeyOf(usage: Row<'usage'>): UsedSubKey {
  const space = usage.id.indexOf(' ');
  if (space < 0) return { id: usage.id, label: undefined, usage };
  return { id: usage.id.slice(0, space), label: usage.id.slice(space + 1), usage };
}
