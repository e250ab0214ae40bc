/**
 * GET and POST /oauth2/logout (RP-Initiated Logout), and /logout, by which people sign out
 * themselves. A link alone signs nobody out: unless the client proves to know the session, the
 * person is asked.
 */
import type { HttpRequest, HttpResponse, TenantId } from '@mintmark/core';
import { endSession } from '../authorization/end-session.ts';
import { findSeat, type Seat } from '../authorization/flow.ts';
import {
  isProvenLogout,
  judgeLogout,
  type LogoutRequest,
  returnLocation,
} from '../authorization/logout.ts';
import { formToken } from '../authorization/sign-ins.ts';
import type { Visitor } from '../authorization/visitor.ts';
import { type LenientForm, parseParameters, readFormText } from './form.ts';
import {
  basePath,
  isOwnForm,
  type PageDeps,
  readPageForm,
  sayError,
  seeOther,
  wordsOf,
} from './interaction.ts';
import { formActionTo } from './pages/layout.ts';
import { logoutPage, signedOutPage } from './pages/logout-page.ts';
import { readVisitor, sessionCookie, withCookies } from './visitor.ts';

const once: ReadonlySet<string> = new Set();

export async function handleLogoutRequest(
  deps: PageDeps,
  tenant: TenantId,
  request: HttpRequest,
): Promise<HttpResponse> {
  const malformed = () => sayError(deps, request, { status: 400, message: 'malformed_request' });
  const isPost = request.method === 'POST';
  const text = isPost ? await readFormText(request) : undefined;
  if (text !== undefined && !text.ok) return malformed();
  const parsed = parseParameters(text?.value ?? request.query ?? '', once);
  if (!parsed.ok) return malformed();
  const { visitor, areSent, setBrowser } = readVisitor(deps, tenant, request);
  if (isPost && !areSent) {
    // Another site's page sent the form, and the cookies stayed behind (`SameSite=Lax`).
    return seeOther(`${basePath(deps, tenant)}/oauth2/logout?${text?.value ?? ''}`);
  }
  const parameters = parsed.value;
  return handleParameters(deps, { tenant, request, visitor, setBrowser, parameters });
}

async function handleParameters(
  deps: PageDeps,
  input: {
    readonly tenant: TenantId;
    readonly request: HttpRequest;
    readonly visitor: Visitor;
    readonly setBrowser: readonly string[];
    readonly parameters: LenientForm;
  },
): Promise<HttpResponse> {
  const { tenant, request, visitor, parameters } = input;
  const judged = await judgeLogout(deps.flow, tenant, parameters);
  if (!judged.ok) {
    return sayError(deps, request, { status: 400, message: judged.refusal.reason });
  }
  const seat = await findSeat(deps.flow, tenant, visitor.sessionToken);
  if (seat === undefined) return leave(deps, { ...input, asked: judged.value });
  if (!isProvenLogout(deps.flow, judged.value, seat)) {
    return ask(deps, { ...input, asked: judged.value, seat });
  }
  await end(deps, { ...input, seat, why: 'asked by its client' });
  return leave(deps, { ...input, asked: judged.value });
}

/** GET /logout */
export async function handleLogoutPage(
  deps: PageDeps,
  tenant: TenantId,
  request: HttpRequest,
): Promise<HttpResponse> {
  const { visitor, setBrowser } = readVisitor(deps, tenant, request);
  const seat = await findSeat(deps.flow, tenant, visitor.sessionToken);
  const input = { tenant, request, visitor, setBrowser, asked: nothing };
  return seat === undefined ? leave(deps, input) : ask(deps, { ...input, seat });
}

const nothing: LogoutRequest = {
  client: undefined,
  hint: undefined,
  returnTo: undefined,
  uiLocales: [],
};

/** POST /logout: the person's own word, on our own page. */
export async function handleLogoutForm(
  deps: PageDeps,
  tenant: TenantId,
  request: HttpRequest,
): Promise<HttpResponse> {
  const read = await readPageForm(deps, request);
  if ('refused' in read) return read.refused;
  const { form } = read;
  // What the page carried is judged again: it has been in the person's hands.
  const asked = await judgeLogout(deps.flow, tenant, { ...form, duplicates: [] });
  if (!asked.ok) return sayError(deps, request, { status: 400, message: asked.refusal.reason });
  const { visitor } = readVisitor(deps, tenant, request);
  const input = { tenant, request, visitor, asked: asked.value };
  const seat = await findSeat(deps.flow, tenant, visitor.sessionToken);
  if (seat === undefined) return leave(deps, input);
  if (!isOwnForm(form, visitor, aboutLogout(seat))) {
    return sayError(deps, request, { status: 400, message: 'formExpired' });
  }
  if (form.get('deny') !== undefined) return seeOther(`${basePath(deps, tenant)}/account`);
  await end(deps, { ...input, seat, why: 'signed out' });
  return leave(deps, input);
}

function aboutLogout(seat: Seat): string {
  return `logout ${seat.session.id}`;
}

interface Leaving {
  readonly tenant: TenantId;
  readonly request: HttpRequest;
  readonly visitor: Visitor;
  readonly asked: LogoutRequest;
}

async function end(
  deps: PageDeps,
  input: Omit<Leaving, 'asked'> & { readonly seat: Seat; readonly why: string },
): Promise<void> {
  const { tenant, visitor, seat, why } = input;
  const { address, userAgent } = visitor;
  const actor = { kind: 'user', id: seat.user.id } as const;
  const requester = { tenant, actor, address, userAgent };
  await endSession(deps.flow, requester, { session: seat.session, why });
}

/** Signed out: back to the client, or to a page that says so. */
function leave(deps: PageDeps, { tenant, request, asked }: Leaving): HttpResponse {
  const words = wordsOf(request, asked.uiLocales);
  const response =
    asked.returnTo === undefined
      ? deps.renderPage(words, signedOutPage(words))
      : seeOther(returnLocation(asked.returnTo));
  return withCookies(response, [sessionCookie(deps, tenant, null)]);
}

function ask(
  deps: PageDeps,
  input: Leaving & { readonly seat: Seat; readonly setBrowser: readonly string[] },
): HttpResponse {
  const { tenant, request, visitor, asked, seat, setBrowser } = input;
  const words = wordsOf(request, asked.uiLocales);
  const { client, returnTo } = asked;
  const page = logoutPage(words, {
    action: `${basePath(deps, tenant)}/logout`,
    token: formToken(visitor.browser, aboutLogout(seat)),
    clientId: client?.clientId,
    clientName: client?.name,
    username: seat.user.username,
    returnTo,
    formAction: returnTo === undefined ? "'self'" : formActionTo(returnTo.uri),
  });
  return withCookies(deps.renderPage(words, page), setBrowser);
}
