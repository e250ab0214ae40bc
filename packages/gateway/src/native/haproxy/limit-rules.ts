/**
 * The limits of a route as rules over stick tables. A rate is the same bucket that leaks as the
 * gateway's (`limiter.ts`), in one number of an entry: when it will be empty. A window is counted
 * in halves: what two halves in a row hold is at most the quota, so nobody is denied who keeps it,
 * and who comes in bursts may have up to twice of it in some window. Requests that two threads
 * judge at the same instant may each miss the other's.
 */
import type { Route, RouteLimit } from '@mintmark/core';
import { type AnswerParts, refusalRule } from './answers.ts';
import { claim } from './claims.ts';
import { request, section, set } from './rules.ts';

/** Counters that HAProxy can hold for one request, but for one that its memory needs. */
const countersMax = 2;
/** A bucket's time must stay far below half of 2^32 units, where the clock of 32 bits turns. */
const unitsMax = 2 ** 30;
const clockTurn = 2 ** 32;

/** Why limits cannot be kept by HAProxy, or undefined. */
export function limitProblem(limits: Route['limits']): string | undefined {
  if (limits.length > countersMax) return `it has more than ${countersMax} limits`;
  const native = limits.map(nativeOf);
  const foreign = native.indexOf(undefined);
  if (foreign !== -1) return `limit ${limits[foreign]!.name} is of another kind`;
  const slow = native.find((limit) => limit?.kind === 'rate' && bucketOf(limit) === undefined);
  return slow === undefined ? undefined : `limit ${slow.name} takes too long to come back`;
}

/** A limit that HAProxy can count. */
interface NativeLimit {
  readonly name: string;
  readonly by: RouteLimit['by'];
  readonly kind: 'window' | 'rate';
  readonly quota: number;
  readonly windowSeconds: number;
  /** Of a rate; the quota of a window. */
  readonly burst: number;
  readonly cost: number;
}

/** @returns undefined of months, of costs that only the response tells, and of what is new */
function nativeOf({ name, by, rule, cost, ...more }: RouteLimit): NativeLimit | undefined {
  // Such as a limit that follows what its callers usually do.
  if (Object.values(more).some((value) => value !== undefined)) return undefined;
  if (rule.kind === 'calendar' || cost === 'after') return undefined;
  const { kind, quota, windowMs } = rule;
  const burst = rule.kind === 'rate' ? rule.burst : quota;
  return { name, by, kind, quota, windowSeconds: windowMs / 1000, burst, cost };
}

/** Of a route whose limits have no problem. */
function nativeLimits({ limits }: Route): readonly NativeLimit[] {
  return limits.flatMap((limit) => nativeOf(limit) ?? []);
}

interface Bucket {
  readonly unit: 'us' | 'ms';
  /** What one request pours in, and what it holds, in time that it takes to leak. */
  readonly pours: number;
  readonly holds: number;
}

/** In microseconds where they fit: rounded down, so that a caller who keeps the rate is let in. */
function bucketOf({ quota, windowSeconds, burst, cost }: NativeLimit): Bucket | undefined {
  for (const [unit, perSecond] of [
    ['us', 1e6],
    ['ms', 1e3],
  ] as const) {
    const one = (windowSeconds * perSecond) / quota;
    const holds = Math.ceil(one * burst);
    if (holds < unitsMax) return { unit, pours: Math.floor(one * cost), holds };
  }
  return undefined;
}

/** Name of the table of a limit. */
function tableOf(route: Route, limit: NativeLimit): string {
  return `limit.${route.name}.${limit.name}`;
}

