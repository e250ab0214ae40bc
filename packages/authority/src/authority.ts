/**
 * The authority's composition root: (configuration, ports) → { handle, feed, introspect, decisions,
 * tick, close }. It joins the rooms and knows no rule of its own. What must never happen: an object
 * graph built anywhere else.
 */
import {
  type Clock,
  createFailureBudget,
  type DecisionEvent,
  defaultTenant,
  type Entropy,
  err,
  type FeedPosition,
  type FeedSource,
  type HttpHandler,
  type HttpResponse,
  limits,
  nowSeconds,
  ok,
  type Result,
  StoreFault,
  type TenantId,
  type Timers,
} from '@mintmark/core';
import { createVerifiedCache, type VerifiedAccessToken } from '@mintmark/tokens';
import { openVerifier } from './apikeys/key-secret.ts';
import { createSlowHashQueue } from './apikeys/slow-hash-queue.ts';
import { verifyKey } from './apikeys/verify-key.ts';
import { createRecorder, type Recorder } from './audit/record.ts';
import { createSequencer, type Sequencer } from './audit/sequencer.ts';
import { createClientAuthenticator } from './clients/authenticate.ts';
import type { AuthorityConfig } from './config.ts';
import type { Custody } from './custody/custody.ts';
import { createPeppers, type Peppers } from './custody/peppers.ts';
import { createSealer, type Sealer } from './custody/sealer.ts';
import { createCursors } from './http/management/cursor.ts';
import { feedEndpoints } from './http/management/feed-endpoints.ts';
import { createManagementApi, type ManagementApi } from './http/management/management-api.ts';
import { handleOperations, type Metric } from './http/operations.ts';
import { handleProtocol } from './http/protocol-api.ts';
import type { ProtocolDeps } from './http/protocol-deps.ts';
import { introspect } from './introspection/introspect.ts';
import { createKeyring, type Keyring } from './keyring/keyring.ts';
import { type Feed, openFeed } from './revocation/feed.ts';
import type { Act, ActOutcome } from './store/act.ts';
import type { Store } from './store/store.ts';
import { initInstallation } from './tenants/installation.ts';
import { createUsageCounter, type UsageCounter } from './usage/usage-counter.ts';

export interface AuthorityPorts {
  readonly store: Store;
  readonly custody: Custody;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly timers: Timers;
  /** Told of what an operator should see. Never carries a secret. */
  readonly log: (event: AuthorityEvent) => void;
}

export type AuthorityEvent = {
  readonly type: 'fault';
  readonly where: string;
  readonly error: unknown;
};

export interface Authority {
  readonly handle: HttpHandler;
  /** For a gateway in the same process; apart, it asks over HTTP. */
  readonly feed: FeedSource;
  /** Counts decisions of a gateway in the same process. */
  readonly decisions: { accept(events: readonly DecisionEvent[]): Promise<void> };
  /**
   * One round of what happens by itself: sequencing, feed refresh, key rotation, usage, upkeep.
   * Called every `limits.auditIntervalMs`; a round that finds the last one running does nothing.
   */
  tick(): Promise<void>;
  /** Finishes what was acknowledged but not yet sequenced or counted. The store is its opener's. */
  close(): Promise<void>;
}

/** The parts that more than one room is given. */
interface Rooms {
  readonly config: AuthorityConfig;
  readonly ports: AuthorityPorts;
  readonly store: Store;
  readonly peppers: Peppers;
  readonly sealer: Sealer;
  readonly recorder: Recorder;
  readonly keyring: Keyring;
  readonly sequencer: Sequencer;
  readonly feed: Feed;
  readonly usage: UsageCounter;
}

/**
 * Opens an initialised authority.
 *
 * @throws StoreFault, CustodyFault; `not_initialised` where `initAuthority` was never run
 */
