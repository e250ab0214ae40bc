/**
 * What resource servers ask of the tokens that are meant for them, whoever gets these: clients with
 * `resources`, set by administrators. Rows of those who ask for something are kept beside the
 * clients, so that most tokens are issued without a look at any of them.
 */
import { type Clock, limits, type TenantId } from '@mintmark/core';
import type { Step } from '../store/act.ts';
import type { Store } from '../store/store.ts';
import { type Client, clientOf } from './client.ts';

function asking(client: Client | undefined): readonly string[] {
  if (client?.status !== 'active') return [];
  const { accessTokenStatusList, accessTokenKeyEncryption, resources } = client;
  const asks = accessTokenStatusList || accessTokenKeyEncryption !== undefined;
  return asks ? [...new Set(resources)] : [];
}

/** The steps by which the rows follow a change of the client, in the act of the change. */
export function resourceSteps(
  before: Client | undefined,
  after: Client | undefined,
): readonly Step[] {
  const table = 'protectedResources';
  const known = asking(before);
  const wanted = asking(after);
  const of = after ?? before;
  if (of === undefined) return [];
  const { tenant, clientId } = of;
  const gone = known.filter((resource) => !wanted.includes(resource));
  const added = wanted.filter((resource) => !known.includes(resource));
  const keys = gone.map((resource) => [tenant, resource, clientId]);
  const rows = added.map((resource) => ({ tenant, resource, clientId }));
  return [
    ...(keys.length === 0 ? [] : [{ do: 'deleteMany', table, keys } as const]),
    ...(rows.length === 0 ? [] : [{ do: 'insertMany', table, rows } as const]),
  ];
}

export interface ProtectedResources {
  /**
   * The resource servers among the audience that ask for something, as of at most
   * `limits.resourceViewMs` ago.
   *
   * @throws StoreFault
   */
  asking(tenant: TenantId, audience: readonly string[]): Promise<readonly Client[]>;
}

interface View {
  readonly servers: ReadonlyMap<string, readonly Client[]>;
  readonly seenMonotonicMs: number;
}

export function createProtectedResources(deps: {
  readonly store: Pick<Store, 'protectedResources' | 'clients'>;
  readonly clock: Pick<Clock, 'monotonicMs'>;
}): ProtectedResources {
  const views = new Map<TenantId, Promise<View>>();

  function renew(tenant: TenantId): Promise<View> {
    const view = readView(deps, tenant);
    views.delete(tenant);
    const oldest = views.keys().next();
    if (views.size >= limits.resourceViewsMax && !oldest.done) views.delete(oldest.value);
    views.set(tenant, view);
    // A failed reading is nobody's view.
    view.catch(() => views.delete(tenant));
    return view;
  }

  return {
    async asking(tenant, audience) {
      const known = await views.get(tenant);
      const age = deps.clock.monotonicMs() - (known?.seenMonotonicMs ?? Number.NEGATIVE_INFINITY);
      const view = known !== undefined && age < limits.resourceViewMs ? known : renew(tenant);
      const { servers } = await view;
      if (servers.size === 0) return [];
      const found = audience.flatMap((resource) => servers.get(resource) ?? []);
      return [...new Set(found)];
    },
  };
}

async function readView(
  { store, clock }: Parameters<typeof createProtectedResources>[0],
  tenant: TenantId,
): Promise<View> {
  const seenMonotonicMs = clock.monotonicMs();
  const rows = await store.protectedResources.list({
    where: { tenant },
    limit: limits.routesMax,
  });
  const ids = [...new Set(rows.map(({ clientId }) => clientId))];
  const found = await Promise.all(ids.map((id) => store.clients.get(tenant, id)));
  const clients = new Map(found.flatMap((row) => (row ? [[row.clientId, clientOf(row)]] : [])));
  const servers = new Map<string, Client[]>();
  for (const { resource, clientId } of rows) {
    const client = clients.get(clientId);
    if (client === undefined) continue;
    servers.set(resource, [...(servers.get(resource) ?? []), client]);
  }
  return { servers, seenMonotonicMs };
}
