/**
 * Ends of sessions. First one act marks the session as ended, and nobody can use it any more; then
 * what follows from it: the tokens that were given in it end, but for those that a person allowed
 * to work while away (`offline_access`), and the clients that asked to hear of it are due to be
 * told. A crash in between leaves the mark, and the next round goes on from it.
 */
import {
  type ClientId,
  type Clock,
  type Entropy,
  freshId,
  limits,
  nowSeconds,
  type SubjectId,
  type TenantId,
} from '@mintmark/core';
import type { Recorder } from '../audit/record.ts';
import { eventBy, type Requester } from '../audit/requester.ts';
import { revocationStep } from '../revocation/revocation-step.ts';
import type { FeedDraft, Step } from '../store/act.ts';
import type { Store } from '../store/store.ts';
import type { Row } from '../store/tables.ts';

export interface EndSessionDeps {
  readonly store: Pick<Store, 'sessions' | 'grantedFamilies' | 'acts'>;
  readonly recorder: Recorder;
  readonly clock: Clock;
  readonly entropy: Entropy;
}

export interface EndedSession {
  readonly tenant: TenantId;
  readonly id: string;
  readonly subject: SubjectId;
}

/**
 * Ends a session of this subject; one that has ended already stays as it is.
 *
 * @throws StoreFault
 */
export async function endSession(
  deps: EndSessionDeps,
  requester: Requester,
  input: { readonly session: EndedSession; readonly why: string },
): Promise<void> {
  const { session, why } = input;
  const { tenant, id, subject } = session;
  const now = deps.clock.nowMs();
  const { outcome } = await deps.store.acts.run({
    steps: [
      {
        do: 'update',
        table: 'sessions',
        where: { tenant, id, subject, endedAt: null },
        set: { endedAt: now },
        refused: 'session_ended',
      },
    ],
    audit: await deps.recorder.record(
      eventBy(requester, {
        action: 'session.end',
        at: now,
        object: { kind: 'session', id },
        related: { kind: 'user', id: subject },
        why,
      }),
    ),
  });
  if (outcome === 'done') await settleSession(deps, session);
}

/** Does what follows from ends that nobody has settled yet. @returns how many there were */
export async function settleEnded(deps: EndSessionDeps): Promise<number> {
  const rows = await deps.store.sessions.list({
    where: { endedAt: { is: '>', value: 0 } },
    orderBy: ['endedAt'],
    limit: limits.endedSessionsBatch,
  });
  for (const row of rows) await settleSession(deps, endedOf(row));
  return rows.length;
}

function endedOf(row: Row<'sessions'>): EndedSession {
  return { tenant: row.tenant as TenantId, id: row.id, subject: row.subject as SubjectId };
}

async function settleSession(deps: EndSessionDeps, session: EndedSession): Promise<void> {
  const { tenant, id } = session;
  const { store } = deps;
  for (;;) {
    const families = await store.grantedFamilies.list({
      where: { tenant, session: id, offline: 0 },
      orderBy: ['session', 'offline'],
      limit: limits.familiesEndedAtOnce,
    });
    if (families.length === 0) break;
    await endFamilies(deps, { tenant, families, reason: 'session ended' });
  }
  const now = deps.clock.nowMs();
  const expiresAtSeconds = nowSeconds(deps.clock) + limits.logoutKeptSeconds;
  await store.acts.run({
    steps: [
      {
        do: 'update',
        table: 'sessionClients',
        where: { tenant, session: id },
        set: { nextAttemptAt: now, expiresAtSeconds },
      },
      { do: 'delete', table: 'sessions', where: { tenant, id } },
    ],
    audit: null,
  });
}

/** Ends all tokens that a person's consent gave a client, wherever and whenever. */
export async function endFamiliesOf(
  deps: EndSessionDeps,
  of: { readonly tenant: TenantId; readonly subject: SubjectId; readonly clientId: ClientId },
): Promise<void> {
  const { tenant, subject, clientId } = of;
  for (;;) {
    const families = await deps.store.grantedFamilies.list({
      where: { tenant, subject, clientId },
      limit: limits.familiesEndedAtOnce,
    });
    if (families.length === 0) return;
    await endFamilies(deps, { tenant, families, reason: 'consent withdrawn' });
  }
}

/**
 * Ends the tokens of one sign-in to a client: of one device.
 *
 * @param family of this subject and client; another's ends nothing
 */
export async function endFamily(
  deps: EndSessionDeps,
  requester: Requester,
  of: {
    readonly subject: SubjectId;
    readonly clientId: ClientId;
    readonly family: string;
  },
): Promise<void> {
  const { tenant } = requester;
  const row = await deps.store.grantedFamilies.get(tenant, of.subject, of.clientId, of.family);
  if (row === undefined) return;
  await endFamilies(deps, { tenant, families: [row], reason: 'ended by its user', requester });
}

/** One act: their revocations, and that there is nothing left to end of them. */
async function endFamilies(
  deps: EndSessionDeps,
  input: {
    readonly tenant: TenantId;
    readonly families: readonly Row<'grantedFamilies'>[];
    readonly reason: string;
    /** Who asks for it; where nobody does, it follows from something else. */
    readonly requester?: Requester;
  },
): Promise<void> {
  const { tenant, families, reason } = input;
  const { requester = { tenant, actor: { kind: 'system', id: 'sessions' } } } = input;
  const [first, ...others] = families;
  if (first === undefined) return;
  const at = deps.clock.nowMs();
  const id = freshId(deps.entropy);
  const revocation = revocationStep({
    tenant,
    id,
    target: { kind: 'family', id: first.family },
    reason,
    actor: `${requester.actor.kind}:${requester.actor.id}`,
    at,
  });
  const entries = others.map(({ family }): FeedDraft => {
    const [entry] = revocation.entries;
    return { ...entry, type: 'revocation', target: { kind: 'family', id: family } } as FeedDraft;
  });
  const keys = families.map((row) => [row.tenant, row.subject, row.clientId, row.family]);
  const steps: readonly Step[] = [
    { ...revocation, entries: [...revocation.entries, ...entries] },
    { do: 'deleteMany', table: 'grantedFamilies', keys },
  ];
  await deps.store.acts.run({
    steps,
    audit: await deps.recorder.record(
      eventBy(requester, {
        action: 'revocation.create',
        at,
        object: { kind: 'user', id: first.subject },
        related: { kind: 'revocation', id },
        why: reason,
        detail: { target_kind: 'family', families: families.map(({ family }) => family) },
      }),
    ),
  });
}
