/**
 * Where other people's proxies ask the gateway for its decision: on a listener of the judge's own,
 * and on the authority's port where no stranger can come through a proxy to it.
 */
import { ConfigFault, createRangeSet, type RangeSet } from '@mintmark/core';
import { createHttpJudge, type Gateway, type HttpJudge } from '@mintmark/gateway';
import { type Listener, listen } from '@mintmark/net';
import type { Config } from '../config/schema.ts';
import type { CliPorts } from '../ports.ts';
import { parseListen, urlOf } from './address.ts';
import { certificateHeaderOf, logListener, tlsOf } from './listener.ts';
import type { Log } from './log.ts';

export interface RunningJudges {
  readonly http: HttpJudge;
  /** Of the listener of its own, if there is one. */
  readonly url: string | undefined;
  close(): Promise<void>;
}

/** @throws ConfigFault `bad_judge_proxies`, and what a listener throws; nothing stays open then */
export async function startJudges(
  ports: Pick<CliPorts, 'timers'>,
  input: {
    readonly config: Config;
    readonly log: Log;
    readonly gateway: Pick<Gateway, 'decide'>;
  },
): Promise<RunningJudges> {
  const { config, gateway } = input;
  const { judge_proxies: proxies, trusted_proxies: before } = config.gateway;
  const http = createHttpJudge(gateway, {
    proxies: rangesOf(proxies),
    trusted: rangesOf([...proxies, ...before]),
    certificateHeader: certificateHeaderOf(config.gateway),
  });
  const listener = await listenJudge(ports, { ...input, http });
  return {
    http,
    url: listener && urlOfJudge(config, listener),
    async close() {
      await listener?.close({ drainMs: 0 });
    },
  };
}

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

function urlOfJudge({ gateway }: Config, { port }: Listener): string {
  const { host } = parseListen(gateway.judge_listen ?? '');
  return urlOf({ host, port }, { isTls: gateway.tls_cert !== undefined });
}

function rangesOf(blocks: readonly string[]): RangeSet {
  const set = createRangeSet(blocks);
  if (set.ok) return set.value;
  throw new ConfigFault('bad_judge_proxies', `${set.refusal.text}: ${set.refusal.rule}`, {
    hint: 'write blocks such as 10.0.0.0/8, or single addresses',
  });
}
