/**
 * What the pages and the authorization endpoint have in common: from where a request goes next to
 * the answer that takes the browser there. Always by 303, so that no form is ever sent twice, and
 * nowhere but to our own pages or to a redirect URI that its client registered.
 */
import {
  assertNever,
  type ClientId,
  type HttpRequest,
  type HttpResponse,
  type JsonObject,
  type JwsAlgorithm,
  nowSeconds,
  type TenantId,
} from '@mintmark/core';
import type { RefusalTally } from '../admin/refusal-tally.ts';
import type { AccountDeps } from '../authorization/account.ts';
import { buildAuthorizationResponse } from '../authorization/authorization-response.ts';
import type { FlowDeps, Outcome, Seat } from '../authorization/flow.ts';
import type { LogoutDeps } from '../authorization/logout.ts';
import { isFormToken } from '../authorization/sign-ins.ts';
import type { Visitor } from '../authorization/visitor.ts';
import type { Resets } from '../users/resets.ts';
import { type Form, readForm } from './form.ts';
import { errorPage } from './pages/error-page.ts';
import { formPostPage } from './pages/form-post-page.ts';
import type { RenderPage } from './pages/layout.ts';
import { type MessageName, type Words, wordsFor } from './pages/messages.ts';
import { renderAuthorizationError } from './render-authorization-error.ts';
import type { RequestPageDeps } from './requests.ts';
import type { SecurityDeps } from './security.ts';
import type { TokensDeps } from './tokens.ts';
import { type CookieDeps, withCookies } from './visitor.ts';

export interface PageDeps extends CookieDeps {
  /** Counts what was guessed wrong, for the audit trail. */
  readonly refused: RefusalTally['note'];
  readonly flow: FlowDeps & AccountDeps & LogoutDeps & RequestPageDeps;
  readonly renderPage: RenderPage;
  /** Makes a JWT of an answer to a client (JARM); undefined where it cannot be encrypted to it. */
  readonly seal: (
    to: { readonly tenant: TenantId; readonly clientId: ClientId },
    algorithm: JwsAlgorithm,
    claims: JsonObject,
  ) => Promise<string | undefined>;
  readonly resets: Pick<Resets, 'isSelfService' | 'request' | 'complete'>;
  readonly security: SecurityDeps;
  readonly tokens: TokensDeps;
}

/** @param cookies to be set with the answer, whatever it is */
export async function goTo(
  deps: PageDeps,
  input: {
    readonly tenant: TenantId;
    readonly request: HttpRequest;
    readonly outcome: Outcome;
    readonly cookies: readonly string[];
  },
): Promise<HttpResponse> {
  return withCookies(await answerOf(deps, input), input.cookies);
}

async function answerOf(
  deps: PageDeps,
  input: Omit<Parameters<typeof goTo>[1], 'cookies'>,
): Promise<HttpResponse> {
  const { tenant, request, outcome } = input;
  switch (outcome.to) {
    case 'sign_in':
      return seeOther(pathTo(deps, tenant, '/login', outcome.signIn.id));
    case 'consent':
      return seeOther(pathTo(deps, tenant, '/consent', outcome.signIn.id));
    case 'resume':
      return seeOther(pathTo(deps, tenant, '/oauth2/authorize/resume', outcome.signIn.id));
    case 'device':
      return seeOther(pathTo(deps, tenant, '/device', outcome.signIn.id));
    case 'device_done':
      return seeOther(`${basePath(deps, tenant)}/device?done=${outcome.answer}`);
    case 'account':
      return seeOther(`${basePath(deps, tenant)}/account`);
    case 'requests':
      return seeOther(`${basePath(deps, tenant)}/account/requests`);
    case 'tokens':
      return seeOther(`${basePath(deps, tenant)}/account/tokens`);
    case 'nobody':
      return sayError(deps, request, {
        status: statusOf(outcome.refusal.reason),
        message: outcome.refusal.reason,
      });
    case 'client': {
      const { target, answer } = outcome;
      const response = await buildAuthorizationResponse(target, {
        issuer: deps.issuerOf(tenant),
        answer: 'refusal' in answer ? renderAuthorizationError(answer.refusal) : answer,
        now: nowSeconds(deps.flow.clock),
        seal: (algorithm, claims) =>
          deps.seal({ tenant, clientId: target.clientId }, algorithm, claims),
      });
      // The client's keys are away: what was to be hidden is not sent.
      if (response === undefined) {
        return sayError(deps, request, { status: 503, message: 'unavailable' });
      }
      if (response.by === 'redirect') return seeOther(response.location);
      return deps.renderPage(wordsOf(request, []), formPostPage(wordsOf(request, []), response));
    }
    default:
      return assertNever(outcome);
  }
}

