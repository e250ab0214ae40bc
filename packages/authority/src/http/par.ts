/** POST /oauth2/par (RFC 9126): a client pushes its authorization request. */
import { type HttpRequest, type HttpResponse, ok, type TenantId } from '@mintmark/core';
import type { ParameterRefusal } from '../authorization/authorization-request.ts';
import { type PushRefusal, pushRequest } from '../authorization/pushed-requests.ts';
import type { TargetRefusal } from '../authorization/response-target.ts';
import { judgeProof } from '../clients/binding.ts';
import { offerNonce } from './dpop-nonce.ts';
import { readForm } from './form.ts';
import { callingClient, type ProtocolDeps } from './protocol-deps.ts';
import { type AuthorizationError, renderAuthorizationError } from './render-authorization-error.ts';
import { renderError, uncached } from './render-error.ts';

export async function handlePar(
  deps: Pick<ProtocolDeps, 'authenticator' | 'failures' | 'refused' | 'pages' | 'grants'>,
  tenant: TenantId,
  request: HttpRequest,
): Promise<HttpResponse> {
  const form = await readForm(request);
  if (!form.ok) return renderError(form.refusal);
  const { proofs } = deps.grants;
  const proof = request.header('dpop');
  const answer = (response: HttpResponse): HttpResponse =>
    proof === undefined ? response : offerNonce(proofs, response);
  let proofKey: string | undefined;
  const client = await callingClient(deps, {
    ...{ tenant, surface: 'par', request, form: form.value },
    also() {
      if (proof === undefined) return ok([]);
      const proven = judgeProof(proofs, { tenant, proof, method: 'POST', path: '/oauth2/par' });
      if (!proven.ok) return proven;
      proofKey = proven.value.jkt;
      return ok(proven.value.once);
    },
  });
  if (!client.ok) return answer(renderError(client.refusal));
  // The form has refused every other name that stands twice.
  const duplicates = form.value.all('audience').length > 1 ? ['audience'] : [];
  const pushed = await pushRequest(deps.pages(tenant).flow, {
    tenant,
    clientId: client.value.clientId,
    parameters: { ...form.value, duplicates },
    proofKey,
    address: request.remoteAddress,
  });
  if (!pushed.ok) return answer(renderRefusal(pushed.refusal));
  const { requestUri, expiresInSeconds } = pushed.value;
  return answer(json(201, { request_uri: requestUri, expires_in: expiresInSeconds }));
}

function json(status: number, body: object): HttpResponse {
  return {
    status,
    headers: { 'content-type': 'application/json', ...uncached },
    body: JSON.stringify(body),
  };
}

/** RFC 9126 §2.3: the codes of the authorization endpoint, but for what is wrong with a proof. */
function renderRefusal(refusal: PushRefusal): HttpResponse {
  if (refusal.reason === 'proof_refused') return renderError(refusal);
  const { error, description } = errorOf(refusal);
  const more = description === undefined ? {} : { error_description: description };
  return json(400, { error, ...more });
}

function errorOf(refusal: TargetRefusal | ParameterRefusal): AuthorizationError {
  switch (refusal.reason) {
    case 'client_not_named':
    case 'unknown_client':
      // It has just authenticated: it was disabled in between, or named another.
      return { error: 'unauthorized_client' };
    case 'redirect_uri_not_named':
      return { error: 'invalid_request', description: 'redirect_uri is missing' };
    case 'redirect_uri_not_registered':
      return { error: 'invalid_request', description: 'redirect_uri is not registered' };
    default:
      return renderAuthorizationError(refusal);
  }
}
