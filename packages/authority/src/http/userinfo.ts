/** GET and POST /oauth2/userinfo (OpenID Connect Core §5.3): who the access token speaks for. */
import type { HttpRequest, HttpResponse, TenantId } from '@mintmark/core';
import { dpopAlgorithms } from '@mintmark/tokens';
import {
  type PresentedToken,
  type Userinfo,
  type UserinfoDeps,
  type UserinfoRefusal,
  userinfo,
} from '../grants/userinfo.ts';
import { offerNonce } from './dpop-nonce.ts';
import { type Form, readForm } from './form.ts';
import { renderError, uncached } from './render-error.ts';

export async function handleUserinfo(
  deps: { readonly userinfo: UserinfoDeps },
  tenant: TenantId,
  request: HttpRequest,
): Promise<HttpResponse> {
  // RFC 6750 §5.3: a token in a URL ends up in logs.
  if (request.query !== undefined) return renderError({ reason: 'parameters_in_query' });
  const form = await formOf(request);
  if (form !== undefined && !form.ok) return renderError(form.refusal);
  const tokens = presentedTokens(request, form?.value);
  const [token] = tokens;
  // RFC 6750 §3.1: whoever shows nothing is told only what to show.
  if (token === undefined) return challenge(401);
  // §2: one way in one request.
  if (tokens.length > 1) return challenge(400, { error: 'invalid_request' });
  const keys = {
    proof: request.header('dpop'),
    method: request.method === 'HEAD' ? 'GET' : request.method,
    path: '/oauth2/userinfo',
    certificate: request.peerCertificate?.der,
  };
  const found = await userinfo(deps.userinfo, tenant, { ...token, keys });
  const answer = found.ok ? renderClaims(found.value) : renderRefusal(found.refusal, token.scheme);
  return keys.proof === undefined ? answer : offerNonce(deps.userinfo.proofs, answer);
}

function renderClaims({ jwt, claims }: Userinfo): HttpResponse {
  const type = jwt === undefined ? 'application/json' : 'application/jwt';
  return {
    status: 200,
    headers: { 'content-type': type, vary: 'Authorization', ...uncached },
    body: jwt ?? JSON.stringify(claims),
  };
}

function renderRefusal({ reason }: UserinfoRefusal, scheme: Scheme): HttpResponse {
  switch (reason) {
    case 'no_openid_scope':
      return challenge(403, { error: 'insufficient_scope', more: 'scope="openid"', scheme });
    case 'no_encryption_key':
      return renderError({ reason });
    case 'invalid_token':
      return challenge(401, { error: 'invalid_token', scheme });
    case 'invalid_proof':
      return challenge(401, { error: 'invalid_dpop_proof', scheme });
    case 'nonce_needed':
      return challenge(401, { error: 'use_dpop_nonce', scheme });
  }
}

type Scheme = PresentedToken['scheme'];

/** Undefined where the request has no form: GET, and POST with a header alone. */
async function formOf(request: HttpRequest) {
  const isForm = request.method === 'POST' && request.header('content-type') !== undefined;
  return isForm ? readForm(request) : undefined;
}

/** RFC 6750 §2.1 and §2.2, RFC 9449 §7.1. */
function presentedTokens(
  request: HttpRequest,
  form: Form | undefined,
): readonly Omit<PresentedToken, 'keys'>[] {
  const header = request.header('authorization') ?? '';
  const [, scheme, inHeader] = /^(bearer|dpop) +([^ ]+)$/i.exec(header) ?? [];
  const inForm = form?.get('access_token');
  return [
    ...(inHeader === undefined
      ? []
      : [
          { text: inHeader, scheme: scheme?.toLowerCase() === 'dpop' ? 'dpop' : 'bearer' } as const,
        ]),
    ...(inForm === undefined ? [] : [{ text: inForm, scheme: 'bearer' } as const]),
  ];
}

/** RFC 6750 §3; RFC 9449 §7.1 where the token came with a proof. */
function challenge(
  status: number,
  said: { readonly error?: string; readonly more?: string; readonly scheme?: Scheme } = {},
): HttpResponse {
  const { error, more, scheme = 'bearer' } = said;
  const parts = [
    'realm="mintmark"',
    ...(error === undefined ? [] : [`error="${error}"`]),
    ...(more === undefined ? [] : [more]),
    ...(scheme === 'dpop' ? [`algs="${dpopAlgorithms.join(' ')}"`] : []),
  ];
  const name = scheme === 'dpop' ? 'DPoP' : 'Bearer';
  return {
    status,
    headers: {
      'content-type': 'application/json',
      'www-authenticate': `${name} ${parts.join(', ')}`,
      ...uncached,
    },
    body: JSON.stringify(error === undefined ? {} : { error }),
  };
}
