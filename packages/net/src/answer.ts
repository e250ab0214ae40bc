/** From a vetted request to what its handler says, for every version of HTTP alike. */
import { type HttpHandler, type HttpResponse, NetworkFault } from '@mintmark/core';
import type { StreamHandler, StreamReply, StreamRequest } from './stream.ts';
import { terseResponse } from './terse.ts';

/** What an operator may want to see. Carries no header values, so no credentials. */
export type ListenerEvent =
  | { readonly type: 'refused'; readonly reason: string; readonly address: string }
  | { readonly type: 'handler_failed'; readonly error: unknown }
  | { readonly type: 'connection_dropped' }
  | { readonly type: 'certificate_reloaded' }
  | { readonly type: 'certificate_unusable'; readonly error: unknown };

export interface AnswerParts {
  readonly handler: HttpHandler | undefined;
  readonly streamHandler: StreamHandler | undefined;
  readonly log: (event: ListenerEvent) => void;
}

export function answer(parts: AnswerParts, request: StreamRequest, reply: StreamReply): void {
  const { handler, streamHandler } = parts;
  try {
    if (streamHandler !== undefined) {
      const done = streamHandler(request, reply);
      done?.catch((error: unknown) => fail(parts, error, reply));
      return;
    }
    const given = handler!(request);
    if (given instanceof Promise) {
      given.then(
        (response) => respond(parts, response, reply),
        (error: unknown) => fail(parts, error, reply),
      );
    } else {
      respond(parts, given, reply);
    }
  } catch (error) {
    fail(parts, error, reply);
  }
}

function respond(parts: AnswerParts, response: HttpResponse, reply: StreamReply): void {
  try {
    reply.respond(response);
  } catch (error) {
    // A header that cannot be sent, for one.
    fail(parts, error, reply);
  }
}

function fail({ log }: AnswerParts, error: unknown, reply: StreamReply): void {
  const gone = error instanceof NetworkFault && error.code === 'client_gone';
  if (!gone) log({ type: 'handler_failed', error });
  if (reply.started) reply.abort();
  else reply.respond(terseResponse(500, 'internal_error'));
}
