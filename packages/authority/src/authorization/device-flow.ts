/**
 * Device grants from the side of the person (RFC 8628 §3.3): the code that a device shows leads to
 * a sign-in, as a client's request does, and that to the question who asks for what, from where.
 * The person is always asked: whoever started the device may be a stranger who passed the code on
 * (§5.4), so neither an earlier consent nor an administrator's counts. What must never happen: a
 * grant approved by somebody who was not shown it, or answered twice.
 */
import {
  err,
  type FamilyId,
  freshId,
  limits,
  nowSeconds,
  ok,
  type Result,
  type SubjectId,
  type TenantId,
} from '@mintmark/core';
import { eventBy } from '../audit/requester.ts';
import {
  type DeviceApproval,
  type DeviceGrant,
  deviceGrantOf,
  findByUserCode,
} from '../issuance/device-code.ts';
import { parseUserCode } from '../issuance/user-code.ts';
import type { Step } from '../store/act.ts';
import { agreementSteps, termsOfSession } from './agreement.ts';
import { typesOf } from './asked-details.ts';
import {
  type DeviceRefusal,
  type FlowDeps,
  findSeat,
  findSituation,
  type Outcome,
  type Situation,
} from './flow.ts';
import { wantedBy } from './granted.ts';
import { nextStep, type StepRequest } from './next-step.ts';
import type { RequestingClient } from './requesting-client.ts';
import { type AskingDevice, beginSignIn, endSignIn, type SignIn } from './sign-ins.ts';
import type { Visitor } from './visitor.ts';

export type UserCodeRefusal =
  /** No code, an unknown one, or one that is over: the person learns no more. */
  | { readonly reason: 'unknown_user_code' }
  | { readonly reason: 'too_many_guesses'; readonly retryAfterSeconds: number };

interface DeviceInput {
  readonly tenant: TenantId;
  readonly visitor: Visitor;
}

/**
 * Takes the code that a person has typed.
 *
 * @returns where the browser goes with it
 * @throws StoreFault
 */
export async function enterUserCode(
  deps: FlowDeps,
  input: DeviceInput & { readonly typed: string },
): Promise<Result<Outcome, UserCodeRefusal>> {
  const { tenant, visitor, typed } = input;
  const { browser, address, sessionToken } = visitor;
  const code = parseUserCode(typed);
  // It cannot be anybody's: nothing was guessed.
  if (code === undefined) return err({ reason: 'unknown_user_code' });
  const seat = await findSeat(deps, tenant, sessionToken);
  const guesser = { tenant, address, session: seat?.session.id ?? browser };
  const retryAfterSeconds = deps.guesses.begin(guesser);
  if (retryAfterSeconds > 0) return err({ reason: 'too_many_guesses', retryAfterSeconds });
  const grant = await findByUserCode(deps, tenant, code);
  const client = grant && (await findWaiting(deps, grant));
  if (grant === undefined || client === undefined) return err({ reason: 'unknown_user_code' });
  deps.guesses.wasRight(guesser);
  const purpose: AskingDevice = { kind: 'device', grant: grant.id, clientId: grant.clientId };
  const begun = await beginSignIn(deps, { tenant, purpose, browser, address });
  if (!begun.ok) return ok({ to: 'nobody', refusal: begun.refusal });
  return ok(await advanceDevice(deps, { tenant, visitor, signIn: begun.value, purpose }));
}

export interface DeviceSignIn extends DeviceInput {
  readonly signIn: SignIn;
  readonly purpose: AskingDevice;
}

/** A grant that waits for an answer, with everything that the person is shown of it. */
export interface WaitingDevice {
  readonly grant: DeviceGrant;
  readonly client: RequestingClient;
}

/** Goes on from where the sign-in stands: no page leads around another one. */
export async function advanceDevice(deps: FlowDeps, input: DeviceSignIn): Promise<Outcome> {
  const waiting = await findWaitingDevice(deps, input.tenant, input.purpose);
  if (!waiting.ok) return { to: 'nobody', refusal: waiting.refusal };
  const { tenant, visitor } = input;
  const { client, grant } = waiting.value;
  const asked = grant.request.scopes;
  const known = await findSituation(deps, { tenant, visitor, client, asked });
  return stepOf(deps, input, { ...waiting.value, known });
}

/** @throws StoreFault */
export async function findWaitingDevice(
  deps: Pick<FlowDeps, 'store' | 'findClient' | 'clock'>,
  tenant: TenantId,
  purpose: AskingDevice,
): Promise<Result<WaitingDevice, DeviceRefusal>> {
  const row = await deps.store.deviceGrants.get(tenant, purpose.grant);
  const grant = row && deviceGrantOf(row);
  const client = grant && (await findWaiting(deps, grant));
  if (grant === undefined || client === undefined) return err({ reason: 'device_code_over' });
  return ok({ grant, client });
}

/** @returns the client; undefined where nobody may be asked about the grant any more */
async function findWaiting(
  deps: Pick<FlowDeps, 'findClient' | 'clock'>,
  { tenant, clientId, status, expiresAt }: DeviceGrant,
): Promise<RequestingClient | undefined> {
  if (status !== 'pending' || nowSeconds(deps.clock) >= expiresAt) return undefined;
  const client = await deps.findClient(tenant, clientId);
  return client?.status === 'active' ? client : undefined;
}

type Known = WaitingDevice & { readonly known: Situation };

