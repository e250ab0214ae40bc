import { adaptiveLimits } from './adaptive-limits.ts';
import { countingLimits } from './counting-limits.ts';
import { judgeLimits } from './judge-limits.ts';
import { leakLimits } from './leak-limits.ts';
import { peopleLimits } from './people-limits.ts';
import { proxyLimits } from './proxy-limits.ts';
import { rotationLimits } from './rotation-limits.ts';
import { threatLimits } from './threat-limits.ts';
import { transformLimits } from './transform-limits.ts';

/**
 * Every bound on size, count and time, with its unit in the name and its reason beside it. A bound
 * that only one caller needs still stands here, so that an operator finds all of them in one place.
 */
export const limits = {
  /** RFC 6749 sets none; long enough for a URL as client id, short enough for an index. */
  clientIdCharsMax: 255,
  /** Redirect URIs of one client, and its other lists of URIs. */
  clientUrisMax: 100,
  /** Protocol endpoints take forms of a few parameters; assertions fit, floods do not. */
  protocolBodyBytesMax: 64 * 1024,
  /** A management request (bulk import excepted, which streams in pages of this size). */
  managementBodyBytesMax: 1024 * 1024,
  /** Larger than any honest request line and header block, as nginx's default of 4 × 8 KiB. */
  headerBytesMax: 16 * 1024,
  headerCountMax: 100,
  /** A client that needs longer for its headers is slow on purpose. */
  headersTimeoutMs: 10_000,
  /** A whole protocol request, body included. */
  requestTimeoutMs: 30_000,
  /** Idle connections close after this. */
  keepAliveTimeoutMs: 65_000,
  /**
   * A streamed body may pause this long while we are ready to read: mobile links do, for seconds.
   */
  bodyIdleMs: 30_000,
  /**
   * A streamed body that brings less than this over so long, while we are ready to read, holds a
   * connection and an upstream's on purpose. The slowest mobile link brings ten times as much.
   */
  bodyBytesPerSecondMin: 256,
  bodyRateWindowMs: 30_000,
  /** Unread rest of a body that is cheaper to read than a new connection. */
  drainBytesMax: 64 * 1024,
  /**
   * How long a refused client may go on sending before it is cut, so that it can read the answer.
   */
  lingerMs: 1_000,
  /** Requests that one client may send ahead of their answers. */
  pipelinedRequestsMax: 256,
  /** How often certificate files are looked at for a renewal. */
  certificateLookMs: 10_000,
  ...countingLimits,
  /** Open connections of one listener; beyond it new ones are closed at once. */
  connectionsMax: 10_000,
  /**
   * A compact JWS; a JWT with rich claims is about 2 KiB, an ML-DSA-87 signature 6.2 KiB in
   * base64url.
   */
  tokenCharsMax: 16 * 1024,
  /** JOSE headers and claims nest two or three deep; management documents a little more. */
  jsonDepthMax: 16,
  /** Members of one JSON object in a token. */
  jsonMembersMax: 256,
  /** Text of one claim (`iss`, `sub`, `jti` …): a URL fits, a document does not. */
  claimCharsMax: 1024,
  /** Audiences of one token. */
  audiencesMax: 100,
  /** Keys of one issuer: each costs an import, and honest issuers have a handful. */
  jwksKeysMax: 100,
  /** Different headers remembered of one issuer's tokens: one for each of its keys and types. */
  jwsHeadersMax: 64,
  /** Scope values in one request or token, and the characters of each. */
  scopesMax: 100,
  /** Clients whose last use a node remembers to have noted; and those that one sweep deletes. */
  clientUsesNotedMax: 10_000,
  unusedClientsPerSweep: 100,
  /** Request objects by reference (RFC 9101 §5.2): how long one is kept, at most. */
  requestObjectFreshSecondsMax: 300,
  requestObjectRetryMs: 5_000,
  requestObjectsKeptMax: 1_000,
  /** URLs fetched at once; each may take as long as any outbound request. */
  requestObjectsUnderWayMax: 64,
  /** Of those, URLs of one client: its slow server must not keep the others out. */
  requestObjectsUnderWayPerClient: 8,
  /** `authorization_details` of one request: its text, and the objects in it (RFC 9396). */
  detailsCharsMax: 16 * 1024,
  detailsMax: 20,
  /** Types of them that a tenant has, and for how long a node need not look. */
  detailTypesMax: 100,
  detailTypesFreshMs: 5_000,
  detailTypesKeptMax: 1_000,
  /** What a consent remembers of them; the oldest are asked for again. */
  detailsRememberedMax: 100,
  scopeCharsMax: 128,
  /** The `claims` parameter: a few dozen names, each with its wish. */
  claimsParameterCharsMax: 4_096,
  /** From the request of a client until the person has signed in and agreed. */
  signInSecondsMax: 600,
  /** Sign-ins begun from one address: an office in the morning, and no flood of rows. */
  signInsBegunPerMinute: 600,
  /** Life of a device code and its user code: a person looks for the phone, types, signs in. */
  deviceCodeSeconds: 600,
  /** How long a device waits between two questions, and how much longer each time it is hasty. */
  devicePollSeconds: 5,
  devicePollStepSeconds: 5,
  /** A question may come so much early: two of them took different ways through the network. */
  devicePollLeewayMs: 1_000,
  /** Device grants begun from one address: each is a row that nobody has paid for. */
  deviceGrantsBegunPerMinute: 600,
  /**
   * Wrong user codes a minute, from one address, in one session or browser, and of a tenant in all
   * at one node. A code has 34.5 bits: with 1,000 of them alive, a node that is guessed at without
   * pause is hit once in two months (RFC 8628 §5.1).
   */
  userCodeGuessesPerAddress: 20,
  userCodeGuessesPerSession: 10,
  userCodeGuessesPerTenant: 300,
  /** What people type for a user code: eight letters, with what they put between them. */
  userCodeCharsMax: 64,
  /** As long as browsers keep any cookie (RFC 6265bis §5.5): by it they are known again. */
  browserCookieSeconds: 400 * 86_400,
  /** A pushed request must be visited within this, seconds. */
  pushedRequestSecondsMax: 60,
  /** Age and life of a signed request under FAPI 2.0 Message Signing §5.3.1, seconds. */
  requestObjectSecondsMax: 3600,
  /** How often the use of a session is noted: each note is a write. */
  sessionTouchMs: 60_000,
  /** Life of a signed authorization response (JARM §2.1 asks for ten minutes at most). */
  signedResponseSeconds: 300,
  /** Ended sessions settled in one round, and families of tokens ended in one act. */
  endedSessionsBatch: 100,
  familiesEndedAtOnce: 500,
  /** Clients told of ended sessions at once; how often each is tried, and after which pause. */
  logoutsAtOnce: 50,
  logoutAttemptsMax: 8,
  logoutRetryMs: 5_000,
  /** What is left of telling is let go of after this, seconds. */
  logoutKeptSeconds: 86_400,
  /** Life of a logout token: one delivery, and clocks that differ (§2.4 asks for two minutes). */
  logoutTokenSeconds: 120,
  /** How long a person has to answer a client that asks by the back channel (CIBA §7.3). */
  authenticationRequestSecondsDefault: 300,
  authenticationRequestSecondsMax: 3600,
  /** Between two polls of one client (CIBA §7.3); each that comes early adds five seconds (§11). */
  authenticationRequestPollSeconds: 5,
  authenticationRequestPollSecondsMax: 60,
  /** Questions that wait for one person: nobody reads more, and no client may bury another's. */
  authenticationRequestsPendingMax: 20,
  /** A person's mailbox gets at most one message about such questions in this time. */
  authenticationRequestMailPauseSeconds: 60,
  /** What a person compares on two screens (CIBA §7.1: relatively short). */
  bindingMessageCharsMax: 100,
  /** CIBA §7.1 */
  clientNotificationTokenCharsMax: 1024,
  /** A signed request by the back channel is good for so long (FAPI-CIBA §5.2.2). */
  signedBackchannelRequestSecondsMax: 3600,
  /** Clients told at once that an answer is there; how often each is tried, after which pause. */
  pingsAtOnce: 50,
  pingAttemptsMax: 6,
  pingRetryMs: 1_000,
  /** Messages to owners of credentials that are brought in one go. */
  noticesAtOnce: 50,
  /** How often one is tried, after which pause: half a day together, for a bad day of mail. */
  noticeAttemptsMax: 18,
  noticeRetryMs: 60_000,
  noticeRetryMsMax: 3600_000,
  /** Roles and groups of a tenant, and of one user: each is read whole at a decision. */
  rolesMax: 1_000,
  groupsMax: 1_000,
  membershipsMax: 100,
  /** Roles or groups that an access token names; who has more is asked about at userinfo. */
  roleNamesInTokenMax: 32,
  /** Personal access tokens of one user that have not ended: nobody keeps more apart. */
  patsPerUserMax: 50,
  /** A message stays listed for so long, and for so long the same news is not told again. */
  noticeKeptSeconds: 90 * 86_400,
  /** Owners hear of an end so many days ahead, and of no further one than the nearest. */
  expiryNoticeDays: [14, 7, 1],
  /** Authentication classes in one request; we know a handful. */
  acrValuesMax: 20,
  /** A user name that a client suggests: an e-mail address fits (RFC 5321 §4.5.3.1). */
  loginHintCharsMax: 320,
  /** Form parameters in one protocol request. */
  formParametersMax: 100,
  /** Accepted difference between two machines' clocks, seconds. */
  clockSkewSeconds: 60,
  /** Longest life of any access token, seconds: revocation entries must be kept for this long. */
  accessTokenTtlSecondsMax: 24 * 3600,
  accessTokenTtlSecondsDefault: 600,
  /** RFC 6749 §4.1.2 allows ten minutes; a redirect takes seconds. */
  authorizationCodeSeconds: 60,
  /** A client's assertion may end this far ahead: its id is remembered until then. */
  assertionTtlSecondsMax: 3600,
  /** A DPoP proof counts this long after it was made; with the skew, so long it is remembered. */
  dpopProofAgeSecondsMax: 60,
  /** At a gateway that asks for no nonce: so long could another node take the same proof. */
  dpopWindowSeconds: 10,
  /** Proofs that a gateway remembers, about 100 bytes each; full, it refuses further ones. */
  proofsRememberedMax: 500_000,
  /** A nonce for DPoP proofs is handed out for so long, and known for as long again. */
  dpopNonceSeconds: 60,
  /** A key set by URL: a hundred RSA keys with certificates fit. */
  jwksBytesMax: 256 * 1024,
  /** Redirect URIs of a sector: a hundred of the longest. */
  sectorBytesMax: 256 * 1024,
  /** A client's document at its own id (draft-ietf-oauth-client-id-metadata-document §6.6). */
  clientDocumentBytesMax: 5 * 1024,
  clientDocumentFreshMs: 3_600_000,
  /** A client whose document is away goes on for so long. */
  clientDocumentKeptMs: 24 * 3_600_000,
  /** A document that could not be had is not asked for again within this. */
  clientDocumentRetryMs: 30_000,
  clientDocumentsTriedMax: 10_000,
  /** Fetched key sets are asked for again after this, so that a key taken away ends. */
  jwksFreshMs: 300_000,
  /** A key set that could not be had is not asked for again within this. */
  jwksRetryMs: 5_000,
  jwksCachedMax: 10_000,
  /** What resource servers ask of tokens is read again after this; for so many tenants at once. */
  resourceViewMs: 2_000,
  resourceViewsMax: 10_000,
  /**
   * Tokens in one status list: a reader fetches 2 KiB at most and tells nobody which of them it
   * asks about. All rows of a list are read after each revocation, so it is no larger.
   */
  statusListEntries: 8_192,
  /** Lists that a process fills at once, one a tenant; 16 KiB each. */
  statusListsOpenMax: 1_000,
  /** How long readers keep a list, and how long it is good where they cannot get another. */
  statusListTtlSeconds: 60,
  statusListSeconds: 3_600,
  /** A list is made anew at most so often, whatever is revoked meanwhile. */
  statusListRebuildMs: 500,
  statusListsCachedMax: 1_000,
  /** A foreign list behind its compression: four million tokens at two bits. */
  statusListBytesMax: 1024 * 1024,
  /** How long a rotated refresh token gives its successor again, for answers that were lost. */
  refreshGraceSeconds: 30,
  /** How long a view of revocations counts after the request that brought it was sent. */
  feedLeaseMs: 5_000,
  /** The feed answers a waiting node at least this often, so that a lease is renewed in time. */
  feedHeartbeatMs: 1_000,
  /** A node that was not heard of for so long is forgotten: names cost those who make them up. */
  nodeKeptSeconds: 24 * 3600,
  /** Keys that a node reads at once: a few milliseconds of parsing. */
  feedKeysAtOnce: 1_000,
  /** Keys of a view looked at in one round for those that have ended. */
  expiringKeysAtOnce: 20_000,
  /** Entries in one delta; a node further behind pages on. */
  feedDeltaEntriesMax: 10_000,
  /**
   * Policies of a tenant, and the characters of one (Cedar, entities, tests: a thousand rules fit).
   * Both versions of every policy that is judged by go through one delta of the feed.
   */
  policiesMax: 24,
  policyDocumentCharsMax: 256 * 1024,
  policyEntitiesMax: 10_000,
  policyTestsMax: 1_000,
  /** Versions of one policy; beyond it, its name is used up. */
  policyVersionsMax: 10_000,
  /** APIs of a tenant, operations of one, and the variables of one segment of a path. */
  apisMax: 50,
  apiOperationsMax: 2_000,
  pathSegmentVariablesMax: 4,
  /**
   * Decisions that one node keeps to be explained unless its operator says otherwise: so many at
   * once, and so many a second after that. Of what was allowed only while half of them are left.
   */
  explainedBurst: 1_000,
  explainedPerSecond: 5,
  /** The most that an operator may say: the authority writes them in acts of their own. */
  explainedBurstMax: 10_000,
  explainedPerSecondMax: 1_000,
  /** A kept decision is about 1 KB: by default three million of them at most for each node. */
  explainedKeptSeconds: 7 * 24 * 3600,
  /** A decision younger than this may still be on its way to the authority. */
  explainedDelaySeconds: 10,
  /** Explained decisions waiting to be written. */
  explainedQueueMax: 10_000,
  /** Pairs of route and action that a node sums up between two reports, for each version. */
  tallyEntriesMax: 10_000,
  /** Reports sent to the authority at once: the largest still fit a management body. */
  policyReportBatchMax: 100,
  /** How often differences of policies in shadow are reported. */
  tallyFlushMs: 1_000,
  /** A route or an action in a sum: part of an index. */
  tallyNameCharsMax: 256,
  /** The request that a kept decision shows, as JSON. */
  explainedRequestCharsMax: 8 * 1024,
  /** How long a process judges by policies that another process may have changed. */
  policiesFreshMs: 1_000,
  /** Evaluations in one AuthZEN request. */
  evaluationsMax: 1_000,
  /** What one AuthZEN search looks at before it gives a page, however few it found. */
  searchedAtOnce: 500,
  /** A user costs some reads of the store, and a decision microseconds. */
  searchedInOneTurn: 50,
  searchResultsDefault: 100,
  /** A path prefix or an upstream's URL in a route. */
  routePathCharsMax: 2_048,
  /** Address blocks of one route or key. */
  addressRangesMax: 1_000,
  /** Origins of pages that may call one route, and how long browsers remember that they may. */
  corsOriginsMax: 100,
  corsMaxAgeSecondsDefault: 600,
  corsMaxAgeSecondsMax: 86_400,
  /** A sign-in that is older than a year proves nothing that a route could demand. */
  stepUpMaxAgeSecondsMax: 365 * 24 * 3600,
  /** Longest time that a route may go on without hearing of revocations, seconds. */
  staleContinueSecondsMax: 24 * 3600,
  /** A gateway's copy of the feed: it is begun anew where it is longer, and twice as long. */
  keptFeedBytesMin: 16 * 1024 * 1024,
  /** A route that demands it waits so long for its decision to be in the audit trail. */
  auditedDecisionMs: 2_000,
  /** How often a process looks how late its timers run. */
  pressureSampleMs: 100,
  /** How often the time of its last proof is written, milliseconds. */
  keptProofMs: 1_000,
  /** Pause of a node after a failed question to the feed: doubles up, and stays below the lease. */
  feedRetryMsMin: 50,
  feedRetryMsMax: 1_000,
  /** One question to the feed: the wait of a heartbeat and the way, still within the lease. */
  feedRequestTimeoutMs: 4_000,
  /** Revocations, routes and signing keys; of the API keys the first page alone. */
  feedSnapshotBytesMax: 256 * 1024 * 1024,
  feedSnapshotTimeoutMs: 60_000,
  feedDeltaBytesMax: 16 * 1024 * 1024,
  /** Keys in a node's view (about 350 bytes each); those beyond are checked by introspection. */
  viewKeysMax: 2_000_000,
  /** Revocations in a node's view (about 200 bytes each); beyond it the node refuses everything. */
  viewRevocationsMax: 2_000_000,
  /**
   * Live revocations of single tokens that one client may ask for, for one subject; beyond it each
   * ends all that the client holds for it. With tokens of 10 minutes these are 16 a second, and
   * 200 clients at their bound fill a node's view.
   */
  holderRevocationsMax: 10_000,
  /** An expired key stays in a node's view this long, so that it is refused without asking. */
  keyTombstoneSeconds: 24 * 3600,
  /** Answers of introspection kept by a node: revocation is judged by the feed at every use. */
  introspectionTtlMs: 60_000,
  introspectionEntriesMax: 50_000,
  /** A credential that was not good may have been made since. */
  introspectionNegativeTtlMs: 2_000,
  introspectionNegativeEntriesMax: 10_000,
  /** Questions to the authority under way at one node. */
  introspectionsInFlightMax: 1_000,
  /** How often a node judges its streams again and forgets what has ended. */
  sweepMs: 1_000,
  /** A client that does not read its answer for this long is cut. */
  clientStallMs: 60_000,
  /**
   * Largest request body that a gateway passes on: a package or an image fits, for ever does not.
   */
  gatewayBodyBytesMax: 1024 * 1024 * 1024,
  /**
   * Requests under way with one credential at one node: half of an upstream's connections, so that
   * no caller takes all of them with requests that last.
   */
  credentialRequestsMax: 512,
  /** What a route or an installation may choose of the three, seconds, and for one body. */
  upstreamTimeoutSecondsMax: 86_400,
  routeBodyBytesMax: 2 ** 40,
  /** Characters of a path in a decision event. */
  decisionPathCharsMax: 512,
  /** How often decision events are delivered: while they wait, the collector copies them. */
  decisionFlushMs: 100,
  /** A whole outbound request: a peer that is slower is treated as absent. */
  outboundTimeoutMs: 5_000,
  /** The longest that the operator's own services are waited for, where a caller asks for it. */
  outboundOperatorTimeoutMsMax: 60_000,
  outboundUrlCharsMax: 2_048,
  /** Decision events waiting to be counted; more are dropped, and the loss is counted. */
  decisionQueueMax: 65_536,
  /** Decisions sent to the authority at once: about 400 bytes each, within a management body. */
  decisionBatchMax: 2_000,
  /** Verified tokens remembered by a node: about 900 bytes each, claims included; 90 MB if full. */
  verifiedCacheEntriesMax: 100_000,
  /** Keys of DPoP proofs remembered by a process: about 1 KB each. */
  proofKeysMax: 10_000,
  /** Acts waiting for the writer; beyond it callers get a fault (503) at once. */
  writeQueueMax: 16_384,
  /** Acts in one SQLite transaction: beyond a few hundred the fsync is already amortised. */
  writeBatchMax: 256,
  /** An act must be durable within this, or its caller is answered 503. */
  writeTimeoutMs: 2_000,
  /** An answer about readiness is given again for this long: each new one costs a commit. */
  readinessMs: 1_000,
  /** Rows that a long reading handles before it lets others run: some 20 ms, verifying. */
  longReadRows: 250,
  /** Keys and tenants looked at by one sweep for keys that nobody uses. */
  unusedKeysPerSweep: 2_000,
  unusedTenantsPerSweep: 100,
  /** Keys that one bulk change may be of, that one request changes, and that one step does. */
  keyBulkMax: 10_000,
  keyBulkRequestMax: 500,
  keyBulkStepMax: 50,
  /** Rows looked at to preview one, and how long it can be run. */
  keyBulkScanMax: 2_000_000,
  keyBulkSeconds: 3_600,
  /** How often a use begins anew where the counters of its key changed meanwhile. */
  spendAttemptsMax: 20,
  /** How long the clock of the store is carried on by this process's own. */
  storeClockMs: 10_000,
  /** How often the file of the database of countries is looked at. */
  geoRefreshMs: 30_000,
  /** Keys that one page of a list looks at for a status before it answers with what it has. */
  keyScanRowsMax: 10_000,
  /** Longest page of a list. */
  pageItemsMax: 1_000,
  pageItemsDefault: 100,
  /** Routes of a tenant: a gateway holds each request against them. */
  routesMax: 10_000,
  /** Keys in one import request, and its body: 10,000 argon2 rows are about 3 MiB. */
  importKeysMax: 10_000,
  importBodyBytesMax: 4 * 1024 * 1024,
  /** Import formats of a tenant: each presented foreign key is held against all of them. */
  importFormatsMax: 32,
  /** Acts of one import under way at once: enough to fill the writer's batches. */
  importActsInFlight: 256,
  /**
   * Costs of imported hashes, as their own systems chose them; beyond these one check would hold up
   * the queue for seconds (OWASP's largest argon2 setting is 46 MiB).
   */
  importBcryptCostMax: 14,
  /** Keycloak's default is 210,000 with SHA-512; OWASP's for SHA-1 is 1,300,000. */
  importPbkdf2IterationsMax: 1_500_000,
  importArgon2MemoryKibMax: 128 * 1024,
  importArgon2PassesMax: 16,
  importArgon2ThreadsMax: 8,
  /** The text of a sub-key: three links of a dozen restrictions each, and still one header. */
  subKeyCharsMax: 4_096,
  /** Links of a sub-key: each costs a signature check, and a reader must see through them. */
  subKeyLinksMax: 3,
  /** Life of a sub-key from its making: so long must the revocation of one be remembered. */
  subKeySecondsMax: 90 * 86_400,
  /** Entries in one list of a restriction, and characters of a label. */
  subKeyListMax: 32,
  subKeyLabelCharsMax: 64,
  /** Sub-keys whose chain was verified, remembered by a process: about 1.5 KB each. */
  subKeysRememberedMax: 20_000,
  /** New sub-keys of one key that a process counts in a day; others count for their key alone. */
  subKeysCountedDailyMax: 1_000,
  /** How long a rotated key's predecessor goes on working, seconds. */
  keyOverlapSecondsDefault: 86_400,
  keyOverlapSecondsMax: 90 * 86_400,
  ...rotationLimits,
  ...judgeLimits,
  ...threatLimits,
  ...adaptiveLimits,
  ...transformLimits,
  ...peopleLimits,
  /** Failed credential look-ups of one address a minute before it is answered 429. */
  failureBudgetPerMinute: 120,
  failureBudgetAddressesMax: 50_000,
  /**
   * A server that nobody asked for this long collects its garbage (about 0.1 s, once), so that
   * no secret of its last requests stays in memory.
   */
  idleCollectionMs: 2_000,
  /** An unknown `kid` costs at most one fetch of the key set in this time. */
  unknownKidRefetchMs: 30_000,
  /** Encryptions under one data key: a quarter of 2^32, where random nonces begin to be unsafe. */
  dataKeyUsesMax: 2 ** 30,
  /** Encryptions that a process reserves at once; a crash wastes at most these. */
  dataKeyUsesBlock: 2 ** 20,
  /** Data keys held in memory, about 200 bytes each. */
  dataKeysHeldMax: 10_000,
  /** After a rotation elsewhere a process goes on with the old data key or pepper for this long. */
  custodyViewMs: 60_000,
  /**
   * A replaced root or data key may still be used by what another process had begun. After this
   * long nobody does: records are sealed again, and a root key may be destroyed.
   */
  replacedKeyUsedMs: 600_000,
  /**
   * Root keys, peppers, or replaced data keys of a tenant that may wait for their end at once; each
   * costs time at every start or round. Far more than any plan of rotations.
   */
  replacedKeysMax: 100,
  /**
   * Tenants of which a process holds keys, feed or settings: those used last. With ten thousand
   * tenants more than this many at once would cost more than reading a few rows again.
   */
  tenantsHeldMax: 1_000,
  /** A change of a tenant that another process made is seen within this. */
  tenantViewMs: 500,
  /** Tenants whose keys are looked at in one round: ten thousand come by every eight minutes. */
  tenantsTendedAtOnce: 20,
  /** A process may sign with a key that was replaced elsewhere for this long. */
  keyringViewMs: 2_000,
  /** How often an idle process looks whether a rotation left something to do. */
  custodyUpkeepMs: 60_000,
  /** Rows that one step of a rotation rewrites. */
  rotationRowsMax: 100,
  /**
   * How long verification remembers the row of a key, and how many (1 KiB each). A revocation must
   * reach every node within a second; what this process changes itself is seen at once.
   */
  keyRowCacheMs: 250,
  keyRowsCachedMax: 10_000,
  /** Refusals are recorded in groups: so many between two writes, and how long between them. */
  refusalGroupsMax: 1_000,
  refusalFlushMs: 10_000,
  /** Leaves that the audit sequencer takes in one batch, and how often it looks. */
  auditBatchMax: 4_096,
  auditIntervalMs: 250,
  /** Records that one act of the sequencer moves: more would hold up the writer's other callers. */
  auditActRowsMax: 256,
  /** Pages in the preview of a revocation: 250 rows found, or 10,000 looked at, in each. */
  revocationPreviewPagesMax: 200,
  /** How old a preview may be when what it showed is done. */
  revocationPreviewMs: 900_000,
  /** Pages that the request which begins a query ends itself; the rounds do the others. */
  revocationRunPagesAtOnce: 40,
  /** After so long without a sign of life another process takes a query on. */
  revocationRunLeaseMs: 15_000,
  /** Days that a report of used rights looks back, and that a narrowing is on trial. */
  privilegeWindowDaysDefault: 30,
  privilegeTrialDaysDefault: 14,
  /** Narrowings on trial that are looked at in one round. */
  narrowingsOnTrialMax: 1_000,
  /** Ids that `audit verify` remembers to find doubles, about 100 bytes each. */
  auditDuplicateWindow: 1_000_000,
  /** Rows that one page of an audit search looks at before it answers with what it has. */
  auditScanRowsMax: 10_000,
  /** Records and objects in the history of one object, its predecessors and successors included. */
  auditHistoryRecordsMax: 10_000,
  auditHistoryObjectsMax: 100,
  /** Problems that a verification lists; beyond it they are only counted. */
  auditProblemsMax: 1_000,
  /** Largest audit leaf (C2SP tlog-tiles: an entry is at most 65,535 bytes). */
  auditLeafBytesMax: 65_535,
  /** Calls of the claims hook at once: each holds a token request, and a connection at the hook. */
  hookCallsMax: 64,
  /** Its answer, and the claims in it for one token, which go into a header at each request. */
  hookAnswerBytesMax: 64 * 1024,
  hookClaimsBytesMax: 4 * 1024,
  hookDepthMax: 8,
  /** After so many outages in a row it is left alone, each time for longer. */
  hookFailuresMax: 5,
  hookRestMsMin: 1_000,
  hookRestMsMax: 30_000,
  /** Issuers whose assertions are grants, of a tenant: written by hand, each with its rules. */
  assertionIssuersMax: 100,
  ...leakLimits,
  ...proxyLimits,
  /** An idempotency key is remembered this long, seconds. */
  idempotencyTtlSeconds: 24 * 3600,
  /** The text of one policy set: ten thousand policies of a hundred characters. */
  policyTextCharsMax: 1024 * 1024,
  policyTokensMax: 400_000,
  /** Parentheses, lists and conditions within one another; the parser recurses once for each. */
  policyNestingMax: 100,
  /** Levels of one expression; compiler, validator and evaluation recurse once for each. */
  policyDepthMax: 200,
  /** An author mends the first few; the rest mostly follow from them. */
  policyErrorsMax: 50,
  /** Levels of one value in a context or an attribute. */
  policyValueDepthMax: 32,
  /** Groups, roles and folders that one entity is in: each is kept beside it. */
  policyAncestorsMax: 1_000,
} as const;
