/**
 * The way of an authorization request through the pages: it comes, waits while the person signs in
 * and agrees, and goes back to its client. Every step asks `next-step.ts` anew, so that no order of
 * clicks, tabs, reloads and steps back leads around one. What must never happen: a code for a
 * person who did not sign in in this browser, or for a consent that this person did not give.
 */
import {
  type AcrValue,
  acrReaches,
  assertNever,
  err,
  type FeedPosition,
  limits,
  ok,
  parseClientId,
  type Result,
  type TenantId,
} from '@mintmark/core';
import type { WithinRights } from '../roles/exclusive-scopes.ts';
import type { Store } from '../store/store.ts';
import type { ParameterRefusal, Parameters as RequestParameters } from './authorization-request.ts';
import type { FrontChannelTokens } from './authorization-response.ts';
import { type CompleteDeps, type Completion, denyRequest, grantCode } from './complete.ts';
import { type Consent, findConsent } from './consents.ts';
import {
  type AwaitingApproval,
  type JudgeDeps,
  type JudgedRequest,
  judgeRequest,
} from './judge-request.ts';
import { keptScopes } from './kept-scopes.ts';
import { type NextStep, nextStep, type SignInReason, type StepRefusal } from './next-step.ts';
import type { PasskeySignIn, People, Person, SecondFactors } from './people.ts';
import { isPushedUri, type PushDeps, type VisitRefusal, visitRequest } from './pushed-requests.ts';
import type { RedeemRefusal } from './redeem-code.ts';
import { isRegisteredRedirectUri } from './redirect-uri.ts';
import type { RequestObjectRefusal } from './request-object.ts';
import type { RequestingClient } from './requesting-client.ts';
import type { ResponseTarget, TargetRefusal } from './response-target.ts';
import { findSession, type Session, type SessionDeps } from './sessions.ts';
import {
  type AskedAuthorization,
  beginSignIn,
  type SignIn,
  type SignInRefusal,
  type TooManySignIns,
} from './sign-ins.ts';
import type { UserCodeGuesses } from './user-code-guesses.ts';
import type { Visitor } from './visitor.ts';

export type FlowDeps = JudgeDeps &
  CompleteDeps &
  SessionDeps &
  PushDeps & {
    readonly store: Pick<
      Store,
      'acts' | 'sessions' | 'signIns' | 'consents' | 'pushedRequests' | 'deviceGrants'
    >;
    readonly users: People;
    readonly factors: SecondFactors;
    readonly passkeys: PasskeySignIn;
    /** The subject that a client knows a person by. */
    readonly subjectSeenBy: (client: RequestingClient, subject: string) => string;
    /** What a token for the person can have now of what is asked: the page shows no more. */
    readonly withinRights: WithinRights;
    /** Of `hashUserCode`. */
    readonly userCodeKey: Uint8Array;
    readonly guesses: UserCodeGuesses;
    /** Redeems a code for a client whose answer is its tokens; undefined: it gets none. */
    readonly redeem: (
      completion: Completion,
      code: string,
    ) => Promise<Result<FrontChannelTokens, RedeemRefusal>>;
    /** Newest position of the tenant's feed, as far as this process knows. */
    readonly feedHead: (tenant: TenantId) => FeedPosition;
  };

/** Why the client gets an error. */
export type ClientRefusal =
  | ParameterRefusal
  | StepRefusal
  | { readonly reason: 'access_denied' }
  /** Agreed to, and then something else stood against its tokens. */
  | { readonly reason: 'tokens_refused' };

/** Why nobody can be asked about a device, or not this person. */
export type DeviceRefusal =
  /** Answered already, expired, or its client is gone. */
  | { readonly reason: 'device_code_over' }
  /** The client wants a stronger sign-in than the account has. */
  | { readonly reason: 'account_too_weak' };