export async function openAuthority(
  config: AuthorityConfig,
  ports: AuthorityPorts,
): Promise<Authority> {
  const rooms = await openRooms(config, ports);
  const protocol = protocolDeps(rooms);
  const management = await openManagement(rooms);
  const operations = {
    check: () => ports.store.upkeep.check(),
    metrics: () => metricsOf(rooms),
  };
  const handle: HttpHandler = async (request) => {
    const at = { tenant: defaultTenant, path: request.path };
    const answer =
      handleProtocol(protocol, request, at) ??
      management.handle(request, at) ??
      handleOperations(operations, request);
    return (await answer) ?? notFound;
  };
  const round = createRound(rooms);
  return {
    handle,
    feed: rooms.feed,
    decisions: { accept: async (events) => rooms.usage.accept(events) },
    tick: round.run,
    async close() {
      await round.finish();
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
  ports: AuthorityPorts,
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
  const keyring = await createKeyring({ store, sealer, recorder, clock });
  for (const algorithm of signing.algorithms) await keyring.signer(defaultTenant, algorithm);
  return ok(made.value);
}

const notFound: HttpResponse = {
  status: 404,
  headers: { 'content-type': 'text/plain; charset=utf-8' },
  body: 'not found\n',
};

async function openRooms(config: AuthorityConfig, ports: AuthorityPorts): Promise<Rooms> {
  const { clock, entropy, timers, custody } = ports;
  if ((await ports.store.installation.get('self')) === undefined) {
    throw new StoreFault('not_initialised', 'this database holds no installation yet', {
      hint: 'run `mintmark init`, or let `mintmark serve` do it on an empty folder',
    });
  }
  // The feed is opened over the bare store; acts of everybody else pass through it.
  let feed: Feed | undefined;
  const store = announcing(ports.store, (tenant, position) => feed?.advanced(tenant, position));
  const sealer = createSealer({ custody, store, entropy, clock });
  const peppers = await createPeppers({ custody, store, entropy, clock });
  const recorder = createRecorder({ sealer, entropy, clock });
  const keyring = await createKeyring({ store, sealer, recorder, clock });
  feed = await openFeed(
    {
      store,
      clock,
      timers,
      issuerOf: () => config.issuer,
      verifierOf: (row) => openVerifier(sealer, row),
    },
    [defaultTenant],
  );
  const sequencer = createSequencer({ store, clock });
  const usage = createUsageCounter(store);
  return { config, ports, store, peppers, sealer, recorder, keyring, sequencer, feed, usage };
}

/** The same store, whose acts tell the feed what positions they were given. */
function announcing(
  store: Store,
  announce: (tenant: TenantId, position: FeedPosition) => void,
): Store {
  const run = async (act: Act): Promise<ActOutcome> => {
    const done = await store.acts.run(act);
    if (done.position !== undefined) {
      const steps = [act, ...Object.values(act.otherwise ?? {})].flatMap(({ steps }) => steps);
      const feedStep = steps.find((step) => step.do === 'feed');
      if (feedStep !== undefined) announce(feedStep.tenant, done.position);
    }
    return done;
  };
  return { ...store, acts: { run } };
}

function protocolDeps(rooms: Rooms): ProtocolDeps {
  const { config, ports, store, peppers, recorder, keyring, feed } = rooms;
  const { clock, entropy } = ports;
  const { prefix } = config;
  const issuerOf = (): string => config.issuer;
  const authenticator = createClientAuthenticator({ store, peppers, clock, entropy });
  const introspectDeps = {
    store,
    peppers,
    clock,
    prefix,
    issuerOf,
    cache: createVerifiedCache<VerifiedAccessToken>(),
    verificationKeys: keyring.verificationKeys,
    refuses: freshRefuses(feed),
  };
  return {
    grants: {
      store,
      keyring,
      recorder,
      peppers,
      clock,
      entropy,
      prefix,
      issuerOf,
      authenticator,
      feedHead: feed.head,
    },
    revocation: { store, recorder, clock, entropy },
    authenticator,
    introspect: (input) => introspect(introspectDeps, input),
    isGateway: async () => false,
    failures: createFailureBudget(clock),
    issuerOf,
    jwks: keyring.jwks,
    // A verifier that cached the set just before a key appeared must learn of it in time.
    jwksMaxAgeSeconds: Math.min(3600, Math.floor(config.signing.publishAheadSeconds / 2)),
    signingAlgorithms: config.signing.algorithms,
    onFault: (error) => ports.log({ type: 'fault', where: 'protocol', error }),
  };
}

async function openManagement(rooms: Rooms): Promise<ManagementApi> {
  const { config, ports, store, peppers, sealer, recorder, keyring, feed, usage } = rooms;
  const { clock, entropy, custody, log } = ports;
  const onFault = (error: unknown): void => log({ type: 'fault', where: 'management', error });
  const slowHashes = createSlowHashQueue();
  const { prefix } = config;
  const verifier = { store, peppers, sealer, clock, recorder, prefix, slowHashes, onFault };
  return createManagementApi({
    endpoints: [
      ...feedEndpoints({
        feed,
        signer: (tenant) => keyring.signer(tenant, config.signing.algorithms[0] ?? 'ES256'),
        accept: async (events) => usage.accept(events),
      }),
    ],
    store,
    clock,
    entropy,
    cursors: createCursors(await custody.mac('cursor', new Uint8Array())),
    async authenticate(request, { tenant }) {
      const text = /^Bearer +(\S+)$/i.exec(request.header('authorization') ?? '')?.[1];
      if (text === undefined) return err({ code: 'unauthenticated' });
      const now = clock.nowMs();
      const verdict = await verifyKey(verifier, { tenant, text, kinds: ['admin'], now });
      if (!verdict.active) return err({ code: 'unauthenticated' });
      const { id, scopes } = verdict.row;
      return ok({ tenant, actor: { kind: 'admin_key', id }, permissions: scopes });
    },
    onFault,
  });
}

/** A view of revocations that could not be refreshed within its lease judges nothing any more. */
function freshRefuses(feed: Feed): Feed['refuses'] {
  return async (tenant, token) => {
    if (feed.ageMs(tenant) > limits.feedLeaseMs) {
      await feed.refresh(tenant);
    }
    return feed.refuses(tenant, token);
  };
}

/** What happens by itself, in rounds: one never overlaps the next. */
function createRound(rooms: Rooms): { run(): Promise<void>; finish(): Promise<void> } {
  const { ports, store, sequencer, feed, keyring, peppers, usage } = rooms;
  let running: Promise<void> | undefined;
  let rounds = 0;

  async function attempt(where: string, work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (error) {
      ports.log({ type: 'fault', where, error });
    }
  }

  async function everySecond(): Promise<void> {
    await attempt('usage', usage.flush);
    await attempt('peppers', peppers.refresh);
    await attempt('keyring', keyring.tick);
  }

  async function round(): Promise<void> {
    await attempt('sequencer', sequencer.tick);
    await attempt('feed', () => feed.refresh(defaultTenant));
    if (rounds % 4 === 0) await everySecond();
    if (rounds % 240 === 0) await attempt('upkeep', () => upkeep(store, ports.clock));
    rounds++;
  }

  return {
    async run() {
      if (running !== undefined) return;
      running = round();
      await running;
      running = undefined;
    },
    async finish() {
      await running;
      await attempt('usage', usage.flush);
      while ((await sequencer.tick()) > 0);
    },
  };
}

/** Lets go of what has ended: token partitions, feed entries, remembered requests. */
async function upkeep(store: Store, clock: Clock): Promise<void> {
  const now = nowSeconds(clock);
  // A day behind the last expiry, so that an expired token is still told apart from an unknown one.
  await store.upkeep.dropPartitionsBelow('tokens', Math.floor(now / 86_400) - 1);
  const hourAgo = now - 3600;
  const ended = { is: '<', value: hourAgo } as const;
  await store.acts.run({
    steps: [
      { do: 'delete', table: 'feed', where: { expiresAtSeconds: ended } },
      { do: 'delete', table: 'idempotency', where: { expiresAtSeconds: ended } },
    ],
    audit: null,
  });
}

function metricsOf({ sequencer, feed, usage }: Rooms): readonly Metric[] {
  const { size, lagMs } = sequencer.view();
  const gauge = (name: string, help: string, value: number): Metric => {
    return { name, help, kind: 'gauge', value };
  };
  return [
    gauge('mintmark_audit_log_size', 'Records in the audit log.', size),
    gauge('mintmark_audit_lag_seconds', 'Age of the oldest unsequenced record.', lagMs / 1000),
    gauge('mintmark_feed_head', 'Newest position of the status feed.', feed.head(defaultTenant)),
    gauge(
      'mintmark_feed_age_seconds',
      'Age of the view of revocations.',
      feed.ageMs(defaultTenant) / 1000,
    ),
    {
      name: 'mintmark_usage_events_lost_total',
      help: 'Decisions that found no room to be counted.',
      kind: 'counter',
      value: usage.lost,
    },
  ];
}
