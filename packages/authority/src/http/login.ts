/** GET and POST /login: the sign-in page of one request, or of the account page. */
import type { HttpRequest, HttpResponse, TenantId } from '@mintmark/core';
import {
  askPasskey,
  chooseAccount,
  decline,
  type Entered,
  goOn,
  type SignInByPasswordRefusal,
  signInByCode,
  signInByPasskey,
  signInByPassword,
} from '../authorization/answer-pages.ts';
import { findAskingClient, findSeat } from '../authorization/flow.ts';
import type { SignInReason } from '../authorization/next-step.ts';
import { findSignIn, formToken, type SignIn } from '../authorization/sign-ins.ts';
import type { Visitor } from '../authorization/visitor.ts';
import type { Form } from './form.ts';
import {
  basePath,
  goTo,
  isOwnForm,
  type PageDeps,
  readPageForm,
  sayError,
  seeOther,
  transactionOf,
  wordsOf,
} from './interaction.ts';
import { codePage } from './pages/code-page.ts';
import { formActionTo } from './pages/layout.ts';
import type { Words } from './pages/messages.ts';
import { passkeyPage } from './pages/passkey-page.ts';
import { signInPage } from './pages/sign-in-page.ts';
import { parsedAnswer } from './security.ts';
import { readVisitor, sessionCookie } from './visitor.ts';

export async function handleLoginPage(
  deps: PageDeps,
  tenant: TenantId,
  request: HttpRequest,
): Promise<HttpResponse> {
  const { visitor } = readVisitor(deps, tenant, request);
  // Whoever comes by himself wants to see his account.
  if (request.query === undefined) return seeOther(`${basePath(deps, tenant)}/account`);
  const found = await findSignIn(deps.flow, tenant, {
    id: transactionOf(request),
    browser: visitor.browser,
  });
  if (!found.ok) return sayError(deps, request, { status: 400, message: found.refusal.reason });
  const outcome = await goOn(deps.flow, {
    tenant,
    visitor,
    signIn: found.value,
    isAgreed: false,
  });
  // Already done, by another tab or before a step back: on to what is next.
  if (outcome.to !== 'sign_in') return goTo(deps, { tenant, request, outcome, cookies: [] });
  return showForm(deps, { tenant, request, visitor, signIn: found.value, why: outcome.why });
}

export async function handleLoginForm(
  deps: PageDeps,
  tenant: TenantId,
  request: HttpRequest,
): Promise<HttpResponse> {
  const read = await readPageForm(deps, request);
  if ('refused' in read) return read.refused;
  const { form } = read;
  const { visitor } = readVisitor(deps, tenant, request);
  const found = await findSignIn(deps.flow, tenant, {
    id: form.get('transaction'),
    browser: visitor.browser,
  });
  if (!found.ok) return sayError(deps, request, { status: 400, message: found.refusal.reason });
  const signIn = found.value;
  const shown = { tenant, request, visitor, signIn, why: undefined };
  if (!isOwnForm(form, visitor, aboutLogin(signIn))) {
    const problem = wordsOfSignIn(request, signIn).say('formExpired');
    return showForm(deps, { ...shown, problem });
  }
  if (form.get('deny') !== undefined) {
    const outcome = await decline(deps.flow, { tenant, visitor, signIn });
    return goTo(deps, { tenant, request, outcome, cookies: [] });
  }
  if (form.get('continue') !== undefined) {
    const outcome = await chooseAccount(deps.flow, { tenant, visitor, signIn });
    return goTo(deps, { tenant, request, outcome, cookies: [] });
  }
  if (form.get('passkey') !== undefined) return showPasskeyForm(deps, shown);
  if (form.get('do') === 'password') return showForm(deps, shown);
  if (form.get('do') === 'passkey') return checkPasskey(deps, { ...shown, form });
  const halfway = form.get('halfway');
  if (halfway !== undefined) return checkCode(deps, { ...shown, form, halfway });
  return checkPassword(deps, { ...shown, form });
}

function aboutLogin(signIn: SignIn): string {
  return `login ${signIn.id}`;
}

interface Shown {
  readonly tenant: TenantId;
  readonly request: HttpRequest;
  readonly visitor: Visitor;
  readonly signIn: SignIn;
  readonly why: SignInReason | undefined;
  readonly problem?: string;
  readonly username?: string;
}

async function checkPassword(
  deps: PageDeps,
  input: Shown & { readonly form: Form },
): Promise<HttpResponse> {
  const { tenant, request, visitor, signIn, form } = input;
  const username = form.get('username') ?? '';
  const password = form.get('password') ?? '';
  const entered = await signInByPassword(deps.flow, {
    tenant,
    visitor,
    signIn,
    username,
    password,
  });
  if (entered.ok) {
    const { value } = entered;
    if ('halfway' in value) return showCodeForm(deps, { ...input, halfway: value.halfway });
    return goIn(deps, input, value);
  }
  const { refusal } = entered;
  if (refusal.reason === 'sign_in_over') {
    return sayError(deps, request, { status: 400, message: refusal.reason });
  }
  const problem = problemOf(wordsOfSignIn(request, signIn), refusal);
  return showForm(deps, { ...input, problem, username });
}

