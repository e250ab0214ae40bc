/** What people see and end by themselves: where they are signed in, and who may what for them. */
import type { ClientId, SubjectId, TenantId } from '@mintmark/core';
import { eventBy } from '../audit/requester.ts';
import type { Store } from '../store/store.ts';
import { type Consent, consentOf } from './consents.ts';
import { type EndSessionDeps, endFamiliesOf, endSession } from './end-session.ts';
import type { Seat } from './flow.ts';
import { isLive, type Session, type SessionDeps, sessionOf } from './sessions.ts';
import type { Visitor } from './visitor.ts';

export type AccountDeps = EndSessionDeps &
  SessionDeps & { readonly store: Pick<Store, 'sessions' | 'consents' | 'acts'> };

export interface Account {
  /** Newest first. */
  readonly sessions: readonly Session[];
  readonly consents: readonly Consent[];
}

/** More of either are there for nobody to read through. */
const listMax = 200;

/** @throws StoreFault */
export async function readAccount(
  deps: AccountDeps,
  of: { readonly tenant: TenantId; readonly subject: SubjectId },
): Promise<Account> {
  const { tenant, subject } = of;
  const sessions = await deps.store.sessions.list({
    where: { tenant, subject },
    orderBy: ['createdAt', 'id'],
    descending: true,
    limit: listMax,
  });
  const consents = await deps.store.consents.list({ where: { tenant, subject }, limit: listMax });
  return {
    sessions: sessions.filter((row) => isLive(deps, row)).map(sessionOf),
    consents: consents.map(consentOf),
  };
}

interface AccountChange {
  readonly tenant: TenantId;
  readonly seat: Seat;
  readonly visitor: Visitor;
}

/** Ends one of the person's own sessions; another's id ends nothing. */
export async function endOwnSession(
  deps: AccountDeps,
  change: AccountChange & { readonly id: string },
): Promise<void> {
  const { tenant, seat, id } = change;
  const session = { tenant, id, subject: seat.user.id };
  await endSession(deps, requesterOf(change), { session, why: 'ended by its user' });
}

/** Takes back what the person allowed a client: the consent, and all tokens that it gave. */
export async function withdrawConsent(
  deps: AccountDeps,
  change: AccountChange & { readonly clientId: ClientId },
): Promise<void> {
  const { tenant, seat, clientId } = change;
  const of = { tenant, subject: seat.user.id, clientId };
  // First, so that what is given in between is not left standing.
  const { outcome } = await deps.store.acts.run({
    steps: [{ do: 'delete', table: 'consents', where: of, refused: 'no_consent' }],
    audit: await deps.recorder.record(
      eventBy(requesterOf(change), {
        action: 'consent.withdraw',
        at: deps.clock.nowMs(),
        object: { kind: 'consent', id: `${seat.user.id}:${clientId}` },
        related: { kind: 'client', id: clientId },
      }),
    ),
  });
  if (outcome === 'done') await endFamiliesOf(deps, of);
}

function requesterOf({ tenant, seat, visitor }: AccountChange) {
  const { address, userAgent } = visitor;
  return { tenant, actor: { kind: 'user', id: seat.user.id } as const, address, userAgent };
}
