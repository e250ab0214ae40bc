/**
 * What one caller usually does in each hour of the week: the last five weeks, hour by hour, each
 * a peak of its windows. Medians decide, so that one odd week, or an attack, moves nothing.
 * Neighbour: `ceiling.ts`, which makes a limit of it. What must never happen: a caller who lifts
 * his own limit faster than the rule lets it grow, by however patient a ramp.
 */
import { type AdaptiveRule, boundedTop, ceilingOf } from './ceiling.ts';
import { packCount, unknownCount, unpackCount } from './packed-count.ts';
import { type LearnedHour, makeProfile, type Profile } from './profile.ts';
import { type Hour, hoursOfWeek, slotOf, weekOf } from './week.ts';

/** The current week, and four that are over. */
const weeksKept = 5;
const cells = weeksKept * hoursOfWeek;
/** An hour is known by itself and its neighbours in closed weeks: all three of one at least. */
const samplesMin = 3;
/** Of a normal distribution's standard deviation in its median absolute deviation. */
const deviationPerMad = 1.4826;

/** Everything that is kept of one caller. A value: feeding makes another. */
export interface Baseline {
  /** The week that is being filled; those before it are closed. */
  readonly week: number;
  /** What no ceiling may exceed in this week, by the growth that the rule allows. */
  readonly bound: number;
  /** The newest week that the bound was raised in: a clock that goes to and fro raises it once. */
  readonly boundWeek: number;
  /** `packCount` of each hour; the row of a week is its number modulo five. */
  readonly counts: Uint16Array;
}

export interface Observation {
  /** Hours since 1970 UTC. */
  readonly hour: Hour;
  /**
   * The most that was let through in one window of the limit within that hour. What was denied is
   * not part of it. Of several nodes each tells its own; they are added up.
   */
  readonly peak: number;
}

export function openBaseline(rule: AdaptiveRule, hour: Hour): Baseline {
  const week = weekOf(hour);
  const counts = new Uint16Array(cells).fill(unknownCount);
  return { week, bound: boundedTop(rule, rule.quota), boundWeek: week, counts };
}

/**
 * Takes what was seen in one hour, up to what growth allows in its week.
 *
 * @returns the same baseline where the hour is older than last week: closed weeks do not change.
 *   Where it is weeks older the clock was set back, and the weeks go on from there
 */
export function feedBaseline(rule: AdaptiveRule, known: Baseline, seen: Observation): Baseline {
  const week = weekOf(seen.hour);
  if (week < known.week - 1) return week < known.week - weeksKept ? moved(known, week) : known;
  const baseline = week > known.week ? closedUpTo(rule, known, week) : known;
  const counts = baseline.counts.slice();
  const cell = cellOf(week, slotOf(seen.hour));
  const before = unpackCount(counts[cell]!) ?? 0;
  counts[cell] = packCount(Math.min(before + Math.max(0, seen.peak), baseline.bound));
  return { ...baseline, counts };
}

/** Closes every week before this one, where the baseline is behind. */
export function advanceBaseline(rule: AdaptiveRule, known: Baseline, hour: Hour): Baseline {
  return weekOf(hour) > known.week ? closedUpTo(rule, known, weekOf(hour)) : known;
}

/** The clock ran ahead for a while: what is known stays, under the numbers of the true weeks. */
function moved(known: Baseline, week: number): Baseline {
  const counts = new Uint16Array(cells);
  for (let back = 0; back < weeksKept; back++) {
    const row = rowOf(known, known.week - back);
    counts.set(row, cellOf(week - back, 0));
  }
  return { ...known, week, counts };
}

function closedUpTo(rule: AdaptiveRule, known: Baseline, week: number): Baseline {
  const counts = known.counts.slice();
  fillQuietHours(counts, known.week);
  for (let next = known.week + 1; next <= Math.min(week, known.week + weeksKept); next++) {
    counts.fill(unknownCount, cellOf(next, 0), cellOf(next, 0) + hoursOfWeek);
  }
  // A year's absence ends at the right row all the same: every row is unknown by then.
  const isRaised = week > known.boundWeek;
  const bound = isRaised ? raisedBound(rule, known) : known.bound;
  return { week, bound, boundWeek: Math.max(week, known.boundWeek), counts };
}

