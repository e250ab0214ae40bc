/**
 * The authority's composition root: (configuration, ports) → { handle, feed, introspect, decisions,
 * tick, close }. It joins the rooms and knows no rule of its own. What must never happen: an object
 * graph built anywhere else.
 */
import assert from 'node:assert/strict';
import {
  createFailureBudget,
  type DecisionSink,
  defaultTenant,
  err,
  type FeedSource,
  feedHttp,
  type HttpHandler,
  type HttpResponse,
  type Introspector,
  type LimitObservationSink,
  type LimitProfileSource,
  limits,
  type NodeKeyRegistry,
  ok,
  type PolicyReportSink,
  parseClientId,
  type Result,
  type ThreatSource,
} from '@mintmark/core';
import { createDpopNonces, createProofKeys } from '@mintmark/tokens';
import { gatewayKeySet, publishGatewayKey } from './admin/gateway-keys.ts';
import { spendKey } from './apikeys/spend-key.ts';
import type { VerifyKeyPorts } from './apikeys/verify-key.ts';
import { clockAfter } from './audit/clock-floor.ts';
import { createRecorder } from './audit/record.ts';
import { redeemCode } from './authorization/redeem-code.ts';
import { createRequestsByReference } from './authorization/request-by-reference.ts';
import { sealResponse } from './authorization/seal-response.ts';
import { createUserCodeGuesses } from './authorization/user-code-guesses.ts';
import { createClientAuthenticator, verifiedAuthMethods } from './clients/authenticate.ts';
import type { ProofDeps } from './clients/binding.ts';
import { type ClientKeys, createClientKeys } from './clients/client-keys.ts';
import {
  createClientFinder,
  type DocumentDeps,
  type FindClient,
} from './clients/document-client.ts';
import { isRegisteredOrigin } from './clients/origins.ts';
import { createProtectedResources } from './clients/protected-resources.ts';
import type { RegistryDeps } from './clients/registry.ts';
import { createClientUses } from './clients/unused-clients.ts';
import { type AuthorityConfig, jwksMaxAgeSeconds } from './config.ts';
import { createPeppers } from './custody/peppers.ts';
import { createSealer } from './custody/sealer.ts';
import { createSlowHashQueue } from './custody/slow-hash-queue.ts';
import type { GrantDeps } from './grants/grant.ts';
import { grantTypesKnown } from './grants/run-grant.ts';
import type { UserinfoDeps } from './grants/userinfo.ts';
import type { BackchannelDeps } from './http/bc-authorize.ts';
import { readMetadata } from './http/client-metadata.ts';
import type { PageDeps } from './http/interaction.ts';
import { handleOperations, sharedCheck } from './http/operations.ts';
import { createPageRenderer, type RenderPage } from './http/pages/layout.ts';
import { overloaded, priorityOf } from './http/priority.ts';
import { handleProtocol } from './http/protocol-api.ts';
import type { ProtocolDeps } from './http/protocol-deps.ts';
import { type IntrospectDeps, introspect } from './introspection/introspect.ts';
import { buildCode } from './issuance/authorization-code.ts';
import { createStatusPlaces } from './issuance/status-places.ts';
import {
  accessTokenReader,
  activeKey,
  askedBy,
  freshRefuses,
  introspectDepsOf,
  keyVerifier,
} from './judging.ts';
import { createKeyring } from './keyring/keyring.ts';
import { openLeaks } from './leaking.ts';
import { openManagement } from './management.ts';
import { createIssuanceJudge } from './policies/judge-issuance.ts';
import { nodeName } from './revocation/node-name.ts';
import { createStatusLists } from './revocation/status-lists.ts';
import { createWithinRights } from './roles/exclusive-scopes.ts';
import { createRightsClaims } from './roles/rights-claims.ts';
import { type AuthorityPorts, openRooms, type Rooms } from './rooms.ts';
import { noteSecrets, openRotations } from './rotating.ts';
import { createRound } from './round.ts';
import { initInstallation, recoverAdministrator } from './tenants/installation.ts';
import type { Place } from './tenants/issuers.ts';
import { beginNewEpoch, type NewEpoch } from './tenants/new-epoch.ts';
import type { TenantPolicy } from './tenants/settings.ts';

