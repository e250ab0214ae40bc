/**
 * What a person's agreement is made of, whatever asked for it: a browser that was sent here, or a
 * device elsewhere. The client, the person and the session are required as they were judged; the
 * consent is remembered; and what will be given ends with the session, or with the consent.
 */
import { type Clock, type FamilyId, limits, nowSeconds } from '@mintmark/core';
import type { GrantTerms } from '../issuance/terms.ts';
import type { Step } from '../store/act.ts';
import { type Consent, grantConsent, requireConsent } from './consents.ts';
import type { Granted } from './granted.ts';
import type { RequestingClient } from './requesting-client.ts';
import { requireSession, type Session, type SessionLifetimes } from './sessions.ts';

export interface AgreementDeps {
  readonly clock: Clock;
  readonly lifetimes: SessionLifetimes;
}

export interface Agreement {
  readonly client: RequestingClient;
  readonly session: Session;
  readonly wanted: Granted;
  /** How the person agreed; `known` is what they had allowed before. */
  readonly consent: 'given' | 'remembered' | 'implicit';
  readonly known: Consent | undefined;
  /** Of all tokens that will come of it. */
  readonly family: FamilyId;
  /** The client has so long to come for the first of them. */
  readonly redeemSeconds: number;
}

/**
 * The steps of the act in which the person agrees; refused as `client_changed`, `session_ended` or
 * `consent_changed` where what was judged is no longer so.
 */
export function agreementSteps(deps: AgreementDeps, agreement: Agreement): readonly Step[] {
  return [
    ...judgedSteps(agreement),
    requireSession(deps, agreement.session),
    ...hearingSteps(deps, agreement),
    familyStep(deps, agreement),
    ...consentSteps(deps, agreement),
  ];
}

/** What of the session the tokens will tell. */
export function termsOfSession(
  session: Session,
): Pick<GrantTerms, 'sessionId' | 'authTimeSeconds' | 'acr' | 'amr'> {
  const { id: sessionId, acr, amr } = session;
  return { sessionId, authTimeSeconds: Math.floor(session.authenticatedAt / 1000), acr, amr };
}

function judgedSteps({ client, session }: Agreement): readonly Step[] {
  const { tenant, clientId, version } = client;
  return [
    {
      do: 'require',
      table: 'clients',
      where: { tenant, clientId, version, status: 'active' },
      refused: 'client_changed',
    },
    {
      do: 'require',
      table: 'users',
      where: { tenant, id: session.subject, status: 'active' },
      refused: 'session_ended',
    },
  ];
}

/** The client will hear of the session's end, where it wants to. */
function hearingSteps(
  { clock, lifetimes }: AgreementDeps,
  { client, session }: Agreement,
): readonly Step[] {
  if (client.backchannelLogoutUri === undefined) return [];
  const { tenant, clientId } = client;
  const expiresAtSeconds = nowSeconds(clock) + lifetimes.absoluteSeconds;
  return [
    {
      do: 'merge',
      table: 'sessionClients',
      row: {
        tenant,
        session: session.id,
        clientId,
        subject: session.subject,
        attempts: 0,
        nextAttemptAt: null,
        expiresAtSeconds,
      },
      set: { expiresAtSeconds },
    },
  ];
}

function familyStep({ clock }: AgreementDeps, agreement: Agreement): Step {
  const { client, session, wanted, family, redeemSeconds } = agreement;
  const longest = Math.max(client.refreshTokenTtlSeconds, limits.accessTokenTtlSecondsMax);
  return {
    do: 'insert',
    table: 'grantedFamilies',
    row: {
      tenant: client.tenant,
      subject: session.subject,
      clientId: client.clientId,
      family,
      session: session.id,
      offline: wanted.scopes.includes('offline_access') ? 1 : 0,
      expiresAtSeconds: nowSeconds(clock) + redeemSeconds + longest,
    },
    refused: 'family_taken',
  };
}

function consentSteps({ clock }: AgreementDeps, agreement: Agreement): readonly Step[] {
  const { client, session, consent, known, wanted } = agreement;
  if (consent === 'given') {
    const { tenant, clientId } = client;
    const of = { tenant, subject: session.subject, clientId };
    return [grantConsent({ of, known, wanted, now: clock.nowMs() })];
  }
  return consent === 'remembered' && known !== undefined ? [requireConsent(known)] : [];
}
