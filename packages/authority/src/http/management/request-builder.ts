/** Requests by hand, for tests: a method, a target and what else matters. */
import { type HttpRequest, type PeerCertificate, utf8 } from '@mintmark/core';

/**
 * @param input.json serialised as the body, with its content type
 * @param input.body the body as text, without a content type of its own
 */
export function buildRequest(
  method: string,
  target: string,
  input: {
    readonly headers?: Readonly<Record<string, string>>;
    readonly json?: unknown;
    readonly body?: string;
    readonly remoteAddress?: string;
    readonly certificate?: PeerCertificate | undefined;
  } = {},
): HttpRequest {
  const [path, query] = target.split('?', 2);
  const headers = new Map(Object.entries(input.headers ?? {}));
  if (input.json !== undefined) headers.set('content-type', 'application/json');
  const body = utf8(input.json === undefined ? (input.body ?? '') : JSON.stringify(input.json));
  return {
    method,
    path: path!,
    query,
    // As of a server's request: a method, which is of no use when it is taken out.
    header(name) {
      if (this === undefined) throw new TypeError('header: taken out of its request');
      return headers.get(name);
    },
    rawHeaders: [...headers].flat(),
    remoteAddress: input.remoteAddress ?? '192.0.2.1',
    peerAddress: input.remoteAddress ?? '192.0.2.1',
    scheme: 'http',
    peerCertificate: input.certificate,
    signal: new AbortController().signal,
    body: async (bytesMax) => (body.length > bytesMax ? 'too_large' : body),
  };
}
