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
  /** Longest pause behind failures to publish it. */
  gatewayKeyRetryMsMax: 30_000,
  /** A gateway makes itself another key after this. */
  gatewayKeyLifeMs: 12 * 3_600_000,
  /** Gateways of a tenant, those that left within ten minutes included. */
  gatewayKeysMax: 1_000,
  /** Credentials of upstreams, and a secret of one: tokens of some clouds have thousands. */
  upstreamCredentialsMax: 1_000,
  upstreamSecretCharsMax: 4_096,
  /** A pattern of a schema, and the steps that it becomes: both cost at every character. */
  patternCharsMax: 1_000,
  patternStepsMax: 2_000,
  /** Text beyond this fits no pattern: names and codes are shorter, documents have none. */
  patternedTextCharsMax: 10_000,
  /** Schemas of one API, compiled; and how deep one nests as written. */
  schemaNodesMax: 20_000,
  schemaPointerCharsMax: 2_000,
  /** One judgement: visits of schemas, and of one within another. */
  schemaStepsMax: 500_000,
  schemaDepthMax: 256,
  /** Misfits that one answer names, and the characters of a name that came from the client. */
  misfitsMax: 20,
  misfitNameCharsMax: 64,
  /** Schemas of one API as text: a request that writes it is a management body. */
  apiSchemasCharsMax: 512 * 1024,
  /** Parameters of one operation, and values of one of them in a request. */
  operationParametersMax: 100,
  parameterValuesMax: 1_000,
  /** JSON of a request that is judged: documents nest a little more than tokens. */
  judgedJsonDepthMax: 64,
  judgedJsonMembersMax: 10_000,
  /** A body that is held to be judged, where the route bounds it no closer; and at most. */
  heldBodyBytesDefault: 1024 * 1024,
  heldBodyBytesMax: 16 * 1024 * 1024,
  /** All bodies and answers that a gateway holds at once. */
  heldBytesMax: 128 * 1024 * 1024,
  /** Rules of one route for its answers: each is held against every member. */
  maskRulesMax: 64,
  maskPathCharsMax: 512,
  /** Values of one request that are looked at for injected code, and the characters of one. */
  inspectedValuesMax: 5_000,
  inspectedValueCharsMax: 16 * 1024,
} as const;
