/** Fields of an answer as HTTP/2 carries them. */
import type { OutgoingHttpHeaders } from 'node:http2';

/** Those that belong to the handshake of HTTP/1.1 alone (RFC 8441 §5). */
export function isUpgradeField(name: string): boolean {
  const lower = name.toLowerCase();
  return lower === 'sec-websocket-accept' || lower === 'connection' || lower === 'upgrade';
}

/** Of which the library below takes one alone; who says them twice is read once. */
const single: ReadonlySet<string> = new Set([
  'access-control-allow-credentials',
  'access-control-max-age',
  'access-control-request-method',
  'age',
  'authorization',
  'content-length',
  'content-location',
  'content-md5',
  'content-range',
  'content-type',
  'date',
  'dnt',
  'etag',
  'expires',
  'from',
  'if-modified-since',
  'if-range',
  'if-unmodified-since',
  'last-modified',
  'location',
  'max-forwards',
  'range',
  'referer',
  'retry-after',
  'server',
  'strict-transport-security',
  'tk',
  'upgrade-insecure-requests',
  'user-agent',
  'x-content-type-options',
]);

/** Lists, of which it takes one line alone (RFC 9110 §5.3). */
const oneLine: ReadonlySet<string> = new Set([
  'content-encoding',
  'content-language',
  'if-match',
  'if-none-match',
]);

/**
 * @param raw name and value in turn, without hop-by-hop fields. Names are whatever a stranger
 *   writes, `constructor` among them
 */
export function http2Fields(
  pseudo: Readonly<Record<`:${string}`, string | number>>,
  raw: readonly string[],
): OutgoingHttpHeaders {
  const fields: OutgoingHttpHeaders = Object.assign(Object.create(null), pseudo);
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i]!.toLowerCase();
    const value = raw[i + 1]!;
    const earlier = fields[name];
    if (earlier === undefined) fields[name] = value;
    else if (single.has(name)) continue;
    else if (oneLine.has(name)) fields[name] = `${String(earlier)}, ${value}`;
    else if (Array.isArray(earlier)) earlier.push(value);
    else fields[name] = [String(earlier), value];
  }
  return fields;
}
