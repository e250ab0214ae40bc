/** What `serve`, `authority`, `gateway` and `init` do, once they are asked. */
import { ConfigFault, err, ok, type Result } from '@mintmark/core';
import { listen } from '@mintmark/net';
import type { CommandRefusal, Invocation, Outcome } from '../command.ts';
import type { Config } from '../config/schema.ts';
import type { Check } from '../doctor/check.ts';
import { unsafeToServe } from '../doctor/doctor.ts';
import { judgeNode } from '../doctor/node-version.ts';
import type { CliPorts, WorkerPlace } from '../ports.ts';
import { fields, type Style } from '../style.ts';
import { version } from '../version.ts';
import { issuerOf, type ListenAddress, parseListen, urlOf } from './address.ts';
import { authorityConfigOf } from './authority-config.ts';
import { listenOperations, startGatewayApart, startGatewayWorker } from './gateway-apart.ts';
import { gatewayConfigOf } from './gateway-config.ts';
import { openInstallation } from './installation.ts';
import type { JudgeAddresses } from './judges.ts';
import { createLog, type Log } from './log.ts';
import { startAuthority } from './serve.ts';
import { startWorkers } from './workers.ts';

/** Makes an installation and serves nothing. */
export async function runInit(invocation: Invocation): Promise<Outcome> {
  const { config } = loadedConfig(invocation);
  const issuer = issuerOf(config, parseListen(config.authority.listen));
  const made = await openInstallation(invocation.ports, {
    config,
    authority: authorityConfigOf(config, issuer),
  });
  await made.close();
  const { adminKey } = made;
  if (adminKey === undefined) return alreadyInitialised;
  return ok({
    json: { issuer, admin_key: adminKey },
    text: (style) => welcome(style, { issuer, adminKey }),
  });
}

const alreadyInitialised: Outcome = err({
  reason: 'refused',
  status: 409,
  code: 'already_initialised',
  title: 'This data folder holds an installation already',
  hint: 'start it with "mintmark serve", or name another folder with --data',
});

/** Authority and, where it is wanted, a gateway beside it, until they are stopped. */
export async function runProducts(
  invocation: Invocation,
  products: { readonly withGateway: boolean },
): Promise<Outcome> {
  const prepared = await prepare(invocation);
  if (!prepared.ok) return prepared;
  const { config, log, say } = prepared.value;
  const { ports, style } = invocation;
  const running = await startAuthority(ports, {
    config,
    log,
    withGateway: products.withGateway && config.gateway.enabled,
    onInitialised: ({ issuer, adminKey }) =>
      say(
        { event: 'initialised', issuer, admin_key: adminKey },
        `${welcome(style, { issuer, adminKey })}\n\n`,
      ),
  });
  const { issuer, authorityUrl, gatewayUrl, judges } = running;
  const urls = { authority: authorityUrl, gateway: gatewayUrl, ...judges };
  say(
    { event: 'listening', issuer, ...urls },
    `${listening(style, authorityUrl, [
      ['mintmark', version],
      ['authority', authorityUrl],
      ['gateway', gatewayUrl],
      ...judgeRows(judges),
      ['issuer', issuer === authorityUrl ? undefined : issuer],
      ['data', config.data],
    ])}\n`,
  );
  return untilStopped(prepared.value, running.stop);
}

/** A gateway apart from its authority, until it is stopped. */
export async function runGateway(invocation: Invocation): Promise<Outcome> {
  const prepared = await prepare(invocation);
  if (!prepared.ok) return prepared;
  const { config, log, say } = prepared.value;
  const { ports, style, options } = invocation;
  const { workers } = ports;
  if (workers?.own !== undefined) {
    const { close } = await startGatewayWorker(ports, {
      ...{ config: configOfWorker(config, workers.own), log, workers },
    });
    return untilStopped(prepared.value, close);
  }
  const count = options.text('workers');
  if (count !== undefined) return runWorkers(invocation, prepared.value, count);
  const { url, operationsUrl, judges, close } = await startGatewayApart(ports, { config, log });
  const rows = [
    ['mintmark', version],
    ['gateway', url],
    ['operations', operationsUrl],
    ...judgeRows(judges),
    ['authority', config.gateway.authority],
  ] as const;
  const urls = { gateway: url, operations: operationsUrl, ...judges };
  say({ event: 'listening', ...urls }, `${fields(style, rows)}\n`);
  return untilStopped(prepared.value, close);
}

function judgeRows(judges: JudgeAddresses | undefined): Parameters<typeof fields>[1] {
  return [
    ['judge', judges?.judge],
    ['judge (gRPC)', judges?.grpc],
    ['judge (SPOP)', judges?.spop],
  ];
}

