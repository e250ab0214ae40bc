/**
 * A limit made from what is usual: a pure function of the rule, the caller's profile, the hour, and
 * what is seen right now. It says in words and numbers how it came to its value. What must never
 * happen: a value outside the rule's floor and ceiling.
 */
import { type LearnedHour, learnedHour, type Profile } from './profile.ts';

export interface AdaptiveRule {
  /** The limit of who is not known yet, between floor and ceiling. */
  readonly quota: number;
  readonly floor: number;
  readonly ceiling: number;
  /** By which factor a limit above the quota may grow in a week; at least 1. */
  readonly growthPerWeek: number;
  /** How many times the usual is let through while the answers are good; at least 1. */
  readonly headroom: number;
}

/** What is known of this moment. Nothing said is nothing held against the caller. */
export interface CeilingFactors {
  /** Answers of late, and those of them that were refusals or errors of the caller's (4xx). */
  readonly answers?: { readonly total: number; readonly failed: number };
  /** From 0 to 1: what is left where the address stands in a threat list. */
  readonly threat?: { readonly factor: number; readonly source: string };
}

const ceilingReasons = [
  'static_quota',
  'usual',
  'spread',
  'busiest',
  'failing_answers',
  'threat',
  'growth',
  'ceiling',
  'floor',
] as const;

/** One step on the way to a ceiling: the number that it left, and why. */
export interface CeilingReason {
  readonly reason: (typeof ceilingReasons)[number];
  readonly words: string;
  readonly value: number;
}

export interface Ceiling {
  /** Whole units of cost in one window. */
  readonly value: number;
  /** Whether it rests on the caller's own weeks, or on the static quota. */
  readonly basis: 'static' | 'learned';
  readonly reasons: readonly CeilingReason[];
}

/** Who mostly fails is left this much of the usual: for retries, not for guessing. */
const failingHeadroom = 1.5;
/** Fewer answers say nothing. */
const answersMin = 20;
const goodShare = 0.9;
const badShare = 0.5;

/**
 * @param profile undefined: nothing was learned of the caller
 * @param slot hour of the week, 0 to 167
 */
export function ceilingOf(
  rule: AdaptiveRule,
  profile: Profile | undefined,
  slot: number,
  factors: CeilingFactors,
): Ceiling {
  const learned = profile && learnedHour(profile, slot);
  const reasons: CeilingReason[] = [];
  const step = (reason: CeilingReason['reason'], value: number, words: string): number => {
    reasons.push({ reason, words, value: Math.round(value) });
    return value;
  };
  let value: number;
  if (profile === undefined || learned === undefined) {
    value = step('static_quota', rule.quota, 'too little is known of this hour: the static quota');
  } else {
    value = usualTop(rule, { profile, learned, factors }, step);
    if (value > profile.bound) {
      const words = `may grow ${rule.growthPerWeek} times in a week: no more than this now`;
      value = step('growth', profile.bound, words);
    }
  }
  const { threat } = factors;
  if (threat !== undefined) {
    const words = `the address is listed by ${threat.source}: ${threat.factor} of it is left`;
    value = step('threat', value * threat.factor, words);
  }
  if (value > rule.ceiling) value = step('ceiling', rule.ceiling, 'the ceiling of the rule');
  if (value < rule.floor) value = step('floor', rule.floor, 'the floor of the rule');
  return { value: Math.round(value), basis: learned ? 'learned' : 'static', reasons };
}

function usualTop(
  rule: AdaptiveRule,
  known: {
    readonly profile: Profile;
    readonly learned: LearnedHour;
    readonly factors: CeilingFactors;
  },
  step: (reason: CeilingReason['reason'], value: number, words: string) => number,
): number {
  const { median, spread } = known.learned;
  const { busiest } = known.profile;
  const times = headroomLeft(rule.headroom, known.factors.answers);
  if (times < rule.headroom) {
    const { total, failed } = known.factors.answers!;
    const words = `${failed} of ${total} answers were errors of the caller: ${round(times)} times`;
    step('failing_answers', times, `${words} the usual in place of ${rule.headroom}`);
  }
  const usual = median * times;
  const scattered = median + 2 * times * spread;
  // At any hour what is usual at the busiest, while the answers are good: work moves.
  const moved = busiest * (times / rule.headroom);
  if (moved > Math.max(usual, scattered)) {
    return step('busiest', moved, `usual at its busiest hour: ${round(busiest)}`);
  }
  const base = `median of such hours in its last weeks: ${round(median)}`;
  if (scattered > usual) {
    const words = `${base}, and ${round(2 * times)} times its spread of ${round(spread)}`;
    return step('spread', scattered, words);
  }
  return step('usual', usual, `${base}, ${round(times)} times`);
}

/** All of it while at least nine in ten answers are good, little where half of them are not. */
function headroomLeft(headroom: number, answers: CeilingFactors['answers']): number {
  if (answers === undefined || answers.total < answersMin) return headroom;
  const good = 1 - answers.failed / answers.total;
  const share = Math.min(1, Math.max(0, (good - badShare) / (goodShare - badShare)));
  const least = Math.min(failingHeadroom, headroom);
  return least + (headroom - least) * share;
}

/** The bound of growth: never under what every stranger gets, never over the rule's ceiling. */
export function boundedTop(rule: AdaptiveRule, top: number): number {
  return Math.min(rule.ceiling, Math.max(rule.quota, top));
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
