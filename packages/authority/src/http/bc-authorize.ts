/** POST /oauth2/bc-authorize (OpenID CIBA Core §7): a client asks for a person who is elsewhere. */
import { assertNever, type HttpRequest, type HttpResponse, type TenantId } from '@mintmark/core';
import {
  type AuthenticationRequestDeps,
  type BeginRefusal,
  beginAuthenticationRequest,
} from '../authorization/authentication-requests.ts';
import { readForm } from './form.ts';
import { callingClient, type ProtocolDeps } from './protocol-deps.ts';
import { awaitingApproval } from './render-authorization-error.ts';
import { type Rendered, renderError, uncached } from './render-error.ts';

export type BackchannelDeps = AuthenticationRequestDeps;

export async function handleBackchannelRequest(
  deps: Pick<ProtocolDeps, 'authenticator' | 'failures' | 'refused' | 'backchannel'>,
  tenant: TenantId,
  request: HttpRequest,
): Promise<HttpResponse> {
  const form = await readForm(request);
  if (!form.ok) return renderError(form.refusal);
  const client = await callingClient(deps, {
    ...{ tenant, surface: 'bc-authorize', request, form: form.value },
  });
  if (!client.ok) return renderError(client.refusal);
  // The form has refused every other name that stands twice.
  const duplicates = form.value.all('audience').length > 1 ? ['audience'] : [];
  const begun = await beginAuthenticationRequest(deps.backchannel, {
    client: client.value,
    parameters: { ...form.value, duplicates },
    address: request.remoteAddress,
  });
  if (!begun.ok) return refused(begun.refusal);
  const { authReqId, expiresInSeconds, intervalSeconds } = begun.value;
  return json(200, {
    auth_req_id: authReqId,
    expires_in: expiresInSeconds,
    interval: intervalSeconds,
  });
}

function json(status: number, body: object, headers: Readonly<Record<string, string>> = {}) {
  return {
    status,
    headers: { 'content-type': 'application/json', ...uncached, ...headers },
    body: JSON.stringify(body),
  };
}

function refused(refusal: BeginRefusal): HttpResponse {
  const { status, error, description, headers } = rendered(refusal);
  const said = description === undefined ? {} : { error_description: description };
  return json(status, { error, ...said }, headers);
}

/** CIBA §13. */
function rendered(refusal: BeginRefusal): Rendered {
  switch (refusal.reason) {
    case 'duplicate_parameter':
      return invalid('a parameter is repeated');
    case 'missing_parameter':
      return invalid(`${refusal.name} is missing`);
    case 'malformed_parameter':
      return invalid(`${refusal.name} is malformed`);
    case 'parameter_not_supported':
      return invalid(`${refusal.name} is not supported`);
    case 'parameter_beside_request':
      return invalid(`${refusal.name} belongs into the signed request`);
    case 'one_hint_needed':
      return invalid('exactly one of login_hint, login_hint_token and id_token_hint is needed');
    case 'signed_request_required':
      return invalid('the request must be signed');
    case 'invalid_request_object':
      return invalid('the signed request is not good');
    case 'request_used':
      return invalid('the signed request was used before');
    case 'grant_not_allowed':
      return { status: 400, error: 'unauthorized_client' };
    case 'malformed_scope':
    case 'scope_not_allowed':
      return { status: 400, error: 'invalid_scope' };
    case 'awaiting_approval':
      return { status: 403, error: 'access_denied', description: awaitingApproval };
    case 'target_not_allowed':
      return { status: 400, error: 'invalid_target' };
    case 'invalid_authorization_details':
      return { status: 400, error: refusal.reason };
    case 'binding_message_refused':
      return { status: 400, error: 'invalid_binding_message' };
    case 'unknown_user':
      return { status: 400, error: 'unknown_user_id' };
    case 'login_hint_token_expired':
      return { status: 400, error: 'expired_login_hint_token' };
    case 'too_many_waiting':
      return {
        status: 403,
        error: 'access_denied',
        description: 'too many requests wait for this person',
      };
    case 'overtaken':
      return { status: 503, error: 'temporarily_unavailable', headers: { 'retry-after': '1' } };
    default:
      return assertNever(refusal);
  }
}

function invalid(description: string): Rendered {
  return { status: 400, error: 'invalid_request', description };
}
