/**
 * Which rights each credential used: the scopes that its requests needed, the routes and methods
 * that they took. Counted beside `usage-counter.ts`, in rows of the same table. Names come from
 * routes and from the credential's own scopes, so there are few for each credential. Neighbours:
 * `least-privilege.ts` reads the rows; narrowings say which refusals to count.
 */
import type { DecisionEvent, TenantId, UnixMs } from '@mintmark/core';
import type { Step } from '../store/act.ts';
import type { Store } from '../store/store.ts';
import type { Row } from '../store/tables.ts';

/** Of what rights are measured: a key, or a client with all its tokens. */
export type PrivilegedKind = 'key' | 'client';

type Counted = 'scope' | 'route' | 'unmeasured';

export interface PrivilegeUsage {
  /** Cheap; bounded in memory. */
  accept(event: DecisionEvent): void;
  /** A client asked for scopes that it may not have. */
  refused(asked: {
    readonly tenant: TenantId;
    readonly clientId: string;
    readonly scopes: readonly string[];
    readonly at: UnixMs;
  }): void;
  /** What was taken away on trial, by `nameOfPrivileged`: refusals for its lack are counted. */
  watch(trials: ReadonlyMap<string, Watched>): void;
  /** Writes what was gathered. A fault loses it: counts may be too low, never too high. */
  flush(): Promise<void>;
}

/** A narrowing, and the scopes that it took away. */
export interface Watched {
  readonly narrowing: string;
  readonly removed: ReadonlySet<string>;
}

/** Kind of the rows that count refusals, `‹narrowing› ‹scope›` each. */
const refusedKind = 'narrowing_refused';

/** Names counted between two flushes; about 200 bytes each. */
const countsMax = 100_000;
const rowsPerAct = 500;

const methods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/** By which a narrowed credential is found. */
export function nameOfPrivileged(tenant: string, kind: PrivilegedKind, id: string): string {
  return `${tenant}\n${kind}\n${id}`;
}

export function createPrivilegeUsage(store: Pick<Store, 'acts'>): PrivilegeUsage {
  let counts = new Map<string, Row<'usage'>>();
  let watched: ReadonlyMap<string, Watched> = new Map();
  const marked = new Set<string>();

  function count(
    { tenant, at, verdict }: Pick<DecisionEvent, 'tenant' | 'at' | 'verdict'>,
    what: { readonly kind: string; readonly id: string },
  ): void {
    const { kind, id } = what;
    const name = `${tenant}\n${kind}\n${id}`;
    const known = counts.get(name);
    if (known === undefined && counts.size >= countsMax) return;
    const allowed = (known?.allowed ?? 0) + (verdict === 'allow' ? 1 : 0);
    const denied = (known?.denied ?? 0) + (verdict === 'allow' ? 0 : 1);
    const firstUsedAt = Math.min(known?.firstUsedAt ?? at, at);
    const lastUsedAt = Math.max(known?.lastUsedAt ?? at, at);
    const row = { tenant, kind, id, firstUsedAt, lastUsedAt, allowed, denied, lastAddress: null };
    counts.set(name, row);
  }

  function countRefused(
    event: Pick<DecisionEvent, 'tenant' | 'at' | 'verdict'>,
    of: { readonly kind: PrivilegedKind; readonly id: string },
    scopes: readonly string[],
  ): void {
    const trial = watched.get(nameOfPrivileged(event.tenant, of.kind, of.id));
    for (const scope of scopes) {
      if (!trial?.removed.has(scope)) continue;
      count(event, { kind: refusedKind, id: `${trial.narrowing} ${scope}` });
    }
  }

  return {
    refused({ tenant, clientId: id, scopes, at }) {
      countRefused({ tenant, at, verdict: 'deny' }, { kind: 'client', id }, scopes);
    },
    watch(trials) {
      watched = trials;
    },
    accept(event) {
      const of = privilegedIn(event);
      if (of === undefined) return;
      const name = (counted: Counted) => `${of.kind}_${counted}`;
      // The first event of a tenant says since when there is anything to go by.
      if (!marked.has(event.tenant)) {
        marked.add(event.tenant);
        count(event, { kind: 'privileges_measured', id: 'self' });
      }
      if (event.verdict === 'deny') {
        if (event.reason !== 'insufficient_scope') return;
        return countRefused(event, of, event.needed ?? []);
      }
      if (event.needed === undefined) {
        return count(event, { kind: name('unmeasured'), id: of.id });
      }
      for (const scope of event.needed) {
        count(event, { kind: name('scope'), id: `${of.id} ${scope}` });
      }
      if (event.route === undefined) return;
      const method = methods.has(event.method) ? event.method : 'other';
      count(event, { kind: name('route'), id: `${of.id} ${method} ${event.route}` });
    },
    async flush() {
      const batch = [...counts.values()];
      counts = new Map();
      await write(store, batch);
    },
  };
}

