/**
 * /account/security: a person changes what signs them in. Each change is asked for with the
 * password, whoever left the browser open; the steps that follow one belong to its session. What
 * must never happen: a second factor added by whoever merely sits down at the screen.
 */
import {
  type HttpRequest,
  type HttpResponse,
  isJsonObject,
  parseJson,
  type TenantId,
} from '@mintmark/core';
import { findSeat, type Seat } from '../authorization/flow.ts';
import { formToken } from '../authorization/sign-ins.ts';
import type { Visitor } from '../authorization/visitor.ts';
import { type ChangeUserDeps, updateUser } from '../users/change-user.ts';
import type { Factors } from '../users/factors.ts';
import type { Passkeys } from '../users/passkeys.ts';
import type { Users } from '../users/users.ts';
import type { Form } from './form.ts';
import {
  basePath,
  isOwnForm,
  type PageDeps,
  readPageForm,
  seeOther,
  wordsOf,
} from './interaction.ts';
import type { MessageName, Words } from './pages/messages.ts';
import { passwordSetPage } from './pages/reset-pages.ts';
import { addPasskeyPage, appPage, codesPage, securityPage } from './pages/security-pages.ts';
import { passwordProblem } from './password-problem.ts';
import { readVisitor } from './visitor.ts';

/** What the page changes. */
export interface SecurityDeps {
  readonly users: Users;
  readonly factors: Factors;
  readonly passkeys: Passkeys;
  readonly change: ChangeUserDeps;
  /** Shown by authenticator apps beside the name. */
  readonly issuerName: string;
}

interface At {
  readonly tenant: TenantId;
  readonly request: HttpRequest;
  readonly visitor: Visitor;
  readonly seat: Seat;
  readonly words: Words;
}

export async function handleSecurityPage(
  deps: PageDeps,
  tenant: TenantId,
  request: HttpRequest,
): Promise<HttpResponse> {
  const at = await findPlace(deps, tenant, request);
  return at === undefined ? accountFirst(deps, tenant) : show(deps, at);
}

export async function handleSecurityForm(
  deps: PageDeps,
  tenant: TenantId,
  request: HttpRequest,
): Promise<HttpResponse> {
  const read = await readPageForm(deps, request);
  if ('refused' in read) return read.refused;
  const { form } = read;
  const at = await findPlace(deps, tenant, request);
  if (at === undefined) return accountFirst(deps, tenant);
  if (!isOwnForm(form, at.visitor, aboutSecurity(at.seat))) return show(deps, at, 'formExpired');
  switch (form.get('do')) {
    case 'totp_confirm':
      return confirmApp(deps, at, form);
    case 'passkey_finish':
      return addPasskey(deps, at, form);
    default:
      return change(deps, at, form);
  }
}

async function findPlace(
  deps: PageDeps,
  tenant: TenantId,
  request: HttpRequest,
): Promise<At | undefined> {
  const { visitor } = readVisitor(deps, tenant, request);
  const seat = await findSeat(deps.flow, tenant, visitor.sessionToken);
  return seat && { tenant, request, visitor, seat, words: wordsOf(request, []) };
}

/** The account page asks whoever comes without a session to sign in. */
function accountFirst(deps: PageDeps, tenant: TenantId): HttpResponse {
  return seeOther(`${basePath(deps, tenant)}/account`);
}

/** What is asked for with the password. */
async function change(deps: PageDeps, at: At, form: Form): Promise<HttpResponse> {
  const { tenant, visitor, seat } = at;
  const { browser, address, userAgent } = visitor;
  const judged = await deps.security.users.authenticatePassword({
    tenant,
    username: seat.user.username,
    password: form.get('current') ?? '',
    browser,
    address,
    userAgent,
  });
  if (!judged.ok) {
    const { refusal } = judged;
    if (refusal.reason !== 'locked') {
      return show(deps, at, refusal.reason === 'busy' ? 'busy' : 'wrongPassword');
    }
    const seconds = String(refusal.retryAfterSeconds);
    return show(deps, at, { said: at.words.say('locked', { seconds }) });
  }
  const who = whoOf(at);
  const passkey = form.get('remove_passkey');
  if (passkey !== undefined) {
    await deps.security.passkeys.remove({ ...who, credentialId: passkey });
    return show(deps, at);
  }
  switch (form.get('do')) {
    case 'password':
      return setPassword(deps, at, form.get('password') ?? '');
    case 'totp_begin':
      return beginApp(deps, at);
    case 'totp_remove':
      await deps.security.factors.remove({ ...who, kind: 'totp' });
      return show(deps, at);
    case 'recovery':
      return showCodes(deps, at);
    case 'passkey_begin':
      return beginPasskey(deps, at);
    default:
      return show(deps, at);
  }
}