/** @throws ConfigFault `bad_workers` */
async function runWorkers(
  { ports, style }: Invocation,
  prepared: Prepared,
  count: string,
): Promise<Outcome> {
  const { config, log, say } = prepared;
  const { workers } = ports;
  const { judge_listen, grpc_listen, spop_listen } = config.gateway;
  const isCount = /^[1-9][0-9]{0,2}$/.test(count);
  if (
    !isCount ||
    workers === undefined ||
    (judge_listen ?? grpc_listen ?? spop_listen) !== undefined
  ) {
    throw new ConfigFault('bad_workers', 'workers are 1 to 999, on the port of the routes alone', {
      hint: 'give a number, and run judges of other people’s proxies in a gateway of their own',
    });
  }
  const address = await freeAddress(ports, parseListen(config.gateway.listen));
  const isTls = config.gateway.tls_cert !== undefined;
  const listen = urlOf(address, { isTls: false }).slice('http://'.length);
  const running = startWorkers(
    { ...ports, workers, log },
    { count: Number(count), place: { listen } },
  );
  const operations = await listenOperations(ports, { config, log, handler: running.operations });
  await Promise.race([running.ready, prepared.stopAsked]);
  const at = { host: operations.address, port: operations.port };
  const urls = { gateway: urlOf(address, { isTls }), operations: urlOf(at, { isTls }) };
  const rows = [['mintmark', version], ...Object.entries(urls), ['workers', count]] as const;
  say({ event: 'listening', ...urls, workers: Number(count) }, `${fields(style, rows)}\n`);
  return untilStopped(prepared, async () => {
    await running.close();
    await operations.close();
  });
}

/** Workers share a port by its number: where any will do, one is looked for before they start. */
async function freeAddress(ports: CliPorts, address: ListenAddress): Promise<ListenAddress> {
  if (address.port !== 0) return address;
  const handler = () => ({ status: 503, headers: {}, body: '' });
  const { timers } = ports;
  const found = await listen({ ...address, handler, timers, insecureHttp: true });
  await found.close();
  return { host: address.host, port: found.port };
}

function configOfWorker(config: Config, { index, listen }: WorkerPlace): Config {
  const node = `${gatewayConfigOf(config).node}-${index}`;
  return { ...config, gateway: { ...config.gateway, node, listen } };
}

interface Prepared {
  readonly config: Config;
  readonly log: Log;
  /** To the person, or as an event to a program. */
  readonly say: (event: Readonly<Record<string, unknown>>, text: string) => void;
  readonly stopAsked: Promise<void>;
}

/** What every product needs before it starts; refused where `--strict` finds it unsafe. */
async function prepare(invocation: Invocation): Promise<Result<Prepared, CommandRefusal>> {
  const { ports, options, json } = invocation;
  const loaded = loadedConfig(invocation);
  const { config } = loaded;
  if (options.flag('strict')) {
    const patient = { loaded, nodeVersion: process.version, self: process.getuid?.() };
    const found = await unsafeToServe(ports, patient);
    if (found.length > 0) return unsafe(found);
  }
  const log = logOf(invocation, config.log.level);
  const node = judgeNode(process.version);
  if (node.verdict !== 'pass') log.warn(node.message);
  return ok({
    config,
    log,
    say: (event, text) => ports.terminal.write(json ? `${JSON.stringify(event)}\n` : text),
    stopAsked: waitForStop(invocation, log),
  });
}

async function untilStopped(
  { log, stopAsked }: Prepared,
  stop: () => Promise<void>,
): Promise<Outcome> {
  await stopAsked;
  log.info('stopping');
  await stop();
  log.info('stopped');
  return ok({ json: { event: 'stopped' }, text: () => '' });
}

function loadedConfig(invocation: Invocation) {
  const loaded = invocation.config();
  const { terminal } = invocation.ports;
  for (const warning of loaded.warnings) terminal.writeError(`mintmark: ${warning}\n`);
  return loaded;
}

function logOf({ ports }: Invocation, level: Parameters<typeof createLog>[0]): Log {
  return createLog(level, { write: (line) => ports.terminal.writeError(line) });
}

/**
 * Resolves at the first SIGTERM or SIGINT. A reload has nothing to do: certificates are watched.
 */
function waitForStop({ ports }: Invocation, log: Log): Promise<void> {
  return new Promise((resolve) => {
    const off = ports.signals.on('stop', () => {
      off();
      resolve();
    });
    ports.signals.on('reload', () => log.info('certificates are read again whenever they change'));
  });
}

function unsafe(found: readonly Check[]): Result<never, CommandRefusal> {
  return err({
    reason: 'refused',
    status: 409,
    code: 'unsafe',
    title: 'It is not safe to serve like this',
    errors: found.map(({ check, message }) => ({ pointer: check, message })),
    hint: found.map(({ todo }) => todo).join('; '),
  });
}

/** The one sight of the admin key, and how to use it. */
function welcome(
  style: Style,
  { issuer, adminKey }: { readonly issuer: string; readonly adminKey: string },
): string {
  return [
    style.bold('A new installation.'),
    fields(style, [
      ['issuer', issuer],
      ['admin key', adminKey],
    ]),
    style.warn('Keep the admin key now: it is not shown again.'),
  ].join('\n');
}

/** Where the command looks when nobody tells it: the default of `authority.listen`. */
const defaultServer = 'http://127.0.0.1:8420';

function listening(style: Style, authorityUrl: string, rows: Parameters<typeof fields>[1]): string {
  return [
    fields(style, rows),
    '',
    style.bold('Try, in another terminal, with MINTMARK_TOKEN set to the admin key:'),
    // Where the command looks by itself, it need not be told.
    ...(authorityUrl === defaultServer ? [] : [`  export MINTMARK_SERVER=${authorityUrl}`]),
    '  npx mintmark key create --name first --scope hello',
    '  npx mintmark key list',
    '  npx mintmark --help',
  ].join('\n');
}
