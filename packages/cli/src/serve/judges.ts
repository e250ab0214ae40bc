/**
 * Where other people's proxies ask the gateway for its decision: on a listener of the judge's own,
 * and on the authority's port where no stranger can come through a proxy to it.
 */
import { ConfigFault, createRangeSet, type RangeSet } from '@mintmark/core';
import {
  createGrpcJudge,
  createHttpJudge,
  createSpopAgent,
  type Gateway,
  type HttpJudge,
} from '@mintmark/gateway';
import { type Listener, listen, listenFrames, listenGrpc } from '@mintmark/net';
import type { Config } from '../config/schema.ts';
import type { CliPorts } from '../ports.ts';
import { type ListenAddress, parseListen, urlOf } from './address.ts';
import { certificateHeaderOf, logListener, tlsOf } from './listener.ts';
import type { Log } from './log.ts';

/** Where other proxies ask; undefined where they cannot. */
export interface JudgeAddresses {
  /** URL of the HTTP listener of its own. */
  readonly judge: string | undefined;
  /** `HOST:PORT` where Envoy asks by gRPC. */
  readonly grpc: string | undefined;
  /** `HOST:PORT` where HAProxy asks. */
  readonly spop: string | undefined;
}

export interface RunningJudges {
  readonly http: HttpJudge;
  readonly at: JudgeAddresses;
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
  const opened: Listener[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(opened.map((listener) => listener.close({ drainMs })));
  };
  try {
    const at = async (
      chosen: string | undefined,
      open: () => Promise<Listener>,
    ): Promise<ListenAddress | undefined> => {
      if (chosen === undefined) return undefined;
      const listener = await open();
      opened.push(listener);
      return { host: parseListen(chosen).host, port: listener.port };
    };
    const { judge_listen, grpc_listen, spop_listen } = config.gateway;
    const asked = { ...input, http };
    const judge = await at(judge_listen, () => listenJudge(ports, asked));
    const grpc = await at(grpc_listen, () => listenGrpcJudge(ports, input));
    const spop = await at(spop_listen, () => listenSpop(ports, input));
    const isTls = config.gateway.tls_cert !== undefined;
    const hosts = { grpc: grpc && hostOf(grpc), spop: spop && hostOf(spop) };
    return { http, at: { judge: judge && urlOf(judge, { isTls }), ...hosts }, close };
  } catch (fault) {
    await close();
    throw fault;
  }
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
): Promise<Listener> {
  const { judge_listen: at, insecure_http: insecureHttp } = input.config.gateway;
  const tls = tlsOf(input.config.gateway);
  return listen({
    handler: input.http.answer,
    timers: ports.timers,
    ...parseListen(at ?? ''),
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
): Promise<Listener> {
  const { grpc_listen: at, judge_proxies, trusted_proxies, insecure_http } = input.config.gateway;
  const tls = tlsOf(input.config.gateway);
  const proxies = rangesOf(judge_proxies);
  return listenGrpc({
    methods: createGrpcJudge(input.gateway, { trusted: rangesOf(trusted_proxies) }),
    mayConnect: (address) => proxies.contains(address),
    timers,
    ...parseListen(at ?? ''),
    ...(tls === undefined ? {} : { tls }),
    insecureHttp: insecure_http,
    log: (event) => logListener(input.log, event),
  });
}

async function listenSpop(
  { timers }: Pick<CliPorts, 'timers'>,
  input: { readonly config: Config; readonly log: Log; readonly gateway: Pick<Gateway, 'decide'> },
): Promise<Listener> {
  const { spop_listen, judge_proxies, trusted_proxies, insecure_http } = input.config.gateway;
  const proxies = rangesOf(judge_proxies);
  return listenFrames({
    protocol: createSpopAgent(input.gateway, { trusted: rangesOf(trusted_proxies) }),
    mayConnect: (address) => proxies.contains(address),
    timers,
    ...parseListen(spop_listen ?? ''),
    insecureHttp: insecure_http,
    log: (event) => logListener(input.log, event),
  });
}

/** `HOST:PORT`, IPv6 in brackets. */
function hostOf(at: ListenAddress): string {
  return new URL(urlOf(at, { isTls: false })).host;
}

function rangesOf(blocks: readonly string[]): RangeSet {
  const set = createRangeSet(blocks);
  if (set.ok) return set.value;
  throw new ConfigFault('bad_judge_proxies', `${set.refusal.text}: ${set.refusal.rule}`, {
    hint: 'write blocks such as 10.0.0.0/8, or single addresses',
  });
}
