/** What `mintmark proxy-sync envoy` does: keeps a running Envoy at what the feed says. */
import type { Invocation, Outcome } from '../command.ts';
import { envoySettings } from './envoy-options.ts';
import { createEnvoyTarget } from './envoy-target.ts';
import { followFor } from './follow.ts';

/** @throws ConfigFault */
export async function syncEnvoy(invocation: Invocation): Promise<Outcome> {
  const { ports } = invocation;
  const settings = envoySettings(invocation);
  if (!settings.ok) return settings;
  return followFor(invocation, {
    ...{ program: 'Envoy', suffix: 'envoy' },
    target: (log) =>
      createEnvoyTarget({
        ...{ ...ports, settings: settings.value },
        log: ({ elsewhere }) =>
          log.info('wrote a configuration', { elsewhere: elsewhere.join(' ') }),
      }),
    rows: [['folder', settings.value.folder]],
  });
}
