/**
 * The rooms of one authority, opened in the order in which they need one another. Neighbours:
 * `authority.ts` joins them to endpoints, `round.ts` to what happens by itself.
 */
import {
  type AddressRange,
  type Clock,
  type CountryOf,
  createKeepBudget,
  createLocalLimits,
  type DecisionEvent,
  type DecisionSink,
  defaultTenant,
  type Entropy,
  type FeedPosition,
  type KeepBudget,
  type LimitProfileSource,
  type LimitStore,
  letOthersRun,
  NetworkFault,
  type Pressure,
  StoreFault,
  type SubjectId,
  type TenantId,
  type ThreatSource,
  type Timers,
} from '@mintmark/core';
import type { GuardedClient } from '@mintmark/net';
import { createLimitLearner, type LimitLearner } from './adaptive/limit-learner.ts';
import { createProfileSource } from './adaptive/read-profiles.ts';
import { recordDecision } from './admin/record-decision.ts';
import { createRefusalTally, type RefusalTally } from './admin/refusal-tally.ts';
import {
  type AlertWebhook,
  createNoticeDelivery,
  type NoticeDelivery,
} from './alerts/deliver-notices.ts';
import type { Mailer } from './alerts/mailer.ts';
import { createExpiryNotices, type ExpiryNotices } from './apikeys/expiry-notices.ts';
import { createKeyCache, type KeyCache } from './apikeys/key-cache.ts';
import { openVerifier } from './apikeys/key-secret.ts';
import { createKeyShadow, type KeyShadow, type ShadowSettings } from './apikeys/shadow.ts';
import { createRecorder, type Recorder } from './audit/record.ts';
import { createSequencer, type Sequencer } from './audit/sequencer.ts';
import { findClient } from './authorization/known-clients.ts';
import { createRequestMail, type RequestMail } from './authorization/request-mail.ts';
import { createRequestPinger, type RequestPinger } from './authorization/request-pinger.ts';
import type { RequestingClient } from './authorization/requesting-client.ts';
import { createSessionEnder, type SessionEnder } from './authorization/session-ender.ts';
import { registrationOff } from './clients/registration.ts';
import { subjectFor } from './clients/subject-for.ts';
import type { AuthorityConfig } from './config.ts';
import type { Custody } from './custody/custody.ts';
import { type CustodyUpkeep, createCustodyUpkeep } from './custody/custody-upkeep.ts';
import { createPeppers, type Peppers } from './custody/peppers.ts';
import { createSealer, type Sealer } from './custody/sealer.ts';
import { createSlowHashQueue, type SlowHashQueue } from './custody/slow-hash-queue.ts';
import { createDetailTypes, type DetailTypesReader } from './details/types.ts';
import {
  type ClaimsHook,
  type ClaimsHookSettings,
  createClaimsHook,
  hintOf,
} from './hooks/claims-hook.ts';
import { createKeyring, type Keyring } from './keyring/keyring.ts';
import { createPlanReader, type PlanReader } from './plans/holder-plan.ts';
import { createDecisionLog, type DecisionLog } from './policies/decision-log.ts';
import { createPolicyReader, type PolicyReader } from './policies/policy-reader.ts';
import { createKeyEnder, type KeyEnder } from './revocation/end-keys.ts';
import { type Feed, openFeed } from './revocation/feed.ts';
import { createQueryRunner, type QueryRunner } from './revocation/revoke-query.ts';
import type { DeliveryTargets } from './rotation/delivery/delivery.ts';
import { createLateUses, type LateUses } from './rotation/late-uses.ts';
import { createProgramWatch, type ProgramWatch } from './rotation/program-watch.ts';
import { createSigningUses, type SigningUses } from './rotation/signing-uses.ts';
import type { Act, ActOutcome } from './store/act.ts';
import type { Store } from './store/store.ts';
import { createStoreClock } from './store/store-clock.ts';
import type { Row } from './store/tables.ts';
import { createTenantDirectory, type TenantDirectory } from './tenants/directory.ts';
import { createIssuers, type Issuers } from './tenants/issuers.ts';
import { createThreatSource } from './threats/read-threats.ts';
import { createThreatFeeds, type ThreatFeeds } from './threats/threat-feeds.ts';
import { createPrivilegeUsage, type PrivilegeUsage } from './usage/privilege-usage.ts';
import { createUsageCounter, type UsageCounter } from './usage/usage-counter.ts';
import { addresseeOf } from './users/addressee.ts';
import { createFactors, type Factors, type FactorsDeps } from './users/factors.ts';
import { createPasskeys, type Passkeys, relyingPartyAt } from './users/passkeys.ts';
import { resetByMail, resetPageOf } from './users/reset-mail.ts';
import { createResets, type Resets, type ResetsDeps } from './users/resets.ts';
import { createUsers, type Users } from './users/users.ts';

