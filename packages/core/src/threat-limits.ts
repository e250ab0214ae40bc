/** Bounds of threat lists: a part of `limits.ts`. */
export const threatLimits = {
  threatFeedsMax: 50,
  /** Of all feeds together in a gateway: 18 bytes each of IPv4, some 200 of IPv6. */
  threatBlocksMax: 1_000_000,
  /** Of one feed that does not say more. Most lists of the world have fewer. */
  threatFeedBlocksDefault: 100_000,
  /** One answer of a source. A million lines of the longest IPv4 blocks are 19 MB. */
  threatListBytesMax: 32 * 1024 * 1024,
  /** Answers that one reading of a TAXII collection may take. */
  threatListPagesMax: 1_000,
  /** One answer; longer, it has failed and is tried again. */
  threatFetchTimeoutMs: 30_000,
  /** For so long a reading is one process's: longer than one takes. */
  threatFetchLeaseMs: 10 * 60_000,
  /** Feeds read at once by one process. */
  threatFeedsAtOnce: 4,
  /** The pause after a failure, doubled each time up to the feed's own pause. */
  threatRetryMsMin: 10_000,
  /** How often a stream of changes is read as a whole, should a change have been lost. */
  threatWholeEverySeconds: 86_400,
  /** Rows of a list written by one act, so that others have their turn between. */
  threatRowsPerAct: 500,
  /** Blocks in one answer to a gateway. */
  threatPageBlocksMax: 5_000,
  /** How often a gateway asks for what changed. */
  threatPollMs: 5_000,
  /** What has ended is told for so long; a gateway that was away longer begins anew. */
  threatEndedKeptSeconds: 86_400,
} as const;
