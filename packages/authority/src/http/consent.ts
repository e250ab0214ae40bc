/** GET and POST /consent: what an application asks for, and the person's yes or no. */
import type { HttpRequest, HttpResponse, TenantId } from '@mintmark/core';
import { decline, goOn } from '../authorization/answer-pages.ts';
import { findAskingClient, findSeat, type Seat } from '../authorization/flow.ts';
import { wantedBy } from '../authorization/granted.ts';
import { isRequiredScope, keptScopes } from '../authorization/kept-scopes.ts';
import { isLoopbackRedirectUri } from '../authorization/redirect-uri.ts';
import {
  type AskedAuthorization,
  findSignIn,
  formToken,
  type SignIn,
} from '../authorization/sign-ins.ts';
import type { Visitor } from '../authorization/visitor.ts';
import { describedDetails } from '../details/describe-detail.ts';
import type { Form } from './form.ts';
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
import { consentPage } from './pages/consent-page.ts';
import { formActionTo } from './pages/layout.ts';
import { readVisitor } from './visitor.ts';

export async function handleConsentPage(
  deps: PageDeps,
  tenant: TenantId,
  request: HttpRequest,
): Promise<HttpResponse> {
  const { visitor } = readVisitor(deps, tenant, request);
  const id = transactionOf(request);
  const found = await findSignIn(deps.flow, tenant, { id, browser: visitor.browser });
  if (!found.ok) return sayError(deps, request, { status: 400, message: found.refusal.reason });
  const signIn = found.value;
  const outcome = await goOn(deps.flow, { tenant, visitor, signIn, isAgreed: false });
  if (outcome.to !== 'consent' || signIn.purpose.kind !== 'authorize') {
    return goTo(deps, { tenant, request, outcome, cookies: [] });
  }
  return showConsent(deps, { tenant, request, visitor, signIn, asked: signIn.purpose });
}

export async function handleConsentForm(
  deps: PageDeps,
  tenant: TenantId,
  request: HttpRequest,
): Promise<HttpResponse> {
  const read = await readPageForm(deps, request);
  if ('refused' in read) return read.refused;
  const { form } = read;
  const { visitor } = readVisitor(deps, tenant, request);
  const id = form.get('transaction');
  const found = await findSignIn(deps.flow, tenant, { id, browser: visitor.browser });
  if (!found.ok) return sayError(deps, request, { status: 400, message: found.refusal.reason });
  const signIn = found.value;
  const seat = await findSeat(deps.flow, tenant, visitor.sessionToken);
  if (!isOwnForm(form, visitor, aboutConsent(signIn, seat))) {
    return sayError(deps, request, { status: 400, message: 'formExpired' });
  }
  const answer = { tenant, visitor, signIn };
  const ticked = tickedScopes(form, signIn);
  const isNothing =
    ticked !== undefined && (await leavesNothing(deps, { ...answer, seat }, ticked));
  const outcome =
    form.get('deny') === undefined && !isNothing
      ? await goOn(deps.flow, { ...answer, isAgreed: true, ticked })
      : await decline(deps.flow, answer);
  return goTo(deps, { tenant, request, outcome, cookies: [] });
}

/**
 * What the person left standing. A box that is not ticked is not sent at all, so the button says
 * that boxes were there: without its word everything is agreed to, as it was shown.
 */
function tickedScopes(form: Form, { purpose }: SignIn): readonly string[] | undefined {
  if (purpose.kind !== 'authorize' || form.get('parts') === undefined) return undefined;
  return purpose.request.scopes.filter((_, place) => form.get(`scope.${place}`) !== undefined);
}

/** Who agrees to nothing says no. */
async function leavesNothing(
  deps: PageDeps,
  at: { readonly tenant: TenantId; readonly signIn: SignIn; readonly seat: Seat | undefined },
  ticked: readonly string[],
): Promise<boolean> {
  const { tenant, seat } = at;
  const { purpose } = at.signIn;
  if (purpose.kind !== 'authorize') return false;
  const client = await findAskingClient(deps.flow, tenant, purpose);
  const { scopes, details } = purpose.request;
  if (!client.ok || scopes.length === 0 || details !== undefined) return false;
  const asked = await offeredScopes(deps, { tenant, client: client.value, seat, asked: scopes });
  return keptScopes(client.value, asked, ticked).length === 0;
}

/** Of this person alone: whoever signs in here meanwhile was not asked. */
function aboutConsent(signIn: SignIn, seat: Seat | undefined): string {
  return `consent ${signIn.id} ${seat?.session.id}`;
}

async function showConsent(
  deps: PageDeps,
  input: {
    readonly tenant: TenantId;
    readonly request: HttpRequest;
    readonly visitor: Visitor;
    readonly signIn: SignIn;
    readonly asked: AskedAuthorization;
  },
): Promise<HttpResponse> {
  const { tenant, request, visitor, signIn, asked } = input;
  const { redirectUri, uiLocales } = asked.request;
  const client = await findAskingClient(deps.flow, tenant, asked);
  if (!client.ok) return sayError(deps, request, { status: 400, message: client.refusal.reason });
  const seat = await findSeat(deps.flow, tenant, visitor.sessionToken);
  const words = wordsOf(request, uiLocales);
  const { scopes } = asked.request;
  const at = { tenant, client: client.value, seat, asked: scopes };
  const page = consentPage(words, {
    action: `${basePath(deps, tenant)}/consent`,
    signIn: signIn.id,
    token: formToken(visitor.browser, aboutConsent(signIn, seat)),
    clientName: client.value.name,
    unvetted: client.value.source === 'administrator' ? undefined : client.value.clientId,
    username: seat?.user.username ?? '',
    ...wantedBy(asked.request),
    offered: await offeredScopes(deps, at),
    required: scopes.filter((scope) => isRequiredScope(client.value, scope)),
    details: await describedDetails(deps.flow, words.language, {
      tenant,
      details: asked.request.details,
    }),
    destination: destinationOf(redirectUri),
    isLoopback: isLoopbackRedirectUri(redirectUri),
    policyUri: client.value.policyUri,
    tosUri: client.value.tosUri,
    formAction: formActionTo(redirectUri),
  });
  return deps.renderPage(words, page);
}

/** The host, or of an app its scheme: all that tells people anything. */
function destinationOf(redirectUri: string): string {
  const { host, protocol } = new URL(redirectUri);
  return host === '' ? protocol : host;
}
