/** The end of everything that one consent gave: access tokens by the feed, refresh tokens too. */
import { type ClientId, type FamilyId, freshId, type TenantId } from '@mintmark/core';
import { revocationStep } from '../revocation/revocation-step.ts';
import type { Step } from '../store/act.ts';
import type { GrantDeps } from './grant.ts';

/** @param family.reason in words, for the record of the revocation */
export function familyRevoked(
  deps: Pick<GrantDeps, 'clock' | 'entropy'>,
  family: {
    readonly tenant: TenantId;
    readonly clientId: ClientId;
    readonly family: FamilyId;
    readonly reason: string;
  },
): Step {
  return revocationStep({
    tenant: family.tenant,
    id: freshId(deps.entropy),
    target: { kind: 'family', id: family.family },
    reason: family.reason,
    actor: `client:${family.clientId}`,
    at: deps.clock.nowMs(),
  });
}
