/**
 * A presented sub-key: its chain is verified against the public key that was kept of its key, and
 * its key is then judged like every other, with what the chain has taken away. What must never
 * happen: a sub-key that can do what its key cannot, or that lives after it.
 */
import type { TenantId, UnixMs, UnixSeconds } from '@mintmark/core';
import {
  judgeSubKeyNow,
  judgeSubKeyUse,
  narrowScopes,
  parseSubKey,
  type SecretTokenKind,
  type SubKeyDenial,
  type SubKeyMemory,
  type SubKeyUse,
  subKeyEnd,
  type VerifiedSubKey,
} from '@mintmark/tokens';
import type { KeyReader } from './key-cache.ts';
import type { KeyRow } from './key-change.ts';

export interface SubKeyPorts {
  readonly store: { readonly keys: KeyReader };
  readonly prefix: string;
  readonly subKeys: SubKeyMemory;
}

/** @returns the key's own row, not narrowed yet */
export async function findProvenSubKey(
  ports: SubKeyPorts,
  input: {
    readonly tenant: TenantId;
    readonly text: string;
    readonly kinds: readonly SecretTokenKind[];
  },
): Promise<{ readonly row: KeyRow; readonly subKey: VerifiedSubKey } | 'malformed' | 'not_found'> {
  const { tenant, text, kinds } = input;
  const parsed = parseSubKey(text, ports.prefix);
  if (!parsed.ok) return 'malformed';
  const row = await ports.store.keys.get(tenant, parsed.value.keyId);
  // One that nobody presented since this column came has no public key yet: its next use brings it.
  if (row === undefined || row.derivationKey === null) return 'not_found';
  // Where the key itself may not be presented, nothing that was derived from it may be.
  if (!kinds.some((kind) => kind === row.kind) || row.importFormat !== null) return 'not_found';
  const verified = ports.subKeys.verify(text, parsed.value, row.derivationKey);
  return verified.ok ? { row, subKey: verified.value } : 'not_found';
}

/** The row as the sub-key leaves it. */
export function narrowedRow(row: KeyRow, { links }: VerifiedSubKey): KeyRow {
  const endsAt = subKeyEnd(links) * 1000;
  return {
    ...row,
    scopes: narrowScopes(row.scopes, links),
    expiresAt: row.expiresAt === null ? endsAt : Math.min(row.expiresAt, endsAt),
  };
}

export function subKeyDenialOf(
  subKey: VerifiedSubKey | undefined,
  input: {
    readonly now: UnixMs;
    readonly address?: string | undefined;
    readonly use?: SubKeyUse | 'judged' | undefined;
  },
): SubKeyDenial | undefined {
  if (subKey === undefined) return undefined;
  const { address, use = {} } = input;
  const now = Math.floor(input.now / 1000) as UnixSeconds;
  const denial = judgeSubKeyNow(subKey.links, { now, address });
  return denial ?? (use === 'judged' ? undefined : judgeSubKeyUse(subKey.links, use));
}
