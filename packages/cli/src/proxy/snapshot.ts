/** What `mintmark proxy-config …` does for any proxy: a snapshot of the feed, written down. */
import { ok, type TenantId } from '@mintmark/core';
import { NativeMirror } from '@mintmark/gateway';
import type { Invocation, Outcome } from '../command.ts';
import { remoteAuthorityOf } from '../serve/gateway-apart.ts';
import { createLog } from '../serve/log.ts';
import { fields } from '../style.ts';

export interface Snapshot {
  /** With which the proxy is started. */
  readonly file: string;
  /** Why a route is judged elsewhere, by its name. */
  readonly elsewhere: ReadonlyMap<string, string>;
}

/** @throws ConfigFault, NetworkFault */
export async function writeSnapshot(
  invocation: Invocation,
  write: (mirror: NativeMirror) => Snapshot,
): Promise<Outcome> {
  const { ports } = invocation;
  const { config } = invocation.config();
  const log = createLog(config.log.level, { write: (line) => ports.terminal.writeError(line) });
  const { feed } = await remoteAuthorityOf(ports, { config, log });
  const mirror = new NativeMirror();
  mirror.replace(await feed.snapshot(config.gateway.tenant as TenantId));
  const { file, elsewhere } = write(mirror);
  const { routes, unreadableRoutes } = mirror.view();
  const judged = routes.map(({ name }) => name).filter((name) => !elsewhere.has(name));
  return ok({
    json: {
      ...{ file, judged, elsewhere: Object.fromEntries(elsewhere) },
      unreadable: unreadableRoutes,
    },
    text: (style) =>
      fields(style, [
        ['written', file],
        ['judged here', judged.join(', ')],
        ...[...elsewhere].map(([name, why]) => [name, `elsewhere: ${why}`] as const),
      ]),
  });
}
