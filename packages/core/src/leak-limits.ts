/** Bounds on looking for leaked tokens, on reports of them, and on keys that move over. */
export const leakLimits = {
  /** What a scan for leaked tokens reads at once: few calls, and still in the processor's cache. */
  scanPieceBytes: 1024 * 1024,
  /** Finds that a scan tells one by one, and files that it names as unread: beyond it, counts. */
  scanFindsMax: 10_000,
  scanNotesMax: 1_000,
  /** An archive that is opened is in memory whole, and so is each file in it, one by one. */
  scanArchiveBytesMax: 64 * 1024 * 1024,
  /** What one file leads to, over all that lies in it: a bomb is left closed where this ends. */
  scanOpenedBytesMax: 128 * 1024 * 1024,
  scanEntriesMax: 20_000,
  scanArchiveDepthMax: 3,
  /** Questions to an old system under way at once, in the time in which keys move over. */
  shadowAsksMax: 64,
  /** Texts that are unknown there too, and for how long that is believed. */
  shadowUnknownMax: 10_000,
  shadowUnknownMs: 30_000,
  /** How long a leaked credential may be held back before it is revoked. */
  leakRevokeAfterSecondsMax: 90 * 86_400,
  /** Places where one leaked credential was seen that are kept; and leaks that one round ends. */
  leakSightingsMax: 20,
  leaksPerRound: 100,
  /** Tokens in one report: of anybody, and of GitHub, which sends a commit's. */
  leakTokensMax: 10,
  leakGithubTokensMax: 1_000,
  /** Tenants among which the owner of a token is looked for. */
  leakTenantsMax: 1_000,
  /** Keys of GitHub: how long they are kept, and how often an unknown one may cost a request. */
  githubKeysKeptMs: 86_400_000,
  githubKeysRetryMs: 60_000,
} as const;
