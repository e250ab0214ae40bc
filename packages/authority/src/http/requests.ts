/**
 * GET and POST /account/requests: what applications ask a person by the back channel, and the
 * answer. What must never happen: an answer that another page gave, or one for another person.
 */
import type { HttpRequest, HttpResponse, TenantId } from '@mintmark/core';
import {
  type ApproveDeps,
  approveAuthenticationRequest,
  reachesAsked,
} from '../authorization/approve-request.ts';
import { denyAuthenticationRequest, waitingFor } from '../authorization/authentication-requests.ts';
import { findSeat, type Seat } from '../authorization/flow.ts';
import { requireSession } from '../authorization/sessions.ts';
import { formToken } from '../authorization/sign-ins.ts';
import type { Visitor } from '../authorization/visitor.ts';
import { describedDetails } from '../details/describe-detail.ts';
import { signInFirst } from './account.ts';
import {
  basePath,
  isOwnForm,
  type PageDeps,
  readPageForm,
  sayError,
  seeOther,
  wordsOf,
} from './interaction.ts';
import type { MessageName } from './pages/messages.ts';
import { requestsPage } from './pages/requests-page.ts';
import { readVisitor, withCookies } from './visitor.ts';

export type RequestPageDeps = ApproveDeps;

const purpose = { kind: 'account', page: 'requests' } as const;

export async function handleRequestsPage(
  deps: PageDeps,
  tenant: TenantId,
  request: HttpRequest,
): Promise<HttpResponse> {
  const cookies = readVisitor(deps, tenant, request);
  const { visitor, setBrowser } = cookies;
  const seat = await findSeat(deps.flow, tenant, visitor.sessionToken);
  if (seat === undefined) return signInFirst(deps, { tenant, request, cookies, purpose });
  const waiting = await waitingFor(deps.flow, { tenant, subject: seat.user.id });
  const words = wordsOf(request, []);
  const requests = await Promise.all(
    waiting.map(async ({ id, clientId, asked, createdAt }) => {
      const client = await deps.flow.findClient(tenant, clientId);
      const of = { tenant, clientId, subject: seat.user.id, scopes: asked.scopes };
      return {
        id,
        clientName: client?.name ?? clientId,
        unvetted: client?.source === 'administrator' ? undefined : clientId,
        scopes: await deps.flow.withinRights(of),
        resources: asked.audience,
        details: await describedDetails(deps.flow, words.language, {
          tenant,
          details: asked.details,
        }),
        bindingMessage: asked.bindingMessage,
        createdAt,
        isStrongEnough: reachesAsked(asked, seat.session.acr),
      };
    }),
  );
  const base = basePath(deps, tenant);
  const page = requestsPage(words, {
    action: `${base}/account/requests`,
    account: `${base}/account`,
    token: formToken(visitor.browser, aboutRequests(seat)),
    username: seat.user.username,
    requests,
  });
  return withCookies(deps.renderPage(words, page), setBrowser);
}

export async function handleRequestsForm(
  deps: PageDeps,
  tenant: TenantId,
  request: HttpRequest,
): Promise<HttpResponse> {
  const read = await readPageForm(deps, request);
  if ('refused' in read) return read.refused;
  const { form } = read;
  const cookies = readVisitor(deps, tenant, request);
  const { visitor } = cookies;
  const seat = await findSeat(deps.flow, tenant, visitor.sessionToken);
  if (seat === undefined) return signInFirst(deps, { tenant, request, cookies, purpose });
  if (!isOwnForm(form, visitor, aboutRequests(seat))) {
    return sayError(deps, request, { status: 400, message: 'formExpired' });
  }
  const [approve, deny] = [form.get('approve'), form.get('deny')];
  const isOne = (approve === undefined) !== (deny === undefined);
  if (!isOne) return sayError(deps, request, { status: 400, message: 'malformed_request' });
  const at = { tenant, seat, visitor };
  const trouble =
    approve === undefined ? await refuse(deps, at, deny ?? '') : await agree(deps, at, approve);
  if (trouble !== undefined) return sayError(deps, request, { status: 400, message: trouble });
  return seeOther(`${basePath(deps, tenant)}/account/requests`);
}

interface At {
  readonly tenant: TenantId;
  readonly seat: Seat;
  readonly visitor: Visitor;
}

async function agree({ flow }: PageDeps, at: At, id: string): Promise<MessageName | undefined> {
  const { session, user } = at.seat;
  const answered = await approveAuthenticationRequest(flow, requesterOf(at), {
    id,
    subject: user.id,
    by: {
      acr: session.acr,
      amr: session.amr,
      at: session.authenticatedAt,
      required: requireSession(flow, session),
    },
  });
  if (answered.ok) return undefined;
  switch (answered.refusal.reason) {
    case 'request_over':
      return 'request_over';
    case 'stronger_needed':
      return 'stronger';
    case 'overtaken':
      return 'formExpired';
  }
}

async function refuse({ flow }: PageDeps, at: At, id: string): Promise<MessageName | undefined> {
  const subject = at.seat.user.id;
  const answered = await denyAuthenticationRequest(flow, requesterOf(at), { id, subject });
  return answered.ok ? undefined : answered.refusal.reason;
}

function requesterOf({ tenant, seat, visitor }: At) {
  const { address, userAgent } = visitor;
  return { tenant, actor: { kind: 'user', id: seat.user.id } as const, address, userAgent };
}

/** Of this session alone: the page of who was here before is good for nothing. */
function aboutRequests(seat: Seat): string {
  return `requests ${seat.session.id}`;
}
