/**
 * Sessions of people who signed in. The browser's cookie holds an id and a secret; the row holds a
 * keyed hash of the secret. Neighbours: `users/` proves who somebody is, `complete.ts` gives codes
 * to whoever has a session. What must never happen: a session that outlives its limits, its user or
 * its end, or an id that was known before somebody signed in with it.
 */
import {
  type AcrValue,
  base64urlEncode,
  type Clock,
  type Entropy,
  equalConstantTime,
  freshId,
  limits,
  nowSeconds,
  type SubjectId,
  type TenantId,
} from '@mintmark/core';
import { hashSecret } from '@mintmark/tokens';
import type { Peppers } from '../custody/peppers.ts';
import type { Step } from '../store/act.ts';
import type { Store } from '../store/store.ts';
import type { Row } from '../store/tables.ts';

export interface Session {
  readonly tenant: TenantId;
  readonly id: string;
  readonly subject: SubjectId;
  readonly acr: AcrValue;
  readonly amr: readonly string[];
  /** Unix milliseconds. */
  readonly authenticatedAt: number;
  readonly device: string;
  readonly createdAt: number;
  readonly seenAt: number;
}

export interface SessionLifetimes {
  /** A session that is not used for so long has ended. */
  readonly idleSeconds: number;
  /** Counted from the last time that the person proved who they are. */
  readonly absoluteSeconds: number;
  /** Unix milliseconds; those that were opened until then ended with their tenant. */
  readonly endedBefore: number | null;
}

export interface SessionDeps {
  readonly store: Pick<Store, 'sessions'>;
  readonly peppers: Pick<Peppers, 'current' | 'find'>;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly lifetimes: SessionLifetimes;
}

const secretBytes = 32;
const tokenPattern = /^([0-9A-Za-z]{17})\.([A-Za-z0-9_-]{43})$/;

/**
 * The live session that a cookie proves.
 *
 * @returns undefined for everything else; that its user is still active is the caller's to check
 * @throws StoreFault
 */
export async function findSession(
  deps: SessionDeps,
  tenant: TenantId,
  token: string | undefined,
): Promise<Session | undefined> {
  const match = tokenPattern.exec(token ?? '');
  if (match === null) return undefined;
  const [, id = '', secret = ''] = match;
  const row = await deps.store.sessions.get(tenant, id);
  if (row === undefined || !isLive(deps, row)) return undefined;
  const pepper = await deps.peppers.find(row.pepperVersion);
  if (pepper === undefined) return undefined;
  const presented = hashSecret({ pepper, tenant, id, secret });
  return equalConstantTime(presented, row.hash) ? sessionOf(row) : undefined;
}

/** Whether a session may still be used. */
export function isLive(
  { clock, lifetimes }: Pick<SessionDeps, 'clock' | 'lifetimes'>,
  row: Row<'sessions'>,
): boolean {
  const now = clock.nowMs();
  if (row.createdAt <= (lifetimes.endedBefore ?? 0)) return false;
  if (row.endedAt !== null || now >= row.expiresAtSeconds * 1000) return false;
  return now - row.seenAt < lifetimes.idleSeconds * 1000;
}

export function sessionOf(row: Row<'sessions'>): Session {
  return {
    tenant: row.tenant as TenantId,
    id: row.id,
    subject: row.subject as SubjectId,
    // Written by `openSession` alone.
    acr: row.acr as AcrValue,
    amr: row.amr,
    authenticatedAt: row.authenticatedAt,
    device: row.device,
    createdAt: row.createdAt,
    seenAt: row.seenAt,
  };
}

export interface OpenedSession {
  readonly session: Session;
  /** For the cookie alone. */
  readonly token: string;
  /** Refused with `session_ended` where the session that was to be renewed has ended. */
  readonly step: Step;
}

/**
 * Opens a session for a person who has just proved who they are, or renews the one that the same
 * person has. Either way the secret is new (session fixation), and so is the time of the proof.
 *
 * @param input.renewed the person's live session in this browser: its id stays, so that its clients
 *   still know it
 */
export function openSession(
  deps: SessionDeps,
  input: {
    readonly tenant: TenantId;
    readonly subject: SubjectId;
    readonly acr: AcrValue;
    readonly amr: readonly string[];
    readonly device: string;
    readonly renewed: Session | undefined;
  },
): OpenedSession {
  const { peppers, clock, entropy, lifetimes } = deps;
  const { tenant, subject, acr, amr, device, renewed } = input;
  const now = clock.nowMs();
  const id = renewed?.id ?? freshId(entropy);
  const secret = base64urlEncode(entropy.bytes(secretBytes));
  const pepper = peppers.current();
  const fresh = {
    hash: hashSecret({ pepper: pepper.key, tenant, id, secret }),
    pepperVersion: pepper.version,
    acr,
    amr,
    authenticatedAt: now,
    device,
    seenAt: now,
    expiresAtSeconds: nowSeconds(clock) + lifetimes.absoluteSeconds,
  };
  const row: Row<'sessions'> = {
    ...fresh,
    tenant,
    id,
    subject,
    createdAt: renewed?.createdAt ?? now,
    endedAt: null,
  };
  const refused = 'session_ended';
  const where = { tenant, id, endedAt: null };
  const step: Step =
    renewed === undefined
      ? { do: 'insert', table: 'sessions', row, refused }
      : { do: 'update', table: 'sessions', where, set: fresh, refused };
  return { session: sessionOf(row), token: `${id}.${secret}`, step };
}

/**
 * The session is live when the act commits. Once a minute it also notes that the session was used.
 */
export function requireSession(deps: Pick<SessionDeps, 'clock'>, session: Session): Step {
  const { tenant, id, authenticatedAt, seenAt } = session;
  const now = deps.clock.nowMs();
  // Renewed meanwhile: then it was judged by an older proof than it has.
  const where = { tenant, id, endedAt: null, authenticatedAt };
  const table = 'sessions';
  const refused = 'session_ended';
  return now - seenAt < limits.sessionTouchMs
    ? { do: 'require', table, where, refused }
    : { do: 'update', table, where, set: { seenAt: now }, refused };
}
