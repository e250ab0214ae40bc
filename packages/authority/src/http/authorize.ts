/**
 * GET and POST /oauth2/authorize (RFC 6749 §3.1), and GET /oauth2/authorize/resume, which goes on
 * with a request that waits. No CORS: only a browser that goes there has any business here.
 */
import type { HttpRequest, HttpResponse, Result, TenantId } from '@mintmark/core';
import { resume } from '../authorization/answer-pages.ts';
import { beginAuthorization } from '../authorization/flow.ts';
import { type FormRefusal, type LenientForm, parseParameters, readFormText } from './form.ts';
import { goTo, type PageDeps, sayError, transactionOf } from './interaction.ts';
import { readVisitor } from './visitor.ts';

/** RFC 8707 §2 */
const repeatable: ReadonlySet<string> = new Set(['resource']);

export async function handleAuthorize(
  deps: PageDeps,
  tenant: TenantId,
  request: HttpRequest,
): Promise<HttpResponse> {
  const parameters = await readParameters(request);
  if (!parameters.ok) {
    return sayError(deps, request, { status: 400, message: 'malformed_request' });
  }
  const { visitor, areSent, setBrowser } = readVisitor(deps, tenant, request);
  const outcome = await beginAuthorization(deps.flow, {
    tenant,
    parameters: parameters.value,
    visitor,
    areCookiesSent: request.method !== 'POST' || areSent,
  });
  // A browser whose cookies did not come along may well have them.
  const isWaiting = outcome.to === 'sign_in' || outcome.to === 'consent';
  return goTo(deps, { tenant, request, outcome, cookies: isWaiting ? setBrowser : [] });
}

export async function handleResume(
  deps: PageDeps,
  tenant: TenantId,
  request: HttpRequest,
): Promise<HttpResponse> {
  const { visitor, setBrowser } = readVisitor(deps, tenant, request);
  const outcome = await resume(deps.flow, { tenant, visitor, id: transactionOf(request) });
  return goTo(deps, { tenant, request, outcome, cookies: setBrowser });
}

async function readParameters(request: HttpRequest): Promise<Result<LenientForm, FormRefusal>> {
  if (request.method !== 'POST') return parseParameters(request.query ?? '', repeatable);
  // OpenID Connect Core §3.1.2.1: the body alone. What stands in the query too would be read twice.
  if (request.query !== undefined) {
    return { ok: false, refusal: { reason: 'parameters_in_query' } };
  }
  const text = await readFormText(request);
  return text.ok ? parseParameters(text.value, repeatable) : text;
}
