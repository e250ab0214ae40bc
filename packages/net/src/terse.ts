/** The few words with which the listener itself refuses, before any product is asked. */
import { STATUS_CODES } from 'node:http';
import type { HttpResponse } from '@mintmark/core';

const listenedMethods = 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS';

/** A problem document (RFC 9457) that names the reason and repeats nothing of the request. */
export function terseResponse(status: number, code: string): HttpResponse {
  return {
    status,
    headers: {
      'content-type': 'application/problem+json',
      'cache-control': 'no-store',
      // RFC 9110 §15.5.6 asks for it; the listener knows methods, not which path has which.
      ...(status === 405 ? { allow: listenedMethods } : {}),
    },
    body: JSON.stringify({ type: 'about:blank', title: STATUS_CODES[status], status, code }),
  };
}

/** The same as raw bytes, for connections on which the parser gave up. */
export function terseBytes(status: number, code: string): string {
  const { headers, body } = terseResponse(status, code);
  const lines = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    `content-length: ${(body as string).length}`,
    'connection: close',
  ];
  return `${lines.join('\r\n')}\r\n\r\n${body}`;
}