/** Tables, each a backend of its own. */
export function limitTables(route: Route, entriesMax: number): readonly string[] {
  return nativeLimits(route).map((limit) => {
    const { kind, windowSeconds } = limit;
    const bucket = kind === 'rate' ? bucketOf(limit) : undefined;
    const drains = bucket === undefined ? 0 : bucket.holds / (bucket.unit === 'us' ? 1e6 : 1e3);
    const expire = Math.ceil(kind === 'rate' ? drains : windowSeconds) + 1;
    const data = kind === 'rate' ? 'gpt0' : 'gpc0';
    return section(`backend ${tableOf(route, limit)}`, [
      `stick-table type string len 288 size ${entriesMax} expire ${expire}s store ${data}`,
    ]);
  });
}

/**
 * All are asked before any is spent: a request that one denies spends of none.
 *
 * @param who `anonymous`: counted by address
 */
export function limitRules(
  route: Route,
  input: { readonly who: 'proven' | 'anonymous'; readonly parts: AnswerParts },
): readonly string[] {
  if (route.limits.length === 0) return [];
  const asked = nativeLimits(route).flatMap((limit, index) =>
    limit.kind === 'rate'
      ? askRate(limit, { route, index, ...input })
      : askWindow(limit, { route, index, ...input }),
  );
  const refused = nativeLimits(route).flatMap((limit, index) =>
    refuse(limit, { route, index, ...input }),
  );
  const spent = nativeLimits(route).flatMap((limit, index) =>
    limit.kind === 'rate' ? spendRate(limit, { route, index }) : spendWindow({ index }),
  );
  return [...asked, ...refused, ...spent, ...fields(route)];
}

interface Place {
  readonly route: Route;
  readonly index: number;
  readonly who: 'proven' | 'anonymous';
  readonly parts: AnswerParts;
}

/** Whose requests count together, as the gateway counts them. */
function subjectOf({ by }: NativeLimit, { who, route }: Place): string {
  if (by === 'route' || by === 'tenant') return `str(${route.name})`;
  // Who has a /64 of IPv6 has as many addresses as he likes.
  if (by === 'address' || who === 'anonymous') return 'src,ipmask(32,64)';
  if (by === 'client') return 'var(txn.client)';
  return claim(by === 'token' ? 'jti' : 'sub');
}

/** `txn.l0`: what is in the bucket, as time that it takes to leak. */
function askRate(limit: NativeLimit, place: Place): readonly string[] {
  const { index, route } = place;
  const { unit } = bucketOf(limit)!;
  const counter = index + 1;
  const level = `l${index}`;
  const half = clockTurn / 2;
  const emptyAt = `sc${counter}_get_gpt0`;
  // A clock of 32 bits turns: what is less than half a turn ahead is to come, all else is past.
  const ahead = `sub(txn.n${index}),add(${clockTurn + half}),mod(${clockTurn}),sub(${half})`;
  return [
    request(`track-sc${counter} '${subjectOf(limit, place)}' table ${tableOf(route, limit)}`),
    set(`n${index}`, `date(0,${unit}),mod(${clockTurn})`),
    set(level, `${emptyAt},${ahead}`),
    set(level, 'int(0)', `if { var(txn.${level}) -m int lt 0 } || { ${emptyAt} eq 0 }`),
  ];
}

/** `txn.l0`: what the half before this one holds and this one. */
function askWindow(limit: NativeLimit, place: Place): readonly string[] {
  const { index, route } = place;
  const counter = index + 1;
  const half = limit.windowSeconds * 500;
  const [key, level] = [`k${index}`, `l${index}`];
  const subject = subjectOf(limit, place);
  const table = tableOf(route, limit);
  return [
    set('half', `date(0,ms),div(${half}),sub(1)`),
    set(key, `'${subject},concat(" ",txn.half)'`),
    set(level, `var(txn.${key}),table_gpc0(${table})`),
    set('half', `date(0,ms),div(${half})`),
    set(key, `'${subject},concat(" ",txn.half)'`),
    request(`track-sc${counter} var(txn.${key}) table ${table}`),
    set(level, `sc${counter}_get_gpc0,add(txn.${level})`),
  ];
}

