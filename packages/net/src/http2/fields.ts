/** Fields of an answer as HTTP/2 carries them. */
import type { OutgoingHttpHeaders } from 'node:http2';

/** Those that belong to the handshake of HTTP/1.1 alone (RFC 8441 §5). */
export function isUpgradeField(name: string): boolean {
  const lower = name.toLowerCase();
  return lower === 'sec-websocket-accept' || lower === 'connection' || lower === 'upgrade';
}

/** Of which the library below takes one alone; an upstream that says them twice is read once. */
const single: ReadonlySet<string> = new Set([
  'age',
  'content-length',
  'content-location',
  'content-md5',
  'content-range',
  'content-type',
  'date',
  'etag',
  'expires',
  'last-modified',
  'location',
  'retry-after',
  'server',
  'strict-transport-security',
  'access-control-allow-credentials',
  'access-control-max-age',
  'x-content-type-options',
]);

/** @param raw name and value in turn, without hop-by-hop fields */
export function sendableFields(status: number, raw: readonly string[]): OutgoingHttpHeaders {
  const fields: Record<string, number | string | string[]> = { ':status': status };
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i]!.toLowerCase();
    const value = raw[i + 1]!;
    const earlier = fields[name] as string | string[] | undefined;
    if (earlier === undefined) fields[name] = value;
    else if (single.has(name)) continue;
    else if (typeof earlier === 'string') fields[name] = [earlier, value];
    else earlier.push(value);
  }
  return fields;
}
