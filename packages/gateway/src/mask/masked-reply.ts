/**
 * The reply of a route that masks its upstream's answers. JSON is held until it is whole, for what
 * has been sent cannot be taken back; whatever cannot be read for certain is not shown at all.
 */
import {
  type HttpResponse,
  limits,
  type MaskRule,
  parseJson,
  type RouteMask,
  utf8,
  utf8Decode,
} from '@mintmark/core';
import type { StreamReply, StreamRequest } from '@mintmark/net';
import { WrappedReply } from '../forward/wrapped-reply.ts';
import type { HeldBytes } from '../inspect/held-request.ts';
import type { Metrics } from '../record/metrics.ts';
import { problem } from '../refusal.ts';
import { says } from '../routes/choose.ts';
import type { Identity } from '../verify/identity.ts';
import { maskJson } from './mask-json.ts';

export interface MaskParts {
  readonly metrics: Metrics;
  readonly held: HeldBytes;
  /** Of this process: what it hashes is the same here, and says nothing elsewhere. */
  readonly hashKey: Uint8Array;
}

/** @returns the rules that this caller is not spared */
export function rulesFor(
  { rules }: RouteMask,
  identity: Identity | undefined,
): readonly MaskRule[] {
  return rules.filter(({ unlessScope, unlessClaims }) => {
    if (identity === undefined) return true;
    if (unlessScope !== undefined && identity.scopes.includes(unlessScope)) return false;
    return unlessClaims.length === 0 || !unlessClaims.every((claim) => says(identity, claim));
  });
}

/** What no longer fits an answer of which something is gone. */
const droppedFields: ReadonlySet<string> = new Set([
  'accept-ranges',
  'content-digest',
  'content-length',
  'content-md5',
  'digest',
  'etag',
  'last-modified',
  'repr-digest',
  'trailer',
]);

export class MaskedReply extends WrappedReply {
  readonly #parts: MaskParts;
  readonly #mask: RouteMask;
  readonly #rules: readonly MaskRule[];
  readonly #request: Pick<StreamRequest, 'method'>;
  #head: { readonly status: number; readonly fields: string[] } | undefined;
  #chunks: Uint8Array[] | undefined;
  #bytes = 0;
  #isOver = false;
  #stop = (): void => {};

  constructor(
    reply: StreamReply,
    input: MaskParts & {
      readonly mask: RouteMask;
      readonly rules: readonly MaskRule[];
      readonly request: Pick<StreamRequest, 'method'>;
    },
  ) {
    super(reply);
    const { mask, rules, request, ...parts } = input;
    this.#parts = parts;
    this.#mask = mask;
    this.#rules = rules;
    this.#request = request;
  }

  override onGone(run: () => void): void {
    this.#stop = run;
    super.onGone(() => {
      this.#letGo();
      run();
    });
  }

  override head(status: number, rawHeaders: string[]): void {
    const isObserved = this.#mask.mode === 'observe';
    const plan = this.#planOf(status, rawHeaders);
    if (plan === 'hold') this.#chunks = [];
    if (isObserved && plan !== 'hold' && plan !== 'bare' && plan !== 'as_is') this.#count(plan);
    const fields = withoutDropped(rawHeaders);
    if (isObserved || plan === 'as_is') super.head(status, rawHeaders);
    else if (plan === 'bare') super.head(status, fields);
    else if (plan === 'hold') this.#head = { status, fields };
    else this.#refuse(plan);
  }

