/** POST /oauth2/device_authorization (RFC 8628 §3.1): a device asks for a code to show. */
import { type HttpRequest, type HttpResponse, ok, type TenantId } from '@mintmark/core';
import { type BeginDeviceRefusal, beginDeviceGrant } from '../authorization/device-grants.ts';
import { judgeProof } from '../clients/binding.ts';
import { formatUserCode } from '../issuance/user-code.ts';
import { offerNonce } from './dpop-nonce.ts';
import { readForm } from './form.ts';
import { callingClient, type ProtocolDeps } from './protocol-deps.ts';
import { renderAuthorizationError } from './render-authorization-error.ts';
import { renderError, uncached } from './render-error.ts';

const path = '/oauth2/device_authorization';

export async function handleDeviceAuthorization(
  deps: Pick<
    ProtocolDeps,
    'authenticator' | 'failures' | 'refused' | 'grants' | 'devices' | 'issuerOf'
  >,
  tenant: TenantId,
  request: HttpRequest,
): Promise<HttpResponse> {
  const form = await readForm(request);
  if (!form.ok) return renderError(form.refusal);
  const { proofs } = deps.grants;
  const proof = request.header('dpop');
  const answer = (response: HttpResponse): HttpResponse =>
    proof === undefined ? response : offerNonce(proofs, response);
  let dpopJkt: string | null = null;
  const client = await callingClient(deps, {
    ...{ tenant, surface: 'device', request, form: form.value },
    also() {
      if (proof === undefined) return ok([]);
      // As at the pushed request endpoint (RFC 9449 §10.1): what comes of it is for this key.
      const proven = judgeProof(proofs, { tenant, proof, method: 'POST', path });
      if (!proven.ok) return proven;
      dpopJkt = proven.value.jkt;
      return ok(proven.value.once);
    },
  });
  if (!client.ok) return answer(renderError(client.refusal));
  const begun = await beginDeviceGrant(deps.devices, {
    client: client.value,
    scope: form.value.get('scope'),
    resources: form.value.all('resource'),
    details: form.value.get('authorization_details'),
    dpopJkt,
    address: request.remoteAddress,
    userAgent: request.header('user-agent')?.slice(0, 512),
  });
  if (!begun.ok) return answer(renderRefusal(begun.refusal));
  const page = `${deps.issuerOf(tenant)}/device`;
  const userCode = formatUserCode(begun.value.userCode);
  return answer(
    json(200, {
      device_code: begun.value.deviceCode,
      user_code: userCode,
      verification_uri: page,
      verification_uri_complete: `${page}?user_code=${userCode}`,
      expires_in: begun.value.expiresInSeconds,
      interval: begun.value.intervalSeconds,
    }),
  );
}

function renderRefusal(refusal: BeginDeviceRefusal): HttpResponse {
  if (refusal.reason === 'too_many_requests') return renderError(refusal);
  const { error, description } = renderAuthorizationError(refusal);
  const more = description === undefined ? {} : { error_description: description };
  return json(400, { error, ...more });
}

function json(status: number, body: object): HttpResponse {
  return {
    status,
    headers: { 'content-type': 'application/json', ...uncached },
    body: JSON.stringify(body),
  };
}
