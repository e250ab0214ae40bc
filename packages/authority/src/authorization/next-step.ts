/**
 * What stands between an authorization request and its code: nothing, a sign-in, a consent, or an
 * error. One pure decision, asked again after each step that the person takes, so that reload and
 * back find the same answer.
 */
import { type AcrValue, acrReaches, isAcrValue } from '@mintmark/core';
import type { AuthorizationRequest } from './authorization-request.ts';
import { covers, type Granted, wantedBy } from './granted.ts';

/** A live session, as far as it decides. */
export interface SignedIn {
  /** As the client knows the person. */
  readonly subject: string;
  /** Unix milliseconds. */
  readonly authenticatedAt: number;
  readonly acr: AcrValue;
  /** The strongest class that the account can sign in with. */
  readonly strongest: AcrValue;
}

/** What of a request decides. */
export type StepRequest = Pick<
  AuthorizationRequest,
  | 'scopes'
  | 'audience'
  | 'claims'
  | 'details'
  | 'alwaysAsks'
  | 'prompt'
  | 'maxAgeSeconds'
  | 'acrValues'
>;

export interface StepInput {
  readonly request: StepRequest;
  readonly session: SignedIn | undefined;
  /** Whether the person signed in to answer this very request. */
  readonly isFresh: boolean;
  /** Whether the person chose this account for this very request. */
  readonly isChosen: boolean;
  /** Who it must be: the subject of `id_token_hint`, or of `sub` in `claims`. */
  readonly expectedSubject: string | null;
  /** `implicit`: the client's administrator consented for everybody. */
  readonly consent: 'required' | 'implicit';
  readonly remembered: Granted | undefined;
  /** Unix milliseconds. */
  readonly now: number;
}

export type SignInReason =
  | 'no_session'
  | 'other_account'
  | 'asked_to'
  | 'too_long_ago'
  | 'choose_account'
  | 'stronger';

export type StepRefusal =
  | { readonly reason: 'login_required' }
  | { readonly reason: 'consent_required' }
  | { readonly reason: 'unmet_authentication_requirements' }
  /** The client lost it while the person signed in. */
  | { readonly reason: 'scope_not_allowed' };

export type NextStep =
  | { readonly step: 'sign_in'; readonly why: SignInReason }
  | { readonly step: 'consent' }
  | { readonly step: 'issue'; readonly consent: 'remembered' | 'implicit' }
  | { readonly step: 'refuse'; readonly refusal: StepRefusal };

/** OpenID Connect Core §3.1.2.3, §3.1.2.4 and §3.1.2.6; RFC 9470 §5. */
export function nextStep(input: StepInput): NextStep {
  const { request, remembered } = input;
  const isSilent = request.prompt.includes('none');
  const why = signInReason(input);
  if (why === 'unmet') return refuse('unmet_authentication_requirements');
  if (why !== undefined) return isSilent ? refuse('login_required') : { step: 'sign_in', why };
  const consent = { step: 'consent' } as const;
  if (request.prompt.includes('consent') && !isSilent) return consent;
  if (request.alwaysAsks === true) return isSilent ? refuse('consent_required') : consent;
  if (input.consent === 'implicit') return { step: 'issue', consent: 'implicit' };
  if (remembered !== undefined && covers(remembered, wantedBy(request))) {
    return { step: 'issue', consent: 'remembered' };
  }
  return isSilent ? refuse('consent_required') : consent;
}

function refuse(reason: StepRefusal['reason']): NextStep {
  return { step: 'refuse', refusal: { reason } };
}

function signInReason(input: StepInput): SignInReason | 'unmet' | undefined {
  const { request, session, isFresh, expectedSubject } = input;
  if (session === undefined) return 'no_session';
  if (expectedSubject !== null && session.subject !== expectedSubject) return 'other_account';
  if (!isFresh) {
    if (request.prompt.includes('login')) return 'asked_to';
    if (isTooOld(request.maxAgeSeconds, input.now - session.authenticatedAt)) return 'too_long_ago';
    if (request.prompt.includes('select_account') && !input.isChosen) return 'choose_account';
  }
  return strengthFault(request, { session, isFresh });
}

/** `max_age=0` is `prompt=login` (OpenID Connect Core §3.1.2.1). */
function isTooOld(maxAgeSeconds: number | null, ageMs: number): boolean {
  if (maxAgeSeconds === null) return false;
  return maxAgeSeconds === 0 || ageMs > maxAgeSeconds * 1000;
}

/**
 * Any of the classes that were named will do. Those that we do not know are passed over, unless
 * they are essential (OpenID Connect Core §5.5.1.1). One that the account cannot reach is an error
 * and not a weaker answer: the resource server that asked for it would only ask again (RFC 9470).
 */
function strengthFault(
  request: StepRequest,
  { session, isFresh }: { readonly session: SignedIn; readonly isFresh: boolean },
): 'stronger' | 'unmet' | undefined {
  const wish = request.claims?.idToken['acr'];
  const named = wish?.values ?? (wish?.value === undefined ? undefined : [wish.value]);
  const known = (named ?? request.acrValues).filter(isAcrValue);
  if (known.length === 0) {
    return wish?.essential === true && named !== undefined ? 'unmet' : undefined;
  }
  if (known.some((acr) => acrReaches(session.acr, acr))) return undefined;
  const isReachable = known.some((acr) => acrReaches(session.strongest, acr));
  return isReachable && !isFresh ? 'stronger' : 'unmet';
}
