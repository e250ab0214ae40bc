/**
 * A gateway by itself: the authority that it asks over HTTP, and a listener of its own for those
 * who run it, because every path of its public port belongs to the routes.
 */
import { readSecretReference } from '@mintmark/authority';
import {
  ConfigFault,
  createPressure,
  type HttpHandler,
  type HttpRequest,
  type HttpResponse,
  type TenantId,
  utf8Decode,
} from '@mintmark/core';
import { createRemoteAuthority, FeedKeeper, joinRemoteTenants } from '@mintmark/gateway';
import { createGuardedClient, type Listener, listen } from '@mintmark/net';
import type { Config } from '../config/schema.ts';
import type { CliPorts, Workers } from '../ports.ts';
import { type ListenAddress, parseListen, urlOf } from './address.ts';
import { openCountries } from './countries.ts';
import { gatewayConfigOf } from './gateway-config.ts';
import type { JudgeAddresses } from './judges.ts';
import { openLimits } from './limit-stores.ts';
import { logListener, tlsOf } from './listener.ts';
import type { Log } from './log.ts';
import { type AuthorityFace, type RunningGateway, startGateway } from './serve-gateway.ts';

export interface RunningApart {
  readonly url: string;
  readonly operationsUrl: string;
  readonly judges: JudgeAddresses;
  close(): Promise<void>;
}

/** @throws Fault of what cannot be opened; nothing stays open then */
export async function startGatewayApart(
  ports: CliPorts,
  input: { readonly config: Config; readonly log: Log },
): Promise<RunningApart> {
  const { config, log } = input;
  const authority = await remoteAuthorityOf(ports, { config, log });
  let answer: HttpHandler = (request) => notReady(request.path, 'starting\n');
  const operations = await listenOperations(ports, { config, log, handler: (r) => answer(r) });
  try {
    const { gateway, close } = await openGateway(ports, { config, log, authority });
    answer = gateway.operations;
    return {
      url: gateway.url,
      judges: gateway.judges.at,
      operationsUrl: urlOf(
        { host: operations.address, port: operations.port },
        { isTls: config.gateway.tls_cert !== undefined },
      ),
      async close() {
        // Probes are answered to the end, so that whoever balances the load sees it coming.
        answer = (request) =>
          request.path === '/readyz'
            ? notReady(request.path, 'stopping\n')
            : gateway.operations(request);
        await close();
        await operations.close();
      },
    };
  } catch (fault) {
    await operations.close();
    throw fault;
  }
}

/** The gateway with all that it stands on. */
async function openGateway(
  ports: CliPorts,
  input: {
    readonly config: Config;
    readonly log: Log;
    readonly authority: AuthorityFace;
    readonly reusePort?: boolean;
  },
): Promise<{ readonly gateway: RunningGateway; close(): Promise<void> }> {
  const { config, log } = input;
  const countries = await openCountries(config.geo.database, { ...ports, log });
  const { countryOf } = countries;
  const pressure = createPressure(ports, config.overload.delay_ms);
  const limits = await openLimits(ports, { cache: config.cache, log });
  const gateway = await startGateway(ports, { ...input, countryOf, pressure, limits });
  return {
    gateway,
    async close() {
      await gateway.close();
      pressure.stop();
      limits.close();
      countries.close();
    },
  };
}

function notReady(path: string, body: string): HttpResponse {
  const headers = { 'content-type': 'text/plain; charset=utf-8', 'retry-after': '1' };
  return { status: path === '/livez' ? 200 : 503, headers, body };
}

const usual: ListenAddress = { host: '127.0.0.1', port: 8481 };

