/** Bounds of automatic rotation: a part of `limits.ts`. */
export const rotationLimits = {
  /** Rules of a tenant: a credential has one, and a round looks at those due alone. */
  rotationRulesMax: 100_000,
  /** Places that one secret is brought to: a round trip each, one after the other. */
  rotationPlacesMax: 8,
  /** Programs that share one credential and are named by its rule. */
  rotationProgramsMax: 16,
  /** Open rotations whose programs a process looks out for. */
  rotationsWatchedMax: 10_000,
  /** Rules begun, and runs taken further, in one round; the rest waits for the next second. */
  rotationsAtOnce: 20,
  /** How often the first use of a successor is looked for. */
  rotationPollMs: 1_000,
  /** How long a finished run is shown. */
  rotationRunKeptSeconds: 90 * 86_400,
  /** One delivery; longer, it has failed and is tried again. */
  deliveryTimeoutMs: 10_000,
  /** For so long a run is one process's to deliver: longer than one delivery takes. */
  deliveryLeaseMs: 30_000,
  /** Pauses between tries of a delivery, doubled each time. It is never given up. */
  deliveryRetryMsMin: 5_000,
  deliveryRetryMsMax: 3_600_000,
} as const;