export interface Authority {
  readonly handle: HttpHandler;
  /** For a gateway in the same process; apart, it asks over HTTP. */
  readonly feed: FeedSource;
  /** For the same gateway: what it cannot judge by itself. */
  readonly introspector: Introspector;
  /** Counts decisions of a gateway in the same process. */
  readonly decisions: DecisionSink;
  /** Publishes the key by which it signs for upstreams. */
  readonly nodeKeys: NodeKeyRegistry;
  /** Keeps what it says of policies. */
  readonly policyReports: PolicyReportSink;
  /** Tells it which addresses are listed. */
  readonly threats: ThreatSource;
  /** Tells it what callers usually do, and learns that from it. */
  readonly limitProfiles: LimitProfileSource;
  readonly limitObservations: LimitObservationSink;
  /**
   * One round of what happens by itself: sequencing, feed refresh, key rotation, usage, upkeep.
   * Called every `limits.auditIntervalMs`; a round that finds the last one running does nothing.
   */
  tick(): Promise<void>;
  /** Finishes what was acknowledged but not yet sequenced or counted. The store is its opener's. */
  close(): Promise<void>;
}

/**
 * Opens an initialised authority.
 *
 * @throws StoreFault, CustodyFault; `not_initialised` where `initAuthority` was never run,
 *   `clock_set_back` where it is earlier than the newest record
 */
export async function openAuthority(
  config: AuthorityConfig,
  given: AuthorityPorts,
): Promise<Authority> {
  const acceptEarlier = config.acceptEarlierClock === true;
  const clock = await clockAfter(given.store, given.clock, { acceptEarlier });
  const ports = { ...given, clock };
  const rooms = await openRooms(config, ports);
  const keys = keyVerifier(rooms);
  // Derived from the root key, so that every node knows the nonces of every other.
  const nonces = createDpopNonces(await ports.custody.mac('dpop-nonce', new Uint8Array()));
  const judging = protocolDeps(rooms, { keys, nonces, proofKeys: createProofKeys() });
  const { forget } = judging.authenticator;
  const rotating = openRotations(rooms, { ended: keys.ended, changed: forget });
  const { held } = rotating;
  const leaks = openLeaks(rooms, { keys, clientChanged: forget, held });
  const management = await openManagement(rooms, {
    ...{ ...judging, keys, leaks: leaks.management, rotating },
  });
  const { isGateway, isRegistrar } = management;
  const protocol: ProtocolDeps = { ...judging, isGateway, isRegistrar, leaks: leaks.http };
  const operations = {
    check: sharedCheck(() => ports.store.upkeep.check(), ports.clock),
  };
  const handle: HttpHandler = async (request) => {
    const { path } = request;
    const place = rooms.issuers.find({ path, host: request.header('host') });
    if (place === undefined) return notFound;
    const isFirst = place.tenant === defaultTenant;
    const operated = isFirst ? await handleOperations(operations, request) : undefined;
    if (operated !== undefined) return operated;
    // Before anything is read or asked of the store.
    if (ports.pressure?.sheds(priorityOf(place.path)) === true) return overloaded(place.path);
    try {
      const answer = await inTenant(rooms, place, () => {
        return handleProtocol(protocol, request, place) ?? management.handle(request, place);
      });
      return answer ?? notFound;
    } catch (error) {
      ports.log({ type: 'fault', where: 'tenant', error });
      return unavailable;
    }
  };
  const round = createRound(rooms, { leaks: leaks.rounds, rotations: rotating.rotations });
  return {
    handle,
    feed: {
      snapshot: rooms.feed.snapshot,
      keys: rooms.feed.keys,
      delta: (input) => rooms.feed.delta({ ...input, node: nodeName(input.node) }),
    },
    introspector: introspectorOf(protocol, rooms),
    decisions: rooms.decisions,
    nodeKeys: nodeKeysOf(rooms),
    policyReports: rooms.decisionLog,
    threats: rooms.threatSource,
    limitProfiles: rooms.limitProfiles,
    limitObservations: rooms.limitLearner,
    tick: round.run,
    async close() {
      await round.finish();
    },
  };
}

