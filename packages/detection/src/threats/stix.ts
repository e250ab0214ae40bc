/**
 * STIX 2.1 indicators, as a TAXII 2.1 server pages them (§3.7 envelopes). Of patterns (STIX 2.1 §9)
 * those count that say nothing but which addresses are meant: comparisons of `ipv4-addr:value` or
 * `ipv6-addr:value` by `=`, `IN` and `ISSUBSET`, joined by OR. Whoever overlooks half of a pattern
 * lists what nobody meant; so every other pattern is passed over whole.
 */

import type { UnixSeconds } from '@mintmark/core';
import {
  err,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  ok,
  type Result,
} from '@mintmark/core';
import { createListing, type ListRead, type ListRefusal } from './listed.ts';

export interface TaxiiPage {
  readonly list: ListRead;
  /** Where the next page begins; undefined: there is none. */
  readonly next: string | undefined;
  readonly more: boolean;
}

export function readTaxiiEnvelope(
  value: JsonValue,
  now: UnixSeconds,
): Result<TaxiiPage, ListRefusal> {
  if (!isJsonObject(value)) return malformed('the envelope is no object');
  // An envelope without anything may be empty (TAXII 2.1 §3.7).
  const { objects = [], more = false, next } = value;
  if (!Array.isArray(objects)) return malformed('objects is no list');
  if (typeof more !== 'boolean') return malformed('more is neither true nor false');
  if (next !== undefined && typeof next !== 'string') return malformed('next is no text');
  const listing = createListing();
  for (const object of objects) {
    if (!isJsonObject(object)) return malformed('objects holds what is no object');
    if (object['type'] === 'indicator') readIndicator(object, { listing, now });
  }
  return ok({ list: listing.read(), next, more });
}

function malformed(message: string): Result<never, ListRefusal> {
  return err({ reason: 'malformed_list', message });
}

function readIndicator(
  indicator: JsonObject,
  into: { readonly listing: ReturnType<typeof createListing>; readonly now: UnixSeconds },
): void {
  const { listing, now } = into;
  const read = indicatorOf(indicator, now);
  const id = String(indicator['id']).slice(0, 64);
  if (typeof read === 'string') {
    listing.passOver({ reason: 'malformed', text: id, message: read });
    return;
  }
  const { addresses, until, hasEnded } = read;
  const reason = typeof indicator['name'] === 'string' ? indicator['name'] : id;
  for (const address of addresses) {
    if (hasEnded) listing.remove(address);
    else listing.add(address, { reason, until });
  }
}

interface Indicator {
  readonly addresses: readonly string[];
  readonly until: UnixSeconds | undefined;
  readonly hasEnded: boolean;
}

/** @returns what it says of addresses, or why it is passed over */
function indicatorOf(indicator: JsonObject, now: UnixSeconds): Indicator | string {
  const { pattern, pattern_type: kind, revoked } = indicator;
  if (typeof pattern !== 'string' || kind !== 'stix') return 'has no STIX pattern';
  const addresses = addressesOf(pattern);
  if (addresses === undefined) return 'its pattern is not about addresses alone';
  const until = momentOf(indicator['valid_until']);
  if (until === 'malformed') return 'its valid_until is no moment';
  const from = momentOf(indicator['valid_from']);
  if (from === 'malformed') return 'its valid_from is no moment';
  if (from !== undefined && from > now) return 'is not valid yet';
  const hasEnded = revoked === true || (until !== undefined && until <= now);
  return { addresses, until, hasEnded };
}

function momentOf(value: JsonValue | undefined): UnixSeconds | undefined | 'malformed' {
  if (value === undefined) return undefined;
  // STIX 2.1 §2.16: RFC 3339 with a Z.
  const form = /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}(?:\.[0-9]{1,9})?Z$/;
  const at = typeof value === 'string' && form.test(value) ? Date.parse(value) : Number.NaN;
  return Number.isNaN(at) ? 'malformed' : (Math.floor(at / 1000) as UnixSeconds);
}

const patternCharsMax = 16 * 1024;
const patternAddressesMax = 1_000;

/** @returns undefined where the pattern says more than that any of some addresses was seen */
function addressesOf(pattern: string): readonly string[] | undefined {
  if (pattern.length > patternCharsMax) return undefined;
  const tokens = tokensOf(pattern);
  if (tokens === undefined) return undefined;
  const found: string[] = [];
  let at = 0;
  const take = (wanted: string): boolean => tokens[at] === wanted && ++at > 0;
  // observation := '[' comparison (OR comparison)* ']' ; pattern := observation (OR observation)*
  do {
    if (!take('[')) return undefined;
    do {
      const path = tokens[at++];
      if (path !== 'ipv4-addr:value' && path !== 'ipv6-addr:value') return undefined;
      const values = operandOf();
      if (values === undefined) return undefined;
      found.push(...values);
      if (found.length > patternAddressesMax) return undefined;
    } while (take('OR'));
    if (!take(']')) return undefined;
  } while (take('OR'));
  return at === tokens.length ? found : undefined;

  function operandOf(): readonly string[] | undefined {
    if (take('=') || take('ISSUBSET')) {
      const value = literalOf(tokens![at++]);
      return value === undefined ? undefined : [value];
    }
    if (!take('IN') || !take('(')) return undefined;
    const values: string[] = [];
    do {
      const value = literalOf(tokens![at++]);
      if (value === undefined) return undefined;
      values.push(value);
    } while (take(','));
    return take(')') ? values : undefined;
  }
}

/** Words, signs, and texts in single quotes with their quotes. */
function tokensOf(pattern: string): readonly string[] | undefined {
  const tokens: string[] = [];
  const token = /\s*(?:('[^'\\]*')|([A-Za-z0-9_:.-]+)|([[\]=(),]))/y;
  let at = 0;
  while (at < pattern.length) {
    if (pattern.slice(at).trim() === '') return tokens;
    token.lastIndex = at;
    const found = token.exec(pattern);
    if (found === null) return undefined;
    tokens.push(found[1] ?? found[2] ?? found[3]!);
    at = token.lastIndex;
  }
  return tokens;
}

function literalOf(token: string | undefined): string | undefined {
  return token?.startsWith("'") === true ? token.slice(1, -1) : undefined;
}
