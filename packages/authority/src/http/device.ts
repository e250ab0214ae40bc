/**
 * GET and POST /device: a person types the code that a device shows, is asked, and answers. The
 * address may bring the code along (RFC 8628 §3.3.1); it is shown, and nothing is looked up before
 * the person has said that it is the device's.
 */
import type { HttpRequest, HttpResponse, TenantId } from '@mintmark/core';
import { decline, goOn } from '../authorization/answer-pages.ts';
import { enterUserCode, findWaitingDevice } from '../authorization/device-flow.ts';
import { findSeat, type Seat } from '../authorization/flow.ts';
import {
  type AskingDevice,
  findSignIn,
  formToken,
  type SignIn,
} from '../authorization/sign-ins.ts';
import type { Visitor } from '../authorization/visitor.ts';
import { describedDetails } from '../details/describe-detail.ts';
import { formatUserCode, parseUserCode } from '../issuance/user-code.ts';
import { type Form, parseParameters } from './form.ts';
import {
  basePath,
  goTo,
  isOwnForm,
  offeredScopes,
  type PageDeps,
  readPageForm,
  sayError,
  transactionOf,
  wordsOf,
} from './interaction.ts';
import {
  codeConfirmPage,
  codeEntryPage,
  deviceConsentPage,
  deviceDonePage,
} from './pages/device-pages.ts';
import { readVisitor, withCookies } from './visitor.ts';

const aboutCode = 'device';

interface PageInput {
  readonly tenant: TenantId;
  readonly request: HttpRequest;
  readonly visitor: Visitor;
}

export async function handleDevicePage(
  deps: PageDeps,
  tenant: TenantId,
  request: HttpRequest,
): Promise<HttpResponse> {
  const { visitor, setBrowser } = readVisitor(deps, tenant, request);
  const input = { tenant, request, visitor };
  const id = transactionOf(request);
  if (id !== undefined) return showQuestion(deps, { ...input, id });
  const words = wordsOf(request, []);
  const done = /^done=(allowed|denied)$/.exec(request.query ?? '')?.[1];
  if (done === 'allowed' || done === 'denied') {
    return deps.renderPage(words, deviceDonePage(words, done));
  }
  const typed = codeInQuery(request);
  const userCode = parseUserCode(typed);
  if (userCode === undefined) {
    const problem = typed === '' ? undefined : words.say('wrongUserCode');
    return withCookies(showEntry(deps, { ...input, typed, problem, status: 200 }), setBrowser);
  }
  const page = codeConfirmPage(words, {
    action: actionOf(deps, tenant),
    token: formToken(visitor.browser, aboutCode),
    userCode: formatUserCode(userCode),
  });
  return withCookies(deps.renderPage(words, page), setBrowser);
}

export async function handleDeviceForm(
  deps: PageDeps,
  tenant: TenantId,
  request: HttpRequest,
): Promise<HttpResponse> {
  const read = await readPageForm(deps, request);
  if ('refused' in read) return read.refused;
  const { form } = read;
  const { visitor } = readVisitor(deps, tenant, request);
  const input = { tenant, request, visitor, form };
  return form.get('transaction') === undefined ? takeCode(deps, input) : takeAnswer(deps, input);
}

async function takeCode(
  deps: PageDeps,
  input: PageInput & { readonly form: Form },
): Promise<HttpResponse> {
  const { tenant, request, visitor, form } = input;
  const words = wordsOf(request, []);
  const typed = form.get('user_code') ?? '';
  if (!isOwnForm(form, visitor, aboutCode)) {
    const problem = words.say('formExpired');
    return showEntry(deps, { ...input, typed, problem, status: 422 });
  }
  const entered = await enterUserCode(deps.flow, { tenant, visitor, typed });
  if (entered.ok) return goTo(deps, { tenant, request, outcome: entered.value, cookies: [] });
  const { refusal } = entered;
  deps.refused({ tenant, surface: 'device', reason: refusal.reason, address: visitor.address });
  if (refusal.reason === 'unknown_user_code') {
    const problem = words.say('wrongUserCode');
    return showEntry(deps, { ...input, typed, problem, status: 422 });
  }
  const seconds = String(refusal.retryAfterSeconds);
  const problem = words.say('locked', { seconds });
  const page = showEntry(deps, { ...input, typed, problem, status: 429 });
  return { ...page, headers: { ...page.headers, 'retry-after': seconds } };
}

