/** The functions and methods of Cedar's extension types, and all names that can be called. */
import {
  Datetime,
  type Decimal,
  Duration,
  type Extension,
  type ExtensionKind,
  type IpRange,
  parseDatetime,
  parseDecimal,
  parseDuration,
  parseIpRange,
} from './extension.ts';
import { addLongs, divideLong, type Long, moduloLong, subtractLongs } from './long.ts';
import type { TypeName, Value } from './value.ts';

/** The result, or `undefined` where Cedar's function is an error. */
type Body = (target: Extension, argument: Extension | undefined) => Value | undefined;

export interface ExtensionMethod {
  readonly target: ExtensionKind;
  /** Of the one argument beside the target; `null` where there is none. */
  readonly argument: ExtensionKind | null;
  readonly result: TypeName;
  readonly body: Body;
}

export interface ExtensionFunction {
  readonly result: ExtensionKind;
  /** From the text of the one argument. */
  readonly parse: (text: string) => Extension | undefined;
}

const dayMs = 86_400_000;

export const extensionFunctions: Readonly<Record<string, ExtensionFunction>> = {
  ip: { result: 'ipaddr', parse: parseIpRange },
  decimal: { result: 'decimal', parse: parseDecimal },
  datetime: { result: 'datetime', parse: parseDatetime },
  duration: { result: 'duration', parse: parseDuration },
};

export const extensionMethods: Readonly<Record<string, ExtensionMethod>> = {
  isIpv4: ofAddress((ip) => ip.address.family === 4),
  isIpv6: ofAddress((ip) => ip.address.family === 6),
  isLoopback: ofAddress((ip) => ip.isLoopback()),
  isMulticast: ofAddress((ip) => ip.isMulticast()),
  isInRange: {
    target: 'ipaddr',
    argument: 'ipaddr',
    result: 'bool',
    body: (ip, block) => (ip as IpRange).isIn(block as IpRange),
  },
  lessThan: ofDecimals((left, right) => left < right),
  lessThanOrEqual: ofDecimals((left, right) => left <= right),
  greaterThan: ofDecimals((left, right) => left > right),
  greaterThanOrEqual: ofDecimals((left, right) => left >= right),
  offset: {
    target: 'datetime',
    argument: 'duration',
    result: 'datetime',
    body: (moment, by) => datetimeOf(addLongs((moment as Datetime).epochMs, (by as Duration).ms)),
  },
  durationSince: {
    target: 'datetime',
    argument: 'datetime',
    result: 'duration',
    body: (moment, other) => {
      const ms = subtractLongs((moment as Datetime).epochMs, (other as Datetime).epochMs);
      return ms === undefined ? undefined : new Duration(ms);
    },
  },
  toDate: {
    target: 'datetime',
    argument: null,
    result: 'datetime',
    body: (moment) => {
      const { epochMs } = moment as Datetime;
      return datetimeOf(subtractLongs(epochMs, moduloLong(epochMs, dayMs)));
    },
  },
  toTime: {
    target: 'datetime',
    argument: null,
    result: 'duration',
    body: (moment) => new Duration(moduloLong((moment as Datetime).epochMs, dayMs)),
  },
  toMilliseconds: ofDuration(1),
  toSeconds: ofDuration(1000),
  toMinutes: ofDuration(60_000),
  toHours: ofDuration(3_600_000),
  toDays: ofDuration(dayMs),
};

function ofAddress(test: (ip: IpRange) => boolean): ExtensionMethod {
  return { target: 'ipaddr', argument: null, result: 'bool', body: (ip) => test(ip as IpRange) };
}

function ofDecimals(test: (left: Long, right: Long) => boolean): ExtensionMethod {
  return {
    target: 'decimal',
    argument: 'decimal',
    result: 'bool',
    body: (left, right) => test((left as Decimal).units, (right as Decimal).units),
  };
}

function ofDuration(unitMs: number): ExtensionMethod {
  return {
    target: 'duration',
    argument: null,
    result: 'long',
    body: (duration) => divideLong((duration as Duration).ms, unitMs),
  };
}

function datetimeOf(epochMs: Long | undefined): Datetime | undefined {
  return epochMs === undefined ? undefined : new Datetime(epochMs);
}

export const functionNames: ReadonlySet<string> = new Set(Object.keys(extensionFunctions));

export const methodNames: ReadonlySet<string> = new Set([
  'contains',
  'containsAll',
  'containsAny',
  'isEmpty',
  'getTag',
  'hasTag',
  ...Object.keys(extensionMethods),
]);
