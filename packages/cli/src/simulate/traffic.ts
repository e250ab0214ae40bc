/**
 * Recorded traffic, a line at a time: events of our gateways and other JSON, one object a line, and
 * access logs in the common or combined format (NCSA, as Apache and nginx write them).
 */
import { parseJson } from '@mintmark/core';

/** One request that was made. */
export interface RecordedRequest {
  /** Unix milliseconds. */
  readonly at: number;
  readonly tenant: string;
  readonly route: string | undefined;
  readonly path: string;
  readonly address: string;
  readonly token: string | undefined;
  readonly client: string | undefined;
  readonly user: string | undefined;
  /** What it came to, where the record says so; of an access log the bytes of the answer. */
  readonly cost: number | undefined;
}

/** `passed_over`: it was refused for what no limit is about, and would spend nothing. */
export type TrafficLine = RecordedRequest | 'unreadable' | 'passed_over';

/** Reads lines; remembers the last second it has read, since the next is mostly the same. */
export function createTrafficReader(): (line: string) => TrafficLine {
  let lastText = '';
  let lastMs = Number.NaN;
  const momentOf = (text: string): number => {
    if (text !== lastText) {
      lastText = text;
      lastMs = logMoment(text);
    }
    return lastMs;
  };
  return (line) => (line.startsWith('{') ? fromJson(line) : fromLog(line, momentOf));
}

const logLine =
  /^(\S+) \S+ (\S+) \[([^\]]{20,40})\] "(?:[A-Z]+) ([^ "]*)[^"]*" (\d{3}) (\d+|-)(?: |$)/;

function fromLog(line: string, momentOf: (text: string) => number): TrafficLine {
  const found = logLine.exec(line);
  if (found === null) return 'unreadable';
  const [, address = '', user, moment = '', target = '', status, bytes] = found;
  const at = momentOf(moment);
  if (Number.isNaN(at)) return 'unreadable';
  if (status === '401' || status === '403') return 'passed_over';
  return {
    ...{ at, tenant: '', route: undefined, address, token: undefined, client: undefined },
    path: target.split('?', 1)[0]!,
    user: user === '-' ? undefined : user,
    cost: bytes === '-' ? 0 : Number(bytes),
  };
}

const months = 'JanFebMarAprMayJunJulAugSepOctNovDec';

/** `10/Oct/2000:13:55:36 -0700`. */
function logMoment(text: string): number {
  const found = /^(\d\d)\/([A-Z][a-z]{2})\/(\d{4}):(\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)$/.exec(
    text,
  );
  if (found === null) return Number.NaN;
  const [, day, name = '', year, hour, minute, second, sign, hours, minutes] = found;
  const month = months.indexOf(name) / 3;
  if (!Number.isInteger(month) || month < 0) return Number.NaN;
  const local = Date.UTC(+year!, month, +day!, +hour!, +minute!, +second!);
  const offsetMs = (Number(hours) * 60 + Number(minutes)) * 60_000;
  return sign === '-' ? local + offsetMs : local - offsetMs;
}

/** How members are called, by us first. */
const names = {
  at: ['at', 'time', 'timestamp', 'ts', '@timestamp', 'time_local'],
  tenant: ['tenant'],
  route: ['route'],
  path: ['path', 'uri', 'request_uri', 'url'],
  address: ['address', 'ip', 'remote_addr', 'client_ip', 'remote_ip'],
  token: ['credentialId', 'credential_id', 'token', 'key', 'api_key'],
  client: ['clientId', 'client_id', 'client'],
  user: ['subject', 'user', 'sub', 'user_id', 'remote_user'],
  cost: ['cost', 'units', 'tokens', 'bytes', 'body_bytes_sent'],
} as const;

function fromJson(line: string): TrafficLine {
  const parsed = parseJson(line);
  if (!parsed.ok || typeof parsed.value !== 'object' || parsed.value === null) return 'unreadable';
  const members = parsed.value as Readonly<Record<string, unknown>>;
  const find = (name: keyof typeof names): unknown => {
    const known = names[name].find((one) => members[one] !== undefined && members[one] !== null);
    return known === undefined ? undefined : members[known];
  };
  const text = (name: keyof typeof names): string | undefined => {
    const value = find(name);
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  const at = momentOf(find('at'));
  if (at === undefined) return 'unreadable';
  const status = Number(members['status']);
  const isDenied = members['verdict'] === 'deny' && members['reason'] !== 'quota_exceeded';
  if (isDenied || status === 401 || status === 403) return 'passed_over';
  const cost = Number(find('cost') ?? Number.NaN);
  return {
    ...{ at, tenant: text('tenant') ?? '', route: text('route') },
    path: (text('path') ?? '').split('?', 1)[0]!,
    ...{ address: text('address') ?? '', token: text('token') },
    ...{ client: text('client'), user: text('user') },
    cost: Number.isFinite(cost) && cost >= 0 ? cost : undefined,
  };
}

/** RFC 3339, or seconds or milliseconds since 1970. */
function momentOf(value: unknown): number | undefined {
  const isNumber = typeof value === 'number' || /^\d+(?:\.\d+)?$/.test(String(value));
  const ms = isNumber ? Number(value) : Date.parse(String(value));
  if (!Number.isFinite(ms) || ms < 0) return undefined;
  // What would be a day of 1973 in milliseconds is a day of this century in seconds.
  return isNumber && ms < 1e11 ? ms * 1000 : ms;
}
