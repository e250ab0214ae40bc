/** From refusals of authorization requests to what their clients are told, exhaustively. */
import { assertNever } from '@mintmark/core';
import type { UnsupportedParameter } from '../authorization/authorization-request.ts';
import type { AuthorizationErrorCode } from '../authorization/authorization-response.ts';
import type { ClientRefusal } from '../authorization/flow.ts';

export interface AuthorizationError {
  readonly error: AuthorizationErrorCode;
  readonly description?: string;
}

const unsupported: Readonly<Record<UnsupportedParameter, AuthorizationErrorCode>> = {
  request_uri: 'request_uri_not_supported',
  registration: 'registration_not_supported',
};

/** What a client is told that asks for what an administrator has not approved. */
export const awaitingApproval = 'an administrator has to approve it first';

export function renderAuthorizationError(refusal: ClientRefusal): AuthorizationError {
  switch (refusal.reason) {
    case 'duplicate_parameter':
      return invalid('a parameter is repeated');
    case 'missing_parameter':
      return invalid(`${refusal.name} is missing`);
    case 'malformed_parameter':
      return invalid(`${refusal.name} is malformed`);
    case 'pushed_request_required':
      return invalid('the request must be pushed');
    case 'signed_request_required':
      return invalid('the request must be signed');
    case 'unsupported_response_mode':
      return invalid('response_mode is not supported');
    case 'unsupported_prompt':
      return invalid('prompt is not supported');
    case 'challenge_method_not_allowed':
      return invalid('code_challenge_method must be S256');
    case 'parameter_not_supported':
      return { error: unsupported[refusal.name] };
    case 'awaiting_approval':
      return { error: 'access_denied', description: awaitingApproval };
    case 'tokens_refused':
      return { error: 'server_error' };
    case 'grant_not_allowed':
      return { error: 'unauthorized_client' };
    case 'malformed_scope':
    case 'scope_not_allowed':
      return { error: 'invalid_scope' };
    case 'target_not_allowed':
      return { error: 'invalid_target' };
    case 'invalid_authorization_details':
    case 'invalid_request_object':
    case 'invalid_request_uri':
    case 'unsupported_response_type':
    case 'access_denied':
    case 'login_required':
    case 'consent_required':
    case 'unmet_authentication_requirements':
      return { error: refusal.reason };
    default:
      return assertNever(refusal);
  }
}

function invalid(description: string): AuthorizationError {
  return { error: 'invalid_request', description };
}
