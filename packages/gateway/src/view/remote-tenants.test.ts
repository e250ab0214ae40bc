import type { DecisionEvent, LimitObservation, PolicyReport, TenantId } from '@mintmark/core';
import { expect, it } from 'vitest';
import type { RemoteAuthority } from './remote.ts';
import { joinRemoteTenants } from './remote-tenants.ts';

const [acme, bank] = ['acme', 'bank'] as TenantId[];

function recorded(log: string[], name: string): RemoteAuthority {
  return {
    feed: {
      async snapshot(tenant) {
        log.push(`${name} snapshot ${tenant}`);
        return { tenant, epoch: name, head: 0, issuer: name, entries: [] };
      },
      async keys({ tenant }) {
        log.push(`${name} keys ${tenant}`);
        return 'resync';
      },
      async delta({ tenant }) {
        log.push(`${name} delta ${tenant}`);
        return 'resync';
      },
    },
    limitProfiles: {
      async read({ tenant }) {
        log.push(`${name} profiles ${tenant}`);
        return { newest: 0, profiles: [] };
      },
    },
    limitObservations: {
      async accept(seen) {
        log.push(`${name} observations ${seen.map(({ tenant }) => tenant).join()}`);
      },
    },
    threats: {
      async read({ tenant }) {
        log.push(`${name} threats ${tenant}`);
        return { newest: 0, feeds: [], blocks: [] };
      },
    },
    introspector: {
      async introspect({ tenant }) {
        log.push(`${name} introspect ${tenant}`);
        return { active: false };
      },
      async spend({ tenant }) {
        log.push(`${name} spend ${tenant}`);
        return { spent: true };
      },
    },
    decisions: {
      async accept(events) {
        log.push(`${name} accept ${events.map(({ tenant }) => tenant).join()}`);
      },
      async record({ tenant }) {
        log.push(`${name} record ${tenant}`);
      },
    },
    nodeKeys: {
      async publish({ tenant }) {
        log.push(`${name} publish ${tenant}`);
      },
    },
    policyReports: {
      async accept(reports) {
        log.push(`${name} reports ${reports.map(({ tenant }) => tenant).join()}`);
      },
    },
  };
}

it('asks of each tenant with what is its own, and hands in its decisions there', async () => {
  const log: string[] = [];
  const both = [acme!, bank!].map((tenant) => [tenant, recorded(log, tenant)] as const);
  const joined = joinRemoteTenants(new Map(both));
  await joined.feed.snapshot(acme!);
  await joined.feed.delta({ tenant: bank!, epoch: 'e', after: 0, node: 'n' });
  await joined.introspector.introspect({ tenant: bank!, credential: 'x', address: '192.0.2.1' });
  const events = [acme, bank, acme].map((tenant) => ({ tenant }) as DecisionEvent);
  await joined.decisions.accept(events);
  await joined.decisions.record({ tenant: bank } as DecisionEvent);
  const reports = [bank, acme, bank].map((tenant) => ({ tenant }) as PolicyReport);
  await joined.policyReports.accept(reports);
  await joined.nodeKeys.publish({ tenant: bank!, node: 'n', jwk: {} });
  await joined.limitProfiles.read({ tenant: acme!, after: 0 });
  await joined.limitObservations.accept([{ tenant: bank } as LimitObservation]);
  await joined.threats.read({ tenant: bank!, after: 0 });
  expect(log).toEqual([
    'acme snapshot acme',
    'bank delta bank',
    'bank introspect bank',
    'acme accept acme,acme',
    'bank accept bank',
    'bank record bank',
    'bank reports bank,bank',
    'acme reports acme',
    'bank publish bank',
    'acme profiles acme',
    'bank observations bank',
    'bank threats bank',
  ]);
});

it('asks nobody about a tenant that it has no credential for', async () => {
  const joined = joinRemoteTenants(new Map([[acme!, recorded([], 'acme')]]));
  await expect(joined.feed.snapshot(bank!)).rejects.toMatchObject({ code: 'authority_refused' });
});
