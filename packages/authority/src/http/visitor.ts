/**
 * The browser behind a request, by its two cookies: one that ties sign-ins and forms to it, one
 * that proves its session. Both are `HttpOnly` and `SameSite=Lax`; over TLS they are `__Host-`, so
 * that no neighbouring host can plant one.
 */
import {
  defaultTenant,
  type Entropy,
  type HttpRequest,
  type HttpResponse,
  limits,
  type TenantId,
} from '@mintmark/core';
import { freshBrowserSecret, isBrowserSecret } from '../authorization/sign-ins.ts';
import type { Visitor } from '../authorization/visitor.ts';

export interface CookieDeps {
  readonly issuerOf: (tenant: TenantId) => string;
  readonly entropy: Entropy;
  readonly prefix: string;
}

export interface VisitorCookies {
  readonly visitor: Visitor;
  /** Whether the request came with any of our cookies. */
  readonly areSent: boolean;
  /** For the answer, where the browser got its secret with this request. */
  readonly setBrowser: readonly string[];
}

export function readVisitor(
  deps: CookieDeps,
  tenant: TenantId,
  request: HttpRequest,
): VisitorCookies {
  const cookies = request.header('cookie');
  const sessionToken = cookieOf(cookies, nameOf(deps, tenant, 'session'));
  const shown = cookieOf(cookies, nameOf(deps, tenant, 'browser'));
  const known = shown !== undefined && isBrowserSecret(shown) ? shown : undefined;
  const browser = known ?? freshBrowserSecret(deps.entropy);
  return {
    visitor: {
      sessionToken,
      browser,
      address: request.remoteAddress,
      userAgent: request.header('user-agent')?.slice(0, 512),
    },
    areSent: sessionToken !== undefined || known !== undefined,
    setBrowser:
      known === undefined ? [setCookie(deps, tenant, { name: 'browser', value: browser })] : [],
  };
}

/** @param token the new session's; null takes the cookie away */
export function sessionCookie(deps: CookieDeps, tenant: TenantId, token: string | null): string {
  return setCookie(deps, tenant, { name: 'session', value: token });
}

export function withCookies(response: HttpResponse, cookies: readonly string[]): HttpResponse {
  if (cookies.length === 0) return response;
  return { ...response, headers: { ...response.headers, 'set-cookie': cookies } };
}

type CookieName = 'session' | 'browser';

/** Tenants of one host share its cookies: each has names of its own. */
function nameOf(deps: CookieDeps, tenant: TenantId, name: CookieName): string {
  const own = tenant === defaultTenant ? '' : `_${tenant}`;
  return `${isSecure(deps, tenant) ? '__Host-' : ''}${deps.prefix}_${name}${own}`;
}

function isSecure(deps: CookieDeps, tenant: TenantId): boolean {
  return deps.issuerOf(tenant).startsWith('https:');
}

function setCookie(
  deps: CookieDeps,
  tenant: TenantId,
  cookie: { readonly name: CookieName; readonly value: string | null },
): string {
  const secure = isSecure(deps, tenant) ? '; Secure' : '';
  // A session ends with the browser; what a browser is known by stays.
  const kept = cookie.name === 'browser' ? `; Max-Age=${limits.browserCookieSeconds}` : '';
  const age = cookie.value === null ? '; Max-Age=0' : kept;
  const pair = `${nameOf(deps, tenant, cookie.name)}=${cookie.value ?? ''}`;
  return `${pair}; Path=/; HttpOnly; SameSite=Lax${secure}${age}`;
}

/** @returns undefined also where the name stands twice with two values: somebody planted one */
function cookieOf(header: string | undefined, name: string): string | undefined {
  const values = new Set<string>();
  for (const pair of (header ?? '').split(';')) {
    const equals = pair.indexOf('=');
    if (equals > 0 && pair.slice(0, equals).trim() === name)
      values.add(pair.slice(equals + 1).trim());
  }
  const [only] = values;
  return values.size === 1 && only !== '' ? only : undefined;
}
