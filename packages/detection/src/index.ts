export {
  advanceBaseline,
  type Baseline,
  decodeBaseline,
  encodeBaseline,
  feedBaseline,
  type Observation,
  openBaseline,
  profileOf,
} from './baseline.ts';
export {
  type AdaptiveRule,
  type Ceiling,
  type CeilingFactors,
  type CeilingReason,
  ceilingOf,
  type LearnedHour,
  type Profile,
} from './ceiling.ts';
export { endOfWeek, type Hour, hourOf, hoursOfWeek, slotOf, weekOf } from './week.ts';