/** How many more requests are let in, and how long it takes until all are again, in formats. */
function leftOf(
  limit: NativeLimit,
  index: number,
): { readonly left: string; readonly reset: string } {
  const level = `txn.l${index}`;
  if (limit.kind === 'window') {
    const requests = Math.floor(limit.quota / limit.cost);
    return {
      left: `int(${requests}),sub(${level}),mul(${limit.cost})`,
      reset: `int(${limit.windowSeconds})`,
    };
  }
  const { unit, holds } = bucketOf(limit)!;
  const one = Math.max(1, Math.floor(holds / limit.burst));
  const second = unit === 'us' ? 1e6 : 1e3;
  return {
    left: `int(${holds}),sub(${level}),div(${one})`,
    reset: `var(${level}),add(${second - 1}),div(${second})`,
  };
}

function deniedBy(limit: NativeLimit, index: number): string {
  if (limit.kind === 'window') {
    return `{ var(txn.l${index}) -m int ge ${Math.floor(limit.quota / limit.cost)} }`;
  }
  const { holds, pours } = bucketOf(limit)!;
  return `{ var(txn.l${index}) -m int gt ${holds - pours} }`;
}

function refuse(limit: NativeLimit, place: Place): readonly string[] {
  const { route, index, parts } = place;
  const refusal = {
    reason: 'quota_exceeded',
    policies: [limit.name],
    retryAfterSeconds: 1,
  } as const;
  const rule = refusalRule(
    refusal,
    { route, parts },
    { ...spoken(route), 'retry-after': waitOf(limit, index) },
  );
  return [`${rule} if ${deniedBy(limit, index)}`];
}

/** Seconds until it is let in, rounded up and never none. */
function waitOf(limit: NativeLimit, index: number): string {
  if (limit.kind === 'window') {
    const half = limit.windowSeconds * 500;
    // When the half before this one is forgotten; where this one is full by itself, another half.
    return `%[date(0,ms),mod(${half}),neg,add(${half + 999}),div(1000)]`;
  }
  const { unit, holds, pours } = bucketOf(limit)!;
  const second = unit === 'us' ? 1e6 : 1e3;
  return `%[var(txn.l${index}),sub(${holds - pours}),add(${second - 1}),div(${second})]`;
}

/** `RateLimit-Policy` and `RateLimit`, as formats. */
function spoken(route: Route): Readonly<Record<string, string>> {
  const policies = nativeLimits(route).map(({ name, kind, quota, burst, windowSeconds }) =>
    kind === 'window'
      ? `"${name}";q=${quota};w=${windowSeconds}`
      : `"${name}";q=${burst};w=${Math.ceil((burst / quota) * windowSeconds)}`,
  );
  const left = nativeLimits(route).map((limit, index) => {
    const { left: remaining, reset } = leftOf(limit, index);
    return `"${limit.name}";r=%[${remaining}];t=%[${reset}]`;
  });
  return { 'ratelimit-policy': policies.join(', '), ratelimit: left.join(', ') };
}

function spendRate(
  limit: NativeLimit,
  { index }: Pick<Place, 'route' | 'index'>,
): readonly string[] {
  const { pours } = bucketOf(limit)!;
  const level = `l${index}`;
  return [
    set(level, `var(txn.${level}),add(${pours})`),
    request(`sc-set-gpt0(${index + 1}) var(txn.${level}),add(txn.n${index}),mod(${clockTurn})`),
  ];
}

function spendWindow({ index }: Pick<Place, 'index'>): readonly string[] {
  const level = `l${index}`;
  return [request(`sc-inc-gpc0(${index + 1})`), set(level, `var(txn.${level}),add(1)`)];
}

/** An upstream's own word on its limits would be taken for ours. */
function fields(route: Route): readonly string[] {
  return Object.entries(spoken(route)).map(
    ([name, format]) => `http-response set-header ${name} '${format}'`,
  );
}
