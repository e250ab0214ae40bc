/**
 * The wire's own types, each once: how it is described, how it is parsed. A schema with `wire` in
 * its metadata is described by that JSON Schema: zod cannot derive one from a parser's code.
 */
import { limits, parseCidr, rfc3339, type UnixMs } from '@mintmark/core';
import { z } from 'zod';

/** A query parameter that is a whole number in decimal, no sign, no leading zero. */
export function queryInteger(bounds: { readonly min: number; readonly max: number }) {
  const { min, max } = bounds;
  return z
    .string()
    .regex(/^(?:0|[1-9][0-9]{0,15})$/, 'must be a whole number')
    .transform(Number)
    .refine((value) => value >= min && value <= max, `must be between ${min} and ${max}`)
    .meta({ wire: { type: 'integer', minimum: min, maximum: max } });
}

/** What every paged list takes. */
export const paging = {
  limit: queryInteger({ min: 1, max: limits.pageItemsMax }).optional(),
  cursor: z.string().min(1).max(2048).optional(),
};

/** A page of `item`. `next` is null on the last one. */
export function pageOf<T extends z.ZodType>(item: T) {
  return z.strictObject({ items: z.array(item), next: z.string().nullable() });
}

/** One line of text for people: no control characters, counted in code points. */
export function line(bounds: { readonly min: number; readonly max: number }) {
  const { min, max } = bounds;
  const pattern = `^[^\\u0000-\\u001f\\u007f-\\u009f\\u2028\\u2029]{${min},${max}}$`;
  return z
    .string()
    .regex(new RegExp(pattern, 'u'), `must be ${min}–${max} characters without control characters`)
    .meta({ wire: { type: 'string', minLength: min, maxLength: max, pattern } });
}

const rfc3339Pattern =
  /^(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.\d{1,9})?(?:[Zz]|[+-](\d\d):(\d\d))$/;

/**
 * A moment (RFC 3339 §5.6), in whole seconds: a fraction is cut off, so that every node agrees on
 * the second. Leap seconds and dates that do not exist are refused.
 *
 * @returns unix milliseconds
 */
export const moment = z
  .string()
  .max(40)
  .transform((text, context): UnixMs => {
    const ms = parseMoment(text);
    if (ms === undefined) {
      context.addIssue({ code: 'custom', message: 'must be a time as RFC 3339 writes it' });
      return z.NEVER;
    }
    return ms;
  })
  .meta({ wire: { type: 'string', format: 'date-time' } });

function parseMoment(text: string): UnixMs | undefined {
  const parts = rfc3339Pattern.exec(text);
  if (parts === null) return undefined;
  const [year, month, day, hour, minute, second] = parts.slice(1, 7).map(Number);
  const offsetHours = Number(parts[7] ?? 0);
  const offsetMinutes = Number(parts[8] ?? 0);
  if (hour! > 23 || minute! > 59 || second! > 59) return undefined;
  if (offsetHours > 23 || offsetMinutes > 59) return undefined;
  if (day! < 1 || day! > daysIn(year!, month!)) return undefined;
  const ms = Date.parse(text.toUpperCase());
  // An offset can lead out of the years that can be written (RFC 3339 §1).
  if (!(ms >= momentMin && ms <= momentMax)) return undefined;
  return (Math.floor(ms / 1000) * 1000) as UnixMs;
}

const momentMin = Date.parse('0000-01-01T00:00:00Z');
export const momentMax = Date.parse('9999-12-31T23:59:59.999Z');

/** 0 where there is no such month, so that no day fits. */
function daysIn(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  return [0, 31, 0, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month] ?? 0;
}

/** A moment in an answer. */
export const momentOut = z.string().meta({ wire: { type: 'string', format: 'date-time' } });

export function renderMoment(ms: number): string {
  return rfc3339(ms as UnixMs);
}

export function renderMomentOrNull(ms: number | null): string | null {
  return ms === null ? null : renderMoment(ms);
}

/** An address or a block in CIDR notation; bits behind the prefix are zero. */
export const addressBlock = z
  .string()
  .max(49)
  .refine((text) => parseCidr(text).ok, 'must be an IPv4 or IPv6 address, or a block of them')
  .meta({
    wire: {
      type: 'string',
      anyOf: [
        { format: 'ipv4' },
        { format: 'ipv6' },
        { pattern: '^[0-9A-Fa-f.:]{2,45}/[0-9]{1,3}$' },
      ],
    },
  });

/** A scope value (RFC 6749 §3.3). */
export const scope = z
  .string()
  .max(limits.scopeCharsMax)
  .regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/, 'must be visible ASCII without space, " and \\');

export const scopes = z.array(scope).max(limits.scopesMax);

const metadataCharsMax = 8192;
const metadataMembersMax = 64;
const metadataNameCharsMax = 64;

/** Free facts about a thing: names to JSON values, bounded as a whole. */
export const metadata = z
  .record(z.string().min(1).max(metadataNameCharsMax), z.json())
  .refine(
    (value) => Object.keys(value).length <= metadataMembersMax,
    `must have at most ${metadataMembersMax} members`,
  )
  .refine(
    (value) => JSON.stringify(value).length <= metadataCharsMax,
    `must be at most ${metadataCharsMax} characters of JSON`,
  )
  .meta({
    wire: {
      type: 'object',
      maxProperties: metadataMembersMax,
      propertyNames: { minLength: 1, maxLength: metadataNameCharsMax },
    },
  });
