/**
 * The names of tenants in URLs, one for each: the first tenant has the base URL, another one
 * `‹base›/t/‹tenant›`, or a host of its own where the configuration names one. What must never
 * happen: one issuer under two names, or an issuer that a request's Host has chosen.
 */
import { defaultTenant, parseTenantId, type TenantId } from '@mintmark/core';

/** Whose endpoint a request is for, and which: the path without what names the tenant. */
export interface Place {
  readonly tenant: TenantId;
  readonly path: string;
}

export interface Issuers {
  /** Its issuer identifier, without a final slash. */
  issuerOf(tenant: TenantId): string;
  /**
   * @param request.host the Host header: it finds one of the hosts that the configuration names
   * @returns undefined where the URL is none of ours
   */
  find(request: { readonly path: string; readonly host: string | undefined }): Place | undefined;
}

const segment = '/t/';

/**
 * @param base URL of the first tenant, without a final slash
 * @param own origins of tenants that have a host of their own
 */
export function createIssuers(base: string, own: Readonly<Record<string, string>> = {}): Issuers {
  const basePath = new URL(base).pathname.replace(/\/$/, '');
  const origins = new Map(Object.entries(own));
  const byHost = new Map(
    [...origins].map(([tenant, url]) => [nameOf(new URL(url).host), tenant as TenantId] as const),
  );

  function byPath(path: string): Place | undefined {
    const at = insertedWellKnown(path, basePath) ?? path;
    if (!at.startsWith(segment)) return { tenant: defaultTenant, path: at };
    const end = at.indexOf('/', segment.length);
    const name = parseTenantId(at.slice(segment.length, end === -1 ? undefined : end));
    // The first tenant, and whoever has a host, have one name only.
    if (!name.ok || name.value === defaultTenant || origins.has(name.value)) return undefined;
    return { tenant: name.value, path: end === -1 ? '/' : at.slice(end) };
  }

  return {
    issuerOf(tenant) {
      if (tenant === defaultTenant) return base;
      return origins.get(tenant) ?? `${base}${segment}${tenant}`;
    },
    find({ path, host }) {
      const tenant = host === undefined ? undefined : byHost.get(nameOf(host));
      return tenant === undefined ? byPath(path) : { tenant, path };
    },
  };
}

/** A host as it is compared: some proxies write the usual port, some clients the final dot. */
function nameOf(host: string): string {
  return host.toLowerCase().replace(/\.?(?::(?:443|80))?$/, '');
}

const inserted = [
  '/.well-known/oauth-authorization-server',
  '/.well-known/openid-configuration',
  '/.well-known/authzen-configuration',
];

/**
 * Metadata where RFC 8414 §3.1 and AuthZEN §9.2 put it: the well-known part before the path. OpenID
 * Connect Discovery §4.1 puts it behind, and needs no turning.
 *
 * @returns the same with the well-known part behind; undefined for every other path
 */
function insertedWellKnown(path: string, basePath: string): string | undefined {
  const wellKnown = inserted.find((name) => path.startsWith(`${name}/`));
  if (wellKnown === undefined) return undefined;
  const issuerPath = path.slice(wellKnown.length);
  const own = issuerPath.startsWith(`${basePath}/`)
    ? issuerPath.slice(basePath.length)
    : issuerPath;
  const rest = own === basePath ? '' : own;
  return rest === '' || rest.startsWith(segment) ? `${rest}${wellKnown}` : undefined;
}
