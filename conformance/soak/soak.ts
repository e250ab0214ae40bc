/**
 * A gateway under mixed load for a while: requests by HTTP/1.1, HTTP/2 and gRPC, bodies, event
 * streams, WebSockets, with tokens that change, keys that are revoked and limits that deny. Every
 * request has a number that its answer must show; the gateway's memory is looked at throughout.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { type Child, startChild } from '../rig/child.ts';
import { freePort } from '../rig/free-port.ts';
import {
  apply,
  type ClientSecret,
  call,
  clientCredentials,
  type Installation,
  initialise,
  type Running,
  start,
} from '../rig/installation.ts';
import { freshFolder, command as program } from '../rig/mintmark.ts';
import { until } from '../rig/until.ts';
import { type Clients, createClients } from './clients.ts';
import { createTally, kinds, type Tally } from './tally.ts';
import { startUpstreams } from './upstreams.ts';

export interface SoakReport {
  readonly counts: Readonly<Record<string, number>>;
  /** Lost, doubled or swapped, and what should have been refused. */
  readonly problems: readonly string[];
  /** Slowest refusal behind an acknowledged revocation, and slowest cut of a stream. */
  readonly refusedMs: number;
  readonly cutMs: number;
  /** Resident memory of the gateway, MiB: median after the warm-up, and at the end. */
  readonly memory: { readonly before: number; readonly after: number };
  /** From the one to the other, as a part of the first. */
  readonly growth: number;
}

export interface SoakOptions {
  readonly seconds: number;
  /** Loops of each kind at once. */
  readonly loops: number;
  /** Pause of a loop between two requests. */
  readonly pauseMs: number;
  readonly log: (line: string) => void;
}

interface Bench {
  readonly installation: Installation;
  readonly clients: Clients;
  readonly tally: Tally;
  readonly client: ClientSecret;
  readonly key: string;
  readonly options: SoakOptions;
  /** True once the time is over. */
  readonly over: () => boolean;
  readonly worst: { refusedMs: number; cutMs: number };
  readonly wrong: string[];
}

export async function soak(options: SoakOptions): Promise<SoakReport> {
  const tally = createTally();
  const folder = freshFolder();
  const upstreams = await startUpstreams(tally);
  let authority: Running | undefined;
  let gateway: Child | undefined;
  let clients: Clients | undefined;
  try {
    const installation = await initialise(folder.path);
    authority = await start(installation, { command: 'authority' });
    const { client, key, gatewayKey } = await prepare(installation, upstreams);
    const url = `http://127.0.0.1:${await freePort()}`;
    gateway = await startGateway(installation, { url, gatewayKey });
    clients = createClients(url, tally);
    const asked = clients;
    const known = async () =>
      (await asked.ask('/get/0', key).catch(() => 0)) === 200 ? true : undefined;
    await until('the gateway serves', known);
    const end = performance.now() + options.seconds * 1_000;
    const bench: Bench = {
      ...{ installation, clients, tally, client, key, options, wrong: [] },
      over: () => performance.now() > end,
      worst: { refusedMs: 0, cutMs: 0 },
    };
    const memory: number[] = [];
    await Promise.all([
      load(bench),
      revoking(bench),
      limited(bench),
      watch(bench, gateway, memory),
    ]);
    return report(bench, memory);
  } finally {
    clients?.close();
    await gateway?.stop('SIGKILL');
    await authority?.child.stop('SIGKILL');
    upstreams.close();
    folder.remove();
  }
}

async function prepare(
  installation: Installation,
  upstreams: { readonly http: string; readonly grpc: string },
): Promise<{ client: ClientSecret; key: string; gatewayKey: string }> {
  const scopes = ['soak'];
  const per = { window_seconds: 1, by: 'token' };
  await apply(installation, {
    routes: [
      { name: 'all', match: {}, upstream: upstreams.http, scopes },
      {
        ...{ name: 'grpc', match: { path_prefix: '/soak.Echo' }, scopes },
        ...{ upstream: upstreams.grpc, protocol: 'http2' },
      },
      {
        ...{ name: 'limited', match: { path_prefix: '/limited' }, scopes },
        ...{ upstream: upstreams.http, limits: [{ name: 'few', quota: 5, ...per }] },
      },
    ],
  });
  const made = await call(installation, 'POST /v1/clients', {
    ...{ client_name: 'soak', grant_types: ['client_credentials'], scope: 'soak' },
  });
  if (made.status !== 201) throw new Error(`no client: ${made.status} ${made.text}`);
  const client = { id: String(made.body['client_id']), secret: String(made.body['client_secret']) };
  const admin = { name: 'gateway', permissions: ['feed:read', 'decisions:write'] };
  const gatewayKey = String((await call(installation, 'POST /v1/admin-keys', admin)).body['key']);
  return { client, key: (await newKey(installation)).key, gatewayKey };
}

async function newKey(installation: Installation): Promise<{ id: string; key: string }> {
  const made = await call(installation, 'POST /v1/keys', { name: 'soak', scopes: ['soak'] });
  if (made.status !== 201) throw new Error(`no key: ${made.status} ${made.text}`);
  return { id: String(made.body['id']), key: String(made.body['key']) };
}

