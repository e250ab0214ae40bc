/** What `mintmark proxy-sync haproxy` does: keeps a running HAProxy at what the feed says. */
import type { Invocation, Outcome } from '../command.ts';
import type { Log } from '../serve/log.ts';
import { followFor } from './follow.ts';
import { haproxySettings } from './haproxy-options.ts';
import { createHaproxyTarget, type HaproxyEvent } from './haproxy-target.ts';

/** @throws ConfigFault */
export async function syncHaproxy(invocation: Invocation): Promise<Outcome> {
  const { ports, options } = invocation;
  const settings = haproxySettings(invocation);
  if (!settings.ok) return settings;
  const { folder, runtimeSocket } = settings.value;
  return followFor(invocation, {
    ...{ program: 'HAProxy', suffix: 'haproxy' },
    target: (log) =>
      createHaproxyTarget({
        ...{ ...ports, settings: settings.value, masterSocket: options.text('master') },
        log: (event) => logHaproxy(log, event),
      }),
    rows: [
      ['folder', folder],
      ['runtime', runtimeSocket],
    ],
  });
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
