export {
  type AddressRange,
  type CidrRefusal,
  createRangeSet,
  formatAddress,
  type IpAddress,
  parseAddress,
  parseCidr,
  type RangeSet,
} from './address.ts';
export { loopback, namedRanges, notPublic, type RangeName, rangeSetOf } from './address-ranges.ts';
export type { Brand } from './brand.ts';
export {
  base62Encode,
  base62Number,
  base62Value,
  base64Decode,
  base64Encode,
  base64urlDecode,
  base64urlEncode,
  concatBytes,
  equalConstantTime,
  hexDecode,
  hexEncode,
  utf8,
  utf8Decode,
} from './bytes.ts';
export {
  type Clock,
  type ManualClock,
  manualClock,
  nowSeconds,
  rfc3339,
  steadyClock,
  type UnixMs,
  type UnixSeconds,
} from './clock.ts';
export { type CountryOf, type CountryRules, isAllowedCountry, namesCountries } from './country.ts';
export { type DecisionNamed, decisionName, readDecisionName } from './decision-name.ts';
export { type Entropy, pooledEntropy, seededEntropy } from './entropy.ts';
export type {
  HttpHandler,
  HttpRequest,
  HttpResponse,
  PeerCertificate,
  RequestClock,
} from './exchange.ts';
export { createFailureBudget, type FailureBudget, lineOf } from './failure-budget.ts';
export { ConfigFault, CustodyFault, Fault, NetworkFault, StoreFault } from './fault.ts';
export { GroupedMemory } from './grouped-memory.ts';
export {
  type ClientId,
  defaultTenant,
  type FamilyId,
  freshId,
  type IdRefusal,
  type KeyId,
  orderedId,
  parseClientId,
  parseTenantId,
  type SigningKeyId,
  type SubjectId,
  type TenantId,
  type TokenId,
} from './ids.ts';
export {
  canonicalJson,
  isJsonObject,
  type JsonObject,
  type JsonRefusal,
  type JsonValue,
  parseJson,
} from './json.ts';
export {
  createKeepBudget,
  defaultKeepRate,
  type KeepBudget,
  type KeepRate,
} from './keep-budget.ts';
export {
  type AccountLook,
  type LimitAccount,
  type LimitCharge,
  type LimitMoment,
  type LimitSettlement,
  limitHoldMs,
  settleAccount,
  spendAccount,
} from './limit-account.ts';
export type {
  KeyedCharge,
  LimitAnswer,
  LimitMode,
  LimitReceipt,
  LimitStore,
} from './limit-store.ts';
export type { LimitLook, LimitRule, LimitState } from './limiter.ts';
export { limits } from './limits.ts';
export { createLocalLimits, type LocalLimits } from './local-limits.ts';
export {
  defaultPatPolicy,
  judgePat,
  type PatNow,
  type PatPolicy,
  type PatTerms,
} from './personal-token.ts';
export {
  limitShape,
  type PlanCharge,
  type PlanHolder,
  type PlannedRequest,
  planCharges,
} from './plan-charges.ts';
export { pointerToken } from './pointer-token.ts';
export {
  createPressure,
  noPressure,
  type Pressure,
  type PressureLevel,
  type PressureState,
  type Priority,
  priorities,
  stepPressure,
} from './pressure.ts';
export { RecentMap } from './recent-map.ts';
export { assertNever, err, ok, type Result } from './result.ts';
export {
  createRevocationIndex,
  type KeyTargets,
  type RevocationIndex,
  type TokenTargets,
} from './revocation-index.ts';
export {
  createRightsIndex,
  type Membership,
  type RightsIndex,
  rightsFrom,
} from './rights-index.ts';
export { settlementOf } from './settlement.ts';
export type { JwsAlgorithm, Signer } from './signer.ts';
export { clientSubject, holderId, typedSubject } from './subject.ts';
export { suggest } from './suggest.ts';
export { letOthersRun, type Timers } from './timers.ts';
export { type AcrValue, acrReaches, acrValues, isAcrValue } from './wire/acr.ts';
export type { AuditAction, AuditActor, AuditEvent, AuditObject } from './wire/audit-event.ts';
export { parseConfirmation, renderConfirmation, type TokenBinding } from './wire/confirmation.ts';
export type { CredentialKind, DecisionEvent, DecisionSink } from './wire/decision-event.ts';
export {
  type FeedHttpRefusal,
  type FeedProof,
  feedHttp,
  feedProofPayload,
  isFeedProof,
  parseFeedDelta,
  parseFeedKeys,
  parseFeedSnapshot,
} from './wire/feed-http.ts';
export {
  canonicalFieldName,
  isHopByHop,
  isReservedFieldName,
  reservedFieldNames,
} from './wire/field-names.ts';
export { internalClaims, internalToken, type NodeKeyRegistry } from './wire/internal-token.ts';
export type {
  ActiveCredential,
  IntrospectionAnswer,
  Introspector,
  SpendAnswer,
} from './wire/introspection.ts';
export {
  type LimitObservation,
  type LimitObservationSink,
  type LimitProfile,
  type LimitProfilePage,
  type LimitProfileSource,
  parseLimitProfiles,
} from './wire/limit-learning.ts';
export { isScope, type OauthErrorCode } from './wire/oauth.ts';
export {
  type Plan,
  type PlanHolderKind,
  type PlanLimit,
  parsePlan,
  planHolderKinds,
  planNamePattern,
  type RaisedLimit,
} from './wire/plan.ts';
export {
  type ApiOperation,
  type ApiView,
  type BodyView,
  type ExplainedDecision,
  type ParameterView,
  type PolicyAnswer,
  type PolicyReport,
  type PolicyReportSink,
  type PolicyTally,
  type PolicyUse,
  type PolicyVerdict,
  type PolicyVersionView,
  type PolicyView,
  policyUses,
  type RequestView,
} from './wire/policy.ts';
export {
  type AdaptiveMode,
  type CallerFact,
  type CircuitPlan,
  type ClaimCondition,
  type ClaimValue,
  callerFacts,
  type HeaderChanges,
  type HeaderCondition,
  type HealthPlan,
  type InjectionExemption,
  type InjectionPlace,
  type InjectionRule,
  type InspectionMode,
  injectionPlaces,
  injectionRules,
  type LimitAdaptive,
  limitSubjects,
  type MaskAction,
  type MaskRule,
  maskActions,
  type OnStale,
  type PathPattern,
  type PathRewrite,
  type PathSegment,
  parseRoute,
  type Route,
  type RouteCors,
  type RouteCost,
  type RouteInjection,
  type RouteInternalToken,
  type RouteLimit,
  type RouteLimits,
  type RouteMask,
  type RouteMatch,
  type RouteRefusal,
  type RouteRewrites,
  type RouteStepUp,
  type RouteThreats,
  type RouteUpstream,
  type TemplatePart,
  type ThreatAction,
  type TokenCondition,
  type UpstreamPlan,
} from './wire/route.ts';
export type {
  ApiEntry,
  FeedDelta,
  FeedEntry,
  FeedHeartbeat,
  FeedKeyPage,
  FeedPosition,
  FeedSnapshot,
  FeedSource,
  KeptFeed,
  KeyEntry,
  KeyStatus,
  KeyView,
  PlanEntry,
  PlanHolderEntry,
  PolicyEntry,
  RevocationEntry,
  RevocationTarget,
  RevocationTargetKind,
  RouteEntry,
  SigningKeyEntry,
  UpstreamCredentialEntry,
} from './wire/status-feed.ts';
export {
  parseThreatPage,
  type ThreatBlock,
  type ThreatPage,
  type ThreatSource,
} from './wire/threat-feed.ts';
export {
  type CredentialField,
  type CredentialForm,
  type CredentialRefusal,
  credentialField,
  credentialSchemes,
  upstreamCredentialNamePattern,
} from './wire/upstream-credential.ts';