async function startGateway(
  { home, issuer }: Installation,
  { url, gatewayKey }: { readonly url: string; readonly gatewayKey: string },
): Promise<Child> {
  const flags = [
    ...['gateway', '--json', '--gateway-listen', new URL(url).host, '--gateway-http2', 'clear'],
    // A busy machine beside it is no reason to turn anybody away: each request must be answered.
    ...['--overload-delay-ms', '0'],
    ...['--gateway-operations-listen', `127.0.0.1:${await freePort()}`],
    ...['--gateway-authority', issuer, '--gateway-token', 'env:KEY'],
  ];
  const child = startChild(process.execPath, [program, ...flags], {
    cwd: home,
    env: { KEY: gatewayKey },
  });
  await until('the gateway listens', () => {
    if (child.ended() !== undefined) throw new Error(`gateway: ${child.stderr()}`);
    return child.stdout().includes('"listening"') ? true : undefined;
  });
  return child;
}

/** Loops of every kind, with a token that is renewed, or with the key. */
async function load(bench: Bench): Promise<void> {
  const { clients, options, installation, client, key, over } = bench;
  const form = { scope: 'soak' };
  let token = await clientCredentials(installation, client, form);
  const renew = async (): Promise<void> => {
    while (!over()) {
      await pause(Math.min(60_000, options.seconds * 100));
      token = await clientCredentials(installation, client, form);
    }
  };
  const loop = async (kind: (typeof kinds)[number]): Promise<void> => {
    for (let turn = 0; !over(); turn++) {
      await clients.run(kind, turn % 3 === 0 ? key : token);
      await pause(options.pauseMs);
    }
  };
  const loops = kinds.flatMap((kind) => Array.from({ length: options.loops }, () => loop(kind)));
  await Promise.all([renew(), ...loops]);
}

/** A key that works, with a stream open, is revoked; from then on both must end in time. */
async function revoking(bench: Bench): Promise<void> {
  const { clients, installation, wrong, worst, over, options } = bench;
  while (!over()) {
    const { id, key } = await newKey(installation);
    await until('a new key is known', async () =>
      (await clients.ask('/get/1', key)) === 200 ? true : undefined,
    );
    const { cut } = await clients.open('/endless/1', key);
    const target = { kind: 'key', id };
    const done = await call(installation, 'POST /v1/revocations', { target, reason: 'soak' });
    if (done.status >= 300) wrong.push(`not revoked: ${done.status} ${done.text}`);
    const began = performance.now();
    while ((await clients.ask('/get/1', key)) !== 401) {
      if (performance.now() - began < 5_000) continue;
      wrong.push(`key ${id} works five seconds behind its revocation`);
      break;
    }
    worst.refusedMs = Math.max(worst.refusedMs, performance.now() - began);
    const late = pause(8_000).then(() => 'late' as const);
    if ((await Promise.race([cut, late])) === 'late') wrong.push(`stream of ${id} lasts`);
    worst.cutMs = Math.max(worst.cutMs, performance.now() - began);
    await pause(Math.min(5_000, options.seconds * 20));
  }
}

/** Bursts over a limit: what is not let through is 429, and nothing else. */
async function limited({ clients, key, tally, wrong, over }: Bench): Promise<void> {
  const counts = tally.counts as Record<string, number>;
  while (!over()) {
    const burst = Array.from({ length: 20 }, () => clients.ask('/limited/1', key).catch(() => 0));
    for (const status of await Promise.all(burst)) {
      const name = `limited ${status}`;
      counts[name] = (counts[name] ?? 0) + 1;
      if (status !== 200 && status !== 429) wrong.push(name);
    }
    await pause(1_000);
  }
}

async function watch(bench: Bench, gateway: Child, memory: number[]): Promise<void> {
  const { over, options, tally } = bench;
  const everyMs = Math.min(5_000, options.seconds * 10);
  for (let turn = 1; !over(); turn++) {
    await pause(everyMs);
    if (gateway.ended() !== undefined) throw new Error(`the gateway ended: ${gateway.stderr()}`);
    const status = readFileSync(`/proc/${gateway.pid}/status`, 'utf8');
    memory.push(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024);
    if (turn % 12 !== 0) continue;
    const sum = kinds.reduce((all, kind) => all + (tally.counts[kind] ?? 0), 0);
    options.log(
      `${sum} answered, ${memory.at(-1)!.toFixed(0)} MiB, ${tally.problems.length} wrong`,
    );
  }
}

/** The first fifth is the warm-up. */
function report({ tally, wrong, worst }: Bench, memory: readonly number[]): SoakReport {
  const part = Math.max(1, Math.floor(memory.length / 5));
  const before = median(memory.slice(part, 2 * part));
  const after = median(memory.slice(-part));
  return {
    counts: tally.counts,
    problems: [...tally.problems, ...wrong],
    ...worst,
    memory: { before, after },
    growth: after / before - 1,
  };
}

function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