async function setPassword(deps: PageDeps, at: At, password: string): Promise<HttpResponse> {
  const { tenant, seat, words } = at;
  const { id, version } = seat.user;
  const done = await updateUser(deps.security.change, whoOf(at).requester, {
    id,
    version,
    password,
  });
  // Every session has ended, this one too.
  if (done.ok) {
    return deps.renderPage(words, passwordSetPage(words, `${basePath(deps, tenant)}/login`));
  }
  const said = passwordProblem(words, done.refusal);
  return show(deps, at, said === undefined ? 'formExpired' : { said });
}

async function beginApp(deps: PageDeps, at: At): Promise<HttpResponse> {
  const { factors, issuerName: issuer } = deps.security;
  const begun = await factors.beginTotp({ ...whoOf(at), issuer });
  if (!begun.ok) return show(deps, at);
  return deps.renderPage(at.words, appPage(at.words, { ...frameOf(deps, at), ...begun.value }));
}

async function confirmApp(deps: PageDeps, at: At, form: Form): Promise<HttpResponse> {
  const code = form.get('code') ?? '';
  const proof = await deps.security.factors.confirmTotp({ ...whoOf(at), code });
  // Whoever has an app needs a way back when it is lost.
  if (proof.ok) return showCodes(deps, at);
  const { words } = at;
  const isWrong = proof.refusal.reason === 'invalid_code';
  if (isWrong && proof.refusal.why === 'no_factor') return show(deps, at, 'formExpired');
  // Shown again as it came: it is the form's own, and nothing is kept of it.
  const [secret = '', uri = ''] = [form.get('secret'), form.get('uri')];
  const problem = words.say(isWrong ? 'wrongCode' : 'busy');
  const frame = { ...frameOf(deps, at), problem };
  if (!uri.startsWith('otpauth:')) return show(deps, at, 'formExpired');
  return deps.renderPage(words, appPage(words, { ...frame, secret, uri }));
}

async function showCodes(deps: PageDeps, at: At): Promise<HttpResponse> {
  const made = await deps.security.factors.makeRecoveryCodes(whoOf(at));
  if (!made.ok) return show(deps, at);
  const view = { ...frameOf(deps, at), codes: made.value };
  return deps.renderPage(at.words, codesPage(at.words, view));
}

async function beginPasskey(deps: PageDeps, at: At): Promise<HttpResponse> {
  const begun = await deps.security.passkeys.beginRegistration(inSession(at));
  if (!begun.ok) return show(deps, at, 'tooManyPasskeys');
  const view = { ...frameOf(deps, at), options: JSON.stringify(begun.value) };
  return deps.renderPage(at.words, addPasskeyPage(at.words, view));
}

async function addPasskey(deps: PageDeps, at: At, form: Form): Promise<HttpResponse> {
  const name = (form.get('name') ?? '').replace(/\p{C}/gu, ' ').trim().slice(0, 100);
  const response = parsedAnswer(form.get('response') ?? '');
  const done = await deps.security.passkeys.finishRegistration({
    ...inSession(at),
    response,
    name: name === '' ? at.words.say('passkey') : name,
  });
  return done.ok ? show(deps, at) : show(deps, at, 'passkeyTrouble');
}

/** @returns undefined where it is no JSON object; the passkeys' own look refuses that */
export function parsedAnswer(text: string): unknown {
  const parsed = parseJson(text);
  return parsed.ok && isJsonObject(parsed.value) ? parsed.value : undefined;
}

function whoOf({ tenant, visitor, seat }: At) {
  const { address, userAgent } = visitor;
  const actor = { kind: 'user', id: seat.user.id } as const;
  return { requester: { tenant, actor, address, userAgent }, userId: seat.user.id };
}

function inSession(at: At) {
  return { ...whoOf(at), transaction: `session ${at.seat.session.id}` };
}

function aboutSecurity(seat: Seat): string {
  return `security ${seat.session.id}`;
}

function frameOf(deps: PageDeps, { tenant, visitor, seat }: At) {
  const base = basePath(deps, tenant);
  const token = formToken(visitor.browser, aboutSecurity(seat));
  return { action: `${base}/account/security`, back: `${base}/account`, token, problem: undefined };
}

async function show(
  deps: PageDeps,
  at: At,
  problem?: MessageName | { readonly said: string },
): Promise<HttpResponse> {
  const { tenant, seat, words } = at;
  const { totp, recoveryCodesLeft } = await deps.security.factors.of(tenant, seat.user.id);
  const page = securityPage(words, {
    ...frameOf(deps, at),
    problem: typeof problem === 'string' ? words.say(problem) : problem?.said,
    username: seat.user.username,
    totp,
    recoveryCodesLeft,
    passkeys: await deps.security.passkeys.list(tenant, seat.user.id),
  });
  return deps.renderPage(words, page);
}
