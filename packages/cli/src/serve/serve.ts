/**
 * Runs the products: opens what the configuration names, listens, keeps time, and stops in the
 * reverse order. Neighbours: `installation.ts` opens store and custody, `commands/serve.ts` speaks
 * to the person. What must never happen: an answer before everything behind it is open, or a stop
 * that loses what was acknowledged.
 */
import { readFileSync } from 'node:fs';
import {
  type AuthorityEvent,
  createMailer,
  type Mailer,
  openAuthority,
  readSecretReference,
} from '@mintmark/authority';
import {
  ConfigFault,
  createPressure,
  type HttpHandler,
  type HttpResponse,
  limits,
  type Pressure,
  utf8Decode,
} from '@mintmark/core';
import type { LimitStores } from '@mintmark/gateway';
import { createGuardedClient, type GuardedClient, type Listener, listen } from '@mintmark/net';
import type { Config } from '../config/schema.ts';
import type { CliPorts } from '../ports.ts';
import { issuerOf, parseListen, urlOf } from './address.ts';
import { openAlerts } from './alerts.ts';
import { authorityConfigOf } from './authority-config.ts';
import { openClaimsHook } from './claims-hook.ts';
import { type Countries, openCountries } from './countries.ts';
import { openDeliveryTargets } from './delivery-targets.ts';
import { collectWhenIdle } from './idle-collection.ts';
import { type Installation, openInstallation } from './installation.ts';
import { joinOperations } from './joined-operations.ts';
import { isBehindProxy, type JudgeAddresses } from './judges.ts';
import { openLimits } from './limit-stores.ts';
import { certificateHeaderOf, logListener, tlsOf } from './listener.ts';
import type { Log } from './log.ts';
import { openOldSystem } from './old-system.ts';
import { loggedPath } from './scrub.ts';
import { type RunningGateway, startGateway } from './serve-gateway.ts';
import { openThreats } from './threats.ts';

export interface Running {
  readonly issuer: string;
  readonly authorityUrl: string;
  /** Where the gateway listens, if there is one. */
  readonly gatewayUrl: string | undefined;
  /** Where other proxies ask it, beside the authority's own port. */
  readonly judges: JudgeAddresses | undefined;
  /** Lets requests under way finish, then closes everything. */
  stop(): Promise<void>;
}

export interface StartInput {
  readonly config: Config;
  readonly log: Log;
  /** Whether a gateway runs beside the authority. */
  readonly withGateway: boolean;
  /**
   * Called at once where this start made the installation, and never again: what fails afterwards
   * must not lose the only sight of the key.
   */
  readonly onInitialised: (made: { readonly issuer: string; readonly adminKey: string }) => void;
}

/** Requests under way may take this long to finish once a stop was asked for. */
const drainMs = 10_000;

/**
 * Starts the authority, and a gateway beside it if asked.
 *
 * @throws Fault of what cannot be opened; nothing stays open then
 */
export async function startAuthority(ports: CliPorts, input: StartInput): Promise<Running> {
  const opened: Opened = {};
  try {
    return await open(ports, input, opened);
  } catch (error) {
    await closeAll(opened);
    throw error;
  }
}

/** What has to be closed again, in the order of the fields. */
interface Opened {
  pressure?: Pressure;
  countries?: Countries;
  limitStores?: LimitStores;
  gateway?: RunningGateway;
  listener?: Listener;
  authority?: { close(): Promise<void> };
  installation?: Installation;
}

async function open(ports: CliPorts, input: StartInput, opened: Opened): Promise<Running> {
  const { config, log, onInitialised } = input;
  let handle: HttpHandler = () => starting;
  const pressure = createPressure(ports, config.overload.delay_ms);
  opened.pressure = pressure;
  const idle = collectWhenIdle(ports);
  // The port comes first: the issuer may hold its number, and a taken one must change nothing.
  const listener = await listenAuthority(ports, config, {
    log,
    handler: withRequestLog(ports, log, (request) => {
      idle.asked(request.path);
      return handle(request);
    }),
  });
  opened.listener = listener;
  const issuer = issuerOf(config, listener);
  const authorityConfig = authorityConfigOf(config, issuer);
  const logFault = ({ where, error }: AuthorityEvent): void => log.error('fault', error, { where });
  const installation = await openInstallation(ports, {
    config,
    authority: authorityConfig,
  });
  opened.installation = installation;
  const { store, custody, adminKey } = installation;
  if (adminKey !== undefined) onInitialised({ issuer, adminKey });
  const countries = await openCountries(config.geo.database, { ...ports, log });
  opened.countries = countries;
  const { countryOf } = countries;
  const limitStores = await openLimits(ports, { cache: config.cache, log });
  opened.limitStores = limitStores;
  const authority = await openAuthority(authorityConfig, {
    ...ports,
    store,
    custody,
    countryOf,
    pressure,
    limits: limitStores.either,
    outbound: outboundOf(ports, config),
    mailer: await openMailer(ports, config.mail),
    oldSystem: await openOldSystem(ports, config.old_system, operatorClient(ports, config)),
    alerts: await openAlerts(ports, config.alerts, operatorClient(ports, config)),
    deliveryTargets: await openDeliveryTargets(ports, config),
    threats: openThreats(config, operatorClient(ports, config)),
    claimsHook: await openClaimsHook(ports, config.claims_hook, operatorClient(ports, config)),
    log: logFault,
  });
  const stopTicking = ports.timers.every(limits.auditIntervalMs, () => void authority.tick());
  opened.authority = {
    async close() {
      stopTicking();
      await authority.close();
    },
  };
  handle = authority.handle;
  const { host } = parseListen(config.authority.listen);
  const isTls = config.authority.tls_cert !== undefined;
  const authorityUrl = urlOf({ host, port: listener.port }, { isTls });
  if (input.withGateway) {
    const gateway = await startGateway(ports, {
      ...{ config, log, authority, idle, countryOf, pressure, limits: limitStores },
    });
    opened.gateway = gateway;
    handle = withJudge(config, gateway, joinOperations(gateway, authority.handle));
    // Its authority is this process: whoever is told that it listens need not wait any more.
    await gateway.ready;
  }
  const { url: gatewayUrl, judges } = opened.gateway ?? {};
  const urls = { authorityUrl, gatewayUrl, judges: judges?.at };
  return { issuer, ...urls, stop: () => closeAll(opened) };
}

