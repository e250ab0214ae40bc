/** What `mintmark proxy-config haproxy` does: a snapshot of the feed, written down. */
import { haproxyConfig } from '@mintmark/gateway';
import type { Invocation, Outcome } from '../command.ts';
import { writeHaproxyFiles } from './haproxy-files.ts';
import { haproxySettings } from './haproxy-options.ts';
import { writeSnapshot } from './snapshot.ts';

/** @throws ConfigFault, NetworkFault */
export async function writeHaproxyConfig(invocation: Invocation): Promise<Outcome> {
  const settings = haproxySettings(invocation);
  if (!settings.ok) return settings;
  return writeSnapshot(invocation, (mirror) => {
    const written = haproxyConfig({
      ...{ view: mirror.view(), revocations: mirror.revocations(), settings: settings.value },
      // Nobody tells it yet that there are news.
      startedWithNewsUntilMs: 0,
    });
    return { file: writeHaproxyFiles(settings.value, written), elsewhere: written.elsewhere };
  });
}
