/**
 * The tenants as requests need them: a bounded number of rows in memory, those used last. Nothing
 * is built for a tenant that nobody asks for. Neighbours: `authority.ts` enters a tenant before it
 * serves a request of it; the rooms ask for its policy while it is entered. What must never happen:
 * a tenant served after it was disabled, or under another one's settings.
 */
import { type Clock, defaultTenant, limits, type TenantId } from '@mintmark/core';
import type { Act, Step } from '../store/act.ts';
import type { Store } from '../store/store.ts';
import type { Row } from '../store/tables.ts';
import { type PolicyDefaults, policyOf, readSettings, type TenantPolicy } from './settings.ts';

export interface KnownTenant {
  readonly tenant: TenantId;
  readonly status: 'active' | 'disabled';
  readonly policy: TenantPolicy;
}

export interface TenantDirectory {
  /**
   * Does the work while the tenant is held in memory. What it is was read within
   * `limits.tenantViewMs`, or after the last change that this process made.
   *
   * @returns undefined where there is no such tenant, or no more
   * @throws StoreFault, and what the work throws
   */
  within<T>(tenant: TenantId, work: (known: KnownTenant) => Promise<T> | T): Promise<T | undefined>;
  /** Of a tenant that is entered. */
  policy(tenant: TenantId): TenantPolicy;
  /** To be called when an act has ended, whatever its outcome. */
  forget(act: Act): void;
  /** Tenants in memory. */
  readonly size: number;
}

interface Entry {
  readonly known: KnownTenant;
  readonly seenAtMs: number;
}

export function createTenantDirectory(deps: {
  readonly store: Pick<Store, 'tenants'>;
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly defaults: PolicyDefaults;
}): TenantDirectory {
  const entries = new Map<TenantId, Entry>();
  /** Requests under way, by tenant: what they use is not let go of. */
  const entered = new Map<TenantId, number>();
  /** Counts `forget`: what was read before the last one may be older than the change. */
  let changes = 0;

  function fresh(tenant: TenantId): KnownTenant | undefined {
    const { known, seenAtMs = Number.NEGATIVE_INFINITY } = entries.get(tenant) ?? {};
    return deps.clock.monotonicMs() - seenAtMs < limits.tenantViewMs ? known : undefined;
  }

  async function read(tenant: TenantId): Promise<KnownTenant | undefined> {
    const before = changes;
    const seenAtMs = deps.clock.monotonicMs();
    const row = await deps.store.tenants.get(tenant);
    const known = row && knownOf(row, deps.defaults);
    // Whoever entered before goes on with what was known, and the store refuses what it writes.
    if (known === undefined) return undefined;
    // Kept even so: whoever has entered must find it. It is read again at the next entry.
    entries.delete(tenant);
    entries.set(tenant, {
      known,
      seenAtMs: before === changes ? seenAtMs : Number.NEGATIVE_INFINITY,
    });
    makeRoom(entries, entered);
    return known;
  }

  /** The first tenant cannot be disabled: what needs no store is served while the store is away. */
  function lastSeen(tenant: TenantId, fault: unknown): KnownTenant {
    const entry = entries.get(tenant);
    if (tenant === defaultTenant && entry !== undefined) return entry.known;
    throw fault;
  }

  return {
    async within(tenant, work) {
      // Before the read, so that it is not let go of between the two.
      entered.set(tenant, (entered.get(tenant) ?? 0) + 1);
      try {
        const known =
          fresh(tenant) ?? (await read(tenant).catch((fault) => lastSeen(tenant, fault)));
        return known === undefined ? undefined : await work(known);
      } finally {
        leave(entered, tenant);
      }
    },
    policy(tenant) {
      const entry = entries.get(tenant);
      if (entry === undefined) throw new Error(`tenant ${tenant} was not entered`);
      return entry.known.policy;
    },
    forget(act) {
      const ways = [act, ...Object.values(act.otherwise ?? {})];
      if (!ways.some(({ steps }) => steps.some(writesTenants))) return;
      changes++;
      for (const [tenant, { known }] of entries) {
        entries.set(tenant, { known, seenAtMs: Number.NEGATIVE_INFINITY });
      }
    },
    get size() {
      return entries.size;
    },
  };
}

function leave(entered: Map<TenantId, number>, tenant: TenantId): void {
  const others = (entered.get(tenant) ?? 1) - 1;
  if (others > 0) entered.set(tenant, others);
  else entered.delete(tenant);
}

/** The least lately read leave first; the first tenant stays. */
function makeRoom(entries: Map<TenantId, unknown>, entered: ReadonlyMap<TenantId, unknown>): void {
  for (const tenant of entries.keys()) {
    if (entries.size <= limits.tenantsHeldMax) return;
    if (tenant !== defaultTenant && !entered.has(tenant)) entries.delete(tenant);
  }
}

function knownOf(row: Row<'tenants'>, defaults: PolicyDefaults): KnownTenant | undefined {
  const { status, settings, sessionsEndedBefore } = row;
  if (status === 'deleted') return undefined;
  const own = { settings: readSettings(settings), sessionsEndedBefore };
  return { tenant: row.tenant as TenantId, status, policy: policyOf(defaults, own) };
}

function writesTenants(step: Step): boolean {
  return step.do !== 'feed' && step.table === 'tenants' && step.do !== 'require';
}
