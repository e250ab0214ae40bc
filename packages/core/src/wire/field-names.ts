/**
 * Names of header fields that a gateway keeps for itself. One list for all of it: what a client may
 * not send on, no rule of an operator may set either, nor may a route be chosen by it.
 */

/** RFC 9110 §7.6.1 and the ones that older peers still send. */
const hopByHop: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
]);

/** Never sent on, in canonical spelling. */
const dropped: ReadonlySet<string> = new Set([
  // Credentials: they end here.
  'authorization',
  'x-api-key',
  'dpop',
  // Said anew by the gateway.
  'host',
  'content-length',
  'expect',
  'forwarded',
  'via',
  // Other spellings of "who is the client", which upstreams believe.
  'x-real-ip',
  'x-client-ip',
  'x-cluster-client-ip',
  'x-original-forwarded-for',
  'true-client-ip',
  'cf-connecting-ip',
  'fastly-client-ip',
  'client-ip',
  'forwarded-for',
  'x-forwarded',
  'x-originating-ip',
  'x-remote-ip',
  'x-remote-addr',
  'x-envoy-external-address',
  // Who a TLS proxy vouches for (RFC 9440 §2.4): no client may say it.
  'client-cert',
  'client-cert-chain',
  // CGI would make a setting of it: HTTP_PROXY (CVE-2016-5385).
  'proxy',
  // They would make the upstream serve another host, path or method than the one that was judged.
  'x-host',
  'x-original-host',
  'x-http-host-override',
  'x-envoy-original-path',
  'x-original-url',
  'x-rewrite-url',
  'x-original-method',
  'x-original-uri',
  'x-http-method',
  'x-http-method-override',
  'x-method-override',
]);

const droppedPrefixes = ['x-forwarded-', 'x-mintmark-'];

/** The names themselves, in canonical spelling, for who writes rules of another program. */
export const reservedFieldNames = { dropped, droppedPrefixes, hopByHop } as const;

/** Whether a field belongs to one connection alone. @param lower its name in lower case */
export function isHopByHop(lower: string): boolean {
  return hopByHop.has(lower);
}

/**
 * Servers behind CGI-like interfaces read `_`, `.` and other signs in a name as `-`: the spelling
 * that is judged for all of them.
 *
 * @param lower the name in lower case
 */
export function canonicalFieldName(lower: string): string {
  return lower.replace(/[^a-z0-9]/g, '-');
}

/**
 * Whether a field of a request ends at the gateway, under this or any spelling that a server behind
 * might fold into it.
 *
 * @param lower the name in lower case
 */
export function isReservedFieldName(lower: string): boolean {
  if (dropped.has(lower)) return true;
  if (!lower.startsWith('x') && /^[a-z0-9-]*$/.test(lower)) return false;
  const canonical = canonicalFieldName(lower);
  // A `Transfer_Encoding` that a server behind takes for its own is request smuggling.
  if (dropped.has(canonical) || hopByHop.has(canonical)) return true;
  return droppedPrefixes.some((prefix) => canonical.startsWith(prefix));
}
