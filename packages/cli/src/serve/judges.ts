/**
 * Where other people's proxies ask the gateway for its decision: on a listener of the judge's own,
 * and on the authority's port where no stranger can come through a proxy to it.
 */
import { ConfigFault, createRangeSet, type RangeSet } from '@mintmark/core';
import { createGrpcJudge, createHttpJudge, type Gateway, type HttpJudge } from '@mintmark/gateway';
import { type Listener, listen, listenGrpc } from '@mintmark/net';
import type { Config } from '../config/schema.ts';
import type { CliPorts } from '../ports.ts';
import { type ListenAddress, parseListen, urlOf } from './address.ts';
import { certificateHeaderOf, logListener, tlsOf } from './listener.ts';
import type { Log } from './log.ts';

export interface RunningJudges {
  readonly http: HttpJudge;
  /** Of the listener of its own, if there is one. */
  readonly url: string | undefined;
  /** `HOST:PORT` where Envoy asks by gRPC. */
  readonly grpc: string | undefined;
  close(): Promise<void>;
}

/** @throws ConfigFault `bad_judge_proxies`, and what a listener throws; nothing stays open then */
export async function startJudges(
  ports: Pick<CliPorts, 'timers'>,
  input: {
    readonly config: Config;
    readonly log: Log;
    readonly gateway: Pick<Gateway, 'decide' | 'rateLimits'>;
  },
): Promise<RunningJudges> {
  const { config, gateway } = input;
  const { judge_proxies: proxies, trusted_proxies: before } = config.gateway;
  const http = createHttpJudge(gateway, {
    proxies: rangesOf(proxies),
    trusted: rangesOf(before),
    certificateHeader: certificateHeaderOf(config.gateway),
  });
  const listener = await listenJudge(ports, { ...input, http });
  const grpc = await listenGrpcJudge(ports, input).catch(async (fault) => {
    await listener?.close();
    throw fault;
  });
  const isTls = config.gateway.tls_cert !== undefined;
  return {
    http,
    url: listener && urlOf(boundOf(config.gateway.judge_listen, listener), { isTls }),
    grpc: grpc && new URL(urlOf(boundOf(config.gateway.grpc_listen, grpc), { isTls })).host,
    async close() {
      await Promise.all([listener?.close({ drainMs }), grpc?.close({ drainMs })]);
    },
  };
}

/** Questions under way may take this long to be answered once a stop was asked for. */
const drainMs = 2_000;

/**
 * Whether strangers may come to the authority's port from the address of a proxy: where one stands
 * before it, a question of that proxy cannot be told from a request that it passed on.
 */
export function isBehindProxy({ authority, issuer }: Config): boolean {
  const endsTls = issuer?.startsWith('https:') === true && authority.tls_cert === undefined;
  return endsTls || authority.trusted_proxies.length > 0;
}

async function listenJudge(
  ports: Pick<CliPorts, 'timers'>,
  input: { readonly config: Config; readonly log: Log; readonly http: HttpJudge },
): Promise<Listener | undefined> {
  const { judge_listen: at, insecure_http: insecureHttp } = input.config.gateway;
  if (at === undefined) return undefined;
  const tls = tlsOf(input.config.gateway);
  return listen({
    handler: input.http.answer,
    timers: ports.timers,
    ...parseListen(at),
    ...(tls === undefined ? {} : { tls }),
    insecureHttp,
    log: (event) => logListener(input.log, event),
  });
}

async function listenGrpcJudge(
  { timers }: Pick<CliPorts, 'timers'>,
  input: {
    readonly config: Config;
    readonly log: Log;
    readonly gateway: Pick<Gateway, 'decide' | 'rateLimits'>;
  },
): Promise<Listener | undefined> {
  const { grpc_listen: at, judge_proxies, trusted_proxies, insecure_http } = input.config.gateway;
  if (at === undefined) return undefined;
  const tls = tlsOf(input.config.gateway);
  const proxies = rangesOf(judge_proxies);
  return listenGrpc({
    methods: createGrpcJudge(input.gateway, { trusted: rangesOf(trusted_proxies) }),
    mayConnect: (address) => proxies.contains(address),
    timers,
    ...parseListen(at),
    ...(tls === undefined ? {} : { tls }),
    insecureHttp: insecure_http,
    log: (event) => logListener(input.log, event),
  });
}

/** The address as it was chosen, with the port that it was given. */
function boundOf(chosen: string | undefined, { port }: Listener): ListenAddress {
  return { host: parseListen(chosen ?? '').host, port };
}

function rangesOf(blocks: readonly string[]): RangeSet {
  const set = createRangeSet(blocks);
  if (set.ok) return set.value;
  throw new ConfigFault('bad_judge_proxies', `${set.refusal.text}: ${set.refusal.rule}`, {
    hint: 'write blocks such as 10.0.0.0/8, or single addresses',
  });
}
