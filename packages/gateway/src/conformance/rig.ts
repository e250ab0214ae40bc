/**
 * A gateway on a real socket, with all around it in the hands of a test: a feed that says what the
 * test says, an authority that answers what the test answers, and a clock that the test moves.
 */
import {
  base64urlEncode,
  type ClientId,
  type DecisionEvent,
  defaultTenant,
  type IntrospectionAnswer,
  type KeyId,
  type KeyView,
  manualClock,
  nowSeconds,
  type RevocationTarget,
  type SubjectId,
  seededEntropy,
  type TokenId,
  type UnixSeconds,
  utf8,
} from '@mintmark/core';
import { systemTimers } from '@mintmark/core/system';
import { type Listener, listen } from '@mintmark/net';
import {
  type AccessTokenClaims,
  accessTokenSigningInput,
  assembleJws,
  buildSecretToken,
  generateSigningKey,
  localSigner,
  secretVerifier,
} from '@mintmark/tokens';
import { createGateway, type Gateway, type GatewayConfig } from '../gateway.ts';
import { FakeFeed } from './fake-feed.ts';
import { HandTimers } from './hand-timers.ts';

export interface Rig {
  readonly gateway: Gateway;
  readonly listener: Listener;
  readonly feed: FakeFeed;
  readonly timers: HandTimers;
  readonly clock: ReturnType<typeof manualClock>;
  readonly decisions: DecisionEvent[];
  readonly events: unknown[];
  /** Credentials that the authority was asked about. */
  readonly asked: string[];
  /** What the authority answers. */
  introspect: (credential: string) => Promise<IntrospectionAnswer>;
  route(wire: Record<string, unknown>): void;
  revoke(target: RevocationTarget): void;
  /** A signed access token. */
  token(claims?: Partial<AccessTokenClaims>): string;
  /** An API key that the feed has announced. */
  key(view?: Partial<KeyView>): { readonly text: string; readonly id: string };
  /** Resolves when everything that was pushed so far is applied. */
  caughtUp(): Promise<void>;
  close(): Promise<void>;
}

export const startMs = Date.UTC(2026, 0, 1);

/** Opens a rig whose routes are given in wire form. */
export async function openRig(
  routes: readonly Record<string, unknown>[],
  config: Partial<GatewayConfig> = {},
): Promise<Rig> {
  const clock = manualClock(startMs);
  const entropy = seededEntropy(7);
  const timers = new HandTimers(clock);
  const feed = new FakeFeed();
  const { privateKey, kid, publicJwk } = await generateSigningKey('ES256');
  const signer = localSigner({ privateKey, algorithm: 'ES256', kid });
  feed.push({ type: 'signing_key', kid, jwk: publicJwk, status: 'trusted' });
  const pushRoute = (wire: Record<string, unknown>): void =>
    feed.push({ type: 'route', name: String(wire['name']), route: wire });
  for (const wire of routes) pushRoute(wire);

  const decisions: DecisionEvent[] = [];
  const events: unknown[] = [];
  const asked: string[] = [];
  let serial = 0;
  const gateway = createGateway(
    { tenant: defaultTenant, node: 'node-1', prefix: 'mm', ...config },
    {
      feed,
      clock,
      entropy,
      timers,
      introspector: {
        introspect: ({ credential }) => {
          asked.push(credential);
          return rig.introspect(credential);
        },
      },
      decisions: {
        async accept(batch) {
          decisions.push(...batch);
        },
      },
      log: (event) => events.push(event),
    },
  );
  const listener = await listen({
    streamHandler: gateway.handle,
    timers: systemTimers,
    host: '127.0.0.1',
    port: 0,
    log: (event) => events.push(event),
  });

  const rig: Rig = {
    gateway,
    listener,
    feed,
    timers,
    clock,
    decisions,
    events,
    asked,
    introspect: async () => ({ active: false }),
    route: pushRoute,
    revoke(target) {
      const expiresAt = (nowSeconds(clock) + 86_400) as UnixSeconds;
      feed.push({ type: 'revocation', target, expiresAt });
    },
    token(claims = {}) {
      const now = nowSeconds(clock);
      const all: AccessTokenClaims = {
        issuer: feed.issuer,
        subject: 'subject-1' as SubjectId,
        audience: [feed.issuer],
        clientId: 'client-1' as ClientId,
        scopes: ['read'],
        issuedAt: now,
        expiresAt: (now + 600) as UnixSeconds,
        tokenId: `token-${++serial}` as TokenId,
        position: feed.head,
        tenant: defaultTenant,
        ...claims,
      };
      const input = accessTokenSigningInput(all, signer);
      return assembleJws(input, signer.sign(utf8(input)));
    },
    key(view = {}) {
      const id = view.id ?? (`K${String(++serial).padStart(16, '0')}` as KeyId);
      const made = buildSecretToken({ prefix: 'mm', kind: 'key', id, entropy });
      const key: KeyView = {
        id,
        tenant: defaultTenant,
        verifier: base64urlEncode(secretVerifier(made.secret)),
        status: 'active',
        owner: 'owner-1',
        scopes: ['read'],
        ...view,
      };
      feed.push({ type: 'key', key });
      return { text: made.text, id };
    },
    async caughtUp() {
      while (gateway.view.position < feed.head) await turn();
    },
    async close() {
      await gateway.close();
      await listener.close();
    },
  };
  await gateway.start();
  return rig;
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
