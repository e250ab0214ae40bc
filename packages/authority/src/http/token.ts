/** POST /oauth2/token (RFC 6749 §3.2): parse, run the grant, render. */
import type { HttpRequest, HttpResponse, TenantId } from '@mintmark/core';
import type { TokenRefusal } from '../grants/grant.ts';
import { runGrant } from '../grants/run-grant.ts';
import { offerNonce } from './dpop-nonce.ts';
import { readForm } from './form.ts';
import { presentedClient } from './presented-client.ts';
import { nameOf, type ProtocolDeps } from './protocol-deps.ts';
import { renderError, uncached } from './render-error.ts';

export async function handleToken(
  deps: Pick<ProtocolDeps, 'grants' | 'failures' | 'refused' | 'scopesRefused'>,
  tenant: TenantId,
  request: HttpRequest,
): Promise<HttpResponse> {
  const address = request.remoteAddress;
  const form = await readForm(request);
  if (!form.ok) return renderError(form.refusal);
  const presented = presentedClient(
    request.header('authorization'),
    form.value,
    request.peerCertificate,
  );
  if (!presented.ok) return renderError(presented.refusal);
  const who = nameOf(tenant, presented.value);
  const retryAfterSeconds = deps.failures.retryAfterSeconds(address, who);
  if (retryAfterSeconds > 0) return renderError({ reason: 'too_many_failures', retryAfterSeconds });
  const grantType = form.value.get('grant_type');
  if (grantType === undefined)
    return renderError({ reason: 'missing_parameter', name: 'grant_type' });

  const proof = request.header('dpop');
  const withNonce = (response: HttpResponse): HttpResponse =>
    proof === undefined ? response : offerNonce(deps.grants.proofs, response);
  const issued = await runGrant(deps.grants, {
    tenant,
    grantType,
    presented: presented.value,
    scopes: form.value.get('scope')?.split(' '),
    resources: form.value.all('resource'),
    audiences: form.value.all('audience'),
    parameter: form.value.get,
    keys: {
      proof,
      method: request.method,
      path: '/oauth2/token',
      certificate: request.peerCertificate?.der,
    },
    address,
  });
  if (!issued.ok) {
    const { refusal } = issued;
    noteScopes(deps, { tenant, clientId: presented.value?.clientId, refusal });
    if (refusal.reason === 'client_unauthenticated' || refusal.reason === 'assertion_used') {
      deps.failures.failed(address, who);
      const isUsed = refusal.reason === 'assertion_used';
      const reason = isUsed ? refusal.reason : (refusal.why?.reason ?? 'no_credential');
      deps.refused({ tenant, surface: 'token', reason, address });
    }
    return withNonce(renderError(issued.refusal));
  }
  if (who !== undefined) deps.failures.proven(address, who);
  const { text, refreshToken, idToken, expiresAt, issuedAt, scopes, details, binding } =
    issued.value;
  return withNonce({
    status: 200,
    headers: { 'content-type': 'application/json', ...uncached },
    body: JSON.stringify({
      access_token: text,
      token_type: binding?.by === 'jkt' ? 'DPoP' : 'Bearer',
      expires_in: expiresAt - issuedAt,
      ...(refreshToken === undefined ? {} : { refresh_token: refreshToken }),
      ...(idToken === undefined ? {} : { id_token: idToken }),
      ...issued.value.more,
      ...(scopes.length === 0 ? {} : { scope: scopes.join(' ') }),
      ...(details === undefined ? {} : { authorization_details: details }),
    }),
  });
}

/** What a client may no longer ask for may have been taken from it on trial. */
function noteScopes(
  { scopesRefused }: Pick<ProtocolDeps, 'scopesRefused'>,
  asked: {
    readonly tenant: TenantId;
    readonly clientId: string | undefined;
    readonly refusal: TokenRefusal;
  },
): void {
  const { tenant, clientId, refusal } = asked;
  if (refusal.reason !== 'scope_not_allowed' || clientId === undefined) return;
  scopesRefused(tenant, clientId, refusal.scopes);
}
