/** What `mintmark proxy-sync …` does for any proxy: a node of the feed, until it is stopped. */
import { ok, type TenantId } from '@mintmark/core';
import { followNatively, type NativeTarget } from '@mintmark/gateway';
import type { Invocation, Outcome } from '../command.ts';
import { remoteAuthorityOf } from '../serve/gateway-apart.ts';
import { gatewayConfigOf } from '../serve/gateway-config.ts';
import { createLog, type Log } from '../serve/log.ts';
import { fields } from '../style.ts';

export interface Followed {
  /** As its makers write it. */
  readonly program: string;
  /** Part of the node's name. */
  readonly suffix: string;
  readonly target: (log: Log) => NativeTarget;
  /** What the person who started it sees, beside the authority. */
  readonly rows: readonly (readonly [string, string])[];
}

/** @throws ConfigFault */
export async function followFor(invocation: Invocation, followed: Followed): Promise<Outcome> {
  const { ports, json } = invocation;
  const { program, suffix, rows } = followed;
  const { config } = invocation.config();
  const log = createLog(config.log.level, { write: (line) => ports.terminal.writeError(line) });
  const { feed } = await remoteAuthorityOf(ports, { config, log });
  const stopAsked = new Promise<void>((resolve) => {
    const off = ports.signals.on('stop', () => {
      off();
      resolve();
    });
  });
  let isWell = true;
  const follower = followNatively({
    ...{ ...ports, source: feed, target: followed.target(log) },
    node: `${gatewayConfigOf(config).node}-${suffix}`,
    tenant: config.gateway.tenant as TenantId,
    log: (event) => log.warn(event.type),
    onFault: (kind, fault) => {
      if (fault !== undefined) log.error(`feed ${kind}`, fault);
      else log.warn(`feed ${kind}`);
    },
    onTargetFault: (fault) => {
      // Once for each time that it goes wrong: it is tried several times a second.
      if (isWell) log.error(`${program} cannot be told`, fault);
      isWell = false;
    },
    onTargetWell: () => {
      if (!isWell) log.info(`${program} is told again`);
      isWell = true;
    },
  });
  await follower.ready;
  const event = { event: 'following', ...Object.fromEntries(rows) };
  const shown = [...rows, ['authority', config.gateway.authority]] as const;
  ports.terminal.write(
    json ? `${JSON.stringify(event)}\n` : `${fields(invocation.style, shown)}\n`,
  );
  await stopAsked;
  await follower.stop();
  return ok({ json: { event: 'stopped' }, text: () => '' });
}
