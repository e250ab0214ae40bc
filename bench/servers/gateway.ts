/**
 * Our gateway alone, with a feed that never changes, in front of one upstream. Arguments: upstream
 * port, file for the credentials, `jwt`, `limited` (JWTs, and a limit) or `key`, how many, in how
 * many files (with `.0`, `.1` … behind their name), and `judge` for its ports by HTTP and by gRPC.
 * Prints `port`, and these.
 */
import { writeFileSync } from 'node:fs';
import {
  base64urlEncode,
  type ClientId,
  createRangeSet,
  defaultTenant,
  type FeedEntry,
  type KeyId,
  loopback,
  type SubjectId,
  type TokenId,
  type UnixSeconds,
  utf8,
} from '@mintmark/core';
import { systemClock, systemEntropy, systemTimers } from '@mintmark/core/system';
import { createGateway, createGrpcJudge, createHttpJudge } from '@mintmark/gateway';
import { listen, listenGrpc } from '@mintmark/net';
import {
  accessTokenSigningInput,
  assembleJws,
  buildSecretToken,
  generateSigningKey,
  localSigner,
  secretVerifier,
} from '@mintmark/tokens';

const [upstreamPort = '', file = '', kind = '', count = '', files = '1', judge] =
  process.argv.slice(2);
const issuer = 'https://issuer.test';
/** Spent by each request, and never used up. */
const plenty = { name: 'plenty', by: 'token', quota: 1_000_000, window_seconds: 60 };
const { privateKey, kid, publicJwk } = await generateSigningKey('ES256');
const signer = localSigner({ privateKey, algorithm: 'ES256', kid });

const entries: FeedEntry[] = [
  { type: 'signing_key', position: 1, kid, jwk: publicJwk, status: 'trusted' },
  {
    type: 'route',
    position: 1,
    name: 'bench',
    route: {
      name: 'bench',
      match: { path_prefix: '/' },
      upstream: `http://127.0.0.1:${upstreamPort}`,
      scopes: ['read'],
      ...(kind === 'limited' ? { limits: [plenty] } : {}),
    },
  },
  // One revocation, so that looking for more is not skipped.
  {
    type: 'revocation',
    position: 1,
    target: { kind: 'client', id: 'someone-else' },
    expiresAt: (Math.floor(systemClock.nowMs() / 1000) + 86_400) as UnixSeconds,
  },
];

function token(index: number): string {
  const now = Math.floor(systemClock.nowMs() / 1000) as UnixSeconds;
  const input = accessTokenSigningInput(
    {
      issuer,
      subject: 'bench' as SubjectId,
      audience: [issuer],
      clientId: 'bench' as ClientId,
      scopes: ['read', 'write'],
      issuedAt: now,
      expiresAt: (now + 600) as UnixSeconds,
      tokenId: `token-${index}` as TokenId,
      position: 1,
      tenant: defaultTenant,
    },
    signer,
  );
  return assembleJws(input, signer.sign(utf8(input)));
}

function key(index: number): string {
  const id = `K${String(index).padStart(16, '0')}` as KeyId;
  const { text, secret } = buildSecretToken({
    prefix: 'mm',
    kind: 'key',
    id,
    entropy: systemEntropy,
  });
  const verifier = base64urlEncode(secretVerifier(secret));
  const common = { tenant: defaultTenant, status: 'active', owner: 'bench' } as const;
  entries.push({
    type: 'key',
    position: 1,
    key: { id, verifier, scopes: ['read', 'write'], ...common },
  });
  return text;
}

for (let part = 0; part < Number(files); part++) {
  const lines = Array.from({ length: Number(count) }, (_, index) => {
    const serial = part * Number(count) + index;
    return `Bearer ${kind === 'key' ? key(serial) : token(serial)}\n`;
  });
  writeFileSync(`${file}.${part}`, lines.join(''));
}

const head = { tenant: defaultTenant, epoch: 'bench', head: 1 };
const gateway = createGateway(
  { tenant: defaultTenant, node: 'bench', prefix: 'mm' },
  {
    clock: systemClock,
    timers: systemTimers,
    entropy: systemEntropy,
    log: console.error,
    introspector: { introspect: async () => ({ active: false }) },
    decisions: { accept: async () => {}, record: async () => {} },
    policyReports: { accept: async () => {} },
    feed: {
      snapshot: async () => ({ ...head, issuer, entries }),
      delta: ({ after }) =>
        new Promise((resolve) => {
          systemTimers.after(1000, () => resolve({ ...head, after, entries: [] }));
        }),
    },
  },
);
const listener = await listen({
  streamHandler: gateway.handle,
  timers: systemTimers,
  host: '127.0.0.1',
  port: 0,
});
await gateway.start();
console.log([listener.port, ...(judge === undefined ? [] : await listenJudges())].join(' '));

async function listenJudges(): Promise<readonly number[]> {
  const none = createRangeSet([]);
  if (!none.ok) throw new Error(none.refusal.rule);
  const trusted = none.value;
  const at = { host: '127.0.0.1', port: 0, timers: systemTimers };
  const http = await listen({
    handler: createHttpJudge(gateway, { proxies: loopback, trusted }).answer,
    ...at,
  });
  const grpc = await listenGrpc({
    methods: createGrpcJudge(gateway, { trusted }),
    mayConnect: (address) => loopback.contains(address),
    ...at,
  });
  return [http.port, grpc.port];
}
