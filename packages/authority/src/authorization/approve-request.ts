/**
 * A person agrees to what a client asked by the back channel: on a page of ours, in a session; or
 * on a device of the installation's own, whose service says so. One act: the client, the person and
 * the session as they were judged, the answer, the family that it begins, the consent, the record.
 */
import {
  acrReaches,
  type ClientId,
  type Entropy,
  err,
  type FeedPosition,
  freshId,
  isAcrValue,
  limits,
  nowSeconds,
  ok,
  type Result,
  type SubjectId,
  type TenantId,
} from '@mintmark/core';
import { eventBy, type Requester } from '../audit/requester.ts';
import {
  type AskedByBackchannel,
  type AuthenticationRequest,
  authenticationRequestOf,
} from '../issuance/authentication-request.ts';
import type { GrantTerms } from '../issuance/terms.ts';
import type { WithinRights } from '../roles/exclusive-scopes.ts';
import type { Step } from '../store/act.ts';
import type { Store } from '../store/store.ts';
import type { Row } from '../store/tables.ts';
import { typesOf } from './asked-details.ts';
import {
  type AnswerOver,
  answerStep,
  type DenyDeps,
  findWaiting,
  over,
  stillThere,
} from './authentication-requests.ts';
import { type Consent, findConsent, grantConsent } from './consents.ts';
import type { RequestingClient } from './requesting-client.ts';

export interface ApproveDeps extends DenyDeps {
  readonly store: Pick<Store, 'backchannelRequests' | 'consents' | 'acts'>;
  readonly findClient: (
    tenant: TenantId,
    clientId: string,
  ) => Promise<RequestingClient | undefined>;
  readonly feedHead: (tenant: TenantId) => FeedPosition;
  readonly entropy: Entropy;
  /** What a token for the person can have of what is asked; no more is agreed to. */
  readonly withinRights: WithinRights;
}

/** How the person was known when they agreed. */
export interface Authenticated {
  readonly acr: string | null;
  readonly amr: readonly string[];
  /** Unix milliseconds. */
  readonly at: number;
  /** Of a session of ours, which must still be there. */
  readonly required?: Step;
}

export type ApproveRefusal =
  | AnswerOver
  /** The client asked for a class of authentication that this one does not reach. */
  | { readonly reason: 'stronger_needed' }
  /** The session, the client or the person changed meanwhile. */
  | { readonly reason: 'overtaken' };

const attemptsMax = 4;

/**
 * @param input.subject where a person answers, whose own it must be
 * @throws StoreFault, CustodyFault: nothing was agreed to
 */
export async function approveAuthenticationRequest(
  deps: ApproveDeps,
  requester: Requester,
  input: { readonly id: string; readonly subject?: SubjectId; readonly by: Authenticated },
): Promise<Result<undefined, ApproveRefusal>> {
  const { tenant } = requester;
  for (let attempt = 1; ; attempt++) {
    const row = await findWaiting(deps, tenant, input);
    if (row === undefined) return over;
    const request = await withinReach(deps, authenticationRequestOf(row));
    if (!reachesAsked(request.asked, input.by.acr)) return err({ reason: 'stronger_needed' });
    const client = await deps.findClient(tenant, row.clientId);
    if (client?.status !== 'active') return over;
    const { subject, clientId } = request;
    const known = await findConsent(deps.store, { tenant, subject, clientId });
    const outcome = await approve(deps, requester, { row, request, client, known, by: input.by });
    if (outcome === 'done') return ok(undefined);
    if (outcome === 'request_over') return over;
    // Judged anew by what is there now.
    if (attempt === attemptsMax || outcome === 'session_ended') return err({ reason: 'overtaken' });
  }
}

async function withinReach(
  { withinRights }: Pick<ApproveDeps, 'withinRights'>,
  request: AuthenticationRequest,
): Promise<AuthenticationRequest> {
  const { tenant, clientId, subject, asked } = request;
  const scopes = await withinRights({ tenant, clientId, subject, scopes: asked.scopes });
  return { ...request, asked: { ...asked, scopes } };
}

/** Any of the classes that were named will do; those that we do not know are passed over. */
export function reachesAsked({ acrValues }: AskedByBackchannel, acr: string | null): boolean {
  const wanted = acrValues.filter(isAcrValue);
  if (wanted.length === 0) return true;
  return isAcrValue(acr) && wanted.some((one) => acrReaches(acr, one));
}

interface Approval {
  readonly row: Row<'backchannelRequests'>;
  readonly request: AuthenticationRequest;
  readonly client: RequestingClient;
  readonly known: Consent | undefined;
  readonly by: Authenticated;
}

async function approve(
  deps: ApproveDeps,
  requester: Requester,
  approval: Approval,
): Promise<string> {
  const { row, request, client, by } = approval;
  const { tenant, subject, clientId, asked, id } = request;
  const family = freshId(deps.entropy);
  const set = {
    status: 'approved',
    terms: { ...termsOf(request, by) },
    family,
    position: deps.feedHead(tenant),
  } as const;
  const { outcome } = await deps.store.acts.run({
    steps: [
      ...stillThere(client, subject),
      ...(by.required === undefined ? [] : [by.required]),
      answerStep(deps, row, set),
      familyStep(deps, approval, family),
      ...consentSteps(deps, approval),
    ],
    audit: await deps.recorder.record(
      eventBy(requester, {
        action: 'authentication_request.approve',
        at: deps.clock.nowMs(),
        object: { kind: 'authentication_request', id },
        related: { kind: 'client', id: clientId },
        detail: {
          client: clientId,
          subject,
          scopes: asked.scopes,
          audience: asked.audience,
          ...typesOf(asked.details),
          ...(by.acr === null ? {} : { acr: by.acr }),
        },
      }),
    ),
  });
  return outcome;
}

/** In no session: the one in which somebody agreed is on another device than the client's. */
function termsOf({ asked }: AuthenticationRequest, by: Authenticated): GrantTerms {
  return {
    scopes: asked.scopes,
    audience: asked.audience,
    ...(asked.details && { details: asked.details }),
    sessionId: null,
    authTimeSeconds: Math.floor(by.at / 1000),
    acr: by.acr,
    amr: by.amr,
    claims: null,
    dpopJkt: null,
  };
}

/** What it gives ends with the consent, and with everything of its person. */
function familyStep(
  { clock }: ApproveDeps,
  { request, client, row }: Approval,
  family: string,
): Step {
  const longest = Math.max(client.refreshTokenTtlSeconds, limits.accessTokenTtlSecondsMax);
  return {
    do: 'insert',
    table: 'grantedFamilies',
    row: {
      tenant: request.tenant,
      subject: request.subject,
      clientId: request.clientId,
      family,
      session: '',
      offline: request.asked.scopes.includes('offline_access') ? 1 : 0,
      expiresAtSeconds: Math.max(nowSeconds(clock), row.expiresAtSeconds) + longest,
    },
    refused: 'overtaken',
  };
}

function consentSteps(
  { clock }: ApproveDeps,
  { request, client, known }: Approval,
): readonly Step[] {
  if (client.consent === 'implicit') return [];
  const { tenant, subject, clientId, asked } = request;
  const of: { tenant: TenantId; subject: SubjectId; clientId: ClientId } = {
    tenant,
    subject,
    clientId,
  };
  const wanted = { scopes: asked.scopes, resources: asked.audience, claims: [] };
  return [grantConsent({ of, known, wanted, now: clock.nowMs() })];
}