export interface AuthorityPorts {
  readonly store: Store;
  readonly custody: Custody;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly timers: Timers;
  /** How overloaded this process is; without it nobody is turned away for that. */
  readonly pressure?: Pressure | undefined;
  /** For URLs that clients chose: their keys, their documents. Reaches public addresses only. */
  readonly outbound: Pick<GuardedClient, 'send'>;
  /** The operator's own word on tokens; without one they hold what we know. */
  readonly claimsHook?: ClaimsHookSettings | undefined;
  /** Where limits of plans are counted; without it this process counts by itself. */
  readonly limits?: LimitStore | undefined;
  /** Where an address is; without it, keys that name countries are refused. */
  readonly countryOf?: CountryOf | undefined;
  /** Where rotations bring new secrets, by the names that rules use; none unless configured. */
  readonly deliveryTargets?: DeliveryTargets | undefined;
  /** How lists of addresses are read; none of private sources unless configured. */
  readonly threats?: ThreatSettings | undefined;
  /** The system that keys come from, while both are asked. */
  readonly oldSystem?: ShadowSettings | undefined;
  /** Without one, users cannot ask for a new password. */
  readonly mailer?: Mailer | undefined;
  /** Who hears beside the owners of credentials, and for those who cannot be reached. */
  readonly alerts?: AlertSettings | undefined;
  /** Told of what an operator should see. Never carries a secret. */
  readonly log: (event: AuthorityEvent) => void;
}

export interface ThreatSettings {
  /** Asks the origins below. */
  readonly client: Pick<GuardedClient, 'send'>;
  /** Private ones too, such as a CrowdSec beside this installation; for its first tenant alone. */
  readonly privateOrigins: readonly string[];
  /** Blocks that no list may touch. */
  readonly protectedRanges: readonly AddressRange[];
}

export interface AlertSettings {
  /** An e-mail address. */
  readonly contact?: string | undefined;
  readonly webhook?: AlertWebhook | undefined;
}

export type AuthorityEvent = {
  readonly type: 'fault';
  readonly where: string;
  readonly error: unknown;
};

/** The parts that more than one room is given. */
export interface Rooms {
  readonly config: AuthorityConfig;
  readonly ports: AuthorityPorts;
  readonly store: Store;
  readonly issuers: Issuers;
  readonly tenants: TenantDirectory;
  readonly peppers: Peppers;
  readonly sealer: Sealer;
  readonly custodyUpkeep: CustodyUpkeep;
  readonly recorder: Recorder;
  readonly keyring: Keyring;
  readonly sequencer: Sequencer;
  readonly feed: Feed;
  readonly keyEnder: KeyEnder;
  readonly queryRunner: QueryRunner;
  readonly usage: UsageCounter;
  /** Which rights each credential used. */
  readonly privilegeUsage: PrivilegeUsage;
  /** Takes the decisions of every enforcement point. */
  readonly decisions: DecisionSink;
  readonly refusals: RefusalTally;
  /** The clock that every process of the installation goes by. */
  readonly storeNowMs: () => Promise<number>;
  /** Takes what enforcement points say of policies. */
  readonly decisionLog: DecisionLog;
  /** Decisions of this process that may be kept to be explained. */
  readonly keepBudget: KeepBudget;
  readonly policies: PolicyReader;
  /** Of credentials whose overlap is over: their owners are told. */
  readonly lateUses: LateUses;
  /** For rules whose credential several programs share. */
  readonly programWatch: ProgramWatch;
  /** For rules that bound how often a key signs. */
  readonly signingUses: SigningUses;
  readonly keyShadow: KeyShadow | undefined;
  /** Keys as verification reads them. */
  readonly keyCache: KeyCache;
  readonly users: Users;
  readonly claimsHook: ClaimsHook | undefined;
  readonly sessionEnder: SessionEnder;
  readonly requestPinger: RequestPinger;
  readonly requestMail: RequestMail;
  /** Brings to owners of credentials what they are told. */
  readonly notices: NoticeDelivery;
  readonly expiryNotices: ExpiryNotices;
  /** Reads lists of addresses when they are due. */
  readonly threatFeeds: ThreatFeeds;
  readonly plans: PlanReader;
  /** Where the limits of plans are counted. */
  readonly limits: LimitStore;
  /** Learns what callers of adaptive limits usually do. */
  readonly limitLearner: LimitLearner;
  readonly limitProfiles: LimitProfileSource;
  /** Tells enforcement points what is listed. */
  readonly threatSource: ThreatSource;
  /** Types of rich authorization requests. */
  readonly detailTypes: DetailTypesReader;
  /** By which pairwise subjects are made: from custody, the same for ever. */
  readonly pairwiseKey: Uint8Array;
  /** By which user codes are hashed. */
  readonly userCodeKey: Uint8Array;
  /** The subject by which a client knows a person. */
  readonly subjectSeenBy: SubjectSeenBy;
  readonly factors: Factors;
  readonly passkeys: Passkeys;
  readonly resets: Resets;
  /** Of people's passwords alone: those who sign in never keep checks of keys waiting. */
  readonly passwordHashes: SlowHashQueue;
}

