/**
 * The claims of a token, read at once: one pattern that is nothing but the form in which the
 * authority writes them (`renderAccessTokenClaims`), with issuer and tenant in it. What has another
 * form, a confirmation above all, does not match and is not judged here. Numbers are whole, names
 * come once, nothing is escaped; the JSON reader of HAProxy is lax about all three.
 */
import type { NativeView } from '../native-view.ts';
import { argument, exactly, word } from './words.ts';

/** Ids that can stand in maps and on the command line of HAProxy without an escape. */
const idChars = 'A-Za-z0-9._~:@/+=,|-';
export const nativeId: RegExp = new RegExp(`^[${idChars}]{1,255}$`);

const id = `([${idChars}]{1,255})`;
/** Seconds since 1970, from 2001 to 2286: all of one length, so each is found by its place. */
const seconds = '([0-9]{10})';
/** Visible ASCII but for quotes, brackets and the backslash. */
const audience = '"[!#-Z^-~]+"';
/** RFC 6749 §3.3, but for `%`, which would have to be escaped in a header. */
const scopes = '([ !#$&-Z^-~]*)';
const plainValue = '(?:"[^"\\\\]*"|[0-9]+|true|false|[[](?:"[^"\\\\]*"(?:,"[^"\\\\]*")*)?\\])';
/** Claims of a hook: none by a name that means something to us. */
const reserved = '(?:iss|sub|aud|client_id|scope|iat|exp|nbf|jti|cnf|act|acr|auth_time|mm_.*)';
const further = `(?:"(?!${reserved}")[A-Za-z0-9_.:/-]+":${plainValue},)*`;

/** As `renderAccessTokenClaims` orders them. */
export function claimsPattern({ issuer, tenant }: Pick<NativeView, 'issuer' | 'tenant'>): string {
  return [
    `^[{]${further}"iss":"${exactly(issuer)}"`,
    `"sub":"${id}"`,
    `"aud":(${audience}|[[]${audience}(?:,${audience})*\\])`,
    `"client_id":"${id}"(?:,"scope":"${scopes}")?`,
    `"iat":${seconds}`,
    `"exp":${seconds}`,
    `"jti":"${id}"`,
    `"mm_tenant":"${exactly(tenant)}"`,
    `"mm_pos":([0-9]{1,15})(?:,"mm_family":"${id}")?${afterwards}[}]$`,
  ].join(',');
}

const afterwards =
  '(?:,"act":[{]"[a-z_]+":"[^"\\\\]*"(?:,"[a-z_]+":"[^"\\\\]*")*[}])?' +
  '(?:,"acr":"[^"\\\\]*")?(?:,"auth_time":[0-9]+)?';

/**
 * Fields of what `readClaims` makes, parted by spaces: two of one length, then those that HAProxy
 * has to look for sign by sign, so that the first are found fastest.
 */
const placed = { exp: 'field(1," ")', iat: 'bytes(11),field(1," ")' } as const;
const behind = 'bytes(22)';
const order = ['pos', 'sub', 'client', 'jti', 'family'] as const;
export type ClaimField = keyof typeof placed | (typeof order)[number];
/** Groups of the pattern: of the fields, then audience and scopes. */
const groups = [6, 5, 8, 1, 3, 7, 9, 2, 4];

/** A converter from the text of the claims to their fields. */
export function readClaims(view: Pick<NativeView, 'issuer' | 'tenant'>): string {
  const fields = groups.map((group) => `\\${group}`).join(' ');
  return `regsub(${argument(claimsPattern(view))},"${fields}")`;
}

/** One field of `txn.claims`. */
export function claim(field: ClaimField): string {
  if (field === 'exp' || field === 'iat') return `var(txn.claims),${placed[field]}`;
  return `var(txn.claims),${behind},field(${order.indexOf(field) + 1}," ")`;
}

/** All scopes, as one text. */
export const scopesText: string = `var(txn.claims),${behind},field(${order.length + 2}," ",0)`;

/** Only an audience has quotes: what stands in them is one of the token's. */
export function audienceIs(audience: string): string {
  return `var(txn.claims) -m sub ${word(`"${audience}"`)}`;
}

/** Behind the audience come the scopes, and in them no quote. */
export function hasScopes(scopes: readonly string[]): string {
  const each = scopes.map((scope) => `(?=(?:[^"]* )?${exactly(scope)}(?: |$))`);
  return `var(txn.claims) -m reg ${word(`"\\]? ${each.join('')}[^"]*$`)}`;
}
