/** Bounds of what a route matches on and changes. Part of `limits`. */
export const transformLimits = {
  /** Headers by which one route is chosen, and claims: each is a look-up a request. */
  matchConditionsMax: 16,
  /** Values of one condition, and the characters of one. */
  matchValuesMax: 100,
  matchValueCharsMax: 256,
  /** Headers that one rule of a route changes, and the text of one value. */
  headerChangesMax: 32,
  headerTemplateCharsMax: 512,
  /** A value that names the caller: longer, it is no header but a document. */
  headerValueCharsMax: 4_096,
  /** Patterns of one route: each is held against the path of every request. */
  pathPatternsMax: 32,
  /** An internal token is used within the moment; an upstream's clock may be a little off. */
  internalTokenSecondsMax: 60,
  internalTokenSecondsDefault: 30,
  /** How long one may be given again to the same request, and how many are remembered (1.5 KB). */
  internalTokenReuseSecondsMax: 10,
  internalTokensRememberedMax: 10_000,
  /** A gateway's key stays published so long after it was last asked for; asked for this often. */
  gatewayKeySeconds: 600,
  gatewayKeyRenewMs: 60_000,
  /** Gateways of a tenant, those that left within ten minutes included. */
  gatewayKeysMax: 1_000,
} as const;
