/** What the pages do: a person signs in, goes on with the account that is here, agrees, or not. */
import { err, ok, type Result, type TenantId } from '@mintmark/core';
import { eventBy } from '../audit/requester.ts';
import type { Step } from '../store/act.ts';
import { acrOf } from '../users/authentication.ts';
import { denyRequest } from './complete.ts';
import { deviceOf } from './device.ts';
import { advanceDevice, approveDevice, denyDevice } from './device-flow.ts';
import {
  advance,
  type FlowDeps,
  findAskingClient,
  findSeat,
  isFreshSeat,
  type Outcome,
} from './flow.ts';
import type { AuthenticatedPerson, CodeRefusal, CredentialRefusal } from './people.ts';
import { halfwayToken, takeSecondStep } from './second-step.ts';
import { type OpenedSession, openSession, type Session } from './sessions.ts';
import { answerSignIn, findSignIn, type SignIn, type SignInRefusal } from './sign-ins.ts';
import type { Visitor } from './visitor.ts';

export type SignInByPasswordRefusal = CredentialRefusal | SignInRefusal;

interface PageInput {
  readonly tenant: TenantId;
  readonly visitor: Visitor;
}

/** Goes on with a sign-in from where it stands: after a reload, a step back, or a detour. */
export async function resume(
  deps: FlowDeps,
  input: PageInput & { readonly id: string | undefined },
): Promise<Outcome> {
  const { tenant, visitor, id } = input;
  const found = await findSignIn(deps, tenant, { id, browser: visitor.browser });
  if (!found.ok) return { to: 'nobody', refusal: found.refusal };
  return goOn(deps, { tenant, visitor, signIn: found.value, isAgreed: false });
}

/** After each answer of the person. */
export async function goOn(
  deps: FlowDeps,
  input: PageInput & {
    readonly signIn: SignIn;
    readonly isAgreed: boolean;
    /** The scopes that the person left standing; undefined: all. */
    readonly ticked?: readonly string[] | undefined;
  },
): Promise<Outcome> {
  const { tenant, visitor, signIn, isAgreed, ticked } = input;
  const { purpose } = signIn;
  if (purpose.kind === 'account') {
    const seat = await findSeat(deps, tenant, visitor.sessionToken);
    if (seat === undefined) return { to: 'sign_in', signIn, why: 'no_session' };
    if (purpose.page === 'tokens' && !isFreshSeat(deps, seat)) {
      return { to: 'sign_in', signIn, why: 'too_long_ago' };
    }
    return { to: purpose.page ?? 'account' };
  }
  if (purpose.kind === 'device') {
    const device = { tenant, visitor, signIn, purpose };
    return isAgreed ? approveDevice(deps, device) : advanceDevice(deps, device);
  }
  const client = await findAskingClient(deps, tenant, purpose);
  if (!client.ok) return { to: 'nobody', refusal: client.refusal };
  const completion = { tenant, client: client.value, asked: purpose, signIn, visitor };
  return advance(deps, completion, { isAgreed, ticked });
}

/** The new cookie's text and where to go on. */
export interface Entered {
  readonly token: string;
  readonly outcome: Outcome;
}

/**
 * Signs a person in by password, or half of the way where there is a second factor.
 *
 * @returns what the form of the second step carries, or the session; refusals: those of
 *   `People.authenticatePassword`, sign_in_over
 */
export async function signInByPassword(
  deps: FlowDeps,
  input: PageInput & {
    readonly signIn: SignIn;
    readonly username: string;
    readonly password: string;
  },
): Promise<Result<Entered | { readonly halfway: string }, SignInByPasswordRefusal>> {
  const { tenant, visitor, signIn, username, password } = input;
  const { address, userAgent, browser } = visitor;
  const proof = { tenant, username, password, browser, address, userAgent };
  const user = await deps.users.authenticatePassword(proof);
  if (!user.ok) return user;
  if (await deps.factors.hasTotp(tenant, user.value.id)) {
    return ok({ halfway: halfwayToken(deps, { tenant, visitor, signIn }, user.value) });
  }
  return enterAndGoOn(deps, { tenant, visitor, signIn, user: user.value });
}

/**
 * Signs in a person whose password was right, by a code.
 *
 * @param input.halfway as `signInByPassword` gave it
 * @returns refusals: invalid_code, locked, busy, sign_in_over
 */
export async function signInByCode(
  deps: FlowDeps,
  input: PageInput & {
    readonly signIn: SignIn;
    readonly halfway: string;
    readonly code: string;
  },
): Promise<Result<Entered, CodeRefusal | SignInRefusal>> {
  const { tenant, visitor, signIn } = input;
  const user = await takeSecondStep(deps, input);
  return user.ok ? enterAndGoOn(deps, { tenant, visitor, signIn, user: user.value }) : user;
}

/** What a passkey is asked to sign: good for this sign-in, and once. */
export function askPasskey(
  deps: FlowDeps,
  { tenant, signIn }: Pick<PageInput, 'tenant'> & { readonly signIn: SignIn },
): Promise<object> {
  return deps.passkeys.beginSignIn({ tenant, transaction: passkeyTransaction(signIn) });
}

/**
 * Signs a person in by a passkey: the key and the device's own look at the person are two factors.
 *
 * @param input.response the browser's answer, as it came
 * @returns refusals: passkey_refused, sign_in_over
 */
