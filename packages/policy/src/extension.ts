/** Values of Cedar's extension types (Cedar 4.5: ipaddr, decimal, datetime, duration). */
import { type IpAddress, parseAddress } from '@mintmark/core';
import { boundLong, type Long } from './long.ts';

export type ExtensionKind = 'ipaddr' | 'decimal' | 'datetime' | 'duration';

export abstract class Extension {
  abstract readonly kind: ExtensionKind;
  /** The value in one spelling. */
  abstract readonly canonical: string;
  abstract equals(other: Extension): boolean;
}

/** An address, or a block of addresses; the address of a block keeps the bits behind its prefix. */
export class IpRange extends Extension {
  readonly kind = 'ipaddr';
  readonly address: IpAddress;
  readonly prefix: number;
  /** First and last address: numbers of 32 bits for IPv4, bigints of 128 for IPv6. */
  readonly first: number | bigint;
  readonly last: number | bigint;

  constructor(address: IpAddress, prefix: number) {
    super();
    this.address = address;
    this.prefix = prefix;
    if (address.family === 4) {
      const size = 2 ** (32 - prefix);
      this.first = address.value - (address.value % size);
      this.last = this.first + size - 1;
    } else {
      const host = (1n << BigInt(128 - prefix)) - 1n;
      this.first = address.value & ~host;
      this.last = address.value | host;
    }
  }

  get canonical(): string {
    return `${this.address.family}/${this.address.value}/${this.prefix}`;
  }

  override equals(other: Extension): boolean {
    return (
      other instanceof IpRange &&
      other.address.value === this.address.value &&
      other.address.family === this.address.family &&
      other.prefix === this.prefix
    );
  }

  isIn(block: IpRange): boolean {
    return (
      block.address.family === this.address.family &&
      block.first <= this.first &&
      this.last <= block.last
    );
  }

  isLoopback(): boolean {
    const { address, prefix } = this;
    if (address.family === 6) return address.value === 1n && prefix === 128;
    return address.value >>> 24 === 127 && prefix >= 8;
  }

  isMulticast(): boolean {
    const { address, prefix } = this;
    if (address.family === 6) return address.value >> 120n === 0xffn && prefix >= 8;
    return address.value >>> 28 === 14 && prefix >= 4;
  }
}

/** Ten-thousandths. */
export class Decimal extends Extension {
  readonly kind = 'decimal';
  readonly units: Long;

  constructor(units: Long) {
    super();
    this.units = units;
  }

  get canonical(): string {
    return String(this.units);
  }

  override equals(other: Extension): boolean {
    return other instanceof Decimal && other.units === this.units;
  }
}

/** Milliseconds since 1970 UTC. */
export class Datetime extends Extension {
  readonly kind = 'datetime';
  readonly epochMs: Long;

  constructor(epochMs: Long) {
    super();
    this.epochMs = epochMs;
  }

  get canonical(): string {
    return String(this.epochMs);
  }

  override equals(other: Extension): boolean {
    return other instanceof Datetime && other.epochMs === this.epochMs;
  }
}

export class Duration extends Extension {
  readonly kind = 'duration';
  readonly ms: Long;

  constructor(ms: Long) {
    super();
    this.ms = ms;
  }

  get canonical(): string {
    return String(this.ms);
  }

  override equals(other: Extension): boolean {
    return other instanceof Duration && other.ms === this.ms;
  }
}

/** The longest spelling of an IPv6 block. */
const ipCharsMax = 43;

/**
 * `ip("…")`: an address, or a block as `address/prefix`.
 *
 * @returns undefined where Cedar's function is an error; IPv4 within IPv6 is one of these
 */
export function parseIpRange(text: string): IpRange | undefined {
  if (text.length > ipCharsMax) return undefined;
  const slash = text.indexOf('/');
  const address = readAddress(slash === -1 ? text : text.slice(0, slash));
  if (address === undefined) return undefined;
  const width = address.family === 4 ? 32 : 128;
  if (slash === -1) return new IpRange(address, width);
  const digits = text.slice(slash + 1);
  if (!/^(?:0|[1-9][0-9]{0,2})$/.test(digits)) return undefined;
  const prefix = Number(digits);
  return prefix > width ? undefined : new IpRange(address, prefix);
}

