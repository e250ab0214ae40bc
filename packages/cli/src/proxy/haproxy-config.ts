/** What `mintmark proxy-config haproxy` does: a snapshot of the feed, written down. */
import { ok } from '@mintmark/core';
import { haproxyConfig, NativeMirror } from '@mintmark/gateway';
import type { Invocation, Outcome } from '../command.ts';
import { remoteAuthorityOf } from '../serve/gateway-apart.ts';
import { createLog } from '../serve/log.ts';
import { fields } from '../style.ts';
import { writeHaproxyFiles } from './haproxy-files.ts';
import { haproxySettings } from './haproxy-options.ts';

/** @throws ConfigFault, NetworkFault */
export async function writeHaproxyConfig(invocation: Invocation): Promise<Outcome> {
  const { ports } = invocation;
  const settings = haproxySettings(invocation);
  if (!settings.ok) return settings;
  const { config } = invocation.config();
  const log = createLog(config.log.level, { write: (line) => ports.terminal.writeError(line) });
  const { feed } = await remoteAuthorityOf(ports, { config, log });
  const mirror = new NativeMirror();
  mirror.replace(await feed.snapshot(config.gateway.tenant as never));
  const view = mirror.view();
  const written = haproxyConfig({
    ...{ view, revocations: mirror.revocations(), settings: settings.value },
    // Nobody tells it yet that there are news.
    startedWithNewsUntilMs: 0,
  });
  const file = writeHaproxyFiles(settings.value, written);
  const judged = view.routes.map(({ name }) => name).filter((name) => !written.elsewhere.has(name));
  return ok({
    json: {
      file,
      judged,
      elsewhere: Object.fromEntries(written.elsewhere),
      unreadable: view.unreadableRoutes,
    },
    text: (style) =>
      fields(style, [
        ['written', file],
        ['judged here', judged.join(', ')],
        ...[...written.elsewhere].map(([name, why]) => [name, `elsewhere: ${why}`] as const),
      ]),
  });
}
