/** GET and POST /oauth2/userinfo (OpenID Connect Core §5.3): who the access token speaks for. */
import type { HttpRequest, HttpResponse, TenantId } from '@mintmark/core';
import { type UserinfoDeps, userinfo } from '../grants/userinfo.ts';
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
  if (tokens.length > 1) return challenge(400, 'invalid_request');
  const found = await userinfo(deps.userinfo, tenant, token);
  if (found.ok) {
    const { signed, claims } = found.value;
    const type = signed === undefined ? 'application/json' : 'application/jwt';
    return {
      status: 200,
      headers: { 'content-type': type, vary: 'Authorization', ...uncached },
      body: signed ?? JSON.stringify(claims),
    };
  }
  if (found.refusal.reason === 'no_openid_scope') {
    return challenge(403, 'insufficient_scope', 'scope="openid"');
  }
  return challenge(401, 'invalid_token');
}

/** Undefined where the request has no form: GET, and POST with a header alone. */
async function formOf(request: HttpRequest) {
  const isForm = request.method === 'POST' && request.header('content-type') !== undefined;
  return isForm ? readForm(request) : undefined;
}

/** RFC 6750 §2.1 and §2.2. */
function presentedTokens(request: HttpRequest, form: Form | undefined): readonly string[] {
  const [, inHeader] = /^bearer +([^ ]+)$/i.exec(request.header('authorization') ?? '') ?? [];
  return [inHeader, form?.get('access_token')].filter((token) => token !== undefined);
}

function challenge(status: number, error?: string, more?: string): HttpResponse {
  const parts = ['realm="mintmark"', ...(error === undefined ? [] : [`error="${error}"`])];
  const scheme = [...parts, ...(more === undefined ? [] : [more])].join(', ');
  return {
    status,
    headers: {
      'content-type': 'application/json',
      'www-authenticate': `Bearer ${scheme}`,
      ...uncached,
    },
    body: JSON.stringify(error === undefined ? {} : { error }),
  };
}
