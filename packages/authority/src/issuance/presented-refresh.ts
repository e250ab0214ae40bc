/**
 * A refresh token as a client presents it: which family it belongs to, and whether it is the
 * current token of it, the one before, or an older one.
 */
import {
  type ClientId,
  equalConstantTime,
  type FamilyId,
  type FeedPosition,
  nowSeconds,
  type SubjectId,
  type TenantId,
  type UnixSeconds,
} from '@mintmark/core';
import { hashSecret, openSuccessor, parseSecretToken, partitionOfTokenId } from '@mintmark/tokens';
import type { Peppers } from '../custody/peppers.ts';
import type { Store } from '../store/store.ts';
import type { Row } from '../store/tables.ts';
import type { IssueDeps } from './issue.ts';
import type { GrantTerms } from './terms.ts';

/** A refresh token that some family knows, and which of its tokens it is. */
export interface PresentedRefresh {
  readonly tenant: TenantId;
  readonly partition: number;
  readonly id: string;
  readonly family: FamilyId;
  readonly clientId: ClientId;
  readonly subject: SubjectId;
  readonly terms: GrantTerms;
  readonly generation: number;
  readonly position: FeedPosition;
  /** When the family was last used, unix milliseconds. */
  readonly usedAt: number;
  readonly ended: boolean;
  /** When the family began: all of it is as old as the consent. */
  readonly issuedAt: UnixSeconds;
  readonly expiresAt: UnixSeconds;
  /** The secret part of what was presented. */
  readonly secret: string;
  readonly text: string;
  /** Undefined: of an earlier generation, and its successor was used or its grace is over. */
  readonly is: 'current' | Predecessor | undefined;
}

/** A token that was rotated just now, with what took its place. */
export interface Predecessor {
  readonly successor: string;
  readonly asked: string;
  readonly binding: string | null;
}

export interface RefreshReaders {
  readonly store: Pick<Store, 'refreshFamilies' | 'refreshSuccessors'>;
  readonly peppers: Pick<Peppers, 'find'>;
  readonly clock: IssueDeps['clock'];
  readonly prefix: string;
}

/**
 * Finds the family of a refresh token. The look-up id stands in tokens of the family and nowhere
 * else, so whoever presents it has seen one of them, whatever the secret beside it is.
 *
 * @throws StoreFault
 */
export async function findRefreshToken(
  deps: RefreshReaders,
  tenant: TenantId,
  text: string,
): Promise<PresentedRefresh | undefined> {
  const parsed = parseSecretToken(text, deps.prefix);
  if (!parsed.ok || parsed.value.kind !== 'rt') return undefined;
  const { id, secret } = parsed.value;
  const partition = partitionOfTokenId(id);
  if (partition === undefined) return undefined;
  const row = await deps.store.refreshFamilies.get(partition, tenant, id);
  if (row === undefined) return undefined;
  const current = await isCurrent(deps, row, secret);
  return {
    tenant,
    partition,
    id,
    family: row.family as FamilyId,
    clientId: row.clientId as ClientId,
    subject: row.subject as SubjectId,
    // Written by `beginFamily` alone.
    terms: row.terms as unknown as GrantTerms,
    generation: row.generation,
    position: row.position,
    usedAt: row.usedAt,
    ended: row.status !== 'active',
    issuedAt: Math.floor(row.createdAt / 1000) as UnixSeconds,
    expiresAt: Math.min(row.expiresAtSeconds, row.idleExpiresAtSeconds) as UnixSeconds,
    secret,
    text,
    is: current ? 'current' : await predecessor(deps, row, secret),
  };
}

async function isCurrent(
  deps: RefreshReaders,
  row: Row<'refreshFamilies'>,
  secret: string,
): Promise<boolean> {
  const { tenant, id } = row;
  const pepper = await deps.peppers.find(row.pepperVersion);
  if (pepper === undefined) return false;
  return equalConstantTime(hashSecret({ pepper, tenant, id, secret }), row.hash);
}

async function predecessor(
  deps: RefreshReaders,
  row: Row<'refreshFamilies'>,
  secret: string,
): Promise<Predecessor | undefined> {
  const { tenant, id, generation } = row;
  const kept = await deps.store.refreshSuccessors.get(tenant, id);
  if (kept === undefined || kept.generation !== generation) return undefined;
  if (kept.expiresAtSeconds <= nowSeconds(deps.clock)) return undefined;
  const successor = openSuccessor({
    predecessor: secret,
    sealed: kept.sealed,
    rotation: { tenant, id, generation },
  });
  if (successor === undefined) return undefined;
  return { successor, asked: kept.asked, binding: kept.binding };
}
