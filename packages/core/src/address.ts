/**
 * Network addresses as numbers. One address has one form here, so that a list that names it cannot
 * be passed by under another spelling: IPv4-mapped IPv6 is IPv4, and what other parsers read as
 * octal, hexadecimal or shortened IPv4 is no address at all.
 */
import { err, ok, type Result } from './result.ts';

export type IpAddress =
  | { readonly family: 4; readonly value: number }
  | { readonly family: 6; readonly value: bigint };

const mappedPrefix = 0xffffn;

/**
 * Dotted decimal with four parts and no leading zeros, or IPv6 (RFC 4291 §2.2). Zone ids, brackets
 * and ports are refused.
 *
 * @returns the address (IPv4-mapped IPv6, RFC 4291 §2.5.5.2, as IPv4), or undefined
 */
export function parseAddress(text: string): IpAddress | undefined {
  if (!text.includes(':')) {
    const value = parseIpv4(text);
    return value === undefined ? undefined : { family: 4, value };
  }
  const value = parseIpv6(text);
  if (value === undefined) return undefined;
  if (value >> 32n === mappedPrefix) return { family: 4, value: Number(value & 0xffffffffn) };
  return { family: 6, value };
}

function parseIpv4(text: string): number | undefined {
  if (text.length < 7 || text.length > 15) return undefined;
  let value = 0;
  let part = 0;
  let digits = 0;
  let dots = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 0x2e) {
      if (digits === 0 || ++dots > 3) return undefined;
      value = value * 256 + part;
      part = 0;
      digits = 0;
      continue;
    }
    if (code < 0x30 || code > 0x39) return undefined;
    // A leading zero means octal to some resolvers and decimal to others: refused.
    if (digits > 0 && part === 0) return undefined;
    part = part * 10 + code - 0x30;
    if (++digits > 3 || part > 255) return undefined;
  }
  return dots === 3 && digits > 0 ? value * 256 + part : undefined;
}

function parseIpv6(text: string): bigint | undefined {
  if (text.length < 2 || text.length > 45) return undefined;
  const gap = text.indexOf('::');
  if (gap === -1) {
    const groups = parseGroups(text);
    return groups?.length === 8 ? join(groups) : undefined;
  }
  const head = gap === 0 ? [] : parseGroups(text.slice(0, gap));
  const tail = gap === text.length - 2 ? [] : parseGroups(text.slice(gap + 2));
  if (head === undefined || tail === undefined || head.length + tail.length > 7) return undefined;
  // An embedded IPv4 address stands only at the very end.
  if (text.slice(0, gap).includes('.')) return undefined;
  const zeros = new Array<number>(8 - head.length - tail.length).fill(0);
  return join([...head, ...zeros, ...tail]);
}

function parseGroups(text: string): number[] | undefined {
  const groups: number[] = [];
  const parts = text.split(':');
  for (const [index, part] of parts.entries()) {
    if (part.includes('.')) {
      const value = index === parts.length - 1 ? parseIpv4(part) : undefined;
      if (value === undefined) return undefined;
      groups.push(value >>> 16, value & 0xffff);
    } else {
      if (!/^[0-9a-fA-F]{1,4}$/.test(part)) return undefined;
      groups.push(Number.parseInt(part, 16));
    }
  }
  return groups;
}

function join(groups: readonly number[]): bigint {
  return groups.reduce((value, group) => (value << 16n) | BigInt(group), 0n);
}

/** The one spelling: dotted decimal, or RFC 5952 (lower case, longest run of zeros shortened). */
export function formatAddress(address: IpAddress): string {
  if (address.family === 4) {
    const value = address.value;
    return `${value >>> 24}.${(value >>> 16) & 255}.${(value >>> 8) & 255}.${value & 255}`;
  }
  const groups: string[] = [];
  for (let shift = 112n; shift >= 0n; shift -= 16n) {
    groups.push(((address.value >> shift) & 0xffffn).toString(16));
  }
  const run = longestZeroRun(groups);
  if (run.length < 2) return groups.join(':');
  const head = groups.slice(0, run.start).join(':');
  return `${head}::${groups.slice(run.start + run.length).join(':')}`;
}

