/** Writes a route: makes it, or replaces it as a whole. Gateways learn of it by the status feed. */
import {
  type Clock,
  err,
  limits,
  ok,
  parseRoute,
  type Result,
  type RouteRefusal,
} from '@mintmark/core';
import type { Recorder } from '../audit/record.ts';
import { eventBy, type Requester } from '../audit/requester.ts';
import type { Step } from '../store/act.ts';
import type { Store } from '../store/store.ts';
import type { Row } from '../store/tables.ts';

export type RouteRow = Row<'routes'>;

export interface RoutePorts {
  readonly store: Pick<Store, 'routes' | 'acts'>;
  readonly recorder: Recorder;
  readonly clock: Pick<Clock, 'nowMs'>;
}

export type PutRouteRefusal =
  | { readonly reason: 'malformed'; readonly refusal: RouteRefusal }
  /** There is such a route, and the requester did not say which version he has seen. */
  | { readonly reason: 'version_unknown' }
  | { readonly reason: 'version_mismatch' }
  | { readonly reason: 'too_many' };

/**
 * @param input.wire the route as the management API takes it, without its name
 * @param input.isSeen whether the requester has seen this version; undefined where he expects none
 */
export async function putRoute(
  ports: RoutePorts,
  input: {
    readonly requester: Requester;
    readonly name: string;
    readonly wire: Readonly<Record<string, unknown>>;
    readonly isSeen: ((version: number) => boolean) | undefined;
  },
): Promise<Result<{ readonly row: RouteRow; readonly created: boolean }, PutRouteRefusal>> {
  const { requester, name, isSeen } = input;
  const { tenant } = requester;
  const route = { ...input.wire, name };
  const parsed = parseRoute(route);
  if (!parsed.ok) return err({ reason: 'malformed', refusal: parsed.refusal });
  const known = await ports.store.routes.get(tenant, name);
  const refusal = await refusalOf(ports, { tenant, known, isSeen });
  if (refusal !== undefined) return err(refusal);
  const now = ports.clock.nowMs();
  const row: RouteRow = {
    tenant,
    name,
    route,
    updatedAt: now,
    version: (known?.version ?? 0) + 1,
  };
  const { outcome } = await ports.store.acts.run({
    steps: [
      known === undefined
        ? { do: 'insert', table: 'routes', row, refused: 'version_mismatch' }
        : replace(row, known),
      { do: 'feed', tenant, at: now, entries: [{ type: 'route', name, route }] },
    ],
    audit: await ports.recorder.record(
      eventBy(requester, {
        action: known === undefined ? 'route.create' : 'route.update',
        at: now,
        object: { kind: 'route', id: name },
        detail: { version: row.version },
      }),
    ),
  });
  if (outcome !== 'done') return err({ reason: 'version_mismatch' });
  return ok({ row, created: known === undefined });
}

async function refusalOf(
  ports: RoutePorts,
  input: {
    readonly tenant: Requester['tenant'];
    readonly known: RouteRow | undefined;
    readonly isSeen: ((version: number) => boolean) | undefined;
  },
): Promise<PutRouteRefusal | undefined> {
  const { tenant, known, isSeen } = input;
  if (known === undefined) {
    // A version was seen, so there was one: somebody deleted it since.
    if (isSeen !== undefined) return { reason: 'version_mismatch' };
    const count = await ports.store.routes.count({ tenant });
    return count >= limits.routesMax ? { reason: 'too_many' } : undefined;
  }
  if (isSeen === undefined) return { reason: 'version_unknown' };
  return isSeen(known.version) ? undefined : { reason: 'version_mismatch' };
}

function replace(row: RouteRow, known: RouteRow): Step {
  const { tenant, name, route, updatedAt, version } = row;
  return {
    do: 'update',
    table: 'routes',
    where: { tenant, name, version: known.version },
    set: { route, updatedAt, version },
    refused: 'version_mismatch',
  };
}