/** Proxies may ask the gateway at the authority's port too. */
function withJudge(config: Config, { judges }: RunningGateway, handler: HttpHandler): HttpHandler {
  if (isBehindProxy(config)) return handler;
  return (request) => judges.http.ask(request) ?? handler(request);
}

/** @throws CustodyFault `custody_reference` */
async function openMailer(ports: CliPorts, mail: Config['mail']): Promise<Mailer | undefined> {
  const { url, from, username, password } = mail;
  if (url === undefined) return undefined;
  if (username === undefined || password === undefined) {
    return createMailer(ports, { url, from, login: undefined });
  }
  const secret = await readSecretReference(password, ports.environment);
  const login = { username, password: utf8Decode(secret)?.trim() ?? '' };
  return createMailer(ports, { url, from, login });
}

/** For URLs that the operator chose. */
function operatorClient({ timers }: CliPorts, { outbound: { ca } }: Config): GuardedClient {
  const trusted = ca === undefined ? {} : { ca: readPem(ca) };
  return createGuardedClient({ reach: 'operator', timers, ...trusted });
}

/** For URLs that clients chose. It holds no connection open. */
function outboundOf({ timers }: CliPorts, { outbound }: Config): GuardedClient {
  const { ca, development_loopback: development } = outbound;
  return createGuardedClient({
    reach: 'public',
    timers,
    development,
    ...(ca === undefined ? {} : { ca: readPem(ca) }),
  });
}

function readPem(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    const hint = 'check outbound.ca, and that this user may read the file';
    throw new ConfigFault('file_unreadable', `${path} cannot be read`, { cause, hint });
  }
}

/** One that fails does not keep the others open. */
async function closeAll(opened: Opened): Promise<void> {
  const { pressure, countries, limitStores, gateway, listener, authority, installation } = opened;
  pressure?.stop();
  countries?.close();
  const errors: unknown[] = [];
  const collect = (error: unknown): void => void errors.push(error);
  await gateway?.close().catch(collect);
  limitStores?.close();
  await listener?.close({ drainMs }).catch(collect);
  await authority?.close().catch(collect);
  await installation?.close().catch(collect);
  if (errors.length > 0) throw errors[0];
}

const starting: HttpResponse = {
  status: 503,
  headers: { 'content-type': 'text/plain; charset=utf-8', 'retry-after': '1' },
  body: 'starting\n',
};

function listenAuthority(
  ports: CliPorts,
  config: Config,
  input: { readonly log: Log; readonly handler: HttpHandler },
): Promise<Listener> {
  const { listen: at, insecure_http, trusted_proxies } = config.authority;
  const tls = tlsOf(config.authority);
  return listen({
    handler: input.handler,
    timers: ports.timers,
    ...parseListen(at),
    ...(tls === undefined ? {} : { tls }),
    insecureHttp: insecure_http,
    trustedProxies: trusted_proxies,
    certificateHeader: certificateHeaderOf(config.authority),
    log: (event) => logListener(input.log, event),
  });
}

/** One line a request where somebody debugs; the hot path pays nothing otherwise. */
function withRequestLog(
  { clock }: Pick<CliPorts, 'clock'>,
  log: Log,
  handler: HttpHandler,
): HttpHandler {
  if (!log.isDebug) return handler;
  return async (request) => {
    const start = clock.monotonicMs();
    const response = await handler(request);
    log.debug('request', {
      method: request.method,
      path: loggedPath(request.path),
      address: request.remoteAddress,
      status: response.status,
      ms: Math.round(clock.monotonicMs() - start),
    });
    return response;
  };
}