async function write(store: Pick<Store, 'acts'>, batch: readonly Row<'usage'>[]): Promise<void> {
  for (let i = 0; i < batch.length; i += rowsPerAct) {
    const steps = batch.slice(i, i + rowsPerAct).map(merge);
    await store.acts.run({ steps, audit: null });
  }
}

/** Only what was proven is counted: nobody adds rows by naming what is not his. */
function privilegedIn(
  event: DecisionEvent,
): { readonly kind: PrivilegedKind; readonly id: string } | undefined {
  const { authenticated, credential, credentialId, clientId, reason, verdict } = event;
  if (!authenticated || (verdict === 'allow' && reason !== 'ok')) return undefined;
  if (credential === 'api_key') {
    return credentialId === undefined ? undefined : { kind: 'key', id: credentialId };
  }
  return clientId === undefined ? undefined : { kind: 'client', id: clientId };
}

function merge(row: Row<'usage'>): Step {
  const { lastUsedAt, allowed, denied } = row;
  return {
    do: 'merge',
    table: 'usage',
    row,
    set: { lastUsedAt, allowed: { add: allowed }, denied: { add: denied } },
  };
}

export interface UsedPrivilege {
  readonly name: string;
  readonly allowed: number;
  readonly denied: number;
  readonly lastUsedAt: UnixMs;
}

/** Rights of one credential that are read at once; a credential has fewer. */
const rowsMax = 2_000;

/** @throws StoreFault */
export function usedPrivileges(
  store: Pick<Store, 'usage'>,
  of: { readonly tenant: TenantId; readonly kind: PrivilegedKind; readonly id: string },
  counted: 'scope' | 'route',
): Promise<readonly UsedPrivilege[]> {
  return countsUnder(store, { tenant: of.tenant, kind: `${of.kind}_${counted}`, under: of.id });
}

/** Refusals for the lack of what a narrowing took away. @throws StoreFault */
export function refusedPrivileges(
  store: Pick<Store, 'usage'>,
  of: { readonly tenant: TenantId; readonly narrowing: string },
): Promise<readonly UsedPrivilege[]> {
  return countsUnder(store, { tenant: of.tenant, kind: refusedKind, under: of.narrowing });
}

async function countsUnder(
  store: Pick<Store, 'usage'>,
  { tenant, kind, under }: Record<'tenant' | 'kind' | 'under', string>,
): Promise<readonly UsedPrivilege[]> {
  const begin = `${under} `;
  const rows = await store.usage.list({
    where: { tenant, kind, id: { is: '>=', value: begin } },
    limit: rowsMax,
  });
  return rows.flatMap((row) => {
    if (!row.id.startsWith(begin)) return [];
    const { allowed, denied } = row;
    const name = row.id.slice(begin.length);
    return [{ name, allowed, denied, lastUsedAt: row.lastUsedAt as UnixMs }];
  });
}
