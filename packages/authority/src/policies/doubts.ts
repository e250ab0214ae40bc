/**
 * What is doubtful of a policy that was taken all the same: nobody is refused for it, and whoever
 * wrote it should hear it at once and not from the traffic.
 */
import type { JsonObject, TenantId } from '@mintmark/core';
import { readPolicyDocument } from '@mintmark/policy';
import type { Store } from '../store/store.ts';
import { failuresOf } from './failures.ts';

/**
 * @param document as it was stored
 * @returns a sentence each: routes that the tenant has not, tests that fail
 * @throws StoreFault
 */
export async function doubtsOf(
  { store }: { readonly store: Pick<Store, 'routes'> },
  tenant: TenantId,
  document: JsonObject,
): Promise<readonly string[]> {
  const read = readPolicyDocument(document);
  const named = read.ok ? (read.value.document.routes ?? []) : [];
  const rows = await Promise.all(named.map((name) => store.routes.get(tenant, name)));
  return [
    ...named
      .filter((_, index) => rows[index] === undefined)
      .map((name) => `there is no route "${name}": for it the policy says nothing`),
    ...failuresOf(document).map(({ name, notes }) => `test "${name}" fails: ${notes.join('; ')}`),
  ];
}
