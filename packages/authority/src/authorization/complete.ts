/**
 * The end of an authorization request, in one act: {the client, the person and the session as they
 * were judged, what the person agreed to, the code, the sign-in and the pushed request that end
 * with it, the record}. A crash before the commit leaves the sign-in as it was; after it, a code
 * that nobody has. What must never happen: two codes for one agreement.
 */
import {
  type Clock,
  err,
  type FamilyId,
  limits,
  ok,
  type Result,
  type SubjectId,
  type TenantId,
} from '@mintmark/core';
import type { Recorder } from '../audit/record.ts';
import { eventBy } from '../audit/requester.ts';
import type { CodeDraft } from '../issuance/authorization-code.ts';
import type { Step } from '../store/act.ts';
import type { Store } from '../store/store.ts';
import { agreementSteps, termsOfSession } from './agreement.ts';
import { typesOf } from './asked-details.ts';
import type { Consent } from './consents.ts';
import { wantedBy } from './granted.ts';
import type { RequestingClient } from './requesting-client.ts';
import type { Session, SessionLifetimes } from './sessions.ts';
import { type AskedAuthorization, endSignIn, type SignIn } from './sign-ins.ts';
import type { Visitor } from './visitor.ts';

export interface CompleteDeps {
  readonly store: Pick<Store, 'acts'>;
  readonly recorder: Recorder;
  readonly clock: Clock;
  readonly buildCode: (draft: CodeDraft) => {
    readonly text: string;
    readonly family: FamilyId;
    readonly step: Step;
  };
  readonly lifetimes: SessionLifetimes;
}

export interface Completion {
  readonly tenant: TenantId;
  readonly client: RequestingClient;
  readonly asked: AskedAuthorization;
  /** Undefined where no page was needed. */
  readonly signIn: SignIn | undefined;
  readonly visitor: Visitor;
}

export type CompleteRefusal =
  /** What was judged is no longer so: judge again. */
  | { readonly reason: 'client_changed' | 'session_ended' | 'consent_changed' }
  /** Answered already, in another tab or by a second click. */
  | { readonly reason: 'sign_in_over' };

/**
 * Gives the client a code.
 *
 * @param input.consent how the person agreed; `known` is what they had allowed before
 * @throws StoreFault, CustodyFault: nothing was given
 */
export async function grantCode(
  deps: CompleteDeps,
  input: Completion & {
    readonly session: Session;
    readonly consent: 'given' | 'remembered' | 'implicit';
    readonly known: Consent | undefined;
  },
): Promise<Result<{ readonly code: string }, CompleteRefusal>> {
  const { client, asked, session, consent } = input;
  const { request } = asked;
  const { text: code, family, step } = deps.buildCode(codeDraft(input));
  const { outcome } = await deps.store.acts.run({
    steps: [
      ...agreementSteps(deps, {
        ...{ client, session, consent, known: input.known, family },
        wanted: wantedBy(request),
        redeemSeconds: limits.authorizationCodeSeconds,
      }),
      ...endSteps(input),
      step,
    ],
    audit: await deps.recorder.record(
      eventBy(requesterOf(input, session.subject), {
        action: 'authorization.grant',
        at: deps.clock.nowMs(),
        object: { kind: 'session', id: session.id },
        related: { kind: 'client', id: client.clientId },
        detail: {
          client: client.clientId,
          subject: session.subject,
          scopes: request.scopes,
          audience: request.audience,
          ...typesOf(request.details),
          consent,
          acr: session.acr,
        },
      }),
    ),
  });
  return outcome === 'done' ? ok({ code }) : err(refusalOf(outcome));
}

/** Ends a request without a code: the person said no, or no answer can be had. */
export async function denyRequest(
  deps: CompleteDeps,
  input: Completion & { readonly error: string; readonly subject: SubjectId | undefined },
): Promise<Result<undefined, CompleteRefusal>> {
  const steps = endSteps(input);
  // Nothing was kept of it, and nothing is left to change.
  if (steps.length === 0) return ok(undefined);
  const { outcome } = await deps.store.acts.run({
    steps,
    audit: await deps.recorder.record(
      eventBy(requesterOf(input, input.subject), {
        action: 'authorization.deny',
        at: deps.clock.nowMs(),
        object: { kind: 'client', id: input.client.clientId },
        result: input.error,
      }),
    ),
  });
  return outcome === 'done' ? ok(undefined) : err(refusalOf(outcome));
}

function codeDraft(input: Completion & { readonly session: Session }): CodeDraft {
  const { tenant, client, asked, session } = input;
  const { request } = asked;
  return {
    tenant,
    clientId: client.clientId,
    subject: session.subject,
    redirectUri: request.redirectUri,
    redirectUriGiven: request.redirectUriGiven,
    ...termsOfSession(session),
    scopes: request.scopes,
    audience: request.audience,
    codeChallenge: request.codeChallenge,
    nonce: request.nonce,
    claims:
      request.claims === null
        ? null
        : { userinfo: request.claims.userinfo, id_token: request.claims.idToken },
    dpopJkt: request.dpopJkt,
    ...(request.details && { details: request.details }),
  };
}

function endSteps({ tenant, asked, signIn }: Completion): readonly Step[] {
  const { pushed } = asked;
  return [
    ...(signIn === undefined ? [] : [endSignIn(signIn)]),
    ...(pushed === null
      ? []
      : [
          {
            do: 'delete',
            table: 'pushedRequests',
            where: { tenant, id: pushed },
            refused: 'sign_in_over',
          } as const,
        ]),
  ];
}

function requesterOf({ tenant, visitor }: Completion, subject: SubjectId | undefined) {
  const { address, userAgent } = visitor;
  const actor =
    subject === undefined
      ? ({ kind: 'anonymous', id: 'sign-in' } as const)
      : ({ kind: 'user', id: subject } as const);
  return { tenant, actor, address, userAgent };
}

function refusalOf(outcome: string): CompleteRefusal {
  switch (outcome) {
    case 'client_changed':
    case 'session_ended':
    case 'consent_changed':
    case 'sign_in_over':
      return { reason: outcome };
    default:
      throw new Error(`authorization: unexpected outcome ${outcome}`);
  }
}