/** Hours without a word are hours without requests, once the caller had been seen in the week. */
function fillQuietHours(counts: Uint16Array, week: number): void {
  let isSeen = false;
  const isNew = isUnknownWeek(counts, week - 1);
  const start = cellOf(week, 0);
  if (isUnknownWeek(counts, week)) return;
  for (let cell = start; cell < start + hoursOfWeek; cell++) {
    if (counts[cell] !== unknownCount) isSeen = true;
    else if (isSeen || !isNew) counts[cell] = 0;
  }
}

function isUnknownWeek(counts: Uint16Array, week: number): boolean {
  const start = cellOf(week, 0);
  return counts.subarray(start, start + hoursOfWeek).every((count) => count === unknownCount);
}

/** Once a week, from the highest ceiling of the week that ends. */
function raisedBound(rule: AdaptiveRule, known: Baseline): number {
  const profile = profileOf(known);
  let top = 0;
  for (let slot = 0; slot < hoursOfWeek; slot++) {
    top = Math.max(top, ceilingOf(rule, profile, slot, {}).value);
  }
  return boundedTop(rule, top * rule.growthPerWeek);
}

/** What limits are made from in the baseline's week. */
export function profileOf(baseline: Baseline): Profile {
  const { week, bound } = baseline;
  const hours = Array.from({ length: hoursOfWeek }, (_, slot) => hourIn(baseline, slot));
  return makeProfile({ week, bound, hours });
}

function hourIn(baseline: Baseline, slot: number): LearnedHour | undefined {
  const samples: number[] = [];
  for (let back = 1; back < weeksKept; back++) {
    const row = rowOf(baseline, baseline.week - back);
    for (const near of [slot + hoursOfWeek - 1, slot, slot + 1]) {
      const count = unpackCount(row[near % hoursOfWeek]!);
      if (count !== undefined) samples.push(count);
    }
  }
  if (samples.length < samplesMin) return undefined;
  const median = medianOf(samples);
  const mad = medianOf(samples.map((sample) => Math.abs(sample - median)));
  // Counts scatter by their root even where four weeks happened to agree.
  const spread = Math.max(deviationPerMad * mad, Math.sqrt(median));
  return { median, spread };
}

function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >>> 1;
  if (sorted.length % 2 === 1) return sorted[middle]!;
  return (sorted[middle - 1]! + sorted[middle]!) / 2;
}

function rowOf({ counts }: Baseline, week: number): Uint16Array {
  const start = cellOf(week, 0);
  return counts.subarray(start, start + hoursOfWeek);
}

function cellOf(week: number, slot: number): number {
  return (((week % weeksKept) + weeksKept) % weeksKept) * hoursOfWeek + slot;
}

const headBytes = 3 * 8;

/** As a store keeps it: 1,704 bytes. */
export function encodeBaseline({ week, bound, boundWeek, counts }: Baseline): Uint8Array {
  const bytes = new Uint8Array(headBytes + 2 * cells);
  const view = new DataView(bytes.buffer);
  for (const [place, value] of [week, bound, boundWeek].entries())
    view.setFloat64(8 * place, value);
  for (const [place, count] of counts.entries()) view.setUint16(headBytes + 2 * place, count);
  return bytes;
}

/** @returns undefined for what `encodeBaseline` did not write */
export function decodeBaseline(bytes: Uint8Array): Baseline | undefined {
  if (bytes.length !== headBytes + 2 * cells) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [week, bound, boundWeek] = [0, 8, 16].map((at) => view.getFloat64(at)) as [
    number,
    number,
    number,
  ];
  if (!Number.isSafeInteger(week) || !Number.isSafeInteger(boundWeek) || !(bound >= 0)) {
    return undefined;
  }
  const counts = new Uint16Array(cells).map((_, place) => view.getUint16(headBytes + 2 * place));
  return { week, bound, boundWeek, counts };
}