/** Where the browser goes next. */
export type Outcome =
  | { readonly to: 'sign_in'; readonly signIn: SignIn; readonly why: SignInReason }
  | { readonly to: 'consent' | 'device' | 'resume'; readonly signIn: SignIn }
  /** A device has its answer; the person goes back to it. */
  | { readonly to: 'device_done'; readonly answer: 'allowed' | 'denied' }
  | { readonly to: 'account' | 'requests' | 'tokens' }
  | {
      readonly to: 'client';
      readonly target: ResponseTarget;
      readonly answer:
        | { readonly code: string }
        | { readonly tokens: FrontChannelTokens }
        | { readonly refusal: ClientRefusal };
    }
  /** Told to the person. */
  | {
      readonly to: 'nobody';
      readonly refusal:
        | TargetRefusal
        | RequestObjectRefusal
        | AwaitingApproval
        | SignInRefusal
        | TooManySignIns
        | VisitRefusal
        | DeviceRefusal;
    };

/** A person who is signed in in this browser. */
export interface Seat {
  readonly session: Session;
  readonly user: Person;
}

/** @returns undefined where nobody is signed in, or whoever is may not be any more */
export async function findSeat(
  deps: Pick<FlowDeps, 'users'> & SessionDeps,
  tenant: TenantId,
  sessionToken: string | undefined,
): Promise<Seat | undefined> {
  const session = await findSession(deps, tenant, sessionToken);
  const user = session && (await deps.users.get(tenant, session.subject));
  return session === undefined || user?.status !== 'active' ? undefined : { session, user };
}

/**
 * Whether whoever sits here signed in lately enough to be given what outlives the session: a
 * browser that was left open is not enough.
 */
export function isFreshSeat({ clock }: Pick<SessionDeps, 'clock'>, { session }: Seat): boolean {
  return clock.nowMs() - session.authenticatedAt <= limits.freshSignInMs;
}

/**
 * Takes a request that came to the authorization endpoint.
 *
 * @param input.areCookiesSent false where a browser leaves them out, as it does on a form that
 *   another site's page sends (`SameSite=Lax`): who is here is then asked by one more redirect
 * @throws StoreFault, CustodyFault
 */
export async function beginAuthorization(
  deps: FlowDeps,
  input: {
    readonly tenant: TenantId;
    readonly parameters: RequestParameters;
    readonly visitor: Visitor;
    readonly areCookiesSent: boolean;
  },
): Promise<Outcome> {
  const { tenant, parameters, visitor } = input;
  const uri = parameters.get('request_uri');
  const judged =
    uri !== undefined && isPushedUri(uri)
      ? await findPushed(deps, { tenant, parameters, requestUri: uri })
      : await judgeRequest(deps, tenant, { parameters, isPushed: false });
  if (!judged.ok) {
    const { refusal } = judged;
    if (refusal.tell === 'person') return { to: 'nobody', refusal: refusal.refusal };
    return { to: 'client', target: refusal.target, answer: { refusal: refusal.refusal } };
  }
  const { client, asked } = judged.value;
  if (!input.areCookiesSent) {
    const { address } = visitor;
    const waiting = await beginSignIn(deps, { tenant, purpose: asked, browser: null, address });
    if (!waiting.ok) return { to: 'nobody', refusal: waiting.refusal };
    return { to: 'resume', signIn: waiting.value };
  }
  return advance(deps, { tenant, client, asked, signIn: undefined, visitor });
}

/** What the URL says beside `client_id` counts for nothing (RFC 9126 §4, RFC 9101 §6.3). */
async function findPushed(
  deps: FlowDeps,
  input: {
    readonly tenant: TenantId;
    readonly parameters: RequestParameters;
    readonly requestUri: string;
  },
): Promise<Result<JudgedRequest, PushedRefusal>> {
  const { tenant, parameters, requestUri } = input;
  const refuse = (refusal: PushedRefusal['refusal']) => err({ tell: 'person', refusal } as const);
  const clientId = parseClientId(parameters.get('client_id') ?? '');
  if (!clientId.ok) return refuse({ reason: 'client_not_named' });
  const named = await deps.findClient(tenant, clientId.value);
  if (named?.status !== 'active') return refuse({ reason: 'unknown_client' });
  const asked = await visitRequest(deps, { client: named, requestUri });
  if (!asked.ok) return refuse(asked.refusal);
  const client = await findAskingClient(deps, tenant, asked.value);
  return client.ok ? ok({ client: client.value, asked: asked.value }) : refuse(client.refusal);
}

