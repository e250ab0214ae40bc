/**
 * A signing key that somebody else may hold: first what its end breaks, then its end, in one act,
 * and its owners told. Refresh tokens go on, since no signing key stands behind them: the next
 * refresh gives tokens of the new key. Neighbours: `keyring/` ends the key, `revocation/` looks.
 */
import { limits, type Result, rfc3339, type TenantId, type UnixMs } from '@mintmark/core';
import { type Notice, tellOwner } from '../alerts/tell-owner.ts';
import type { Requester } from '../audit/requester.ts';
import type { KeyChangeBy } from '../keyring/key-acts.ts';
import type { EmergencyRefusal, Keyring } from '../keyring/keyring.ts';
import { type Preview, preview } from '../revocation/preview.ts';
import { type SelectionDeps, selectPage } from '../revocation/selection.ts';
import type { Store } from '../store/store.ts';

export interface EmergencyDeps extends Omit<SelectionDeps, 'store'> {
  readonly store: SelectionDeps['store'] & Pick<Store, 'signingKeys' | 'clients' | 'acts'>;
  readonly keyring: Pick<Keyring, 'emergency'>;
  readonly clock: { nowMs(): UnixMs };
  /** How long verifiers keep the key set, as its answer tells them. */
  readonly jwksMaxAgeSeconds: number;
}

export interface EmergencyPreview {
  readonly found: Preview;
  readonly status: string;
  /** Whether it signs now: then another key takes its place at once. */
  readonly signs: boolean;
  readonly algorithm: string;
  readonly caches: {
    readonly jwksMaxAgeSeconds: number;
    readonly statusListTtlSeconds: number;
    readonly feedLeaseSeconds: number;
  };
}

/**
 * What would break; changes nothing.
 *
 * @returns undefined where the tenant has no such key
 */
export async function previewEmergency(
  deps: EmergencyDeps,
  input: { readonly tenant: TenantId; readonly kid: string; readonly now: UnixMs },
): Promise<EmergencyPreview | undefined> {
  const { tenant, kid, now } = input;
  const key = await deps.store.signingKeys.get(tenant, kid);
  if (key === undefined) return undefined;
  const selector = { signingKey: kid, issuedBefore: now };
  const found = await withFamilies(deps, input, await preview(deps, { tenant, selector, now }));
  return {
    found,
    status: key.status,
    signs: key.status === 'active',
    algorithm: key.algorithm,
    caches: {
      jwksMaxAgeSeconds: deps.jwksMaxAgeSeconds,
      statusListTtlSeconds: limits.statusListTtlSeconds,
      feedLeaseSeconds: limits.feedLeaseMs / 1000,
    },
  };
}

/** Which of the clients have refresh tokens, by which they come to new ones by themselves. */
async function withFamilies(
  deps: EmergencyDeps,
  { tenant, now }: { readonly tenant: TenantId; readonly now: UnixMs },
  found: Preview,
): Promise<Preview> {
  const clients = new Map(found.clients.map((client) => [client.clientId, client]));
  const selector = { issuedBefore: now };
  let cursor: Parameters<typeof selectPage>[1]['cursor'] = { part: 'families' };
  for (let pages = 0; cursor?.part === 'families' && clients.size > 0; pages++) {
    if (pages === limits.revocationPreviewPagesMax) return { ...found, complete: false };
    const page = await selectPage(deps, { tenant, selector, now, cursor });
    for (const { clientId } of page.found.families) {
      const client = clients.get(clientId);
      if (client !== undefined) client.families++;
    }
    cursor = page.next;
  }
  return found;
}

export interface EmergencyDone {
  readonly revocation: string;
  readonly replacement: string | undefined;
  readonly found: Preview;
  /** Owners, of however many clients each. */
  readonly ownersTold: number;
}

/**
 * Ends the key, then tells the owners of the clients whose tokens ended with it.
 *
 * @throws StoreFault: before the act, nothing has ended; after it, owners may not have been told
 */
export async function endSigningKey(
  deps: EmergencyDeps,
  input: { readonly requester: Requester; readonly kid: string; readonly by: KeyChangeBy },
): Promise<Result<EmergencyDone, EmergencyRefusal>> {
  const { requester, kid, by } = input;
  const { tenant } = requester;
  const now = deps.clock.nowMs();
  const ended = await deps.keyring.emergency({ tenant, kid, ...by });
  if (!ended.ok) return ended;
  const { revocation, replacement } = ended.value;
  // Looked at afterwards, so that nothing waits for it: by all but the end of the key itself.
  const { refuses, refusesKey } = deps.feed;
  const asBefore: EmergencyDeps = {
    ...deps,
    feed: {
      refusesKey,
      refuses: (of, token) => refuses(of, { ...token, signingKey: undefined }),
    },
  };
  const selector = { signingKey: kid, issuedBefore: (now + 1) as UnixMs };
  const tokens = await preview(asBefore, { tenant, selector, now });
  const found = await withFamilies(deps, { tenant, now }, tokens);
  const notices = await noticesOf(deps, { tenant, kid, now, found });
  await tellOwner(deps, notices);
  const ownersTold = new Set(notices.map(({ owner }) => owner)).size;
  return { ok: true, value: { revocation, replacement, found, ownersTold } };
}

async function noticesOf(
  { store }: EmergencyDeps,
  what: {
    readonly tenant: TenantId;
    readonly kid: string;
    readonly now: UnixMs;
    readonly found: Preview;
  },
): Promise<readonly Notice[]> {
  const { tenant, kid, now } = what;
  const notices: Notice[] = [];
  for (const { clientId, tokens, families } of what.found.clients) {
    const row = await store.clients.get(tenant, clientId);
    const owner = row?.metadata['owner'];
    if (row === undefined || typeof owner !== 'string' || owner === '') continue;
    const facts = {
      client: clientId,
      tokens: String(tokens),
      families: String(families),
      ended_at: rfc3339(now),
    };
    const about = { kind: 'client', id: clientId } as const;
    notices.push({ tenant, kind: 'signing_key.ended', occasion: kid, owner, about, facts });
  }
  return notices;
}
