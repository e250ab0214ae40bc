/**
 * The reply of a route whose cost is known after the response: it watches what passes, holds
 * nothing back, and settles once, however the answer ends. What cannot be found out costs what was
 * reserved, so that nobody gets around it by leaving early, or by asking for what takes too long;
 * any other answer of the gateway's own is no work of the upstream and costs nothing.
 */
import type { Duplex } from 'node:stream';
import { type HttpResponse, limits, type RouteCost } from '@mintmark/core';
import type { StreamReply } from '@mintmark/net';
import { WrappedReply } from '../forward/wrapped-reply.ts';
import type { Spent } from './spender.ts';

export class CostedReply extends WrappedReply {
  readonly #cost: RouteCost;
  readonly #spent: Pick<Spent, 'settle'>;
  #isSettled = false;
  #bytes = 0;
  #said: string | undefined;
  #body: BodyTail | undefined;

  constructor(
    reply: StreamReply,
    { cost, spent }: { readonly cost: RouteCost; readonly spent: Pick<Spent, 'settle'> },
  ) {
    super(reply);
    this.#cost = cost;
    this.#spent = spent;
  }

  override respond(answer: HttpResponse): void {
    this.#settle(answer.status === 504 ? this.#cost.reserve : 0);
    super.respond(answer);
  }

  override head(status: number, rawHeaders: string[]): void {
    const { from } = this.#cost;
    let kept = rawHeaders;
    if (from.kind === 'response_header') {
      this.#said = fieldOf(rawHeaders, from.header);
      if (!from.isPassedOn) kept = without(rawHeaders, from.header);
    }
    if (from.kind === 'json_pointer') this.#body = new BodyTail(rawHeaders);
    super.head(status, kept);
  }

  override write(chunk: Uint8Array): boolean {
    this.#bytes += chunk.length;
    this.#body?.take(chunk);
    return super.write(chunk);
  }

  override onGone(run: () => void): void {
    super.onGone(() => {
      this.#settle();
      run();
    });
  }

  override end(trailers?: readonly string[]): void {
    this.#settle();
    super.end(trailers);
  }

  override abort(): void {
    this.#settle();
    super.abort();
  }

  override switchProtocols(rawHeaders: readonly string[]): Duplex {
    this.#settle(this.#cost.reserve);
    return super.switchProtocols(rawHeaders);
  }

  #settle(cost = this.#found()): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.#spent.settle(cost);
  }

  /** Of what was seen so far. */
  #found(): number {
    const { from, reserve } = this.#cost;
    switch (from.kind) {
      case 'response_bytes':
        return this.reply.started ? Math.ceil(this.#bytes / from.unitBytes) : reserve;
      case 'response_header':
        return costOf(this.#said) ?? reserve;
      case 'json_pointer':
        return costOf(this.#body?.find(from.tokens)) ?? reserve;
    }
  }
}

/** A number that somebody else wrote: a cost, or nothing. */
function costOf(value: unknown): number | undefined {
  const isText = typeof value === 'string' && /^\d{1,15}(?:\.\d{1,15})?$/.test(value.trim());
  const cost = isText ? Number(value) : value;
  const isCost = typeof cost === 'number' && Number.isFinite(cost) && cost >= 0;
  return isCost ? cost : undefined;
}

function fieldOf(rawHeaders: readonly string[], name: string): string | undefined {
  const values: string[] = [];
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (rawHeaders[i]!.toLowerCase() === name) values.push(rawHeaders[i + 1]!);
  }
  // Two costs are none.
  return values.length === 1 ? values[0] : undefined;
}

function without(rawHeaders: readonly string[], name: string): string[] {
  const kept: string[] = [];
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (rawHeaders[i]!.toLowerCase() !== name) kept.push(rawHeaders[i]!, rawHeaders[i + 1]!);
  }
  return kept;
}

/**
 * The end of a body, as much as may be kept: a JSON document that fits, or the last events of a
 * stream of them (text/event-stream), of which the last that has the member counts.
 */
class BodyTail {
  readonly #isEvents: boolean;
  readonly #isPlain: boolean;
  #chunks: Uint8Array[] = [];
  #held = 0;
  #isCut = false;

  constructor(rawHeaders: readonly string[]) {
    this.#isEvents = fieldOf(rawHeaders, 'content-type')?.startsWith('text/event-stream') === true;
    const encoding = fieldOf(rawHeaders, 'content-encoding') ?? 'identity';
    this.#isPlain = encoding === 'identity';
  }

  take(chunk: Uint8Array): void {
    if (!this.#isPlain || (this.#isCut && !this.#isEvents)) return;
    this.#chunks.push(chunk);
    this.#held += chunk.length;
    while (this.#held > limits.costBodyBytesMax && this.#chunks.length > 0) {
      this.#held -= this.#chunks.shift()!.length;
      this.#isCut = true;
    }
    if (this.#isCut && !this.#isEvents) this.#chunks = [];
  }

  find(tokens: readonly string[]): unknown {
    if (this.#held === 0 || (this.#isCut && !this.#isEvents)) return undefined;
    const text = Buffer.concat(this.#chunks).toString('utf8');
    if (!this.#isEvents) return memberOf(text, tokens);
    for (const line of text.split(/\r\n|\n|\r/).reverse()) {
      if (!line.startsWith('data:')) continue;
      const found = memberOf(line.slice(5), tokens);
      if (found !== undefined && found !== null) return found;
    }
    return undefined;
  }
}

/** JSON Pointer (RFC 6901). @returns undefined where there is none, or no JSON */
function memberOf(text: string, tokens: readonly string[]): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // An upstream's body need not be JSON.
    return undefined;
  }
  for (const token of tokens) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, token)) {
      return undefined;
    }
    value = (value as Readonly<Record<string, unknown>>)[token];
  }
  return value;
}
