/** What `mintmark proxy-config envoy` does: a snapshot of the feed, written down. */
import { envoyConfig, envoyNews } from '@mintmark/gateway';
import type { Invocation, Outcome } from '../command.ts';
import { writeEnvoyFiles, writeEnvoyPart } from './envoy-files.ts';
import { envoySettings } from './envoy-options.ts';
import { writeSnapshot } from './snapshot.ts';

/** @throws ConfigFault, NetworkFault */
export async function writeEnvoyConfig(invocation: Invocation): Promise<Outcome> {
  const settings = envoySettings(invocation);
  if (!settings.ok) return settings;
  return writeSnapshot(invocation, (mirror) => {
    const input = { view: mirror.view(), revocations: mirror.revocations() };
    const written = envoyConfig({ ...input, settings: settings.value });
    const file = writeEnvoyFiles(settings.value, written);
    // Nobody tells it yet that there are news.
    writeEnvoyPart(settings.value, 'news', envoyNews(0));
    return { file, elsewhere: written.elsewhere };
  });
}
