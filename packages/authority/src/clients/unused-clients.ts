/**
 * Clients that registered themselves, or that a document describes, and that nobody uses any more:
 * when each was used last, to the hour, and the sweep that takes the forgotten ones away. Those of
 * administrators are theirs to keep. What must never happen: one taken away that is in use.
 */
import { type Clock, limits, type TenantId } from '@mintmark/core';
import type { Requester } from '../audit/requester.ts';
import type { Step } from '../store/act.ts';
import type { Store } from '../store/store.ts';
import { type Client, clientOf } from './client.ts';
import { type DeleteDeps, deleteClient } from './registry.ts';

/** Often enough to count days, and seldom enough to cost nothing. */
const notedEveryMs = 3_600_000;

export interface ClientUses {
  /** Steps for the act that gives the client a token. */
  note(client: Pick<Client, 'tenant' | 'clientId' | 'source'>): readonly Step[];
}

export function createClientUses(clock: Pick<Clock, 'nowMs'>): ClientUses {
  const notedAt = new Map<string, number>();
  return {
    note({ tenant, clientId, source }) {
      if (source === 'administrator') return [];
      const usedAt = clock.nowMs();
      const name = `${tenant}\n${clientId}`;
      if (usedAt - (notedAt.get(name) ?? 0) < notedEveryMs) return [];
      notedAt.delete(name);
      const oldest = notedAt.keys().next();
      if (notedAt.size >= limits.clientUsesNotedMax && oldest.done !== true) {
        notedAt.delete(oldest.value);
      }
      notedAt.set(name, usedAt);
      return [{ do: 'put', table: 'clientUses', row: { tenant, clientId, usedAt } }];
    },
  };
}

/**
 * Deletes a bounded number of clients that were not used for so long, each by an act with its
 * record; its tokens, if any are left, end with it.
 *
 * @throws StoreFault, CustodyFault
 */
export async function sweepUnusedClients(
  deps: DeleteDeps & { readonly store: Pick<Store, 'clientUses'> },
  unusedSeconds: number,
): Promise<void> {
  const before = deps.clock.nowMs() - unusedSeconds * 1000;
  const rows = await deps.store.clientUses.list({
    where: { usedAt: { is: '<', value: before } },
    orderBy: ['usedAt'],
    limit: limits.unusedClientsPerSweep,
  });
  for (const { tenant, clientId, usedAt } of rows) {
    const row = await deps.store.clients.get(tenant, clientId);
    if (row === undefined) continue;
    const client = clientOf(row);
    if (client.approvedScopes.length + client.approvedGrantTypes.length > 0) {
      // An administrator has looked at it: it is his to end. It is passed over for another term.
      const seen = { tenant, clientId, usedAt: deps.clock.nowMs() };
      const steps = [{ do: 'put', table: 'clientUses', row: seen }] as const;
      await deps.store.acts.run({ steps, audit: null });
      continue;
    }
    const context: Requester = {
      tenant: tenant as TenantId,
      actor: { kind: 'system', id: 'unused-clients' },
    };
    // Used since, or changed: it is looked at again the next time.
    await deleteClient(deps, context, {
      clientId: client.clientId,
      version: client.version,
      unusedSince: usedAt,
    });
  }
}