/** Of the gateway in this process, which asks by no credential. */
function nodeKeysOf({ store, recorder, ports }: Rooms): NodeKeyRegistry {
  return {
    async publish({ tenant, node, jwk }) {
      const as = { node: nodeName(node), actor: { kind: 'system', id: 'gateway' } } as const;
      const parts = { store, recorder, clock: ports.clock };
      const published = await publishGatewayKey(parts, { tenant, jwk, ...as });
      assert(published.ok, 'the key of a gateway in this process is published');
    },
  };
}

/**
 * Makes an installation in an empty store: its first tenant, signing keys and administrator.
 *
 * @returns the administrator's key in clear, this once; refusal: already_initialised
 */
export async function initAuthority(
  config: AuthorityConfig,
  ports: Pick<AuthorityPorts, 'store' | 'custody' | 'clock' | 'entropy'>,
): Promise<Result<{ readonly adminKey: string }, { readonly reason: 'already_initialised' }>> {
  const { store, custody, clock, entropy } = ports;
  if ((await store.installation.get('self')) !== undefined) {
    return err({ reason: 'already_initialised' });
  }
  const sealer = createSealer({ custody, store, entropy, clock });
  const peppers = await createPeppers({ custody, store, entropy, clock });
  const recorder = createRecorder({ sealer, entropy, clock });
  const { prefix, signing } = config;
  const made = await initInstallation(
    { store, recorder, peppers, clock, entropy, prefix },
    { prefix },
  );
  if (!made.ok) return made;
  // Opening it makes the first key of each algorithm.
  await createKeyring({ store, sealer, recorder, clock, entropy, settings: signing });
  return ok(made.value);
}

/**
 * Begins a new epoch over restored data, which knows nothing of what happened after the backup.
 *
 * @param input.credentials `refuse`: what anybody held of earlier epochs is void until reconciled
 * @throws StoreFault, CustodyFault; `not_initialised`
 */
export async function reopenAuthority(
  ports: Pick<AuthorityPorts, 'store' | 'custody' | 'clock' | 'entropy'>,
  input: { readonly credentials: 'refuse' | 'accept' },
): Promise<NewEpoch> {
  const { store, clock, entropy } = ports;
  const recorder = createRecorder({ sealer: createSealer(ports), entropy, clock });
  const peppers = await createPeppers(ports);
  const actor = { kind: 'system', id: 'restore' } as const;
  return beginNewEpoch({ store, recorder, peppers, clock, entropy }, { ...input, actor });
}

/**
 * Another administrator's key over a store that nobody serves.
 *
 * @returns its id, and the key in clear, this once
 * @throws StoreFault, CustodyFault; `not_initialised`
 */
export async function recoverAuthority(
  config: Pick<AuthorityConfig, 'prefix'>,
  ports: Pick<AuthorityPorts, 'store' | 'custody' | 'clock' | 'entropy'>,
): Promise<{ readonly id: string; readonly adminKey: string }> {
  const recorder = createRecorder({ ...ports, sealer: createSealer(ports) });
  const peppers = await createPeppers(ports);
  return recoverAdministrator({ ...ports, recorder, peppers, prefix: config.prefix });
}

/** A disabled tenant is gone, but for enforcement points, which hear of it by the feed. */
function inTenant<T>(
  { tenants, feed }: Rooms,
  { tenant, path }: Place,
  work: () => Promise<T> | T,
): Promise<T | undefined> {
  return tenants.within(tenant, async ({ status }) => {
    const isFeed = path === feedHttp.deltaPath || path === feedHttp.snapshotPath;
    if (status !== 'active' && !isFeed) return undefined;
    await feed.open(tenant);
    return work();
  });
}

const unavailable: HttpResponse = {
  status: 503,
  headers: { 'content-type': 'text/plain; charset=utf-8', 'retry-after': '1' },
  body: 'unavailable\n',
};

const notFound: HttpResponse = {
  status: 404,
  headers: { 'content-type': 'text/plain; charset=utf-8' },
  body: 'not found\n',
};

