/**
 * Which paths and queries are judged here: those that are in the form to which a gateway would
 * bring them. All others are the gateway's, or refused, so that what is judged is what is sent.
 */
import { escapable } from './words.ts';

const char = "[A-Za-z0-9_~!$&'()*+,=:@-]";
const charOrDot = "[A-Za-z0-9._~!$&'()*+,=:@-]";

/** An escape that stays one: in upper case, of nothing unreserved, no slash, `;`, backslash. */
const ascii = '%(?:2[0-46-9ABC]|3[ACDEF]|40|5[BDE]|60|7[BCD])';
/** An escaped `%` before anything but two more digits, which would be an escape of an escape. */
const percent = '%25(?![0-9A-Fa-f]{2})';
const more = '%[89AB][0-9A-F]';
/** UTF-8 (RFC 3629 §4), escaped. */
const utf8 = [
  `%(?:C[2-9A-F]|D[0-9A-F])${more}`,
  `%E0%[AB][0-9A-F]${more}`,
  `%(?:E[1-9ABCEF])${more}${more}`,
  `%ED%[89][0-9A-F]${more}`,
  `%F0%[9AB][0-9A-F]${more}${more}`,
  `%F[1-3]${more}${more}${more}`,
  `%F4%8[0-9A-F]${more}${more}`,
].join('|');
const escaped = `(?:${ascii}|${percent}|${utf8})`;

/**
 * A target whose path is in its normal form, with any query and without fragment.
 */
export function normalTarget(): string {
  return normalPath.replace(/\$$/, '(?:[?][^#]*)?$');
}

/**
 * Paths that `normalisePath` leaves as they are. A segment that begins with a dot needs another
 * character than dots in it.
 */
export const normalPath: string =
  `^(?:/(?:${char}|${escaped}|[.]+(?:${char}|${escaped}))` + `(?:${charOrDot}|${escaped})*)*/?$`;

/** Kinds of our own tokens, as `hasTokenInQuery` knows them. */
const kinds = ['key', 'sub', 'pat', 'admin', 'at', 'rt', 'cs'];

/**
 * Queries that carry a token. Of the spellings that a gateway refuses none is missing; the
 * installation's prefix is refused in any case of its letters too.
 */
export function tokenInQuery(prefix: string): string {
  const line = escapable('_');
  const own = `${escapable(prefix)}${line}(?:${kinds.map(escapable).join('|')})${line}`;
  return `(?:^|[&;])${escapable('access_token')}(?:=|%3d|[&;]|$)|${own}`;
}
