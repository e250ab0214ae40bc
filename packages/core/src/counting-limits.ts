/** Bounds on limits of requests: what they may be, and how they are counted. */
export const countingLimits = {
  /** Limits of one route: each costs a look-up a request and a header field. */
  routeLimitsMax: 8,
  /** Units of cost in one window or period. */
  limitQuotaMax: 1_000_000_000_000,
  /** Routes or APIs that one limit of a plan names; plans of a tenant; what it raises for one. */
  planNamesMax: 32,
  /** Callers that a simulation of limits keeps apart, and hours that it tells of. */
  simulatedCallersMax: 200_000,
  simulatedHoursMax: 10_000,
  /** How long the authority believes the plans of a tenant that it read, and of how many. */
  plansFreshMs: 1_000,
  plansKeptMax: 10_000,
  plansMax: 200,
  /** Who has a plan by more than a key, and is kept by every gateway. */
  planHoldersMax: 1_000_000,
  /** What is kept of a response in whose body its cost stands. */
  costBodyBytesMax: 256 * 1024,
  /** What one request may cost that is known only after its response; a terabyte. */
  limitCostMax: 1_000_000_000_000,
  /** 31 days. */
  limitWindowSecondsMax: 2_678_400,
  /** Callers of a kind whose limits a gateway remembers; a window's state is up to half a KiB. */
  limitStatesMax: 100_000,
  /**
   * Limits in common: an answer of their store is awaited so long, and after a failure it is left
   * alone for a moment, so that requests do not wait for what is not there.
   */
  limitStoreDeadlineMs: 50,
  limitStoreConnectMs: 2_000,
  limitStoreReconnectMsMax: 1_000,
  limitStoreRestMs: 200,
  /** In fast mode a node may let through a hundredth of the quota before it has told the store. */
  limitBatchDivisor: 100,
  /** What was let through is told so soon, of so many keys at once. */
  limitTellMs: 20,
  limitTellKeysMax: 64,
  /** How long a copy of the store's count is believed; and how near to room it is not. */
  limitCopyMs: 1_000,
  limitCopyMarginMs: 100,
} as const;
