/**
 * A gateway on a real socket, with all around it in the hands of a test: a feed that says what the
 * test says, an authority that answers what the test answers, and a clock that the test moves.
 */
import {
  type DecisionEvent,
  defaultTenant,
  type FeedSource,
  type IntrospectionAnswer,
  type Introspector,
  type ManualClock,
  manualClock,
  nowSeconds,
  type PolicyReport,
  type PolicyView,
  type RevocationTarget,
  seededEntropy,
  type TenantId,
  type UnixMs,
  type UnixSeconds,
} from '@mintmark/core';
import { systemTimers } from '@mintmark/core/system';
import { type Listener, listen } from '@mintmark/net';
import { createGateway, type Gateway, type GatewayConfig, type GatewayPorts } from '../gateway.ts';
import { type LimitStores, openLimitStores } from '../limits/stores.ts';
import { FakeFeed } from './fake-feed.ts';
import { HandTimers } from './hand-timers.ts';
import { createMint, type Mint } from './mint.ts';

export interface Rig extends Mint {
  readonly gateway: Gateway;
  readonly listener: Listener;
  readonly feed: FakeFeed;
  /** Of other tenants, beside the node's own. */
  readonly others: FakeFeed[];
  readonly timers: HandTimers;
  readonly clock: ManualClock;
  readonly decisions: DecisionEvent[];
  readonly reports: PolicyReport[];
  /** Where limits are counted. */
  readonly limits: LimitStores;
  readonly events: unknown[];
  /** Credentials that the authority was asked about. */
  readonly asked: string[];
  /** What the authority answers. */
  introspect: (credential: string, tenant: TenantId) => Promise<IntrospectionAnswer>;
  /** What becomes of the cost of a use there. */
  spend: Introspector['spend'];
  /** What becomes of a decision that must be in the audit trail. */
  record: (event: DecisionEvent) => Promise<void>;
  route(wire: Record<string, unknown>): void;
  /** Tells what is judged by under a name; null: nothing any more. */
  policy(name: string, policy: PolicyView | null): void;
  revoke(target: RevocationTarget, before?: UnixSeconds): void;
  /** Resolves when everything that was pushed so far is applied. */
  caughtUp(): Promise<void>;
  close(): Promise<void>;
}

export const startMs = Date.UTC(2026, 0, 1);

/** Opens a rig whose routes are given in wire form. */
export async function openRig(
  routes: readonly Record<string, unknown>[],
  config: Partial<GatewayConfig> = {},
  trustedProxies: readonly string[] = [],
  replaced: Partial<GatewayPorts> = {},
): Promise<Rig> {
  const clock = manualClock(startMs);
  const timers = new HandTimers(clock);
  const [feed, others] = [new FakeFeed(), [] as FakeFeed[]];
  const mint = await createMint(feed, clock);
  for (const wire of routes) pushRoute(feed, wire);

  const decisions: DecisionEvent[] = [];
  const reports: PolicyReport[] = [];
  const events: unknown[] = [];
  const asked: string[] = [];
  const limits = replaced.limits ?? openLimitStores({ clock, timers }, { target: undefined });
  const log = (event: unknown): void => void events.push(event);
  const rest: Omit<Rig, 'gateway' | 'listener' | 'caughtUp' | 'close'> = {
    ...{ feed, others, timers, clock, decisions, reports, events, asked, limits },
    ...mint,
    introspect: async () => ({ active: false }),
    spend: async () => ({ spent: true }),
    record: async () => {},
    route: (wire) => pushRoute(feed, wire),
    policy: (name, policy) => feed.push({ type: 'policy', name, policy }),
    revoke(target, before) {
      const expiresAt = (nowSeconds(clock) + 86_400) as UnixSeconds;
      const keysBefore = (before === undefined ? clock.nowMs() : before * 1000) as UnixMs;
      const moment = before === undefined ? {} : { before };
      feed.push({ type: 'revocation', target, expiresAt, keysBefore, ...moment });
    },
  };
  const gateway = createGateway(
    { tenant: defaultTenant, node: 'node-1', prefix: 'mm', ...config },
    {
      ...{ clock, timers, log, limits, entropy: seededEntropy(3) },
      feed: joined(feed, others),
      introspector: {
        introspect({ tenant, credential }) {
          asked.push(credential);
          return rig.introspect(credential, tenant);
        },
        spend: (input) => rig.spend(input),
      },
      decisions: {
        accept: async (batch) => void decisions.push(...batch),
        record: (event) => rig.record(event),
      },
      ...replaced,
      policyReports: { accept: async (batch) => void reports.push(...batch) },
    },
  );
  const where = { host: '127.0.0.1', port: 0 };
  const served = { streamHandler: gateway.handle, timers: systemTimers };
  const listener = await listen({ ...where, ...served, trustedProxies, log });
  const rig: Rig = Object.assign(rest, {
    gateway,
    listener,
    async caughtUp() {
      while (gateway.view.position < feed.head) await turn();
    },
    async close() {
      await gateway.close();
      await listener.close();
    },
  });
  await gateway.start();
  return rig;
}

function joined(feed: FakeFeed, others: readonly FakeFeed[]): FeedSource {
  const of = (tenant: TenantId): FakeFeed => {
    const found = [feed, ...others].find((one) => one.tenant === tenant);
    if (found === undefined) throw new Error(`no feed of ${tenant}`);
    return found;
  };
  return {
    snapshot: async (tenant) => of(tenant).snapshot(),
    keys: async (input) => of(input.tenant).keys(input),
    delta: async (input) => of(input.tenant).delta(input),
  };
}

function pushRoute(feed: FakeFeed, wire: Record<string, unknown>): void {
  feed.push({ type: 'route', name: String(wire['name']), route: wire });
}

/** Lets what is due in the event loop happen. */
export function turn(): Promise<void> {
  return new Promise((resolve) => {
    systemTimers.after(0, resolve);
  });
}

/** Resolves once the condition holds; the test's own timeout is the bound. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await turn();
}
