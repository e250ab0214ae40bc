/** Error codes of the protocol endpoints, as their standards spell them. */
export type OauthErrorCode =
  // RFC 6749 §5.2
  | 'invalid_request'
  | 'invalid_client'
  | 'invalid_grant'
  | 'unauthorized_client'
  | 'unsupported_grant_type'
  | 'invalid_scope'
  // RFC 8707 §2
  | 'invalid_target'
  // RFC 9396 §5
  | 'invalid_authorization_details'
  // RFC 9449 §5 and §8
  | 'invalid_dpop_proof'
  | 'use_dpop_nonce'
  // RFC 8628 §3.5, OpenID CIBA Core §11
  | 'authorization_pending'
  | 'slow_down'
  | 'access_denied'
  | 'expired_token'
  // OpenID CIBA Core §13
  | 'expired_login_hint_token'
  | 'unknown_user_id'
  | 'missing_user_code'
  | 'invalid_user_code'
  | 'invalid_binding_message'
  // RFC 7009 §2.2.1
  | 'unsupported_token_type'
  // RFC 6750 §3.1
  | 'invalid_token'
  | 'insufficient_scope'
  // RFC 6749 §4.1.2.1
  | 'server_error'
  | 'temporarily_unavailable';

/** Scope value: NQCHAR without space (RFC 6749 §3.3). */
const scopePattern = /^[\x21\x23-\x5b\x5d-\x7e]+$/;

export function isScope(text: string): boolean {
  return scopePattern.test(text);
}
