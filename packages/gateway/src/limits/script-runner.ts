/**
 * Runs scripts at a Redis within a deadline, or says at once that it cannot. After a failure it is
 * asked again by one request at a time, so that a dead or slow Redis costs the others nothing.
 * A command is never sent twice: a spending that was not answered may have been done.
 */
import { hash } from 'node:crypto';
import { type Clock, limits, NetworkFault } from '@mintmark/core';
import { Redis, type RedisOptions } from 'ioredis';

export interface Script {
  readonly text: string;
  readonly sha1: string;
}

export interface ScriptRunner {
  /** @throws NetworkFault: no answer in time; whether it ran is unknown */
  run(
    script: Script,
    keys: readonly string[],
    args: readonly (string | number)[],
  ): Promise<readonly string[]>;
  close(): void;
}

export interface RedisTarget {
  /** `redis://host:port/database` or `rediss://…`. */
  readonly url: string;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** Certificates that sign the server's, PEM; default: those of the system. */
  readonly ca?: string | undefined;
  /** Until an answer is given up. */
  readonly deadlineMs?: number | undefined;
}

export interface RunnerPorts {
  readonly clock: Pick<Clock, 'monotonicMs'>;
  /** The store went, or is there again. */
  readonly onChange?: ((isUp: boolean, error: unknown) => void) | undefined;
}

export function scriptOf(text: string): Script {
  return { text, sha1: hash('sha1', text) };
}

/** Connects by itself, and again whenever the connection is lost. */
export function createScriptRunner(target: RedisTarget, ports: RunnerPorts): ScriptRunner {
  const client = new Redis(target.url, optionsOf(target));
  // Without a listener it would end the process; each command tells its own failure.
  client.on('error', () => undefined);
  const guard = createGuard(ports);
  return {
    run: (script, keys, args) => guard(() => evaluate(client, { script, keys, args })),
    close: () => client.disconnect(),
  };
}

function optionsOf({ username, password, ca, deadlineMs }: RedisTarget) {
  return {
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(ca === undefined ? {} : { tls: { ca } }),
    commandTimeout: deadlineMs ?? limits.limitStoreDeadlineMs,
    connectTimeout: limits.limitStoreConnectMs,
    protocol: 2,
    // What cannot be sent now is refused now, and what was sent is never sent again.
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: null,
    retryStrategy: (times) => Math.min(50 * times, limits.limitStoreReconnectMsMax),
    // After a failover the name leads elsewhere; the old primary only reads.
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
  } satisfies RedisOptions;
}

interface Call {
  readonly script: Script;
  readonly keys: readonly string[];
  readonly args: readonly (string | number)[];
}

async function evaluate(client: Redis, { script, keys, args }: Call): Promise<readonly string[]> {
  const rest = [...keys, ...args];
  try {
    return (await client.evalsha(script.sha1, keys.length, ...rest)) as string[];
  } catch (error) {
    // Its scripts were lost, by a restart or a failover: nothing ran.
    if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
    return (await client.eval(script.text, keys.length, ...rest)) as string[];
  }
}

/** Lets one question through at a time while the last was not answered. */
function createGuard({ clock, onChange }: RunnerPorts) {
  let isUp = true;
  let isProbing = false;
  let downUntilMs = 0;
  return async <T>(ask: () => Promise<T>): Promise<T> => {
    const isProbe = !isUp;
    if (isProbe) {
      if (isProbing || clock.monotonicMs() < downUntilMs) throw unavailable(undefined);
      isProbing = true;
    }
    try {
      const answer = await ask();
      if (!isUp) onChange?.(true, undefined);
      isUp = true;
      return answer;
    } catch (error) {
      downUntilMs = clock.monotonicMs() + limits.limitStoreRestMs;
      const fault = unavailable(error);
      if (isUp) onChange?.(false, fault);
      isUp = false;
      throw fault;
    } finally {
      if (isProbe) isProbing = false;
    }
  };
}

function unavailable(cause: unknown): NetworkFault {
  return new NetworkFault('limit_store_unavailable', 'limits in common cannot be asked', {
    ...(cause === undefined ? {} : { cause }),
    hint: 'look at cache.url; until then each route does what its on_limits_down says',
  });
}