interface PushedRefusal {
  readonly tell: 'person';
  readonly refusal: TargetRefusal | VisitRefusal;
}

/** What the person has just said on the consent page. */
interface Agreed {
  readonly isAgreed: boolean;
  readonly ticked?: readonly string[] | undefined;
}

/**
 * Goes on with a request from where it stands.
 *
 * @param options.isAgreed the person has just agreed on the consent page
 * @param options.ticked the scopes that they left standing there; undefined: all
 */
export async function advance(
  deps: FlowDeps,
  completion: Completion,
  options: Agreed = { isAgreed: false },
): Promise<Outcome> {
  let input = completion;
  for (let attempt = 1; ; attempt++) {
    const { scopes: asked } = input.asked.request;
    const known = await findSituation(deps, { ...input, asked });
    const step = stepOf(deps, input, known);
    const outcome = await take(deps, { ...input, known, step, ...options });
    if (outcome.ok) return outcome.value;
    if (outcome.refusal.reason === 'sign_in_over') {
      return { to: 'nobody', refusal: { reason: 'sign_in_over' } };
    }
    // Judged anew by what is there now; somebody who changes it all the time has to wait.
    if (attempt === attemptsMax) return { to: 'nobody', refusal: { reason: 'sign_in_over' } };
    const client = await findAskingClient(deps, input.tenant, input.asked);
    if (!client.ok) return { to: 'nobody', refusal: client.refusal };
    input = { ...input, client: client.value };
  }
}

const attemptsMax = 4;

/** The client as it is now, which may not be what it was when the request came. */
export async function findAskingClient(
  deps: Pick<JudgeDeps, 'findClient'>,
  tenant: TenantId,
  { request }: AskedAuthorization,
): Promise<Result<RequestingClient, TargetRefusal>> {
  const client = await deps.findClient(tenant, request.clientId);
  if (client?.status !== 'active') return err({ reason: 'unknown_client' });
  if (!isRegisteredRedirectUri(client, request.redirectUri)) {
    return err({ reason: 'redirect_uri_not_registered' });
  }
  return ok(client);
}

export interface Situation {
  readonly seat: Seat | undefined;
  readonly consent: Consent | undefined;
  /** The class that the person could reach by signing in again. */
  readonly strongest: AcrValue;
  /** Of those asked for, what a token for the person can have; of nobody all. */
  readonly scopes: readonly string[];
}

/** Who is here, and what they have allowed the client before. */
export async function findSituation(
  deps: FlowDeps,
  input: Pick<Completion, 'tenant' | 'client' | 'visitor'> & {
    readonly asked: readonly string[];
  },
): Promise<Situation> {
  const { tenant, client, visitor, asked } = input;
  const seat = await findSeat(deps, tenant, visitor.sessionToken);
  if (seat === undefined) {
    return { seat, consent: undefined, strongest: 'pwd', scopes: asked };
  }
  const { subject, acr } = seat.session;
  const { clientId } = client;
  const consent = await findConsent(deps.store, { tenant, subject, clientId });
  const scopes = await deps.withinRights({ tenant, clientId, subject, scopes: asked });
  const strongest = acr === 'phr' ? acr : await deps.factors.strongest(tenant, subject);
  // What was reached counts, even where the factor is gone since.
  return { seat, consent, scopes, strongest: acrReaches(acr, strongest) ? acr : strongest };
}