function protocolDeps(
  rooms: Rooms,
  { keys, ...proving }: { readonly keys: VerifyKeyPorts } & Pick<ProofDeps, 'nonces' | 'proofKeys'>,
): Omit<ProtocolDeps, 'isGateway' | 'isRegistrar' | 'leaks'> {
  const { config, ports, store, peppers, recorder, keyring, feed, refusals } = rooms;
  const { clock, entropy } = ports;
  const { prefix } = config;
  const { issuerOf } = rooms.issuers;
  const { registration, findClient, clientKeys, authenticator } = openClients(rooms);
  const proofs = {
    ...{ ...proving, issuerOf, clock },
    requireDpopNonce: config.requireDpopNonce === true,
  };
  const introspectDeps = introspectDepsOf(rooms);
  const grants = grantDeps(rooms, { introspectDeps, proofs, clientKeys, authenticator });
  return {
    grants,
    userinfo: userinfoDeps(rooms, { introspectDeps, proofs, clientKeys }),
    revocation: {
      ...{ store, recorder, sealer: rooms.sealer, peppers, clock, entropy, prefix },
      askedBy: feed.askedBy,
    },
    pages: pagesOfTenant(rooms, pageDeps(rooms, { clientKeys, findClient, grants })),
    devices: deviceDeps(rooms),
    backchannel: backchannelDeps(rooms, clientKeys),
    register: { registration, registrations: createFailureBudget(clock) },
    authenticator,
    async introspect(input) {
      const { tenant, token, caller } = input;
      // Keys have no audience: only an enforcement point may ask about one.
      const judging = { keys, refused: refusals.note };
      const key = caller.kind === 'client' ? undefined : await activeKey(judging, input);
      if (key !== undefined) return key;
      return introspect(introspectDeps, { tenant, token, caller });
    },
    statusLists: createStatusLists({
      ...{ store, keyring, feed, timers: ports.timers, issuerOf, clock },
      algorithm: config.signing.algorithms[0] ?? 'ES256',
    }),
    gatewayAudiences: feed.audiences,
    failures: createFailureBudget(clock),
    refused: refusals.note,
    scopesRefused: (tenant, clientId, scopes) =>
      rooms.privilegeUsage.refused({ tenant, clientId, scopes, at: clock.nowMs() }),
    issuerOf,
    isKnownOrigin: (tenant, origin) => isRegisteredOrigin(store, tenant, origin),
    jwks: keyring.jwks,
    gatewayKeys: (tenant) => gatewayKeySet({ store, clock }, tenant),
    jwksMaxAgeSeconds: jwksMaxAgeSeconds(config),
    authMethods: registration.abilities.authMethods,
    mtlsUrlOf: (tenant) => mtlsUrlOf(config, issuerOf(tenant)),
    onFault: (error) => ports.log({ type: 'fault', where: 'protocol', error }),
  };
}

function grantDeps(
  rooms: Rooms,
  given: Pick<GrantDeps, 'proofs' | 'clientKeys' | 'authenticator'> & {
    readonly introspectDeps: ReturnType<typeof introspectDepsOf>;
  },
): GrantDeps {
  const { config, ports, store, peppers, recorder, keyring, feed, users, pairwiseKey } = rooms;
  const { clock, entropy } = ports;
  const { introspectDeps, ...proving } = given;
  return {
    boundsOf: rooms.tenants.policy,
    ...{ store, keyring, recorder, peppers, clock, entropy, prefix: config.prefix },
    issuerOf: rooms.issuers.issuerOf,
    ...proving,
    ...{ users, pairwiseKey, hook: rooms.claimsHook, detailTypes: rooms.detailTypes },
    clientUses: createClientUses(clock),
    withinRights: createWithinRights({ store, clock }),
    rightsClaims: createRightsClaims(store),
    judgeIssuance: createIssuanceJudge({
      ...{ policies: rooms.policies, rights: store, log: rooms.decisionLog, clock, entropy },
      ...{ budget: rooms.keepBudget, countryOf: ports.countryOf },
    }),
    accessToken: accessTokenReader(introspectDeps),
    feedHead: feed.head,
    protectedResources: createProtectedResources({ store, clock }),
    statusPlaces: createStatusPlaces(entropy),
    refuses: freshRefuses(feed),
    async refresh(tenant) {
      await Promise.all([feed.refresh(tenant), keyring.renew(tenant)]);
    },
  };
}

