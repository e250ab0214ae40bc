/** The reply of a route with limits that adapt: tells how the request was answered. */
import type { HttpResponse } from '@mintmark/core';
import type { StreamReply } from '@mintmark/net';
import { WrappedReply } from '../forward/wrapped-reply.ts';

export class AnsweredReply extends WrappedReply {
  readonly #tell: (status: number) => void;

  constructor(reply: StreamReply, tell: (status: number) => void) {
    super(reply);
    this.#tell = tell;
  }

  override respond(answer: HttpResponse): void {
    this.#tell(answer.status);
    super.respond(answer);
  }

  override head(status: number, rawHeaders: string[]): void {
    this.#tell(status);
    super.head(status, rawHeaders);
  }
}
