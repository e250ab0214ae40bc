/**
 * The protocol endpoints of one tenant, by path and method. The literal table below is all of them;
 * each entry is one file that parses, makes one call, and renders.
 */
import {
  CustodyFault,
  type HttpRequest,
  type HttpResponse,
  internalToken,
  StoreFault,
  type TenantId,
} from '@mintmark/core';
import { statusListsPath } from '../issuance/status-places.ts';
import { handleAccountForm, handleAccountPage } from './account.ts';
import { handleAuthorize, handleResume } from './authorize.ts';
import { handleBackchannelRequest } from './bc-authorize.ts';
import { handleConsentForm, handleConsentPage } from './consent.ts';
import { share, sharingHeaders } from './cors.ts';
import { handleDeviceForm, handleDevicePage } from './device.ts';
import { handleDeviceAuthorization } from './device-authorization.ts';
import { type PageDeps, sayError } from './interaction.ts';
import { handleIntrospect } from './introspect.ts';
import { handleGithubReport, handleLeakReport } from './leaks.ts';
import { handleLoginForm, handleLoginPage } from './login.ts';
import { handleLogoutForm, handleLogoutPage, handleLogoutRequest } from './logout.ts';
import { renderJwks, renderMetadata } from './metadata.ts';
import { handlePar } from './par.ts';
import type { ProtocolDeps } from './protocol-deps.ts';
import {
  handleEndRegistration,
  handleReadRegistration,
  handleRegister,
  handleReplaceRegistration,
} from './register.ts';
import { uncached } from './render-error.ts';
import { handleRequestsForm, handleRequestsPage } from './requests.ts';
import { handleForgotForm, handleForgotPage, handleResetForm, handleResetPage } from './reset.ts';
import { handleRevoke } from './revoke.ts';
import { handleSecurityForm, handleSecurityPage } from './security.ts';
import { handleStatusList } from './status-list.ts';
import { handleToken } from './token.ts';
import { handleTokensForm, handleTokensPage } from './tokens.ts';
import { handleUserinfo } from './userinfo.ts';

type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';
type Endpoint = (
  deps: ProtocolDeps,
  tenant: TenantId,
  request: HttpRequest,
) => HttpResponse | Promise<HttpResponse>;

const metadata: Endpoint = async (deps, tenant) =>
  renderMetadata(deps.issuerOf(tenant), {
    detailTypes: await deps.grants.detailTypes.names(tenant),
    authMethods: deps.authMethods,
    encryptedRequests: deps.register.registration.abilities.encryptedRequests,
    mtlsUrl: deps.mtlsUrlOf(tenant),
    registration: deps.register.registration.policyOf(tenant),
    grantTypes: deps.grants.boundsOf(tenant).grantTypes,
  });

type Methods = Readonly<Partial<Record<Method, Endpoint>>>;

const endpoints: Readonly<Record<string, Methods>> = {
  '/oauth2/authorize': { GET: page(handleAuthorize), POST: page(handleAuthorize) },
  '/oauth2/par': { POST: handlePar },
  '/oauth2/device_authorization': { POST: handleDeviceAuthorization },
  '/oauth2/bc-authorize': { POST: handleBackchannelRequest },
  '/oauth2/authorize/resume': { GET: page(handleResume) },
  '/login': { GET: page(handleLoginPage), POST: page(handleLoginForm) },
  '/oauth2/logout': { GET: page(handleLogoutRequest), POST: page(handleLogoutRequest) },
  '/logout': { GET: page(handleLogoutPage), POST: page(handleLogoutForm) },
  '/account': { GET: page(handleAccountPage), POST: page(handleAccountForm) },
  '/device': { GET: page(handleDevicePage), POST: page(handleDeviceForm) },
  '/consent': { GET: page(handleConsentPage), POST: page(handleConsentForm) },
  '/account/requests': { GET: page(handleRequestsPage), POST: page(handleRequestsForm) },
  '/account/tokens': { GET: page(handleTokensPage), POST: page(handleTokensForm) },
  '/account/security': { GET: page(handleSecurityPage), POST: page(handleSecurityForm) },
  '/forgot': { GET: page(handleForgotPage), POST: page(handleForgotForm) },
  '/reset': { GET: page(handleResetPage), POST: page(handleResetForm) },
  '/oauth2/token': { POST: handleToken },
  '/oauth2/introspect': { POST: handleIntrospect },
  '/oauth2/revoke': { POST: handleRevoke },
  '/oauth2/register': {
    POST: handleRegister,
    GET: handleReadRegistration,
    PUT: handleReplaceRegistration,
    DELETE: handleEndRegistration,
  },
  '/oauth2/userinfo': { GET: handleUserinfo, POST: handleUserinfo },
  '/leaks/github': { POST: handleGithubReport },
  '/leaks/report': { POST: handleLeakReport },
  [statusListsPath]: { GET: handleStatusList },
  '/.well-known/oauth-authorization-server': { GET: metadata },
  '/.well-known/openid-configuration': { GET: metadata },
  '/.well-known/jwks.json': {
    GET: async (deps, tenant) => renderJwks(await deps.jwks(tenant), deps.jwksMaxAgeSeconds),
  },
  [internalToken.keySetPath]: {
    // A gateway that starts signs as soon as its key is here.
    GET: async (deps, tenant) => renderJwks(await deps.gatewayKeys(tenant), 5),
  },
};

