/**
 * `node bench/envoy.ts [--rounds 9] [--seconds 2] [--connections 64]`: Envoy with the generated
 * configuration, beside Envoy that checks nothing and Envoy that verifies with its own filter, with
 * its memory of signatures and without; and our own gateway. One worker each, on core 0, loaded in
 * turn, in short rounds; load and upstream, an HAProxy, share core 1.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createPublicKey } from 'node:crypto';
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { systemClock } from '@mintmark/core/system';
import { type EnvoySettings, envoyConfig, envoyFiles, envoyNews } from '@mintmark/gateway';
import { makeWorld } from './haproxy/world.ts';
import { type Contender, createRounds } from './proxy-rounds.ts';
import { freePort, type Server, startServer } from './server-process.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '9' },
    seconds: { type: 'string', default: '2' },
    connections: { type: 'string', default: '64' },
  },
});
const [rounds, seconds, connections] = [values.rounds, values.seconds, values.connections].map(
  Number,
) as [number, number, number];
/** What Envoy is told of news lasts 5 seconds, and wrk holds up whoever would tell it more. */
if (seconds > 3) throw new Error('--seconds is at most 3');
const program = join(import.meta.dirname, '../.cache/python/bin/envoy');
const folder = mkdtempSync(join(tmpdir(), 'mintmark-bench-envoy-'));
const api = 'type.googleapis.com/envoy.extensions.filters';
const processes: ChildProcess[] = [];
const servers: Server[] = [];
try {
  await run();
} finally {
  for (const child of processes) child.kill('SIGKILL');
  for (const server of servers) await server.stop();
  rmSync(folder, { recursive: true, force: true });
}

async function run(): Promise<void> {
  const upstreamPort = await freePort();
  const { mirror, tokens, pem } = await makeWorld(folder, upstreamPort);
  const upstream = join(import.meta.dirname, 'haproxy', 'upstream.cfg');
  start(1, ['/usr/sbin/haproxy', '-db', '-f', upstream], { UPSTREAM_PORT: String(upstreamPort) });
  const settings: EnvoySettings = {
    ...{ folder: join(folder, 'generated'), prefix: 'mm', tls: undefined },
    listen: { host: '127.0.0.1', port: await freePort() },
    // What Envoy does not judge would be answered by nobody, and fail the measurement.
    chain: { host: '127.0.0.1', port: await freePort() },
    upstreamAuthorities: '/etc/ssl/certs/ca-certificates.crt',
  };
  mkdirSync(settings.folder);
  const state = { view: mirror.view(), revocations: mirror.revocations() };
  const config = envoyConfig({ ...state, settings });
  for (const [name, { text }] of config.parts) put(envoyFiles.part(settings, name), text);
  put(envoyFiles.bootstrap(settings), config.bootstrap);
  const renew = (): void => {
    const { text } = envoyNews(systemClock.nowMs() + 5_000);
    put(envoyFiles.part(settings, 'news'), text);
  };
  renew();
  const jwks = JSON.stringify({
    keys: [{ ...createPublicKey(pem).export({ format: 'jwk' }), alg: 'ES256' }],
  });
  const contenders: Contender[] = [];
  const contend = (name: string, port: number, file: string): void => {
    const line = [
      program,
      '-c',
      file,
      '--concurrency',
      '1',
      '--use-dynamic-base-id',
      '-l',
      'error',
    ];
    contenders.push({ name, port, pid: start(0, line, {}) });
  };
  for (const [name, filter] of [
    ['no check at all', undefined],
    ['by hand, signature each time', verifying(jwks, {})],
    [
      'by hand, signatures remembered',
      verifying(jwks, { jwt_cache_config: { jwt_cache_size: 10_000 } }),
    ],
  ] as const) {
    const port = await freePort();
    const file = join(folder, `${contenders.length}.json`);
    put(file, JSON.stringify(byHand({ port, upstreamPort, filter })));
    contend(name, port, file);
  }
  contend('generated', settings.listen.port, envoyFiles.bootstrap(settings));
  contenders.push(await ourGateway(upstreamPort));
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  const measuring = createRounds({ tokens, seconds, connections, folder });
  for (let round = 0; round <= rounds; round++) {
    for (const contender of contenders) {
      renew();
      await new Promise((resolve) => setTimeout(resolve, 50));
      measuring.measure(contender, round > 0);
    }
  }
  measuring.print();
}

async function ourGateway(upstreamPort: number): Promise<Contender> {
  const own = join(folder, 'own');
  const script = join(import.meta.dirname, 'servers', 'gateway.ts');
  const gateway = await startServer([script, String(upstreamPort), own, 'limited', '1000']);
  servers.push(gateway);
  const port = Number(gateway.firstLine);
  return { name: 'our gateway, a limit spent', port, pid: gateway.pid, tokens: `${own}.0` };
}

function put(file: string, text: string): void {
  writeFileSync(`${file}.new`, text);
  renameSync(`${file}.new`, file);
}

function start(
  core: 0 | 1,
  line: readonly string[],
  env: Readonly<Record<string, string>>,
): number {
  const child = spawn('taskset', ['-c', String(core), ...line], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  processes.push(child);
  return child.pid!;
}

function verifying(jwks: string, more: object): object {
  const provider = { issuer: 'https://issuer.test', local_jwks: { inline_string: jwks }, ...more };
  return {
    name: 'envoy.filters.http.jwt_authn',
    typed_config: {
      '@type': `${api}.http.jwt_authn.v3.JwtAuthentication`,
      providers: { mintmark: { ...provider, audiences: ['https://issuer.test'] } },
      rules: [{ match: { prefix: '/' }, requires: { provider_name: 'mintmark' } }],
    },
  };
}

function byHand(input: {
  readonly port: number;
  readonly upstreamPort: number;
  readonly filter: object | undefined;
}): object {
  const at = (port: number) => ({ socket_address: { address: '127.0.0.1', port_value: port } });
  const router = {
    name: 'envoy.filters.http.router',
    typed_config: { '@type': `${api}.http.router.v3.Router` },
  };
  const routes = [{ match: { prefix: '/' }, route: { cluster: 'upstream' } }];
  const manager = {
    '@type': `${api}.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: 'bench',
    generate_request_id: false,
    route_config: { virtual_hosts: [{ name: 'any', domains: ['*'], routes }] },
    http_filters: [...(input.filter === undefined ? [] : [input.filter]), router],
  };
  const filters = [
    { name: 'envoy.filters.network.http_connection_manager', typed_config: manager },
  ];
  const endpoint = { endpoint: { address: at(input.upstreamPort) } };
  return {
    static_resources: {
      listeners: [{ name: 'bench', address: at(input.port), filter_chains: [{ filters }] }],
      clusters: [
        {
          ...{ name: 'upstream', type: 'STATIC', connect_timeout: '5s' },
          load_assignment: {
            cluster_name: 'upstream',
            endpoints: [{ lb_endpoints: [endpoint] }],
          },
        },
      ],
    },
  };
}
