/**
 * Which pages may read the protocol's answers (Fetch §3.2, RFC 9700 §2.6). Metadata and keys are
 * anybody's; what applications ask for themselves is for the origins that the tenant's clients have
 * registered. Never with credentials: our cookies are for our own pages. The authorization endpoint
 * has none of it, because a browser goes there and no script does.
 *
 * A preflight names no client, so the origin is looked for among those of all clients of the
 * tenant, and the request that follows is judged the same way. What another client's page could
 * read that way is only what it holds the client's own secrets for, and with these it could ask
 * from anywhere. Nothing of the endpoint runs for a preflight.
 */
import { type HttpRequest, type HttpResponse, internalToken, type TenantId } from '@mintmark/core';
import { statusListsPath } from '../issuance/status-places.ts';
import type { ProtocolDeps } from './protocol-deps.ts';

type Sharing = 'anybody' | 'registered';

const shared: Readonly<Record<string, Sharing>> = {
  '/.well-known/oauth-authorization-server': 'anybody',
  '/.well-known/openid-configuration': 'anybody',
  '/.well-known/jwks.json': 'anybody',
  [internalToken.keySetPath]: 'anybody',
  [statusListsPath]: 'anybody',
  '/oauth2/token': 'registered',
  '/oauth2/par': 'registered',
  '/oauth2/revoke': 'registered',
  '/oauth2/userinfo': 'registered',
  '/oauth2/device_authorization': 'registered',
};

/** Browsers keep the answer to a preflight no longer than this. */
const preflightSeconds = 600;

const requestHeaders = 'Authorization, Content-Type, DPoP, MCP-Protocol-Version';

/** Beside what any page may read: the nonce that a proof must hold, and what a challenge says. */
const exposedHeaders = 'DPoP-Nonce, WWW-Authenticate, Retry-After';

/**
 * What an answer of the path says about who may read it.
 *
 * @param input.methods those that the path has
 * @returns headers, `vary` among them where the origin decided; none where the path is not shared
 * @throws StoreFault
 */
export async function sharingHeaders(
  deps: Pick<ProtocolDeps, 'isKnownOrigin'>,
  request: HttpRequest,
  input: {
    readonly tenant: TenantId;
    readonly path: string;
    readonly methods: readonly string[];
  },
): Promise<Readonly<Record<string, string>>> {
  const sharing = Object.hasOwn(shared, input.path) ? shared[input.path] : undefined;
  if (sharing === undefined) return {};
  const allowed = isPreflight(request)
    ? {
        'access-control-allow-methods': input.methods.join(', '),
        'access-control-allow-headers': sharing === 'anybody' ? '*' : requestHeaders,
        'access-control-max-age': String(preflightSeconds),
      }
    : {};
  if (sharing === 'anybody') return { 'access-control-allow-origin': '*', ...allowed };
  const origin = request.header('origin');
  const isKnown = origin !== undefined && (await deps.isKnownOrigin(input.tenant, origin));
  if (!isKnown) return { vary: 'Origin' };
  return {
    vary: 'Origin',
    'access-control-allow-origin': origin,
    'access-control-expose-headers': exposedHeaders,
    ...allowed,
  };
}

/** Fetch §3.2.2 */
function isPreflight(request: HttpRequest): boolean {
  const asked = request.header('access-control-request-method');
  return request.method === 'OPTIONS' && asked !== undefined;
}

/** @param sharing of `sharingHeaders`; what the answer varies by already stays */
export function share(
  response: HttpResponse,
  sharing: Readonly<Record<string, string>>,
): HttpResponse {
  const vary = [response.headers['vary'], sharing['vary']].flat().filter(Boolean).join(', ');
  const headers = { ...response.headers, ...sharing, ...(vary === '' ? {} : { vary }) };
  return { ...response, headers };
}
