/** The reply of a route with limits: it says what is left of them, refusals included. */
import type { HttpResponse } from '@mintmark/core';
import type { StreamReply } from '@mintmark/net';
import { WrappedReply } from '../forward/wrapped-reply.ts';

export class LimitedReply extends WrappedReply {
  readonly #fields: readonly string[];

  /** @param fields names in lower case and values in turn */
  constructor(reply: StreamReply, fields: readonly string[]) {
    super(reply);
    this.#fields = fields;
  }

  override respond(answer: HttpResponse): void {
    super.respond(withLimitFields(answer, this.#fields));
  }

  /** An upstream's own word on its limits would be taken for ours. */
  override head(status: number, rawHeaders: string[]): void {
    const kept: string[] = [];
    for (let i = 0; i < rawHeaders.length; i += 2) {
      const name = rawHeaders[i]!.toLowerCase();
      if (name !== 'ratelimit' && name !== 'ratelimit-policy') {
        kept.push(rawHeaders[i]!, rawHeaders[i + 1]!);
      }
    }
    super.head(status, [...kept, ...this.#fields]);
  }
}

/** @param fields names in lower case and values in turn */
export function withLimitFields(answer: HttpResponse, fields: readonly string[]): HttpResponse {
  if (fields.length === 0) return answer;
  const headers: Record<string, string | readonly string[]> = { ...answer.headers };
  for (let i = 0; i < fields.length; i += 2) headers[fields[i]!] = fields[i + 1]!;
  return { ...answer, headers };
}
