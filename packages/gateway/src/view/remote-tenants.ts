/**
 * The authority over HTTP for several tenants: each is asked under its issuer, with a credential
 * of its own, so that whoever takes one tenant's from this gateway has nothing of another's.
 */
import { NetworkFault, type TenantId } from '@mintmark/core';
import type { RemoteAuthority } from './remote.ts';

/** @throws NetworkFault `authority_refused` from each call for a tenant without a credential */
export function joinRemoteTenants(
  authorities: ReadonlyMap<TenantId, RemoteAuthority>,
): RemoteAuthority {
  function of(tenant: TenantId): RemoteAuthority {
    const found = authorities.get(tenant);
    if (found !== undefined) return found;
    throw new NetworkFault('authority_refused', `no credential for tenant ${tenant}`, {
      hint: 'name one in gateway.tenants',
    });
  }

  return {
    feed: {
      kept: async (tenant) => of(tenant).feed.kept?.(tenant),
      snapshot: async (tenant) => of(tenant).feed.snapshot(tenant),
      keys: async (input) => of(input.tenant).feed.keys(input),
      delta: async (input) => of(input.tenant).feed.delta(input),
    },
    introspector: {
      introspect: async (input) => of(input.tenant).introspector.introspect(input),
      spend: async (input) => of(input.tenant).introspector.spend(input),
    },
    decisions: {
      async accept(events) {
        const byTenant = Map.groupBy(events, ({ tenant }) => tenant);
        await Promise.all([...byTenant].map(([tenant, own]) => of(tenant).decisions.accept(own)));
      },
      record: async (event) => of(event.tenant).decisions.record(event),
    },
    nodeKeys: {
      publish: async (input) => of(input.tenant).nodeKeys.publish(input),
    },
    limitProfiles: { read: async (input) => of(input.tenant).limitProfiles.read(input) },
    limitObservations: {
      async accept(observations) {
        const byTenant = Map.groupBy(observations, ({ tenant }) => tenant);
        await Promise.all(
          [...byTenant].map(([tenant, own]) => of(tenant).limitObservations.accept(own)),
        );
      },
    },
    threats: { read: async (input) => of(input.tenant).threats.read(input) },
    policyReports: {
      async accept(reports) {
        const byTenant = Map.groupBy(reports, ({ tenant }) => tenant);
        await Promise.all(
          [...byTenant].map(([tenant, own]) => of(tenant).policyReports.accept(own)),
        );
      },
    },
  };
}
