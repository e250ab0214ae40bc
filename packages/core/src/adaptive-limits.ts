/** Bounds of limits that adapt: a part of `limits.ts`. */
export const adaptiveLimits = {
  /** An hour is the least that is learned of, so no window is longer. */
  adaptiveWindowSecondsMax: 3_600,
  /** Callers of one tenant whose weeks are kept: 2.5 KiB each in the store, 1 KiB in a gateway. */
  adaptiveCallersMax: 20_000,
  adaptiveCallerCharsMax: 512,
  /** Observations handed in at once, waiting to be taken, and taken in one round. */
  adaptiveObservationBatchMax: 200,
  adaptiveObservationsQueuedMax: 40_000,
  adaptiveObservationsPerRound: 500,
  /** Profiles in one answer to a gateway: some 1 KiB each. */
  adaptiveProfilePageMax: 500,
  /** A caller that was not seen for so long is forgotten: no week of it is kept any more. */
  adaptiveForgottenSeconds: 6 * 7 * 86_400,
  /** How long changes of limits can be looked up. */
  limitChangeKeptSeconds: 180 * 86_400,
  limitUndoSecondsDefault: 7 * 86_400,
  limitUndoSecondsMax: 90 * 86_400,
} as const;
