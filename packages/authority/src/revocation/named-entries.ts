/** Entries of the feed of which the newest alone says what a thing is now. */
import {
  type ApiEntry,
  type FeedEntry,
  type FeedPosition,
  limits,
  type PolicyEntry,
  type TenantId,
  type UpstreamCredentialEntry,
} from '@mintmark/core';
import type { Sealer } from '../custody/sealer.ts';
import type { Store } from '../store/store.ts';
import type { Row } from '../store/tables.ts';
import { credentialViewOf } from './credential-view.ts';
import { policyViewOf } from './policy-view.ts';

/** Of what a tenant has few of. */
export const rowsMax = 10_000;

export interface NamedDeps {
  readonly store: Pick<Store, 'policies' | 'policyVersions' | 'apis' | 'upstreamCredentials'>;
  readonly sealer: Pick<Sealer, 'open'>;
}

export type NamedEntry = PolicyEntry | ApiEntry | UpstreamCredentialEntry;

export function isNamed(entry: Pick<FeedEntry, 'type'>): entry is NamedEntry {
  return ['policy', 'api', 'upstream_credential'].includes(entry.type);
}

export function nameOf({ type, name }: Pick<NamedEntry, 'type' | 'name'>): string {
  return `${type} ${name}`;
}

/** Where each was told of last. */
export function newestOf(rows: readonly Row<'feed'>[]): ReadonlyMap<string, FeedPosition> {
  const newest = new Map<string, FeedPosition>();
  for (const { entry, position } of rows) {
    if (isNamed(entry)) newest.set(nameOf(entry), position);
  }
  return newest;
}

/** What it is now; null: it is gone. */
export async function contentsOf(
  deps: NamedDeps,
  tenant: string,
  { type, name }: NamedEntry,
): Promise<
  Pick<PolicyEntry, 'policy'> | Pick<ApiEntry, 'api'> | Pick<UpstreamCredentialEntry, 'credential'>
> {
  const { store } = deps;
  if (type === 'api') return { api: (await store.apis.get(tenant, name))?.api ?? null };
  if (type === 'upstream_credential') {
    const row = await store.upstreamCredentials.get(tenant, name);
    return { credential: row === undefined ? null : await credentialViewOf(deps.sealer, row) };
  }
  return { policy: await policyViewOf(store, await store.policies.get(tenant, name)) };
}

/** All of a tenant's, as they are now. */
export async function namedEntries(
  { store, sealer }: NamedDeps,
  { tenant, position }: { readonly tenant: TenantId; readonly position: FeedPosition },
): Promise<readonly FeedEntry[]> {
  const entries: FeedEntry[] = [];
  for (const row of await store.apis.list({ where: { tenant }, limit: limits.apisMax })) {
    entries.push({ type: 'api', position, name: row.name, api: row.api });
  }
  for (const row of await store.policies.list({ where: { tenant }, limit: rowsMax })) {
    const policy = await policyViewOf(store, row);
    if (policy !== null) entries.push({ type: 'policy', position, name: row.name, policy });
  }
  const credentials = { where: { tenant }, limit: limits.upstreamCredentialsMax };
  for (const row of await store.upstreamCredentials.list(credentials)) {
    const credential = await credentialViewOf(sealer, row);
    entries.push({ type: 'upstream_credential', position, name: row.name, credential });
  }
  return entries;
}
