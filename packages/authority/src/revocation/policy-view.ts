/** A policy as enforcement points get it: its versions that are judged by. */
import type { JsonObject, PolicyVersionView, PolicyView } from '@mintmark/core';
import { versionViewOf } from '@mintmark/policy';
import type { Store } from '../store/store.ts';
import type { Row } from '../store/tables.ts';

type PolicyReading = Pick<Store, 'policies' | 'policyVersions'>;

/** @returns null where nothing is judged by under the name. @throws StoreFault */
export async function policyViewOf(
  store: PolicyReading,
  row: Row<'policies'> | undefined,
): Promise<PolicyView | null> {
  if (row === undefined) return null;
  const version = async (number: number | null): Promise<PolicyVersionView | undefined> => {
    if (number === null) return undefined;
    const found = await store.policyVersions.get(row.tenant, row.name, number);
    return found && versionViewOf(found.document as JsonObject, number);
  };
  const [enforced, shadow] = await Promise.all([version(row.enforced), version(row.shadow)]);
  if (enforced === undefined && shadow === undefined) return null;
  return {
    ...(enforced === undefined ? {} : { enforced }),
    ...(shadow === undefined ? {} : { shadow }),
  };
}