async function takeAnswer(
  deps: PageDeps,
  input: PageInput & { readonly form: Form },
): Promise<HttpResponse> {
  const { tenant, request, visitor, form } = input;
  const { browser } = visitor;
  const found = await findSignIn(deps.flow, tenant, { id: form.get('transaction'), browser });
  if (!found.ok) return sayError(deps, request, { status: 400, message: found.refusal.reason });
  const signIn = found.value;
  const seat = await findSeat(deps.flow, tenant, visitor.sessionToken);
  if (signIn.purpose.kind !== 'device' || !isOwnForm(form, visitor, aboutAnswer(signIn, seat))) {
    return sayError(deps, request, { status: 400, message: 'formExpired' });
  }
  const answer = { tenant, visitor, signIn };
  const outcome =
    form.get('deny') === undefined
      ? await goOn(deps.flow, { ...answer, isAgreed: true })
      : await decline(deps.flow, answer);
  return goTo(deps, { tenant, request, outcome, cookies: [] });
}

async function showQuestion(
  deps: PageDeps,
  input: PageInput & { readonly id: string },
): Promise<HttpResponse> {
  const { tenant, request, visitor, id } = input;
  const found = await findSignIn(deps.flow, tenant, { id, browser: visitor.browser });
  if (!found.ok) return sayError(deps, request, { status: 400, message: found.refusal.reason });
  const signIn = found.value;
  const outcome = await goOn(deps.flow, { tenant, visitor, signIn, isAgreed: false });
  const { purpose } = signIn;
  if (outcome.to !== 'device' || purpose.kind !== 'device') {
    return goTo(deps, { tenant, request, outcome, cookies: [] });
  }
  return ask(deps, { ...input, signIn, purpose });
}

async function ask(
  deps: PageDeps,
  input: PageInput & { readonly signIn: SignIn; readonly purpose: AskingDevice },
): Promise<HttpResponse> {
  const { tenant, request, visitor, signIn, purpose } = input;
  const waiting = await findWaitingDevice(deps.flow, tenant, purpose);
  if (!waiting.ok) return sayError(deps, request, { status: 400, message: waiting.refusal.reason });
  const { client, grant } = waiting.value;
  const seat = await findSeat(deps.flow, tenant, visitor.sessionToken);
  const words = wordsOf(request, []);
  const scopes = await offeredScopes(deps, { tenant, client, seat, asked: grant.request.scopes });
  const page = deviceConsentPage(words, {
    action: actionOf(deps, tenant),
    signIn: signIn.id,
    token: formToken(visitor.browser, aboutAnswer(signIn, seat)),
    clientName: client.name,
    unvetted: client.source === 'administrator' ? undefined : client.clientId,
    username: seat?.user.username ?? '',
    scopes,
    resources: grant.request.audience,
    details: await describedDetails(deps.flow, words.language, {
      tenant,
      details: grant.request.details,
    }),
    address: grant.request.address,
    device: grant.request.device,
    askedAt: grant.createdAt * 1000,
  });
  return deps.renderPage(words, page);
}

/** Of this person alone: whoever signs in here meanwhile was not asked. */
function aboutAnswer(signIn: SignIn, seat: Seat | undefined): string {
  return `device ${signIn.id} ${seat?.session.id}`;
}

function showEntry(
  deps: PageDeps,
  input: PageInput & {
    readonly typed: string;
    readonly problem: string | undefined;
    readonly status: number;
  },
): HttpResponse {
  const { tenant, request, visitor, typed, problem, status } = input;
  const words = wordsOf(request, []);
  const action = actionOf(deps, tenant);
  const token = formToken(visitor.browser, aboutCode);
  return deps.renderPage(words, codeEntryPage(words, { action, token, problem, status, typed }));
}

function actionOf(deps: PageDeps, tenant: TenantId): string {
  return `${basePath(deps, tenant)}/device`;
}

function codeInQuery(request: HttpRequest): string {
  const parsed = parseParameters(request.query ?? '', new Set());
  return parsed.ok ? (parsed.value.get('user_code') ?? '').slice(0, 64) : '';
}