/** Every method of every path, for tests that walk them all. */
export const protocolPaths: readonly (readonly [Method, string])[] = Object.entries(
  endpoints,
).flatMap(([path, methods]) =>
  Object.keys(methods).map((method) => [method as Method, path] as const),
);

type PageEndpoint = (
  deps: PageDeps,
  tenant: TenantId,
  request: HttpRequest,
) => Promise<HttpResponse>;

/** What people's browsers are sent to: a fault is told in a page. */
function page(endpoint: PageEndpoint): Endpoint {
  return async (deps, tenant, request) => {
    const pages = deps.pages(tenant);
    try {
      return await endpoint(pages, tenant, request);
    } catch (fault) {
      deps.onFault(fault);
      const status = isOutage(fault) ? 503 : 500;
      return sayError(pages, request, { status, message: 'unavailable' });
    }
  };
}

/**
 * Answers a protocol request.
 *
 * @param input.path the request's path without the tenant's prefix
 * @returns undefined where the path is none of the protocol's
 */
export function handleProtocol(
  deps: ProtocolDeps,
  request: HttpRequest,
  input: { readonly tenant: TenantId; readonly path: string },
): HttpResponse | Promise<HttpResponse> | undefined {
  const { tenant } = input;
  const path = input.path.startsWith(statusListsPath) ? statusListsPath : input.path;
  if (!Object.hasOwn(endpoints, path)) return undefined;
  const methods = endpoints[path] ?? {};
  return answer(deps, request, { tenant, path, methods });
}

async function answer(
  deps: ProtocolDeps,
  request: HttpRequest,
  input: { readonly tenant: TenantId; readonly path: string; readonly methods: Methods },
): Promise<HttpResponse> {
  const { tenant, path } = input;
  const methods = Object.keys(input.methods);
  try {
    const sharing = await sharingHeaders(deps, request, { tenant, path, methods });
    return share(await run(deps, request, input), sharing);
  } catch (fault) {
    deps.onFault(fault);
    return renderFault(fault);
  }
}

async function run(
  deps: ProtocolDeps,
  request: HttpRequest,
  { tenant, methods }: { readonly tenant: TenantId; readonly methods: Methods },
): Promise<HttpResponse> {
  const method = request.method === 'HEAD' ? 'GET' : request.method;
  const endpoint = Object.hasOwn(methods, method) ? methods[method as Method] : undefined;
  if (endpoint === undefined) return renderMethods(request.method, Object.keys(methods));
  try {
    const response = await endpoint(deps, tenant, request);
    return request.method === 'HEAD' ? { ...response, body: undefined } : response;
  } catch (fault) {
    deps.onFault(fault);
    return renderFault(fault);
  }
}

/** RFC 6749 §4.1.2.1 has the names; the token endpoint's own list has none for a fault. */
function renderFault(fault: unknown): HttpResponse {
  const known = isOutage(fault);
  return {
    status: known ? 503 : 500,
    headers: {
      'content-type': 'application/json',
      ...uncached,
      ...(known ? { 'retry-after': '1' } : {}),
    },
    body: JSON.stringify({ error: known ? 'temporarily_unavailable' : 'server_error' }),
  };
}

function isOutage(fault: unknown): boolean {
  return fault instanceof StoreFault || fault instanceof CustodyFault;
}

function renderMethods(method: string, known: readonly string[]): HttpResponse {
  const allow = known.includes('GET') ? [...known, 'HEAD', 'OPTIONS'] : [...known, 'OPTIONS'];
  const status = method === 'OPTIONS' ? 204 : 405;
  return { status, headers: { allow: allow.join(', ') }, body: undefined };
}
