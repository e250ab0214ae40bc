/** What `mintmark proxy-sync haproxy` does: a node of the feed, until it is stopped. */
import { ok, type TenantId } from '@mintmark/core';
import { followNatively } from '@mintmark/gateway';
import type { Invocation, Outcome } from '../command.ts';
import { remoteAuthorityOf } from '../serve/gateway-apart.ts';
import { gatewayConfigOf } from '../serve/gateway-config.ts';
import { createLog, type Log } from '../serve/log.ts';
import { fields } from '../style.ts';
import { haproxySettings } from './haproxy-options.ts';
import { createHaproxyTarget, type HaproxyEvent } from './haproxy-target.ts';

/** @throws ConfigFault */
export async function syncHaproxy(invocation: Invocation): Promise<Outcome> {
  const { ports, json, options } = invocation;
  const settings = haproxySettings(invocation);
  if (!settings.ok) return settings;
  const { config } = invocation.config();
  const log = createLog(config.log.level, { write: (line) => ports.terminal.writeError(line) });
  const { feed } = await remoteAuthorityOf(ports, { config, log });
  const stopAsked = new Promise<void>((resolve) => {
    const off = ports.signals.on('stop', () => {
      off();
      resolve();
    });
  });
  const target = createHaproxyTarget({
    ...{ ...ports, settings: settings.value, masterSocket: options.text('master') },
    log: (event) => logHaproxy(log, event),
  });
  const node = `${gatewayConfigOf(config).node}-haproxy`;
  let isWell = true;
  const follower = followNatively({
    ...{ ...ports, source: feed, target, node },
    tenant: config.gateway.tenant as TenantId,
    log: (event) => log.warn(event.type),
    onFault: (kind, fault) => {
      if (fault !== undefined) log.error(`feed ${kind}`, fault);
      else log.warn(`feed ${kind}`);
    },
    onTargetFault: (fault) => {
      // Once for each time that it goes wrong: it is tried several times a second.
      if (isWell) log.error('HAProxy cannot be told', fault);
      isWell = false;
    },
    onTargetWell: () => {
      if (!isWell) log.info('HAProxy is told again');
      isWell = true;
    },
  });
  await follower.ready;
  const { folder, runtimeSocket } = settings.value;
  const rows = [
    ['folder', folder],
    ['runtime socket', runtimeSocket],
    ['authority', config.gateway.authority],
  ] as const;
  const event = { event: 'following', folder, runtime: runtimeSocket };
  ports.terminal.write(json ? `${JSON.stringify(event)}\n` : `${fields(invocation.style, rows)}\n`);
  await stopAsked;
  await follower.stop();
  return ok({ json: { event: 'stopped' }, text: () => '' });
}

function logHaproxy(log: Log, event: HaproxyEvent): void {
  switch (event.type) {
    case 'written':
      log.info('wrote a configuration', { id: event.id, elsewhere: event.elsewhere.join(' ') });
      break;
    case 'reloaded':
      log.info('HAProxy took it', { pid: event.pid });
      break;
    case 'reload_needed':
      log.warn('reload HAProxy: it refuses until it has the new configuration', { id: event.id });
      break;
  }
}