  /** @returns `bare`: nothing follows the head; every other word says why it is shown to nobody */
  #planOf(status: number, rawHeaders: readonly string[]): 'hold' | 'as_is' | 'bare' | Unmaskable {
    // RFC 9110 §6.4.1
    if (this.#request.method === 'HEAD' || status === 204 || status === 304) return 'bare';
    if (status === 206) return 'partial';
    const coding = fieldOf(rawHeaders, 'content-encoding') ?? 'identity';
    if (coding.toLowerCase() !== 'identity') return 'encoded';
    if (fieldOf(rawHeaders, 'content-length') === '0') return 'as_is';
    const type = (fieldOf(rawHeaders, 'content-type') ?? '').split(';')[0]!.trim().toLowerCase();
    if (/^application\/(?:[a-z0-9.+-]+\+)?json$/.test(type)) return 'hold';
    const ranges = [type, `${type.split('/')[0]}/*`];
    return ranges.some((one) => this.#mask.passTypes.includes(one)) ? 'as_is' : 'other_type';
  }

  override write(chunk: Uint8Array): boolean {
    if (this.#isOver) return true;
    if (this.#chunks === undefined) return super.write(chunk);
    const isObserved = this.#mask.mode === 'observe';
    const fits = this.#bytes + chunk.length <= this.#mask.bytesMax;
    if (fits && this.#parts.held.take(chunk.length)) {
      this.#bytes += chunk.length;
      this.#chunks.push(chunk);
      return isObserved ? super.write(chunk) : true;
    }
    const why = fits ? 'full' : 'too_large';
    if (!isObserved) {
      this.#refuse(why);
      return true;
    }
    this.#letGo();
    this.#count(why);
    return super.write(chunk);
  }

  override end(trailers?: readonly string[]): void {
    const chunks = this.#chunks;
    if (this.#isOver) return;
    if (chunks === undefined) {
      super.end(trailers);
      return;
    }
    const text = utf8Decode(Buffer.concat(chunks));
    this.#letGo();
    const masked = this.#masked(text);
    if (this.#mask.mode === 'observe') {
      if (masked === undefined) this.#count('not_json');
      super.end(trailers);
    } else if (masked === undefined) {
      this.#refuse('not_json');
    } else {
      this.#answer(utf8(masked));
    }
  }

  #answer(body: Uint8Array): void {
    const { status, fields } = this.#head!;
    this.reply.head(status, [...fields, 'content-length', String(body.length)]);
    this.reply.write(body);
    this.reply.end();
  }

  override abort(): void {
    this.#letGo();
    super.abort();
  }

  override respond(answer: HttpResponse): void {
    this.#letGo();
    this.#isOver = true;
    super.respond(answer);
  }

  /** @returns undefined where the text is no JSON that everybody would read alike */
  #masked(text: string | undefined): string | undefined {
    const bounds = { depthMax: limits.judgedJsonDepthMax, membersMax: limits.judgedJsonMembersMax };
    if (text === undefined || !parseJson(text, bounds).ok) return undefined;
    const { text: masked, counts } = maskJson(text, this.#rules, this.#parts.hashKey);
    const { mode } = this.#mask;
    for (const [action, count] of counts) {
      this.#parts.metrics.count('mintmark_gateway_masked_total', `${mode} ${action}`, count);
    }
    return masked;
  }

  #refuse(why: Unmaskable): void {
    this.#count(why);
    this.#letGo();
    this.#isOver = true;
    const status = why === 'full' ? 503 : 502;
    super.respond(problem(status, why === 'full' ? 'bodies_full' : 'answer_unmaskable'));
    this.#stop();
  }

  #count(why: Unmaskable): void {
    this.#parts.metrics.count('mintmark_gateway_unmaskable_total', `${this.#mask.mode} ${why}`);
  }

  #letGo(): void {
    this.#parts.held.giveBack(this.#bytes);
    this.#bytes = 0;
    this.#chunks = undefined;
  }
}

type Unmaskable = 'partial' | 'encoded' | 'other_type' | 'too_large' | 'full' | 'not_json';

function fieldOf(rawHeaders: readonly string[], name: string): string | undefined {
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (rawHeaders[i]!.toLowerCase() === name) return rawHeaders[i + 1];
  }
  return undefined;
}

function withoutDropped(rawHeaders: readonly string[]): string[] {
  const out: string[] = [];
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (!droppedFields.has(rawHeaders[i]!.toLowerCase()))
      out.push(rawHeaders[i]!, rawHeaders[i + 1]!);
  }
  return out;
}
