/**
 * The body of a request as a stream of its own. Whoever reads it may destroy it without harm to the
 * connection: destroying an `IncomingMessage` itself would cut the client off from the answer that
 * tells it why.
 */
import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { NetworkFault } from '@mintmark/core';

/**
 * Errors with NetworkFault: `client_gone`, `body_too_large` once more than `bytesMax` arrived,
 * `slow_body` where the client pauses for `idleMs` (0: any time) although there is room. Time in
 * which the reader itself does not read does not count against the client.
 */
export function detachedBody(
  message: IncomingMessage,
  bounds: { readonly bytesMax: number; readonly idleMs: number },
): Readable {
  const { bytesMax, idleMs } = bounds;
  let bytes = 0;
  const body = new Readable({
    read() {
      message.resume();
    },
    destroy(error, done) {
      message.pause();
      done(error);
    },
  });
  message.on('data', (chunk: Buffer) => {
    if (body.destroyed) return;
    bytes += chunk.length;
    if (bytes > bytesMax) {
      body.destroy(new NetworkFault('body_too_large', 'the body is longer than is taken here'));
    } else if (!body.push(chunk)) {
      message.pause();
    }
  });
  message.once('end', () => {
    message.socket.setTimeout(0);
    body.push(null);
  });
  message.once('error', (cause) =>
    body.destroy(new NetworkFault('client_gone', 'the client left within its body', { cause })),
  );
  if (idleMs > 0) {
    message.setTimeout(idleMs, () => {
      if (message.complete || message.isPaused()) return;
      body.destroy(new NetworkFault('slow_body', 'the client stopped within its body'));
    });
  }
  return body;
}
