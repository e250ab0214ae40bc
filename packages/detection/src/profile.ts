/** What limits are made from: of each hour of the week median and spread of closed weeks. */
import { packCount, unknownCount, unpackCount } from './packed-count.ts';
import { type Hour, hoursOfWeek, weekOf } from './week.ts';

/** What closed weeks say of one hour of the week. */
export interface LearnedHour {
  readonly median: number;
  /** A standard deviation, estimated so that outliers do not count. */
  readonly spread: number;
}

export interface Profile {
  /** It was made when this week began, from those before it. */
  readonly week: number;
  /** The highest of its medians. */
  readonly busiest: number;
  /** What growth allows. */
  readonly bound: number;
  /** `packCount` of each hour's median; and of its spread in sixteenths. */
  readonly medians: Uint16Array;
  readonly spreads: Uint16Array;
}

/** A spread of little counts is a fraction. */
const spreadParts = 16;
/** As long as its newest week would still be among those that a baseline keeps. */
const weeksGood = 5;

export function makeProfile(
  of: Pick<Profile, 'week' | 'bound'> & { readonly hours: readonly (LearnedHour | undefined)[] },
): Profile {
  const { hours, ...rest } = of;
  const pack = (value: number | undefined) =>
    value === undefined ? unknownCount : packCount(value);
  return {
    ...rest,
    busiest: Math.max(0, ...hours.map((hour) => hour?.median ?? 0)),
    medians: Uint16Array.from(hours, (hour) => pack(hour?.median)),
    spreads: Uint16Array.from(hours, (hour) => pack(hour && hour.spread * spreadParts)),
  };
}

/** @returns undefined where too little is known of the hour */
export function learnedHour(
  { medians, spreads }: Pick<Profile, 'medians' | 'spreads'>,
  slot: number,
): LearnedHour | undefined {
  const median = unpackCount(medians[slot]!);
  const spread = unpackCount(spreads[slot]!);
  if (median === undefined || spread === undefined) return undefined;
  return { median, spread: spread / spreadParts };
}

/** Whether it still says anything: of who was away for weeks nothing is known any more. */
export function isGoodAt({ week }: Pick<Profile, 'week'>, hour: Hour): boolean {
  return weekOf(hour) - week < weeksGood;
}

const headBytes = 3 * 8;
const bytesOfProfile = headBytes + 2 * 2 * hoursOfWeek;

/** As it is stored and sent: 696 bytes. */
export function encodeProfile(profile: Profile): Uint8Array {
  const bytes = new Uint8Array(bytesOfProfile);
  const view = new DataView(bytes.buffer);
  const head = [profile.week, profile.busiest, profile.bound];
  for (const [place, value] of head.entries()) view.setFloat64(8 * place, value);
  for (const [place, count] of [...profile.medians, ...profile.spreads].entries()) {
    view.setUint16(headBytes + 2 * place, count);
  }
  return bytes;
}

/** @returns undefined for what `encodeProfile` did not write */
export function decodeProfile(bytes: Uint8Array): Profile | undefined {
  if (bytes.length !== bytesOfProfile) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [week, busiest, bound] = [0, 8, 16].map((at) => view.getFloat64(at));
  if (!Number.isSafeInteger(week) || !(busiest! >= 0) || !(bound! >= 0)) return undefined;
  const counts = Uint16Array.from({ length: 2 * hoursOfWeek }, (_, place) =>
    view.getUint16(headBytes + 2 * place),
  );
  return {
    ...{ week: week!, busiest: busiest!, bound: bound! },
    medians: counts.slice(0, hoursOfWeek),
    spreads: counts.slice(hoursOfWeek),
  };
}
