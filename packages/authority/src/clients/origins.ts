/**
 * Origins (RFC 6454) of the browser applications that clients are: pages of these may read what the
 * protocol endpoints answer. Kept beside the clients, one row an origin, so that a request's origin
 * is found without knowing its client.
 */
import type { TenantId } from '@mintmark/core';
import type { Step } from '../store/act.ts';
import type { Store } from '../store/store.ts';
import type { Client } from './client.ts';

/** Longer ones are nobody's. */
const originCharsMax = 512;

/** A scheme of the web, a host, perhaps a port: what a browser sends, and nothing near it. */
export function isOrigin(text: string): boolean {
  if (text.length > originCharsMax || !/^https?:\/\/[^/]+$/.test(text)) return false;
  return URL.canParse(text) && new URL(text).origin === text;
}

/** Those that were named, or else those of the redirect URIs; none of a client that is disabled. */
function originsOf(
  client: Pick<Client, 'status' | 'allowedOrigins' | 'redirectUris'>,
): readonly string[] {
  const { status, allowedOrigins, redirectUris } = client;
  if (status !== 'active') return [];
  const named = allowedOrigins ?? redirectUris.map((uri) => new URL(uri).origin);
  return [...new Set(named)].filter(isOrigin);
}

/** The steps by which the rows follow a change of the client, in the act of the change. */
export function originSteps(
  before: Client | undefined,
  after: Client | undefined,
): readonly Step[] {
  const table = 'clientOrigins';
  const known = before === undefined ? [] : originsOf(before);
  const wanted = after === undefined ? [] : originsOf(after);
  const of = after ?? before;
  if (of === undefined) return [];
  const { tenant, clientId } = of;
  const gone = known.filter((origin) => !wanted.includes(origin));
  const added = wanted.filter((origin) => !known.includes(origin));
  const keys = gone.map((origin) => [tenant, origin, clientId]);
  const rows = added.map((origin) => ({ tenant, origin, clientId }));
  return [
    ...(keys.length === 0 ? [] : [{ do: 'deleteMany', table, keys } as const]),
    ...(rows.length === 0 ? [] : [{ do: 'insertMany', table, rows } as const]),
  ];
}

/**
 * Whether any active client of the tenant has the origin.
 *
 * @throws StoreFault
 */
export async function isRegisteredOrigin(
  store: Pick<Store, 'clientOrigins'>,
  tenant: TenantId,
  origin: string,
): Promise<boolean> {
  if (!isOrigin(origin)) return false;
  return (await store.clientOrigins.list({ where: { tenant, origin }, limit: 1 })).length > 0;
}