function stepOf(
  deps: Pick<FlowDeps, 'clock'>,
  { signIn }: DeviceSignIn,
  { client, grant, known }: Known,
): Outcome {
  const { seat, strongest } = known;
  const step = nextStep({
    request: stepRequest(client, grant),
    session: seat && { ...seat.session, strongest },
    isFresh: seat !== undefined && signIn.signedIn === seat.session.id,
    isChosen: false,
    expectedSubject: null,
    consent: 'required',
    remembered: undefined,
    now: deps.clock.nowMs(),
  });
  if (step.step === 'sign_in') return { to: 'sign_in', signIn, why: step.why };
  if (step.step === 'refuse') return { to: 'nobody', refusal: { reason: 'account_too_weak' } };
  return { to: 'device', signIn };
}

function stepRequest(client: RequestingClient, { request }: DeviceGrant): StepRequest {
  return {
    scopes: request.scopes,
    audience: request.audience,
    claims: null,
    prompt: ['consent'],
    maxAgeSeconds: client.defaultMaxAgeSeconds ?? null,
    acrValues: client.defaultAcrValues,
  };
}

/** What was judged may change under the person's hands; somebody who does so all the time waits. */
const attemptsMax = 4;

/** The person, who was shown what is asked, says yes. */
export async function approveDevice(deps: FlowDeps, input: DeviceSignIn): Promise<Outcome> {
  const { tenant, visitor, purpose } = input;
  for (let attempt = 1; attempt <= attemptsMax; attempt++) {
    const waiting = await findWaitingDevice(deps, tenant, purpose);
    if (!waiting.ok) return { to: 'nobody', refusal: waiting.refusal };
    const { client, grant } = waiting.value;
    const asked = grant.request.scopes;
    const known = await findSituation(deps, { tenant, visitor, client, asked });
    const outcome = stepOf(deps, input, { ...waiting.value, known });
    if (outcome.to !== 'device' || known.seat === undefined) return outcome;
    const done = await approve(deps, input, { ...waiting.value, known });
    if (done === 'done') return { to: 'device_done', answer: 'allowed' };
    if (done === 'sign_in_over') return { to: 'nobody', refusal: { reason: 'sign_in_over' } };
  }
  return { to: 'nobody', refusal: { reason: 'sign_in_over' } };
}

async function approve(
  deps: FlowDeps,
  input: DeviceSignIn,
  { client, grant, known }: Known,
): Promise<string> {
  const { tenant, signIn } = input;
  const { seat, consent, scopes } = known;
  if (seat === undefined) return 'session_ended';
  const { session } = seat;
  const { audience, dpopJkt, details } = grant.request;
  const agreed = { scopes, audience, claims: null, ...(details && { details }) };
  const approval: DeviceApproval = {
    subject: session.subject,
    family: freshId(deps.entropy) as FamilyId,
    terms: { ...agreed, dpopJkt, ...termsOfSession(session) },
    position: deps.feedHead(tenant),
    approvedAt: nowSeconds(deps.clock),
  };
  const { outcome } = await deps.store.acts.run({
    steps: [
      ...agreementSteps(deps, {
        ...{ client, session, consent: 'given', known: consent, family: approval.family },
        // Whoever comes by a device is asked each time: no detail is remembered.
        wanted: wantedBy({ scopes, audience, claims: null }),
        redeemSeconds: limits.deviceCodeSeconds,
      }),
      endSignIn(signIn),
      answerStep(deps, grant, { status: 'approved', approval: { ...approval } }),
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
          scopes,
          audience,
          ...typesOf(details),
          consent: 'given',
          acr: session.acr,
          device_code: grant.id,
        },
      }),
    ),
  });
  return outcome;
}

/** The person says no, on whichever page: the device is told (RFC 8628 §3.5). */
export async function denyDevice(
  deps: FlowDeps,
  input: DeviceSignIn & { readonly subject: SubjectId | undefined },
): Promise<Outcome> {
  const { tenant, signIn, purpose } = input;
  const waiting = await findWaitingDevice(deps, tenant, purpose);
  if (!waiting.ok) return { to: 'nobody', refusal: waiting.refusal };
  const { outcome } = await deps.store.acts.run({
    steps: [endSignIn(signIn), answerStep(deps, waiting.value.grant, { status: 'denied' })],
    audit: await deps.recorder.record(
      eventBy(requesterOf(input, input.subject), {
        action: 'authorization.deny',
        at: deps.clock.nowMs(),
        object: { kind: 'client', id: purpose.clientId },
        related: { kind: 'code', id: purpose.grant },
        result: 'access_denied',
      }),
    ),
  });
  if (outcome !== 'done') return { to: 'nobody', refusal: { reason: 'sign_in_over' } };
  return { to: 'device_done', answer: 'denied' };
}

/** Of two answers one wins; after the end of the code there is none. */
function answerStep(
  { clock }: Pick<FlowDeps, 'clock'>,
  { tenant, id }: DeviceGrant,
  set:
    | { readonly status: 'approved'; readonly approval: Record<string, unknown> }
    | { readonly status: 'denied' },
): Step {
  const expiresAtSeconds = { is: '>', value: nowSeconds(clock) } as const;
  const where = { tenant, id, status: 'pending', expiresAtSeconds } as const;
  return { do: 'update', table: 'deviceGrants', where, set, refused: 'sign_in_over' };
}

function requesterOf({ tenant, visitor }: DeviceInput, subject: SubjectId | undefined) {
  const { address, userAgent } = visitor;
  const actor =
    subject === undefined
      ? ({ kind: 'anonymous', id: 'sign-in' } as const)
      : ({ kind: 'user', id: subject } as const);
  return { tenant, actor, address, userAgent };
}
