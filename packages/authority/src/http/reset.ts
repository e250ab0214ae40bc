/**
 * /forgot and /reset: a person who has forgotten the password asks for a link, and sets a new one
 * with it. What must never happen: a page that tells whether somebody exists, or a link that is
 * spent by whoever only looks at it, as the scanners of mail do.
 */
import type { HttpRequest, HttpResponse, TenantId } from '@mintmark/core';
import { formToken } from '../authorization/sign-ins.ts';
import type { Visitor } from '../authorization/visitor.ts';
import {
  basePath,
  isOwnForm,
  type PageDeps,
  readPageForm,
  sayError,
  wordsOf,
} from './interaction.ts';
import { forgotPage, newPasswordPage, passwordSetPage, sentPage } from './pages/reset-pages.ts';
import { passwordProblem } from './password-problem.ts';
import { readVisitor, withCookies } from './visitor.ts';

const aboutForgot = 'forgot';
const aboutReset = 'reset';

export async function handleForgotPage(
  deps: PageDeps,
  tenant: TenantId,
  request: HttpRequest,
): Promise<HttpResponse> {
  if (!deps.resets.isSelfService) return noSelfService(deps, request);
  const { visitor, setBrowser } = readVisitor(deps, tenant, request);
  return withCookies(showForgot(deps, { tenant, request, visitor }), setBrowser);
}

export async function handleForgotForm(
  deps: PageDeps,
  tenant: TenantId,
  request: HttpRequest,
): Promise<HttpResponse> {
  if (!deps.resets.isSelfService) return noSelfService(deps, request);
  const read = await readPageForm(deps, request);
  if ('refused' in read) return read.refused;
  const { visitor } = readVisitor(deps, tenant, request);
  const words = wordsOf(request, []);
  if (!isOwnForm(read.form, visitor, aboutForgot)) {
    return showForgot(deps, { tenant, request, visitor, problem: words.say('formExpired') });
  }
  const username = read.form.get('username') ?? '';
  const { language } = words;
  deps.resets.request({ tenant, username, language, address: visitor.address });
  return deps.renderPage(words, sentPage(words));
}

export async function handleResetPage(
  deps: PageDeps,
  tenant: TenantId,
  request: HttpRequest,
): Promise<HttpResponse> {
  const reset = /^token=([0-9A-Za-z]{17}\.[\w-]{43})$/.exec(request.query ?? '')?.[1];
  if (reset === undefined) return sayError(deps, request, { status: 400, message: 'reset_over' });
  const { visitor, setBrowser } = readVisitor(deps, tenant, request);
  return withCookies(showReset(deps, { tenant, request, visitor, reset }), setBrowser);
}

export async function handleResetForm(
  deps: PageDeps,
  tenant: TenantId,
  request: HttpRequest,
): Promise<HttpResponse> {
  const read = await readPageForm(deps, request);
  if ('refused' in read) return read.refused;
  const { visitor } = readVisitor(deps, tenant, request);
  const words = wordsOf(request, []);
  const reset = read.form.get('reset') ?? '';
  const shown = { tenant, request, visitor, reset };
  if (!isOwnForm(read.form, visitor, aboutReset)) {
    return showReset(deps, { ...shown, problem: words.say('formExpired') });
  }
  const done = await deps.resets.complete({
    tenant,
    token: reset,
    password: read.form.get('password') ?? '',
    address: visitor.address,
  });
  if (done.ok)
    return deps.renderPage(words, passwordSetPage(words, pathOf(deps, tenant, '/login')));
  if (done.refusal.reason === 'invalid_reset') {
    return sayError(deps, request, { status: 400, message: 'reset_over' });
  }
  const problem = passwordProblem(words, done.refusal) ?? words.say('formExpired');
  return showReset(deps, { ...shown, problem });
}

interface Shown {
  readonly tenant: TenantId;
  readonly request: HttpRequest;
  readonly visitor: Visitor;
  readonly problem?: string;
}

function showForgot(deps: PageDeps, { tenant, request, visitor, problem }: Shown): HttpResponse {
  const words = wordsOf(request, []);
  const action = pathOf(deps, tenant, '/forgot');
  const token = formToken(visitor.browser, aboutForgot);
  return deps.renderPage(words, forgotPage(words, { action, token, problem }));
}

function showReset(deps: PageDeps, shown: Shown & { readonly reset: string }): HttpResponse {
  const { tenant, request, visitor, problem, reset } = shown;
  const words = wordsOf(request, []);
  const action = pathOf(deps, tenant, '/reset');
  const token = formToken(visitor.browser, aboutReset);
  return deps.renderPage(words, newPasswordPage(words, { action, token, problem, reset }));
}

function noSelfService(deps: PageDeps, request: HttpRequest): HttpResponse {
  return sayError(deps, request, { status: 404, message: 'no_self_service' });
}

function pathOf(deps: PageDeps, tenant: TenantId, path: string): string {
  return `${basePath(deps, tenant)}${path}`;
}
