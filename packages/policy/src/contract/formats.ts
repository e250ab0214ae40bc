/** `format` as far as it can be judged exactly; every other format says nothing about what fits. */
import { type JsonObject, type JsonValue, parseAddress } from '@mintmark/core';
import { allowsText, type Check, miss, numberIn } from './walk.ts';

type Judge = (value: JsonValue) => boolean;

function text(holds: (value: string) => boolean): Judge {
  return (value) => typeof value !== 'string' || (value.length <= 2_048 && holds(value));
}

function whole(bits: 31 | 63): Judge {
  const bound = 2 ** bits;
  return (value) =>
    typeof value !== 'number' || (Number.isInteger(value) && value >= -bound && value < bound);
}

/** RFC 3339 §5.6; a day that the month has. */
function isDate(value: string): boolean {
  const found = /^(\d{4})-(\d{2})-(\d{2})$/.exec(value);
  if (found === null) return false;
  const [year, month, day] = found.slice(1).map(Number) as [number, number, number];
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  const days = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
  return month >= 1 && month <= 12 && day >= 1 && day <= days[month - 1]!;
}

const timeForm =
  /^([01]\d|2[0-3]):[0-5]\d:(?:[0-5]\d|60)(?:\.\d{1,9})?(?:[Zz]|[+-][0-2]\d:[0-5]\d)$/;

function isDateTime(value: string): boolean {
  const [date = '', time = ''] = [value.slice(0, 10), value.slice(11)];
  return /^[Tt ]$/.test(value.charAt(10)) && isDate(date) && timeForm.test(time);
}

function isEmail(value: string): boolean {
  const at = value.lastIndexOf('@');
  if (at < 1 || at > 64 || value.length > 254 || /[\s<>()[\]\\,;:"]/.test(value)) return false;
  return isHostname(value.slice(at + 1)) && !value.slice(0, at).includes('@');
}

function isHostname(value: string): boolean {
  const label = /^[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/;
  return value.length <= 253 && value.split('.').every((one) => label.test(one));
}

const judges: Readonly<Record<string, Judge>> = {
  'date-time': text(isDateTime),
  date: text(isDate),
  time: text((value) => timeForm.test(value)),
  uuid: text((value) => /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(value)),
  email: text(isEmail),
  hostname: text(isHostname),
  ipv4: text(
    (value) => parseAddress(value) !== undefined && value.includes('.') && !value.includes(':'),
  ),
  ipv6: text((value) => parseAddress(value) !== undefined && value.includes(':')),
  uri: text((value) => /^[a-z][a-z0-9+.-]*:[^\s<>"{}|\\^`]*$/i.test(value)),
  byte: (value) =>
    typeof value !== 'string' || (value.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(value)),
  int32: whole(31),
  int64: whole(63),
};

/** @returns undefined for a format that says nothing */
export function formats(name: JsonValue, schema: JsonObject): Check | undefined {
  const known = typeof name === 'string' && Object.hasOwn(judges, name) ? judges[name] : undefined;
  if (known === undefined) return undefined;
  return (value, walk) => {
    const said = allowsText(schema) ? value : (numberIn(value, walk) ?? value);
    return known(said) || miss(walk, 'format');
  };
}
