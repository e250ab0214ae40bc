/**
 * POST /oauth2/revoke (RFC 7009): a client ends its own token. An unknown token is answered 200,
 * and so is another client's, which stays as it is: the answer tells nothing about it.
 */
import type { HttpRequest, HttpResponse, TenantId } from '@mintmark/core';
import { revokeOwn } from '../revocation/revoke-own.ts';
import { revokeRefreshToken } from '../revocation/revoke-refresh-token.ts';
import { readForm } from './form.ts';
import { callingClient, type ProtocolDeps } from './protocol-deps.ts';
import { renderError, uncached } from './render-error.ts';

const done: HttpResponse = { status: 200, headers: uncached, body: undefined };

export async function handleRevoke(
  deps: Pick<ProtocolDeps, 'authenticator' | 'failures' | 'refused' | 'introspect' | 'revocation'>,
  tenant: TenantId,
  request: HttpRequest,
): Promise<HttpResponse> {
  const form = await readForm(request);
  if (!form.ok) return renderError(form.refusal);
  const client = await callingClient(deps, {
    tenant,
    surface: 'revocation',
    request,
    form: form.value,
  });
  if (!client.ok) return renderError(client.refusal);
  const token = form.value.get('token');
  if (token === undefined) return renderError({ reason: 'missing_parameter', name: 'token' });

  const { clientId } = client.value;
  const requester = {
    tenant,
    actor: { kind: 'client', id: clientId },
    address: request.remoteAddress,
  } as const;
  if (token.startsWith(`${deps.revocation.prefix}_rt_`)) {
    await revokeRefreshToken(deps.revocation, { requester, clientId, token });
    return done;
  }
  const caller = { kind: 'client', clientId, resources: [] } as const;
  const found = await deps.introspect({ tenant, token, caller, address: undefined });
  // What is not active needs no end, and what is not this client's is not its to end (§2.1).
  if (!found.active || 'kind' in found || found.clientId !== clientId) return done;
  await revokeOwn(deps.revocation, { requester, token: found });
  return done;
}