function readAddress(text: string): IpAddress | undefined {
  const isV6 = text.includes(':');
  if (isV6 && text.includes('.')) return undefined;
  const address = parseAddress(text);
  if (address === undefined || !isV6 || address.family === 6) return address;
  // Cedar compares addresses as they are written: ::ffff:102:304 is IPv6 there, and not 1.2.3.4.
  return { family: 6, value: (0xffffn << 32n) | BigInt(address.value) };
}

/** `decimal("…")`: digits on both sides of the point, at most four behind it, 64 bits in all. */
export function parseDecimal(text: string): Decimal | undefined {
  const parts = /^(-?)([0-9]+)\.([0-9]{1,4})$/.exec(text);
  if (parts === null) return undefined;
  const magnitude = readMagnitude(`${parts[2]}${parts[3]!.padEnd(4, '0')}`);
  if (magnitude === undefined) return undefined;
  const units = boundLong(parts[1] === '-' ? -magnitude : magnitude);
  return units === undefined ? undefined : new Decimal(units);
}

const durationUnits = [86_400_000n, 3_600_000n, 60_000n, 1000n, 1n];

/** `duration("…")`: such as `1d2h3m4s50ms`, with an optional sign. */
export function parseDuration(text: string): Duration | undefined {
  const form = /^(-?)(?:([0-9]+)d)?(?:([0-9]+)h)?(?:([0-9]+)m)?(?:([0-9]+)s)?(?:([0-9]+)ms)?$/;
  const parts = form.exec(text);
  if (parts === null || text === '' || text === '-') return undefined;
  let magnitude = 0n;
  for (const [index, unit] of durationUnits.entries()) {
    const count = readMagnitude(parts[index + 2] ?? '0');
    if (count === undefined) return undefined;
    magnitude += count * unit;
  }
  const ms = boundLong(parts[1] === '-' ? -magnitude : magnitude);
  return ms === undefined ? undefined : new Duration(ms);
}

/** More digits than 64 bits can have are not even converted, which would cost their square. */
function readMagnitude(digits: string): bigint | undefined {
  const significant = digits.replace(/^0+/, '');
  return significant.length > 20 ? undefined : BigInt(significant);
}

/** `datetime("…")`: a date, alone or with a time and `Z` or an offset (Cedar's, after RFC 3339). */
export function parseDatetime(text: string): Datetime | undefined {
  const form =
    /^(\d{4})-(\d\d)-(\d\d)(?:T(\d\d):(\d\d):(\d\d)(?:\.(\d{3}))?(?:Z|([+-])(\d\d)(\d\d)))?$/;
  const parts = form.exec(text);
  if (parts === null) return undefined;
  const [year, month, day, hour, minute, second, ms] = parts
    .slice(1, 8)
    .map((digits) => Number(digits ?? '0')) as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const offsetHour = Number(parts[9] ?? '0');
  const offsetMinute = Number(parts[10] ?? '0');
  if (hour > 23 || minute > 59 || second > 59 || offsetHour > 23 || offsetMinute > 59) {
    return undefined;
  }
  const days = daysSinceEpoch(year, month, day);
  if (days === undefined) return undefined;
  const offset = (offsetHour * 60 + offsetMinute) * (parts[8] === '-' ? -60_000 : 60_000);
  const timeMs = ((hour * 60 + minute) * 60 + second) * 1000 + ms;
  return new Datetime(days * 86_400_000 + timeMs - offset);
}

/** Of the Gregorian calendar, carried back to the year 0. */
function daysSinceEpoch(year: number, month: number, day: number): number | undefined {
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  const isSame = date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
  return isSame && date.getUTCFullYear() === year ? date.getTime() / 86_400_000 : undefined;
}