function openHook(ports: AuthorityPorts, settings: ClaimsHookSettings): ClaimsHook {
  return createClaimsHook(settings, {
    ...ports,
    failed(failure, cause) {
      const error = new NetworkFault('claims_hook_failed', `the claims hook: ${failure}`, {
        cause,
        hint: hintOf(failure),
      });
      ports.log({ type: 'fault', where: 'claims hook', error });
    },
  });
}

type SubjectSeenBy = (client: RequestingClient, subject: string) => string;

/** @throws StoreFault `not_initialised`; CustodyFault */
export async function openRooms(config: AuthorityConfig, ports: AuthorityPorts): Promise<Rooms> {
  const { clock, entropy, timers, custody } = ports;
  await requireInstallation(ports);
  // The feed is opened over the bare store; acts of everybody else pass through it.
  let feed: Feed | undefined;
  const keyCache = createKeyCache(ports.store.keys, clock);
  const issuers = createIssuers(config.issuer, config.tenantIssuers);
  const tenants = createTenantDirectory({
    store: ports.store,
    clock,
    defaults: { ...config, registration: config.registration ?? registrationOff },
  });
  const store = announcing(ports.store, {
    advanced: (tenant, position) => feed?.advanced(tenant, position),
    ended(act) {
      keyCache.forget(act);
      tenants.forget(act);
    },
  });
  // Held from the start on: it is served whatever becomes of the store.
  await tenants.within(defaultTenant, () => undefined);
  const sealer = createSealer({ custody, store, entropy, clock });
  const peppers = await createPeppers({ custody, store, entropy, clock });
  const custodyUpkeep = createCustodyUpkeep({ custody, store, sealer, peppers, clock });
  const recorder = createRecorder({ sealer, entropy, clock });
  const signingUses = createSigningUses();
  const keyring = await keyringOf(config, { store, sealer, recorder, clock, entropy }, signingUses);
  const { issuerOf } = issuers;
  const verifierOf = (row: Row<'keys'>) => openVerifier(sealer, row);
  feed = await openFeed({ store, sealer, clock, timers, issuerOf, verifierOf });
  const keyEnder = createKeyEnder({ store, recorder, clock }, feed.takeKeyEndings);
  const pause = () => letOthersRun(timers);
  const queryRunner = createQueryRunner({
    ...{ store, recorder, sealer, clock, entropy, feed, pause },
  });
  const passwordHashes = createSlowHashQueue();
  const acting = { store, sealer, recorder, clock, entropy };
  const users = createUsers({
    ...acting,
    passwordHashes,
    accountKey: await custody.mac('sign-in-account', new Uint8Array()),
  });
  const keys = await keysOf(custody);
  return {
    ...{ config, ports, store, issuers, tenants },
    ...{ peppers, sealer, custodyUpkeep, recorder, keyring },
    sequencer: createSequencer({ store, clock }),
    feed,
    ...{ keyEnder, queryRunner, signingUses },
    ...countersOf({ store, recorder, clock }),
    ...{ keyCache, storeNowMs: createStoreClock(ports.store.upkeep, clock) },
    ...policiesOf(config, { store, clock }),
    keyShadow: shadowOf({ store, recorder, clock, prefix: config.prefix }, ports.oldSystem),
    ...{ users, claimsHook: ports.claimsHook && openHook(ports, ports.claimsHook) },
    sessionEnder: sessionEnderOf(issuers, { ...ports, ...keys, store, recorder, keyring }),
    ...backchannelOf(issuers, { ...ports, store, recorder, sealer, users }),
    notices: noticesOf(issuers, { ...ports, store, recorder, users }),
    expiryNotices: createExpiryNotices({ ...ports, store }),
    ...knowledgeOf({ ...ports, store, recorder, sealer }),
    ...keys,
    ...plansOf({ ...ports, store }),
    detailTypes: createDetailTypes({ store, clock }),
    ...peopleOf(issuers, { ...acting, users, passwordHashes, ports }),
    passwordHashes,
  };
}