function stepOf(
  deps: FlowDeps,
  input: Completion,
  { seat, consent, strongest, scopes }: Situation,
): NextStep {
  const { client, asked, signIn } = input;
  const isAllowed = asked.request.scopes.every((scope) => client.scopes.includes(scope));
  if (!isAllowed) return { step: 'refuse', refusal: { reason: 'scope_not_allowed' } };
  return nextStep({
    // What the person cannot give is not asked of them, and keeps nobody waiting.
    request: { ...asked.request, scopes },
    session: seat && {
      subject: deps.subjectSeenBy(client, seat.session.subject),
      authenticatedAt: seat.session.authenticatedAt,
      acr: seat.session.acr,
      strongest,
    },
    isFresh: seat !== undefined && signIn?.signedIn === seat.session.id,
    isChosen: seat !== undefined && signIn?.chosen === seat.session.id,
    expectedSubject: asked.expectedSubject,
    consent: client.consent,
    remembered: consent?.granted,
    now: deps.clock.nowMs(),
  });
}

type TakeRefusal = Extract<Awaited<ReturnType<typeof grantCode>>, { ok: false }>['refusal'];

async function take(
  deps: FlowDeps,
  input: Completion & Agreed & { readonly known: Situation; readonly step: NextStep },
): Promise<Result<Outcome, TakeRefusal>> {
  const { step, asked, known } = input;
  const target = asked.request;
  switch (step.step) {
    case 'sign_in':
      return ok(await wait(deps, input, { to: 'sign_in', why: step.why }));
    case 'consent': {
      if (!input.isAgreed || known.seat === undefined) {
        return ok(await wait(deps, input, { to: 'consent' }));
      }
      const { session } = known.seat;
      const { client, ticked } = input;
      const part = partOf(asked, keptScopes(client, known.scopes, ticked));
      const given = { session, consent: 'given', known: known.consent } as const;
      const agreed = { ...input, asked: part, ...given };
      return grant(deps, agreed);
    }
    case 'issue': {
      if (known.seat === undefined) return err({ reason: 'session_ended' });
      const { session } = known.seat;
      const { consent } = step;
      const agreed = known.consent?.granted.scopes ?? [];
      // Never agreed to, since it could not be given: a role that comes later does not add it.
      const scopes = target.scopes.filter((scope) => agreed.includes(scope));
      const part = consent === 'implicit' ? asked : partOf(asked, scopes);
      return grant(deps, { ...input, asked: part, session, consent, known: known.consent });
    }
    case 'refuse': {
      const { refusal } = step;
      const subject = known.seat?.session.subject;
      const denied = await denyRequest(deps, { ...input, error: refusal.reason, subject });
      return denied.ok ? ok({ to: 'client', target, answer: { refusal } }) : denied;
    }
    default:
      return assertNever(step);
  }
}

function partOf(asked: AskedAuthorization, scopes: readonly string[]): AskedAuthorization {
  return { ...asked, request: { ...asked.request, scopes } };
}

async function grant(
  deps: FlowDeps,
  agreed: Parameters<typeof grantCode>[1],
): Promise<Result<Outcome, TakeRefusal>> {
  const granted = await grantCode(deps, agreed);
  if (!granted.ok) return granted;
  const target = agreed.asked.request;
  if (target.responseType === undefined) return ok({ to: 'client', target, answer: granted.value });
  const tokens = await deps.redeem(agreed, granted.value.code);
  const answer = tokens.ok ? { tokens: tokens.value } : { refusal: tokens.refusal };
  return ok({ to: 'client', target, answer });
}

type Page = { readonly to: 'sign_in'; readonly why: SignInReason } | { readonly to: 'consent' };

/** The page on which the request waits for the person. */
async function wait(deps: FlowDeps, input: Completion, page: Page): Promise<Outcome> {
  const { tenant, asked, signIn, visitor } = input;
  if (signIn !== undefined) return { ...page, signIn };
  const { browser, address } = visitor;
  const begun = await beginSignIn(deps, { tenant, purpose: asked, browser, address });
  if (!begun.ok) return { to: 'nobody', refusal: begun.refusal };
  return { ...page, signIn: begun.value };
}
