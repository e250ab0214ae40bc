/** Whether what a grant rests on holds still, by all that this process knows of revocations. */
import type {
  ClientId,
  FamilyId,
  FeedPosition,
  SubjectId,
  TenantId,
  UnixSeconds,
} from '@mintmark/core';
import type { Basis } from '../issuance/issue.ts';
import type { GrantDeps } from './grant.ts';

/** Something that was agreed to before: a code, a family of refresh tokens. */
interface Agreed {
  readonly tenant: TenantId;
  readonly id: string;
  readonly clientId: ClientId;
  readonly subject: SubjectId;
  readonly family: FamilyId | undefined;
  /** It was good at this position of the feed. */
  readonly position: FeedPosition;
  readonly issuedAt: UnixSeconds;
}

/**
 * @returns the position up to which nothing ends it, from which the act goes on; undefined where
 *   something does
 * @throws StoreFault
 */
export async function basisOf(
  deps: Pick<GrantDeps, 'feedHead' | 'refuses'>,
  agreed: Agreed,
): Promise<Basis | undefined> {
  const { tenant, id, ...targets } = agreed;
  // Read before the judgement, which waits until all up to here is judged.
  const position = Math.max(deps.feedHead(tenant), agreed.position);
  if (await deps.refuses(tenant, { ...targets, tenant, tokenId: id })) return undefined;
  return { position, family: agreed.family };
}