function plansOf({
  store,
  clock,
  limits,
}: Pick<AuthorityPorts, 'store' | 'clock' | 'limits'>): Pick<Rooms, 'plans' | 'limits'> {
  return { plans: createPlanReader({ store, clock }), limits: limits ?? createLocalLimits(clock) };
}

function keyringOf(
  { signing: settings }: AuthorityConfig,
  ports: Omit<Parameters<typeof createKeyring>[0], 'settings'>,
  { note: signed }: SigningUses,
): Promise<Keyring> {
  return createKeyring({ ...ports, settings, signed });
}

function policiesOf(
  { decisions }: AuthorityConfig,
  ports: Pick<AuthorityPorts, 'store' | 'clock'>,
): Pick<Rooms, 'decisionLog' | 'keepBudget' | 'policies'> {
  return {
    decisionLog: createDecisionLog({ ...ports, keptSeconds: decisions.keptSeconds }),
    keepBudget: createKeepBudget(ports.clock, decisions),
    policies: createPolicyReader(ports),
  };
}

/** What is learned of callers, and what others know of addresses. */
function knowledgeOf(
  ports: AuthorityPorts & Pick<Rooms, 'recorder' | 'sealer'>,
): Pick<Rooms, 'threatFeeds' | 'threatSource' | 'limitLearner' | 'limitProfiles'> {
  const { threats, outbound, log } = ports;
  return {
    limitLearner: createLimitLearner(ports),
    limitProfiles: createProfileSource(ports),
    threatSource: createThreatSource(ports),
    threatFeeds: createThreatFeeds({
      ...ports,
      inside: { client: threats?.client ?? outbound, origins: threats?.privateOrigins ?? [] },
      protected: threats?.protectedRanges ?? [],
      onFault: (error) => log({ type: 'fault', where: 'threat feeds', error }),
    }),
  };
}

function shadowOf(
  ports: Parameters<typeof createKeyShadow>[0],
  settings: ShadowSettings | undefined,
): KeyShadow | undefined {
  return settings && createKeyShadow(ports, settings);
}

async function keysOf(
  custody: Pick<Custody, 'mac'>,
): Promise<Pick<Rooms, 'pairwiseKey' | 'subjectSeenBy' | 'userCodeKey'>> {
  const pairwiseKey = await custody.mac('pairwise-subject', new Uint8Array());
  return {
    pairwiseKey,
    userCodeKey: await custody.mac('device-user-code', new Uint8Array()),
    subjectSeenBy: (client, subject) => subjectFor(pairwiseKey, client, subject as SubjectId),
  };
}

async function requireInstallation({ store }: Pick<AuthorityPorts, 'store'>): Promise<void> {
  if ((await store.installation.get('self')) !== undefined) return;
  throw new StoreFault('not_initialised', 'this database holds no installation yet', {
    hint: 'run `mintmark init`, or let `mintmark serve` do it on an empty folder',
  });
}

/** What users have beside the password. */
function peopleOf(
  { issuerOf }: Issuers,
  parts: Omit<FactorsDeps & ResetsDeps, 'delivery' | 'onFault'> & {
    readonly store: Store;
    readonly ports: AuthorityPorts;
  },
): Pick<Rooms, 'factors' | 'passkeys' | 'resets'> {
  const { log, mailer } = parts.ports;
  return {
    factors: createFactors(parts),
    passkeys: createPasskeys({
      ...parts,
      relyingParty: (tenant) => relyingPartyAt(issuerOf(tenant)),
    }),
    resets: createResets({
      ...parts,
      delivery: mailer && resetByMail(mailer, (tenant) => resetPageOf(issuerOf(tenant))),
      onFault: (error) => log({ type: 'fault', where: 'password reset', error }),
    }),
  };
}

function sessionEnderOf(
  { issuerOf }: Issuers,
  ports: Pick<AuthorityPorts, 'store' | 'clock' | 'entropy' | 'outbound' | 'log'> &
    Pick<Rooms, 'recorder' | 'keyring' | 'subjectSeenBy'>,
): SessionEnder {
  const { store, log } = ports;
  return createSessionEnder({
    ...ports,
    issuerOf,
    findClient: (tenant, clientId) => findClient(store, tenant, clientId),
    onFault: (error) => log({ type: 'fault', where: 'logout', error }),
  });
}

