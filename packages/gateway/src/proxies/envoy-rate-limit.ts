/**
 * Envoy's rate limit service, `envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit`: the
 * messages on both sides. A descriptor names a route of ours and who asks, in the words of the
 * check's dynamic metadata; what is counted are the limits of that route, under the same keys as
 * everywhere. Neighbours: `rate-limits.ts` spends, `envoy-check.ts` tells Envoy who asks.
 */
import { err, ok, type Result } from '@mintmark/core';
import { refusalResponse } from '../refusal.ts';
import { ProtoReader } from './protobuf/reader.ts';
import { bytesOf, messageField, numberField, textField, type Wire } from './protobuf/write.ts';
import type { RateLimited, SpentLimit } from './rate-limits.ts';

export const rateLimitMethod = '/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit';

/** What one descriptor of Envoy asks for. */
export interface Descriptor {
  /** Its entries; of two with one key the last. */
  readonly entries: Readonly<Record<string, string>>;
  /** How many requests it is; 0 looks without spending. */
  readonly hits: number;
}

/** @returns refused where the bytes are no RateLimitRequest, or one without a descriptor */
export function readRateLimitRequest(
  message: Uint8Array,
): Result<readonly Descriptor[], 'malformed'> {
  const read: { entries: Record<string, string>; hits: number | undefined }[] = [];
  const whole = ProtoReader.of(message);
  let common = 0;
  while (whole.next()) {
    if (whole.field === 2) read.push(readDescriptor(whole.message()));
    else if (whole.field === 3) common = whole.number();
    else whole.skip();
  }
  if (whole.failed || read.length === 0) return err('malformed');
  // Nothing said is one.
  return ok(read.map(({ entries, hits }) => ({ entries, hits: hits ?? Math.max(1, common) })));
}

/** RateLimitDescriptor: entries = 1 {key = 1, value = 2}, hits_addend = 3 {value = 1}. */
function readDescriptor(reader: ProtoReader) {
  const entries: Record<string, string> = Object.create(null);
  let hits: number | undefined;
  while (reader.next()) {
    if (reader.field === 1) readEntry(reader.message(), entries);
    else if (reader.field === 3) hits = readWrapped(reader.message());
    else reader.skip();
  }
  return { entries, hits };
}

function readEntry(reader: ProtoReader, entries: Record<string, string>): void {
  let [key, value] = ['', ''];
  while (reader.next()) {
    if (reader.field === 1) key = reader.utf8();
    else if (reader.field === 2) value = reader.utf8();
    else reader.skip();
  }
  entries[key] = value;
}

/** A google.protobuf.UInt64Value: without a value it is 0. */
function readWrapped(reader: ProtoReader): number {
  let value = 0;
  while (reader.next()) {
    if (reader.field === 1) value = reader.number();
    else reader.skip();
  }
  return value;
}

/** RateLimitResponse.Code */
const codes = { ok: 1, overLimit: 2 } as const;

/** RateLimitResponse: overall_code = 1, statuses = 2, response_headers_to_add = 3, raw_body = 5. */
export function rateLimitResponse(limited: RateLimited): Uint8Array {
  const { statuses, fields, refusal } = limited;
  const problem = refusal && refusalResponse(refusal);
  const headers = [...fields];
  if (problem !== undefined) {
    for (const [name, value] of Object.entries(problem.headers)) headers.push(name, String(value));
  }
  const added: Wire[] = [];
  for (let i = 0; i < headers.length; i += 2) {
    added.push(messageField(3, textField(1, headers[i]!) + textField(2, headers[i + 1]!)));
  }
  return bytesOf(
    numberField(1, refusal === undefined ? codes.ok : codes.overLimit) +
      statuses.map((of) => messageField(2, statusOf(of))).join('') +
      added.join('') +
      (problem === undefined ? '' : textField(5, String(problem.body))),
  );
}

/**
 * DescriptorStatus: code = 1, current_limit = 2, limit_remaining = 3, duration_until_reset = 4
 * {seconds = 1}. Of several limits the one that denies, or has least left.
 */
function statusOf(spent: readonly SpentLimit[]): Wire {
  const [nearest] = [...spent].sort(
    (a, b) => Number(a.isAllowed) - Number(b.isAllowed) || a.remaining - b.remaining,
  );
  if (nearest === undefined) return numberField(1, codes.ok);
  const { isAllowed, remaining, resetMs, name, quota, windowSeconds } = nearest;
  const unit = units.get(windowSeconds) ?? 0;
  const limit = numberField(1, quota) + numberField(2, unit) + textField(3, name);
  return [
    numberField(1, isAllowed ? codes.ok : codes.overLimit),
    messageField(2, limit),
    numberField(3, Math.max(0, Math.floor(remaining))),
    messageField(4, numberField(1, Math.ceil(resetMs / 1000))),
  ].join('');
}

/** RateLimit.Unit; a window that is none of them has no word there. */
const units: ReadonlyMap<number | undefined, number> = new Map([
  ...([
    [1, 1],
    [60, 2],
    [3_600, 3],
    [86_400, 4],
  ] as const),
]);
