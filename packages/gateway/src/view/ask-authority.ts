/** One question to the authority over HTTP, and what is wrong with its answer. */
import { type JsonValue, limits, NetworkFault, parseJson, utf8Decode } from '@mintmark/core';
import type { GuardedClient, OutboundResponse } from '@mintmark/net';

export interface AskParts {
  /** Base URL of the authority, without a final slash. */
  readonly server: string;
  /** A management credential that may read the feed, introspect and deliver decisions. */
  readonly credential: string;
  /** Made with reach `operator`. */
  readonly client: GuardedClient;
}

export async function post(
  parts: AskParts,
  path: string,
  content: { readonly type: string; readonly body: string },
): Promise<OutboundResponse> {
  const response = await send(parts, path, {
    method: 'POST',
    bytesMax: limits.protocolBodyBytesMax,
    headers: { 'content-type': content.type },
    body: content.body,
  });
  if (response.status !== 200 && response.status !== 204) throw refused(path, response);
  return response;
}

export async function send(
  parts: AskParts,
  path: string,
  request: {
    readonly bytesMax: number;
    readonly timeoutMs?: number;
    readonly method?: 'POST';
    readonly headers?: Readonly<Record<string, string>>;
    readonly body?: string;
  },
): Promise<OutboundResponse> {
  const result = await parts.client.send({
    timeoutMs: limits.feedRequestTimeoutMs,
    ...request,
    url: parts.server + path,
    headers: { ...request.headers, authorization: `Bearer ${parts.credential}` },
  });
  if (result.ok) return result.value;
  throw new NetworkFault('authority_refused', `the authority's ${path}: ${result.refusal.reason}`, {
    hint: 'check the URL of the authority: https, or http on loopback',
  });
}

export function jsonOf(
  response: OutboundResponse,
  what: string,
): { text: string; value: JsonValue } {
  const text = utf8Decode(response.body);
  const parsed = text === undefined ? undefined : parseJson(text);
  if (text === undefined || !parsed?.ok) throw malformed(what);
  return { text, value: parsed.value };
}

export function refused(what: string, response: OutboundResponse): NetworkFault {
  return new NetworkFault(
    'authority_refused',
    `${what}: the authority answered ${response.status}`,
    {
      hint:
        'check the credential of this gateway: it needs feed:read and decisions:write, and ' +
        'gateway_keys:write where a route has internal_token',
    },
  );
}

export function malformed(what: string): NetworkFault {
  return new NetworkFault('feed_malformed', `the authority's answer cannot be read: ${what}`, {
    hint: 'authority and gateway may be of different versions',
  });
}
