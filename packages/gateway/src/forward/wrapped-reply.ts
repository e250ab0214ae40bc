/** A reply that passes everything on; what adds to it overrides `respond` and `head`. */
import type { Duplex } from 'node:stream';
import type { HttpResponse } from '@mintmark/core';
import type { StreamReply } from '@mintmark/net';

export class WrappedReply implements StreamReply {
  protected readonly reply: StreamReply;

  constructor(reply: StreamReply) {
    this.reply = reply;
  }

  get started(): boolean {
    return this.reply.started;
  }

  respond(answer: HttpResponse): void {
    this.reply.respond(answer);
  }

  inform(status: number, rawHeaders: readonly string[]): void {
    this.reply.inform(status, rawHeaders);
  }

  head(status: number, rawHeaders: string[]): void {
    this.reply.head(status, rawHeaders);
  }

  write(chunk: Uint8Array): boolean {
    return this.reply.write(chunk);
  }

  onDrain(run: () => void): void {
    this.reply.onDrain(run);
  }

  onGone(run: () => void): void {
    this.reply.onGone(run);
  }

  end(trailers?: readonly string[]): void {
    this.reply.end(trailers);
  }

  abort(): void {
    this.reply.abort();
  }

  switchProtocols(rawHeaders: readonly string[]): Duplex {
    return this.reply.switchProtocols(rawHeaders);
  }
}