function longestZeroRun(groups: readonly string[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  let start = 0;
  for (let i = 0; i <= groups.length; i++) {
    if (groups[i] === '0') continue;
    if (i - start > best.length) best = { start, length: i - start };
    start = i + 1;
  }
  return best;
}

export type CidrRefusal = {
  readonly reason: 'malformed_cidr';
  readonly text: string;
  readonly rule: string;
};

/** First and last address of a block; both of one family. */
export type AddressRange =
  | { readonly family: 4; readonly first: number; readonly last: number }
  | { readonly family: 6; readonly first: bigint; readonly last: bigint };

/**
 * `address/prefix`, or a single address. Bits behind the prefix must be zero: `10.0.0.5/8` is more
 * often a slip than a wish, and would let in 16 million addresses.
 */
export function parseCidr(text: string): Result<AddressRange, CidrRefusal> {
  const slash = text.indexOf('/');
  const address = parseAddress(slash === -1 ? text : text.slice(0, slash));
  if (address === undefined) return malformed(text, 'not an IPv4 or IPv6 address');
  const width = address.family === 4 ? 32 : 128;
  if (slash === -1) return rangeOf(text, address, width);
  const digits = text.slice(slash + 1);
  if (!/^(?:0|[1-9][0-9]{0,2})$/.test(digits)) return malformed(text, 'prefix is not a number');
  // A block written as IPv4-mapped IPv6 counts its prefix from the mapped form.
  const mapped = address.family === 4 && text.includes(':');
  const prefix = Number(digits) - (mapped ? 96 : 0);
  if (prefix < 0 || prefix > width) return malformed(text, 'prefix out of range');
  return rangeOf(text, address, prefix);
}

function rangeOf(
  text: string,
  address: IpAddress,
  prefix: number,
): Result<AddressRange, CidrRefusal> {
  if (address.family === 4) {
    const size = 2 ** (32 - prefix);
    if (address.value % size !== 0) return malformed(text, 'bits behind the prefix are not zero');
    return ok({ family: 4, first: address.value, last: address.value + size - 1 });
  }
  const size = 1n << BigInt(128 - prefix);
  if (address.value % size !== 0n) return malformed(text, 'bits behind the prefix are not zero');
  return ok({ family: 6, first: address.value, last: address.value + size - 1n });
}

function malformed(text: string, rule: string): Result<never, CidrRefusal> {
  return err({ reason: 'malformed_cidr', text, rule });
}

export interface RangeSet {
  /** A text that is no address is contained in nothing. */
  contains(address: IpAddress | string): boolean;
  /** Number of disjoint ranges, both families. */
  readonly size: number;
}

/**
 * A set of address blocks, found by binary search over disjoint sorted ranges.
 *
 * @returns the set, or the first block that cannot be read
 */
export function createRangeSet(cidrs: readonly string[]): Result<RangeSet, CidrRefusal> {
  const fours: { first: number; last: number }[] = [];
  const sixes: { first: bigint; last: bigint }[] = [];
  for (const cidr of cidrs) {
    const range = parseCidr(cidr);
    if (!range.ok) return range;
    if (range.value.family === 4) fours.push(range.value);
    else sixes.push(range.value);
  }
  const four = merge(fours);
  const six = merge(sixes);
  return ok({
    size: four.length + six.length,
    contains(candidate) {
      const address = typeof candidate === 'string' ? parseAddress(candidate) : candidate;
      if (address === undefined) return false;
      return address.family === 4 ? find(four, address.value) : find(six, address.value);
    },
  });
}

/** Sorts and joins overlapping ranges, so that one comparison decides at the end of a search. */
function merge<T extends number | bigint>(
  ranges: readonly { readonly first: T; readonly last: T }[],
): readonly { readonly first: T; readonly last: T }[] {
  const sorted = [...ranges].sort((a, b) => (a.first < b.first ? -1 : a.first > b.first ? 1 : 0));
  const merged: { first: T; last: T }[] = [];
  for (const range of sorted) {
    const previous = merged.at(-1);
    if (previous === undefined || range.first > previous.last) {
      merged.push({ first: range.first, last: range.last });
    } else if (range.last > previous.last) {
      previous.last = range.last;
    }
  }
  return merged;
}

function find<T extends number | bigint>(
  ranges: readonly { readonly first: T; readonly last: T }[],
  value: T,
): boolean {
  let low = 0;
  let high = ranges.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (ranges[middle]!.first <= value) low = middle + 1;
    else high = middle;
  }
  return low > 0 && value <= ranges[low - 1]!.last;
}
