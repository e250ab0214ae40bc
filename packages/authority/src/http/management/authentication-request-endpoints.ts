/**
 * `/v1/authentication-requests`: what clients ask people by the back channel (CIBA), for the
 * service of an authentication device of the installation's own: it shows the request to its
 * person, learns the answer, and gives it here. Whoever may write here answers for anybody.
 */
import { err, ok } from '@mintmark/core';
import { z } from 'zod';
import {
  type ApproveDeps,
  type ApproveRefusal,
  approveAuthenticationRequest,
} from '../../authorization/approve-request.ts';
import { denyAuthenticationRequest } from '../../authorization/authentication-requests.ts';
import {
  type AuthenticationRequest,
  authenticationRequestOf,
} from '../../issuance/authentication-request.ts';
import type { Store } from '../../store/store.ts';
import { cutPage } from './cut-page.ts';
import { endpoint, type PreparedEndpoint } from './endpoint.ts';
import type { Problem } from './problem.ts';
import { line, momentOut, pageOf, renderMoment } from './wire-schema.ts';

export interface AuthenticationRequestPorts extends ApproveDeps {
  readonly store: Pick<Store, 'backchannelRequests' | 'consents' | 'acts'>;
}

const group = 'authentication requests';
const params = z.strictObject({ id: z.string().min(1).max(64) });

const shown = z
  .strictObject({
    id: z.string(),
    client_id: z.string(),
    subject: z.string().describe('Who is asked'),
    status: z.enum(['pending', 'approved', 'denied', 'redeemed', 'expired']),
    scope: z.string(),
    audience: z.array(z.string()),
    acr_values: z.array(z.string()),
    binding_message: z
      .string()
      .nullable()
      .describe(
        'To be shown beside the question: the person compares it with what the client shows',
      ),
    created_at: momentOut,
    expires_at: momentOut,
  })
  .meta({ id: 'AuthenticationRequest' });

const approval = z
  .strictObject({
    acr: z.enum(['pwd', 'mfa', 'phr']).optional().describe('The class that the device reached'),
    amr: z
      .array(line({ min: 1, max: 32 }))
      .max(10)
      .optional()
      .describe('How (RFC 8176)'),
  })
  .meta({ id: 'ApproveAuthenticationRequest' });

export function authenticationRequestEndpoints(
  ports: AuthenticationRequestPorts,
): readonly PreparedEndpoint[] {
  return [list(ports), show(ports), approve(ports), deny(ports)];
}

function list(ports: AuthenticationRequestPorts): PreparedEndpoint {
  return endpoint({
    method: 'GET',
    path: '/v1/authentication-requests',
    operation: 'listAuthenticationRequests',
    group,
    summary: 'Lists what clients ask people by the back channel, newest first',
    description: 'Answered and expired ones are listed for about an hour.',
    permission: 'authentication_requests:read',
    query: z.strictObject({
      subject: z.string().min(1).max(255).optional().describe('Of this person only'),
    }),
    paged: true,
    answers: { 200: { description: 'A page of requests.', schema: pageOf(shown) } },
    async handle({ tenant, query, page, now }) {
      const { subject } = query;
      const rows = await ports.store.backchannelRequests.list({
        where: { tenant, ...(subject === undefined ? {} : { subject }) },
        orderBy: ['createdAt', 'id'],
        descending: true,
        ...(page.after === undefined ? {} : { after: page.after }),
        limit: page.limit + 1,
      });
      const { shown: items, next } = cutPage(page, rows, (last) => [last.createdAt, last.id]);
      const body = { items: items.map((row) => render(authenticationRequestOf(row), now)) };
      return ok({ status: 200, body, next });
    },
  });
}

function show(ports: AuthenticationRequestPorts): PreparedEndpoint {
  return endpoint({
    method: 'GET',
    path: '/v1/authentication-requests/{id}',
    operation: 'showAuthenticationRequest',
    group,
    summary: 'Shows one request',
    permission: 'authentication_requests:read',
    params,
    answers: { 200: { description: 'The request.', schema: shown } },
    async handle({ tenant, params, now }) {
      const row = await ports.store.backchannelRequests.get(tenant, params.id);
      if (row === undefined) return err({ code: 'not_found' });
      return ok({ status: 200, body: render(authenticationRequestOf(row), now) });
    },
  });
}

function approve(ports: AuthenticationRequestPorts): PreparedEndpoint {
  return endpoint({
    method: 'POST',
    path: '/v1/authentication-requests/{id}/approve',
    operation: 'approveAuthenticationRequest',
    group,
    summary: 'Says that the person agreed, on a device that knows who holds it',
    description: 'The moment of the call is when the person was authenticated (`auth_time`).',
    permission: 'authentication_requests:write',
    params,
    body: approval,
    bodyOptional: true,
    answers: { 204: { description: 'The client gets its tokens when it asks for them.' } },
    problems: ['wrong_state'],
    async handle({ tenant, requester, params, body, now }) {
      const known = await ports.store.backchannelRequests.get(tenant, params.id);
      if (known === undefined) return err({ code: 'not_found' });
      const answered = await approveAuthenticationRequest(ports, requester, {
        id: params.id,
        by: { acr: body.acr ?? null, amr: body.amr ?? [], at: now },
      });
      return answered.ok ? ok({ status: 204 }) : err(problemOf(answered.refusal));
    },
  });
}

function deny(ports: AuthenticationRequestPorts): PreparedEndpoint {
  return endpoint({
    method: 'POST',
    path: '/v1/authentication-requests/{id}/deny',
    operation: 'denyAuthenticationRequest',
    group,
    summary: 'Says that the person did not agree',
    permission: 'authentication_requests:write',
    params,
    answers: { 204: { description: 'The client learns it when it asks.' } },
    problems: ['wrong_state'],
    async handle({ tenant, requester, params }) {
      const known = await ports.store.backchannelRequests.get(tenant, params.id);
      if (known === undefined) return err({ code: 'not_found' });
      const answered = await denyAuthenticationRequest(ports, requester, { id: params.id });
      return answered.ok ? ok({ status: 204 }) : err(problemOf(answered.refusal));
    },
  });
}

function problemOf({ reason }: ApproveRefusal): Problem {
  switch (reason) {
    case 'request_over':
      return { code: 'wrong_state', detail: 'it was answered, or it took too long' };
    case 'stronger_needed':
      return { code: 'wrong_state', detail: 'it asks for a class that `acr` does not reach' };
    case 'overtaken':
      return { code: 'unavailable', detail: 'the client or the person changed meanwhile' };
  }
}

function render(one: AuthenticationRequest, nowMs: number): Readonly<Record<string, unknown>> {
  const { asked, status } = one;
  const expiresAtMs = one.expiresAt * 1000;
  const isExpired = status !== 'redeemed' && expiresAtMs <= nowMs;
  return {
    id: one.id,
    client_id: one.clientId,
    subject: one.subject,
    status: isExpired ? 'expired' : status,
    scope: asked.scopes.join(' '),
    audience: asked.audience,
    ...(asked.details && { authorization_details: asked.details }),
    acr_values: asked.acrValues,
    binding_message: asked.bindingMessage,
    created_at: renderMoment(one.createdAt),
    expires_at: renderMoment(expiresAtMs),
  };
}