/** What the pages of all tenants are given. */
type CommonPageDeps = Omit<PageDeps, 'flow' | 'renderPage' | 'security'> & {
  readonly flow: Omit<PageDeps['flow'], 'lifetimes'>;
  readonly security: Omit<PageDeps['security'], 'issuerName'>;
};

/** With what the tenant has of its own. */
function pagesOfTenant(
  { tenants }: Rooms,
  { flow, security, ...pages }: CommonPageDeps,
): ProtocolDeps['pages'] {
  // A renderer hashes its style sheet; it goes with the policy that it was made for.
  const renderers = new WeakMap<TenantPolicy, RenderPage>();
  return (tenant) => {
    const policy = tenants.policy(tenant);
    const renderPage = renderers.get(policy) ?? createPageRenderer(policy.branding);
    renderers.set(policy, renderPage);
    return {
      ...pages,
      flow: { ...flow, lifetimes: policy.sessions },
      renderPage,
      security: { ...security, issuerName: policy.branding.name },
    };
  };
}

function backchannelDeps(rooms: Rooms, clientKeys: ClientKeys): BackchannelDeps {
  const { config, ports, store, peppers, sealer, recorder, keyring, feed, users } = rooms;
  const { clock, entropy } = ports;
  return {
    ...{ store, peppers, sealer, recorder, users, clock, entropy, clientKeys },
    prefix: config.prefix,
    issuerOf: rooms.issuers.issuerOf,
    verificationKeys: keyring.verificationKeys,
    subjectSeenBy: rooms.subjectSeenBy,
    feedHead: feed.head,
    detailTypes: rooms.detailTypes,
    tellPerson: rooms.requestMail.tell,
  };
}

function deviceDeps(rooms: Rooms): ProtocolDeps['devices'] {
  const { config, ports, store, peppers, recorder, userCodeKey, issuers } = rooms;
  const { clock, entropy } = ports;
  return {
    ...{ store, peppers, recorder, userCodeKey, clock, entropy, detailTypes: rooms.detailTypes },
    prefix: config.prefix,
    issuerOf: issuers.issuerOf,
    begun: createFailureBudget(clock, limits.deviceGrantsBegunPerMinute),
  };
}

/** A tenant at a path has the same path there; one with a host of its own has no such place. */
function mtlsUrlOf({ issuer, mtlsUrl }: AuthorityConfig, own: string): string | undefined {
  if (mtlsUrl === undefined || !`${own}/`.startsWith(`${issuer}/`)) return undefined;
  return mtlsUrl + own.slice(issuer.length);
}

function pageDeps(
  rooms: Rooms,
  {
    clientKeys,
    findClient,
    grants,
  }: {
    readonly clientKeys: ClientKeys;
    readonly findClient: FindClient;
    readonly grants: GrantDeps;
  },
): CommonPageDeps {
  const { config, ports, store, peppers, recorder, keyring, feed, users, factors, sealer } = rooms;
  const { clock, entropy } = ports;
  const { prefix } = config;
  const { issuerOf } = rooms.issuers;
  const code = { peppers, feedHead: feed.head, clock, entropy, prefix };
  return {
    flow: {
      store,
      users,
      factors,
      passkeys: rooms.passkeys,
      recorder,
      peppers,
      clock,
      entropy,
      issuerOf,
      verificationKeys: keyring.verificationKeys,
      decryptionKeys: keyring.decryptionKeys,
      clientKeys,
      detailTypes: rooms.detailTypes,
      requestsByReference: createRequestsByReference({ outbound: ports.outbound, clock }),
      begun: createFailureBudget(clock, limits.signInsBegunPerMinute),
      async findClient(tenant, text) {
        const clientId = parseClientId(text);
        return clientId.ok ? findClient(tenant, clientId.value) : undefined;
      },
      buildCode: (draft) => buildCode(code, draft),
      redeem: (completion, text) => redeemCode(grants, completion, text),
      subjectSeenBy: rooms.subjectSeenBy,
      withinRights: grants.withinRights,
      userCodeKey: rooms.userCodeKey,
      guesses: createUserCodeGuesses(clock),
      feedHead: feed.head,
    },
    refused: rooms.refusals.note,
    seal: (to, algorithm, claims) =>
      sealResponse({ keyring, clientKeys, findClient, entropy }, to, { algorithm, claims }),
    resets: rooms.resets,
    security: {
      users,
      factors,
      passkeys: rooms.passkeys,
      change: { store, sealer, recorder, clock, entropy, passwordHashes: rooms.passwordHashes },
    },
    tokens: {
      ...{ store, sealer, peppers, recorder, clock, entropy, prefix },
      resources: feed.audiences,
    },
    issuerOf,
    entropy,
    prefix,
  };
}

