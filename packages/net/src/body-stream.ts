/**
 * The body of a request as a stream of its own. Whoever reads it may destroy it without harm to the
 * connection: destroying an `IncomingMessage` itself would cut the client off from the answer that
 * tells it why.
 */
import type { IncomingMessage } from 'node:http';
import type { ServerHttp2Stream } from 'node:http2';
import { Readable } from 'node:stream';
import { NetworkFault, type Timers } from '@mintmark/core';

/** What a body is read from, of either version of HTTP. */
export type BodySource = IncomingMessage | ServerHttp2Stream;

/** Whether all of it has arrived. */
function isComplete(source: BodySource): boolean {
  return 'complete' in source ? source.complete : source.readableEnded && !isBroken(source);
}

/**
 * A stream that was reset ends like one that is whole: taken for it, half a body would go on as all
 * of one (RFC 9113 §8.1).
 */
function isBroken(source: BodySource): boolean {
  return !('complete' in source) && (source.aborted || source.rstCode !== 0);
}

/** Calls back once: where the body has ended, or where the client left before it had. */
export function onBodyEnd(
  source: BodySource,
  on: { readonly whole: () => void; readonly left: (cause?: unknown) => void },
): void {
  const ended = (): void => (isBroken(source) ? on.left() : on.whole());
  // A stream of HTTP/2 without a byte in it ends though nobody reads it, maybe before this.
  if (!('complete' in source) && source.readableEnded) {
    process.nextTick(ended);
    return;
  }
  source.once('end', ended);
  source.once('error', on.left);
  if (!('complete' in source)) source.once('close', () => isComplete(source) || on.left());
}

/** How fast a client must bring its body. Time in which nobody reads it does not count. */
export interface BodyPace {
  /** It may pause this long; 0: any time. */
  readonly idleMs: number;
  /** Bytes that each window must bring: a byte now and then is as good as a pause; 0: any. */
  readonly windowBytesMin: number;
  readonly windowMs: number;
  readonly timers: Pick<Timers, 'every'>;
}

/**
 * Errors with NetworkFault: `client_gone`, `body_too_large` once more than `bytesMax` arrived,
 * `slow_body` where the client does not keep the pace.
 */
export function detachedBody(
  message: BodySource,
  bounds: { readonly bytesMax: number; readonly pace: BodyPace },
): Readable {
  const { bytesMax, pace } = bounds;
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
  holdToPace(message, body, pace);
  onBodyEnd(message, {
    whole() {
      message.setTimeout(0);
      body.push(null);
    },
    left: (cause) =>
      void body.destroy(
        new NetworkFault('client_gone', 'the client left within its body', { cause }),
      ),
  });
  return body;
}

function holdToPace(message: BodySource, body: Readable, pace: BodyPace): void {
  const { idleMs, windowMs, windowBytesMin, timers } = pace;
  if (idleMs > 0) {
    message.setTimeout(idleMs, () => {
      if (isComplete(message) || message.isPaused()) return;
      body.destroy(new NetworkFault('slow_body', 'the client stopped within its body'));
    });
  }
  if (windowBytesMin === 0) return;
  let bytes = 0;
  let wasHeld = false;
  message.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    // Asked behind the listener above, which may just have paused it.
    wasHeld ||= message.isPaused();
  });
  const stop = timers.every(windowMs, () => {
    const isSlow = bytes < windowBytesMin && !wasHeld && !isComplete(message);
    bytes = 0;
    wasHeld = message.isPaused();
    if (isSlow) body.destroy(new NetworkFault('slow_body', 'the client drips its body'));
  });
  body.once('close', stop);
}
