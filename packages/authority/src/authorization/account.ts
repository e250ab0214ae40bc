/** What people see and end by themselves: where they are signed in, and who may what for them. */
import { type ClientId, nowSeconds, type SubjectId, type TenantId } from '@mintmark/core';
import { eventBy } from '../audit/requester.ts';
import type { Store } from '../store/store.ts';
import { type Consent, consentOf } from './consents.ts';
import { type EndSessionDeps, endFamiliesOf, endFamily, endSession } from './end-session.ts';
import type { Seat } from './flow.ts';
import { isLive, type Session, type SessionDeps, sessionOf } from './sessions.ts';
import type { Visitor } from './visitor.ts';

export type AccountDeps = EndSessionDeps &
  SessionDeps & {
    readonly store: Pick<Store, 'sessions' | 'consents' | 'refreshFamilies' | 'acts'>;
  };

/** An application on a device that goes on getting tokens, until its refresh token ends. */
export interface Device {
  readonly family: string;
  readonly clientId: ClientId;
  /** Milliseconds: when the person signed in there, and when it last got a token. */
  readonly createdAt: number;
  readonly usedAt: number;
}

export interface Account {
  /** Newest first. */
  readonly sessions: readonly Session[];
  readonly consents: readonly Consent[];
  /** Newest first. */
  readonly devices: readonly Device[];
}

/** More of any are there for nobody to read through. */
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
    devices: await readDevices(deps, of),
  };
}

/** Families that can still be refreshed: of ended ones a row may stay, but not what granted it. */
async function readDevices(
  deps: AccountDeps,
  { tenant, subject }: { readonly tenant: TenantId; readonly subject: SubjectId },
): Promise<readonly Device[]> {
  const families = await deps.store.refreshFamilies.list({
    where: { tenant, subject, status: 'active' },
    orderBy: ['partition', 'id'],
    descending: true,
    limit: listMax,
  });
  const now = nowSeconds(deps.clock);
  const living = families.filter(
    (row) => Math.min(row.expiresAtSeconds, row.idleExpiresAtSeconds) > now,
  );
  const granted = await Promise.all(
    living.map(({ clientId, family }) =>
      deps.store.grantedFamilies.get(tenant, subject, clientId, family),
    ),
  );
  return living
    .filter((_, i) => granted[i] !== undefined)
    .map(({ family, clientId, createdAt, usedAt }) => {
      return { family, clientId: clientId as ClientId, createdAt, usedAt };
    })
    .sort((a, b) => b.usedAt - a.usedAt);
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

/** Ends the tokens of an application on one device; another person's ends nothing. */
export async function endOwnDevice(
  deps: AccountDeps,
  change: AccountChange & { readonly clientId: ClientId; readonly family: string },
): Promise<void> {
  const { seat, clientId, family } = change;
  await endFamily(deps, requesterOf(change), { subject: seat.user.id, clientId, family });
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