async function checkCode(
  deps: PageDeps,
  input: Shown & { readonly form: Form; readonly halfway: string },
): Promise<HttpResponse> {
  const { tenant, request, visitor, signIn, form, halfway } = input;
  const code = form.get('code') ?? '';
  const entered = await signInByCode(deps.flow, { tenant, visitor, signIn, halfway, code });
  if (entered.ok) return goIn(deps, input, entered.value);
  const { refusal } = entered;
  const words = wordsOfSignIn(request, signIn);
  switch (refusal.reason) {
    // Too late, or the account was changed: from the beginning.
    case 'sign_in_over':
      return showForm(deps, { ...input, problem: words.say('formExpired') });
    case 'invalid_code':
      return showCodeForm(deps, { ...input, problem: words.say('wrongCode') });
    case 'locked':
    case 'busy':
      return showCodeForm(deps, { ...input, problem: problemOf(words, refusal) });
  }
}

async function showPasskeyForm(deps: PageDeps, shown: Shown): Promise<HttpResponse> {
  const { tenant, request, visitor, signIn } = shown;
  const words = wordsOfSignIn(request, signIn);
  const options = await askPasskey(deps.flow, { tenant, signIn });
  const page = passkeyPage(words, {
    action: `${basePath(deps, tenant)}/login`,
    signIn: signIn.id,
    token: formToken(visitor.browser, aboutLogin(signIn)),
    options: JSON.stringify(options),
    formAction: formActionOf(signIn),
  });
  return deps.renderPage(words, page);
}

async function checkPasskey(
  deps: PageDeps,
  input: Shown & { readonly form: Form },
): Promise<HttpResponse> {
  const { tenant, request, visitor, signIn, form } = input;
  const response = parsedAnswer(form.get('response') ?? '');
  const entered = await signInByPasskey(deps.flow, { tenant, visitor, signIn, response });
  if (entered.ok) return goIn(deps, input, entered.value);
  const problem = wordsOfSignIn(request, signIn).say('passkeyTrouble');
  return showForm(deps, { ...input, problem });
}

function formActionOf({ purpose }: SignIn): string {
  return purpose.kind === 'authorize' ? formActionTo(purpose.request.redirectUri) : "'self'";
}

function goIn(deps: PageDeps, { tenant, request }: Shown, entered: Entered): Promise<HttpResponse> {
  const cookies = [sessionCookie(deps, tenant, entered.token)];
  return goTo(deps, { tenant, request, outcome: entered.outcome, cookies });
}

function showCodeForm(deps: PageDeps, shown: Shown & { readonly halfway: string }): HttpResponse {
  const { tenant, request, visitor, signIn, halfway, problem } = shown;
  const words = wordsOfSignIn(request, signIn);
  const page = codePage(words, {
    action: `${basePath(deps, tenant)}/login`,
    signIn: signIn.id,
    token: formToken(visitor.browser, aboutLogin(signIn)),
    halfway,
    problem,
    formAction: formActionOf(signIn),
  });
  return deps.renderPage(words, page);
}

/** A disabled user, an unknown one and a wrong password are one answer. */
function problemOf(
  words: Words,
  refusal: Exclude<SignInByPasswordRefusal, { readonly reason: 'sign_in_over' }>,
): string {
  switch (refusal.reason) {
    case 'invalid_credentials':
    case 'user_disabled':
      return words.say('wrongCredentials');
    case 'locked':
      return words.say('locked', { seconds: String(refusal.retryAfterSeconds) });
    case 'busy':
      return words.say('busy');
  }
}

async function showForm(deps: PageDeps, shown: Shown): Promise<HttpResponse> {
  const { tenant, request, visitor, signIn, why, problem } = shown;
  const { purpose } = signIn;
  const asked = purpose.kind === 'authorize' ? purpose : undefined;
  const clientName = await clientNameOf(deps, tenant, signIn);
  const seat = await findSeat(deps.flow, tenant, visitor.sessionToken);
  const words = wordsOfSignIn(request, signIn);
  const isKnown = seat !== undefined && why !== 'other_account';
  const page = signInPage(words, {
    action: `${basePath(deps, tenant)}/login`,
    signIn: signIn.id,
    token: formToken(visitor.browser, aboutLogin(signIn)),
    clientName,
    why: why === 'no_session' ? undefined : why,
    problem,
    username:
      shown.username ?? asked?.request.loginHint ?? (isKnown ? seat.user.username : undefined),
    continueAs: why === 'choose_account' ? seat?.user.username : undefined,
    formAction: formActionOf(signIn),
    forgotUrl: deps.resets.isSelfService ? `${basePath(deps, tenant)}/forgot` : undefined,
  });
  return deps.renderPage(words, page);
}

/** Who asked, as far as anybody did. */
async function clientNameOf(
  deps: PageDeps,
  tenant: TenantId,
  { purpose }: SignIn,
): Promise<string | undefined> {
  if (purpose.kind === 'account') return undefined;
  if (purpose.kind === 'device') {
    return (await deps.flow.findClient(tenant, purpose.clientId))?.name;
  }
  const client = await findAskingClient(deps.flow, tenant, purpose);
  return client.ok ? client.value.name : undefined;
}

function wordsOfSignIn(request: HttpRequest, { purpose }: SignIn): Words {
  return wordsOf(request, purpose.kind === 'authorize' ? purpose.request.uiLocales : []);
}