/** How clients are found and authenticated, and how they come into being by themselves. */
function openClients(rooms: Rooms) {
  const { ports, store, peppers } = rooms;
  const { clock, entropy, outbound } = ports;
  const registration = registrationDeps(rooms, (tenant, clientId) =>
    authenticator.forget(tenant, clientId),
  );
  const findClient = createClientFinder(registration);
  const clientKeys = createClientKeys({ outbound, clock });
  const authenticator = createClientAuthenticator({
    store,
    findClient,
    peppers,
    clientKeys,
    issuerOf: rooms.issuers.issuerOf,
    clock,
    entropy,
    secretShown: noteSecrets(rooms),
    recorder: rooms.recorder,
    slowHashes: createSlowHashQueue(),
  });
  return { registration, findClient, clientKeys, authenticator };
}

/** What clients need that register themselves, or have a document do so. */
function registrationDeps(rooms: Rooms, changed: RegistryDeps['changed']): DocumentDeps {
  const { config, ports, store, recorder, peppers } = rooms;
  const { clock, entropy, outbound } = ports;
  return {
    ...{ store, recorder, peppers, clock, entropy, outbound, changed },
    prepareKey: rooms.keyring.signer,
    prefix: config.prefix,
    policyOf: (tenant) => rooms.tenants.policy(tenant).registration,
    abilities: {
      grantTypes: grantTypesKnown,
      authMethods: verifiedAuthMethods({ clientCertificates: config.clientCertificates === true }),
      encryptedRequests: config.signing.encryptedRequests,
    },
    algorithm: config.signing.algorithms[0] ?? 'ES256',
    readMetadata(document) {
      const read = readMetadata(document);
      return read.ok ? read.value : undefined;
    },
  };
}

function userinfoDeps(
  { issuers, ports, store, users, pairwiseKey, keyring }: Rooms,
  judging: {
    readonly introspectDeps: IntrospectDeps;
    readonly proofs: ProofDeps;
    readonly clientKeys: ClientKeys;
  },
): UserinfoDeps {
  return {
    rightsClaims: createRightsClaims(store),
    proofs: judging.proofs,
    clientKeys: judging.clientKeys,
    store,
    users,
    pairwiseKey,
    keyring,
    clock: ports.clock,
    entropy: ports.entropy,
    issuerOf: issuers.issuerOf,
    accessToken: accessTokenReader(judging.introspectDeps),
  };
}

/** What a gateway in this process asks, without the network between. */
function introspectorOf(protocol: ProtocolDeps, rooms: Rooms): Introspector {
  return {
    async introspect(input) {
      const place = { tenant: input.tenant, path: feedHttp.introspectionPath };
      const answer = await inTenant(rooms, place, () => askedBy(protocol, rooms.feed, input));
      return answer ?? { active: false };
    },
    async spend({ tenant, keyId, cost }) {
      const { keyCache, storeNowMs } = rooms;
      const ports = { store: { ...rooms.store, keys: keyCache }, storeNowMs };
      const place = { tenant, path: feedHttp.spendPath(keyId) };
      const spent = await inTenant(rooms, place, () =>
        spendKey(ports, { tenant, id: keyId, cost }),
      );
      return spent ?? { spent: false, code: 'not_active', retryAfterSeconds: undefined };
    },
  };
}
