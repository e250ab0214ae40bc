/** Takes a route away; gateways then know none of that name. */
import { err, ok, type Result } from '@mintmark/core';
import { eventBy, type Requester } from '../audit/requester.ts';
import type { RoutePorts } from './put-route.ts';

export type DeleteRouteRefusal = { readonly reason: 'not_found' | 'version_mismatch' };

export async function deleteRoute(
  ports: RoutePorts,
  input: {
    readonly requester: Requester;
    readonly name: string;
    readonly isSeen: (version: number) => boolean;
  },
): Promise<Result<undefined, DeleteRouteRefusal>> {
  const { requester, name } = input;
  const { tenant } = requester;
  const known = await ports.store.routes.get(tenant, name);
  if (known === undefined) return err({ reason: 'not_found' });
  if (!input.isSeen(known.version)) return err({ reason: 'version_mismatch' });
  const now = ports.clock.nowMs();
  const { outcome } = await ports.store.acts.run({
    steps: [
      {
        do: 'delete',
        table: 'routes',
        where: { tenant, name, version: known.version },
        refused: 'version_mismatch',
      },
      { do: 'feed', tenant, at: now, entries: [{ type: 'route', name, route: null }] },
    ],
    audit: await ports.recorder.record(
      eventBy(requester, {
        action: 'route.delete',
        at: now,
        object: { kind: 'route', id: name },
      }),
    ),
  });
  return outcome === 'done' ? ok(undefined) : err({ reason: 'version_mismatch' });
}