/** How people hear of requests by the back channel, and clients of the answers. */
function backchannelOf(
  { issuerOf }: Issuers,
  ports: Pick<AuthorityPorts, 'store' | 'clock' | 'mailer' | 'outbound' | 'log'> &
    Pick<Rooms, 'recorder' | 'sealer' | 'users'>,
): Pick<Rooms, 'requestPinger' | 'requestMail'> {
  const { store, log, mailer } = ports;
  return {
    requestPinger: createRequestPinger({
      ...ports,
      findClient: (tenant, clientId) => findClient(store, tenant, clientId),
      onFault: (error) => log({ type: 'fault', where: 'ping', error }),
    }),
    requestMail: createRequestMail({
      ...ports,
      mailer,
      pageUrlOf: (tenant) => `${issuerOf(tenant)}/account/requests`,
      onFault: (error) => log({ type: 'fault', where: 'authentication request mail', error }),
    }),
  };
}

function noticesOf(
  { issuerOf }: Issuers,
  ports: Pick<AuthorityPorts, 'store' | 'clock' | 'mailer' | 'alerts' | 'log'> &
    Pick<Rooms, 'recorder' | 'users'>,
): NoticeDelivery {
  const { alerts, log, mailer, users } = ports;
  return createNoticeDelivery({
    ...ports,
    mailer,
    webhook: alerts?.webhook,
    addresseeOf: (tenant, owner) => addresseeOf(users, { tenant, owner, contact: alerts?.contact }),
    issuerOf,
    onFault: (error) => log({ type: 'fault', where: 'notices', error }),
  });
}

/** Counts every use, and keeps in a key's own history what should not have been tried. */
function countersOf(
  ports: Pick<Rooms, 'store' | 'recorder'> & { readonly clock: Clock },
): Pick<Rooms, CountingRooms | 'decisions'> {
  const usage = createUsageCounter(ports);
  const counters = {
    usage,
    privilegeUsage: createPrivilegeUsage(ports.store),
    refusals: createRefusalTally(ports),
    lateUses: createLateUses(ports),
    programWatch: createProgramWatch({ store: ports.store, usage }),
  };
  return { ...counters, decisions: decisionSink({ ...counters, ...ports }) };
}

type CountingRooms = 'usage' | 'privilegeUsage' | 'refusals' | 'lateUses' | 'programWatch';

function decisionSink({
  usage,
  privilegeUsage,
  refusals,
  lateUses,
  programWatch,
  store,
  recorder,
  clock,
}: Pick<Rooms, CountingRooms | 'store' | 'recorder'> & {
  readonly clock: Clock;
}): DecisionSink {
  return {
    record: (event) => recordDecision({ store, recorder, clock }, event),
    async accept(events) {
      usage.accept(events);
      for (const event of events) {
        privilegeUsage.accept(event);
        programWatch.accept(event);
        const reason = evidenceOf(event);
        if (reason === undefined) continue;
        const { tenant, credentialId: key, address } = event;
        refusals.note({ tenant, surface: 'keys', reason, address, key });
        if (reason === 'rotated_key_used' && key !== undefined) {
          lateUses.note({ tenant, kind: 'key', id: key, address });
        }
      }
    },
  };
}

/**
 * A key that is presented after its overlap tells of a user who was never moved, or of a thief; one
 * in quarantine tells of who has it. Only where the secret was proven.
 */
function evidenceOf(event: DecisionEvent): 'quarantined_key_used' | 'rotated_key_used' | undefined {
  const { authenticated, verdict, rotated, reason } = event;
  if (!authenticated || verdict !== 'deny') return undefined;
  if (reason === 'quarantined') return 'quarantined_key_used';
  return rotated === true && reason === 'expired' ? 'rotated_key_used' : undefined;
}

/** The same store, whose acts tell of the positions they were given, and of their end. */
function announcing(
  store: Store,
  tell: {
    readonly advanced: (tenant: TenantId, position: FeedPosition) => void;
    readonly ended: (act: Act) => void;
  },
): Store {
  const run = async (act: Act): Promise<ActOutcome> => {
    // Also after a fault: where the connection broke during commit, the change may hold.
    const done = await store.acts.run(act).finally(() => tell.ended(act));
    if (done.position !== undefined) {
      const steps = [act, ...Object.values(act.otherwise ?? {})].flatMap(({ steps }) => steps);
      const feedStep = steps.find((step) => step.do === 'feed');
      if (feedStep !== undefined) tell.advanced(feedStep.tenant, done.position);
    }
    return done;
  };
  return { ...store, acts: { run } };
}