/** A gateway apart whose operations are asked by the process that started it alone. */
export async function startGatewayWorker(
  ports: CliPorts,
  input: { readonly config: Config; readonly log: Log; readonly workers: Workers },
): Promise<{ close(): Promise<void> }> {
  const { config, log, workers } = input;
  const authority = await remoteAuthorityOf(ports, { config, log });
  const { gateway, close } = await openGateway(ports, {
    ...{ config, log, authority, reusePort: true },
  });
  const silence = workers.onAsked(async (path) => {
    const { status, body } = await gateway.operations({ method: 'GET', path } as HttpRequest);
    return { status, body: typeof body === 'string' ? body : '' };
  });
  return {
    async close() {
      await close();
      silence();
    },
  };
}

/** Where the address was not chosen, a second gateway on the same machine takes a free port. */
export async function listenOperations(
  ports: CliPorts,
  input: { readonly config: Config; readonly log: Log; readonly handler: HttpHandler },
): Promise<Listener> {
  const { config, log, handler } = input;
  const { operations_listen: chosen, insecure_http: insecureHttp } = config.gateway;
  const tls = tlsOf(config.gateway);
  const open = (address: ListenAddress): Promise<Listener> =>
    listen({
      handler,
      timers: ports.timers,
      ...address,
      ...(tls === undefined ? {} : { tls }),
      insecureHttp,
      log: (event) => logListener(log, event),
    });
  if (chosen !== undefined) return open(parseListen(chosen));
  try {
    return await open(usual);
  } catch (fault) {
    if (!(fault instanceof ConfigFault) || fault.code !== 'listen_failed') throw fault;
    log.warn(`port ${usual.port} is taken: operations take a free one`);
    return open({ ...usual, port: 0 });
  }
}

/**
 * The authority that the configuration names, over HTTP.
 *
 * @throws ConfigFault `gateway_incomplete`; CustodyFault where the credential cannot be read
 */
export async function remoteAuthorityOf(
  ports: CliPorts,
  { config, log }: { readonly config: Config; readonly log: Log },
): Promise<AuthorityFace> {
  const { authority: server, token } = config.gateway;
  if (server === undefined || token === undefined) {
    throw new ConfigFault('gateway_incomplete', 'a gateway apart needs its authority and a token', {
      hint: 'set gateway.authority to its URL, gateway.token to env:NAME or file:PATH',
    });
  }
  const client = createGuardedClient({ reach: 'operator', timers: ports.timers });
  const at = { client, entropy: ports.entropy, clock: ports.clock };
  const keeperOf = (tenant: string, credential: string): FeedKeeper | undefined => {
    const { state: folder } = config.gateway;
    if (folder === undefined) return undefined;
    const name = `${gatewayConfigOf(config).node}-${tenant}`;
    return new FeedKeeper({
      ...{ ...at, folder, name, credential },
      log: (event) =>
        event.type === 'kept_feed_failed'
          ? log.error(event.type, event.error)
          : log.warn(`${event.type}: ${event.reason}`),
    });
  };
  const home = config.gateway.tenant as TenantId;
  const credential = await credentialIn(ports, token);
  const own = { ...at, server, credential, keeper: keeperOf(home, credential) };
  const authorities = new Map([[home, createRemoteAuthority(own)]]);
  // The home's URL may itself be a tenant's.
  const base = server.replace(/\/t\/[a-z0-9-]+$/, '');
  for (const [tenant, reference] of Object.entries(config.gateway.tenants)) {
    const credential = await credentialIn(ports, reference);
    const other = {
      ...at,
      server: config.tenants.hosts[tenant] ?? `${base}/t/${tenant}`,
      credential,
      keeper: keeperOf(tenant, credential),
    };
    authorities.set(tenant as TenantId, createRemoteAuthority(other));
  }
  return joinRemoteTenants(authorities);
}

/** @throws ConfigFault `gateway_incomplete`; CustodyFault where it cannot be read */
async function credentialIn(ports: CliPorts, reference: string): Promise<string> {
  const text = utf8Decode(await readSecretReference(reference, ports.environment))?.trim();
  if (text !== undefined && text !== '') return text;
  throw new ConfigFault('gateway_incomplete', `${reference} holds no credential`);
}