function statusOf(reason: MessageName): number {
  if (reason === 'awaiting_approval') return 403;
  return reason === 'too_many_sign_ins' ? 429 : 400;
}

export function seeOther(location: string): HttpResponse {
  return {
    status: 303,
    headers: {
      location,
      'cache-control': 'no-store',
      pragma: 'no-cache',
      'referrer-policy': 'no-referrer',
    },
    body: undefined,
  };
}

/** Where the tenant's pages stand, as browsers see them. */
export function basePath(deps: Pick<CookieDeps, 'issuerOf'>, tenant: TenantId): string {
  return new URL(deps.issuerOf(tenant)).pathname.replace(/\/$/, '');
}

function pathTo(deps: PageDeps, tenant: TenantId, path: string, id: string): string {
  return `${basePath(deps, tenant)}${path}?transaction=${id}`;
}

export function wordsOf(request: HttpRequest, uiLocales: readonly string[]): Words {
  return wordsFor(uiLocales, request.header('accept-language'));
}

export function sayError(
  deps: Pick<PageDeps, 'renderPage'>,
  request: HttpRequest,
  error: { readonly status: number; readonly message: MessageName },
): HttpResponse {
  const words = wordsOf(request, []);
  return deps.renderPage(words, errorPage(words, error));
}

/**
 * Reads a form of one of our pages. `Sec-Fetch-Site` is what an honest browser says of another
 * site's page that sends it; the token in the form is what no other page can know.
 *
 * @returns the form, or the answer that refuses it
 */
export async function readPageForm(
  deps: Pick<PageDeps, 'renderPage'>,
  request: HttpRequest,
): Promise<{ readonly form: Form } | { readonly refused: HttpResponse }> {
  const form = await readForm(request);
  const site = request.header('sec-fetch-site');
  if (form.ok && site !== 'cross-site' && site !== 'same-site') return { form: form.value };
  return { refused: sayError(deps, request, { status: 400, message: 'malformed_request' }) };
}

/**
 * What a page lists of the scopes that are asked for: those that a token for whoever sits there can
 * have. What a role keeps for others would be a promise that no token holds.
 */
export async function offeredScopes(
  { flow }: Pick<PageDeps, 'flow'>,
  at: {
    readonly tenant: TenantId;
    readonly client: { readonly clientId: ClientId };
    readonly seat: Seat | undefined;
    readonly asked: readonly string[];
  },
): Promise<readonly string[]> {
  const { tenant, client, seat, asked } = at;
  if (seat === undefined) return asked;
  const { clientId } = client;
  return flow.withinRights({ tenant, clientId, subject: seat.user.id, scopes: asked });
}

/** @param about what the form changes, so that one page's token is good for no other's form */
export function isOwnForm(form: Form, visitor: Visitor, about: string): boolean {
  return isFormToken(form.get('token'), { browser: visitor.browser, about });
}

/** The only parameter of our pages' own URLs. */
export function transactionOf(request: HttpRequest): string | undefined {
  return /^transaction=([A-Za-z0-9_-]{22})$/.exec(request.query ?? '')?.[1];
}
