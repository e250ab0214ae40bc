/**
 * A block of addresses as threat lists name them, and the rules that every source is held to. What
 * must never happen: a list that shuts out everybody, the installation itself, or what lies before
 * it, because somebody wrote a short prefix.
 */
import {
  type AddressRange,
  err,
  formatAddress,
  namedRanges,
  ok,
  parseCidr,
  type RangeName,
  type Result,
} from '@mintmark/core';

/** `family`, first address and prefix length; `key` is the same for the same block, and sorts. */
export interface Network {
  readonly range: AddressRange;
  readonly bits: number;
  /** `4` or `6`, the first address in hexadecimal, the length: `4cb007100/24`. */
  readonly key: string;
}

export type NetworkRefusal = {
  readonly reason: 'malformed' | 'too_wide' | 'not_public' | 'protected';
  readonly text: string;
  readonly message: string;
};

export interface NetworkRules {
  /** Shortest prefixes that are taken. */
  readonly widest: { readonly ipv4: number; readonly ipv6: number };
  /** Whether private and other special ranges are taken. */
  readonly takesPrivate: boolean;
  /** What no list may touch: the installation's own proxies and whatever its operator names. */
  readonly protected: readonly AddressRange[];
}

/** Nobody on the Internet has these; but examples may be listed, for they harm nobody. */
const special: readonly AddressRange[] = (Object.keys(namedRanges) as RangeName[])
  .filter((name) => name !== 'documentation')
  .flatMap((name) => namedRanges[name].map(rangeOf));

function rangeOf(text: string): AddressRange {
  const range = parseCidr(text);
  if (!range.ok) throw new Error(`named range does not parse: ${text}`);
  return range.value;
}

/** Reads `address` or `address/prefix`, by no rules but those of its form. */
export function parseNetwork(text: string): Result<Network, NetworkRefusal> {
  const range = parseCidr(text);
  if (!range.ok) {
    const shown = text.slice(0, 64);
    return err({ reason: 'malformed', text: shown, message: range.refusal.rule });
  }
  return ok(networkOf(range.value));
}

/** @returns undefined where the list may name the block */
export function judgeNetwork(
  { range, bits, key }: Network,
  rules: NetworkRules,
): NetworkRefusal | undefined {
  const text = formatNetworkKey(key);
  const widest = range.family === 4 ? rules.widest.ipv4 : rules.widest.ipv6;
  if (bits < widest) {
    const message = `is wider than /${widest}, which this feed was not permitted`;
    return { reason: 'too_wide', text, message };
  }
  if (!rules.takesPrivate && special.some((one) => overlaps(one, range))) {
    return { reason: 'not_public', text, message: 'is no public address, or holds some' };
  }
  const own = rules.protected.find((one) => overlaps(one, range));
  if (own === undefined) return undefined;
  const message = `holds ${describe(own)}, which this installation protects`;
  return { reason: 'protected', text, message };
}

function overlaps(a: AddressRange, b: AddressRange): boolean {
  return a.family === b.family && a.first <= b.last && b.first <= a.last;
}

function describe(range: AddressRange): string {
  return formatNetworkKey(networkOf(range).key);
}

function networkOf(range: AddressRange): Network {
  const size = range.family === 4 ? BigInt(range.last - range.first) : range.last - range.first;
  const hostBits = size === 0n ? 0 : size.toString(2).length;
  const bits = (range.family === 4 ? 32 : 128) - hostBits;
  return { range, bits, key: networkKey(range.family, range.first, bits) };
}

/** The key of a block by its first address. */
export function networkKey(family: 4 | 6, first: number | bigint, bits: number): string {
  return `${family}${first.toString(16).padStart(family === 4 ? 8 : 32, '0')}/${bits}`;
}

export interface KeyParts {
  readonly family: 4 | 6;
  readonly first: bigint;
  readonly bits: number;
}

/** @returns undefined for what `networkKey` did not write */
export function readNetworkKey(key: string): KeyParts | undefined {
  const found = /^(?:4([0-9a-f]{8})|6([0-9a-f]{32}))\/(0|[1-9][0-9]{0,2})$/.exec(key);
  if (found === null) return undefined;
  const [, four, six, length] = found;
  const family = four === undefined ? 6 : 4;
  const [first, bits] = [BigInt(`0x${four ?? six}`), Number(length)];
  const width = family === 4 ? 32 : 128;
  if (bits > width || (first & ((1n << BigInt(width - bits)) - 1n)) !== 0n) return undefined;
  return { family, first, bits };
}

/** As people write it; a single address without its length. */
export function formatNetworkKey(key: string): string {
  const parts = readNetworkKey(key);
  if (parts === undefined) return key;
  const { family, first, bits } = parts;
  const address =
    family === 4
      ? formatAddress({ family, value: Number(first) })
      : formatAddress({ family, value: first });
  return bits === (family === 4 ? 32 : 128) ? address : `${address}/${bits}`;
}
