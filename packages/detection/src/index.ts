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
} from './ceiling.ts';
export { decodeProfile, encodeProfile, isGoodAt, type Profile } from './profile.ts';
export { readCrowdsecStream } from './threats/crowdsec.ts';
export type {
  ListedNetwork,
  ListRead,
  ListRefusal,
  ListResult,
  PassedOver,
} from './threats/listed.ts';
export {
  formatNetworkKey,
  judgeNetwork,
  type Network,
  type NetworkRefusal,
  type NetworkRules,
  networkKey,
  parseNetwork,
} from './threats/network.ts';
export { readPlainList } from './threats/plain-list.ts';
export { readTaxiiEnvelope, type TaxiiPage } from './threats/stix.ts';
export {
  createThreatIndex,
  type ThreatChange,
  type ThreatIndex,
  type ThreatMatch,
} from './threats/threat-index.ts';
export { endOfWeek, type Hour, hourOf, hoursOfWeek, slotOf, weekOf } from './week.ts';