export async function signInByPasskey(
  deps: FlowDeps,
  input: PageInput & { readonly signIn: SignIn; readonly response: unknown },
): Promise<Result<Entered, SignInRefusal | { readonly reason: 'passkey_refused' }>> {
  const { tenant, visitor, signIn, response } = input;
  const { address, userAgent } = visitor;
  const actor = { kind: 'anonymous', id: 'sign-in' } as const;
  const user = await deps.passkeys.finishSignIn({
    requester: { tenant, actor, address, userAgent },
    transaction: passkeyTransaction(signIn),
    response,
  });
  if (!user.ok) return err({ reason: 'passkey_refused' });
  return enterAndGoOn(deps, { tenant, visitor, signIn, user: user.value });
}

function passkeyTransaction(signIn: SignIn): string {
  return `sign-in ${signIn.id}`;
}

async function enterAndGoOn(
  deps: FlowDeps,
  input: PageInput & { readonly signIn: SignIn; readonly user: AuthenticatedPerson },
): Promise<Result<Entered, SignInRefusal>> {
  const { tenant, visitor, signIn } = input;
  const opened = await enter(deps, input);
  if (!opened.ok) return opened;
  const { token, session } = opened.value;
  const outcome = await goOn(deps, {
    tenant,
    visitor: { ...visitor, sessionToken: token },
    signIn: { ...signIn, signedIn: session.id },
    isAgreed: false,
  });
  return ok({ token, outcome });
}

/** Opens the session, or renews the one that the same person has in this browser. */
async function enter(
  deps: FlowDeps,
  input: PageInput & {
    readonly signIn: SignIn;
    readonly user: AuthenticatedPerson;
  },
): Promise<Result<OpenedSession, SignInRefusal>> {
  const { tenant, visitor, signIn, user } = input;
  const here = await findSeat(deps, tenant, visitor.sessionToken);
  let renewed = here?.user.id === user.id ? here.session : undefined;
  // Somebody else's session in this browser ends when another person takes the seat.
  const left = renewed === undefined ? here?.session : undefined;
  for (;;) {
    const opened = openSession(deps, {
      tenant,
      subject: user.id,
      acr: acrOf(user.amr),
      amr: user.amr,
      device: deviceOf(visitor.userAgent),
      renewed,
    });
    const { outcome } = await deps.store.acts.run({
      steps: [
        // As it was when the password was judged: a new password ends what the old one opened.
        {
          do: 'require',
          table: 'users',
          where: { tenant, id: user.id, version: user.version, status: 'active' },
          refused: 'sign_in_over',
        },
        opened.step,
        ...leaving(deps, left),
        answerSignIn(signIn, { signedIn: opened.session.id }),
      ],
      audit: await deps.recorder.record(
        eventBy(
          {
            tenant,
            actor: { kind: 'user', id: user.id },
            address: visitor.address,
            userAgent: visitor.userAgent,
          },
          {
            action: renewed === undefined ? 'session.create' : 'session.renew',
            at: deps.clock.nowMs(),
            object: { kind: 'session', id: opened.session.id },
            related: { kind: 'user', id: user.id },
            detail: { acr: opened.session.acr, amr: opened.session.amr },
          },
        ),
      ),
    });
    if (outcome === 'done') return ok(opened);
    if (outcome !== 'session_ended') return err({ reason: 'sign_in_over' });
    // It ended while the password was checked.
    renewed = undefined;
  }
}

function leaving(deps: Pick<FlowDeps, 'clock'>, left: Session | undefined): readonly Step[] {
  if (left === undefined) return [];
  const { tenant, id } = left;
  const where = { tenant, id, endedAt: null };
  return [{ do: 'update', table: 'sessions', where, set: { endedAt: deps.clock.nowMs() } }];
}

/** The person goes on with the account that is signed in (`prompt=select_account`). */
export async function chooseAccount(
  deps: FlowDeps,
  input: PageInput & { readonly signIn: SignIn },
): Promise<Outcome> {
  const { tenant, visitor, signIn } = input;
  const seat = await findSeat(deps, tenant, visitor.sessionToken);
  if (seat === undefined) return { to: 'sign_in', signIn, why: 'no_session' };
  const chosen = seat.session.id;
  const { outcome } = await deps.store.acts.run({
    steps: [answerSignIn(signIn, { chosen })],
    audit: null,
  });
  if (outcome !== 'done') return { to: 'nobody', refusal: { reason: 'sign_in_over' } };
  return goOn(deps, { tenant, visitor, signIn: { ...signIn, chosen }, isAgreed: false });
}

/** The person says no, on whichever page: the client is told (RFC 6749 §4.1.2.1). */
export async function decline(
  deps: FlowDeps,
  input: PageInput & { readonly signIn: SignIn },
): Promise<Outcome> {
  const { tenant, visitor, signIn } = input;
  const { purpose } = signIn;
  const over = { to: 'nobody', refusal: { reason: 'sign_in_over' } } as const;
  if (purpose.kind === 'account') return over;
  const seat = await findSeat(deps, tenant, visitor.sessionToken);
  if (purpose.kind === 'device') {
    const subject = seat?.session.subject;
    return denyDevice(deps, { tenant, visitor, signIn, purpose, subject });
  }
  const client = await findAskingClient(deps, tenant, purpose);
  if (!client.ok) return { to: 'nobody', refusal: client.refusal };
  const completion = { tenant, client: client.value, asked: purpose, signIn, visitor };
  const refusal = { reason: 'access_denied' } as const;
  const denied = await denyRequest(deps, {
    ...completion,
    error: refusal.reason,
    subject: seat?.session.subject,
  });
  return denied.ok ? { to: 'client', target: purpose.request, answer: { refusal } } : over;
}
