/**
 * What each credential did: first and last use, and counts, gathered from the decisions of gateways
 * and written in batches. It may lag by one flush; it never delays a request. Neighbours: `http`
 * brings the events, `apikeys` and the console read the rows.
 */
import { type Clock, type DecisionEvent, limits, type TenantId, type UnixMs } from '@mintmark/core';
import { subKeyTargetId } from '@mintmark/tokens';
import type { Step } from '../store/act.ts';
import type { Store } from '../store/store.ts';

export interface UsageCounter {
  /** Adds a batch of decisions. Cheap; bounded in memory. */
  accept(events: readonly DecisionEvent[]): void;
  /** Adds one use of a client's secret; `id` as `secretUseId` makes it. Cheap. */
  noteSecret(use: {
    readonly tenant: string;
    readonly id: string;
    readonly at: number;
    /** Another secret of the client follows this one. */
    readonly overlap: boolean;
  }): void;
  /** Adds one use of a rotated key by a program that shares it; `id` as `programUseId` makes it. */
  noteProgram(use: { readonly tenant: string; readonly id: string; readonly at: number }): void;
  /** Writes what was gathered. A fault keeps it for the next flush. @throws StoreFault */
  flush(): Promise<void>;
  /** Events that found no room between two flushes; they are missing from the counts. */
  readonly lost: number;
}

/** Of all uses of a client's secret, and of those while another follows it. */
type ClientSecretUse = 'client_secret' | 'client_secret_overlap';

interface Count {
  readonly tenant: string;
  /**
   * `key_overlap`: uses of a key after its rotation, counted beside those of the key. `sub_key`:
   * uses of what was derived from it, by `subKeyUsageId`.
   */
  readonly kind: 'key' | 'key_overlap' | 'sub_key' | 'token' | 'rotation_program' | ClientSecretUse;
  readonly id: string;
  first: number;
  last: number;
  allowed: number;
  denied: number;
  address: string;
}

/**
 * Credentials counted between two flushes, about 200 bytes each: of all, of one tenant, and of
 * these tokens and sub-keys, of which whoever holds a client's secret or a key makes as many as he
 * likes. So nobody's uses crowd out those of others' keys.
 */
const countsMax = 200_000;
const tenantCountsMax = 100_000;
const tenantMadeMax = 75_000;
const rowsPerAct = 500;

/** By which the uses of one secret of a client are kept. */
export function secretUseId(clientId: string, secretId: string): string {
  return `${secretId}.${clientId}`;
}

interface UsageDeps {
  readonly store: Pick<Store, 'acts' | 'usage'>;
  readonly clock: Pick<Clock, 'nowMs'>;
}

export function createUsageCounter(deps: UsageDeps): UsageCounter {
  const { store } = deps;
  const newSubKeys = createNewSubKeys(deps);
  const counts = createCounts();
  let lost = 0;

  function add(event: DecisionEvent): void {
    const { credentialId: id } = event;
    // An id that nobody proved to hold may be made up: counting it would let anyone add rows.
    if (id === undefined || !event.authenticated) return;
    const isKey = event.credential === 'api_key';
    count(event, { kind: isKey ? 'key' : 'token', id });
    if (isKey && event.rotated === true) count(event, { kind: 'key_overlap', id });
    if (isKey && event.subKey !== undefined) {
      count(event, { kind: 'sub_key', id: subKeyUsageId(id, event.subKey) });
    }
  }

  function count(
    event: Pick<DecisionEvent, 'tenant' | 'at' | 'address' | 'verdict'>,
    { kind, id }: Pick<Count, 'kind' | 'id'>,
  ): void {
    const { tenant, at } = event;
    let known = counts.get({ tenant, kind, id });
    if (known === undefined) {
      const { address } = event;
      known = { tenant, kind, id, first: at, last: at, allowed: 0, denied: 0, address };
      if (!counts.put(known)) {
        // A sub-key's use is counted for its key.
        if (kind !== 'sub_key') lost++;
        return;
      }
    }
    if (at >= known.last) {
      known.last = at;
      known.address = event.address;
    }
    known.first = Math.min(known.first, at);
    if (event.verdict === 'allow') known.allowed++;
    else known.denied++;
  }

  return {
    get lost() {
      return lost;
    },
    accept(events) {
      for (const event of events) add(event);
    },
    noteSecret({ id, overlap, ...use }) {
      count(allowedUse(use), { kind: 'client_secret', id });
      if (overlap) count(allowedUse(use), { kind: 'client_secret_overlap', id });
    },
    noteProgram({ id, ...use }) {
      count(allowedUse(use), { kind: 'rotation_program', id });
    },
    async flush() {
      const batch = counts.take();
      for (let i = 0; i < batch.length; i += rowsPerAct) {
        try {
          const steps = (await newSubKeys.within(batch.slice(i, i + rowsPerAct))).map(merge);
          if (steps.length > 0) await store.acts.run({ steps, audit: null });
        } catch (fault) {
          for (const old of batch.slice(i)) lost += counts.putBack(old);
          throw fault;
        }
      }
    },
  };
}

/** Of what no gateway decided, and no address is kept. */
function allowedUse({ tenant, at }: { readonly tenant: string; readonly at: number }) {
  const verdict = 'allow' as const;
  return { tenant: tenant as TenantId, at: at as UnixMs, address: '', verdict };
}

/** What was gathered since the last flush, within the bounds. */
function createCounts() {
  let counts = new Map<string, Count>();
  /** How many each has that has a bound of its own. */
  let shares = new Map<string, number>();
  return {
    get: (of: Pick<Count, 'tenant' | 'kind' | 'id'>) => counts.get(nameOf(of)),
    /** @returns false where it found no room */
    put(count: Count): boolean {
      const bounds = boundsOf(count);
      if (counts.size >= countsMax) return false;
      if (bounds.some(([share, most]) => (shares.get(share) ?? 0) >= most)) return false;
      for (const [share] of bounds) shares.set(share, (shares.get(share) ?? 0) + 1);
      counts.set(nameOf(count), count);
      return true;
    },
    /** @returns how many uses found no room beside what was gathered in the meantime */
    putBack(old: Count): number {
      const fresh = this.get(old);
      if (fresh === undefined) {
        return this.put(old) || old.kind === 'sub_key' ? 0 : old.allowed + old.denied;
      }
      fresh.first = Math.min(fresh.first, old.first);
      fresh.allowed += old.allowed;
      fresh.denied += old.denied;
      return 0;
    },
    take(): readonly Count[] {
      const taken = [...counts.values()];
      counts = new Map();
      shares = new Map();
      return taken;
    },
  };
}

function nameOf({ tenant, kind, id }: Pick<Count, 'tenant' | 'kind' | 'id'>): string {
  return `${tenant}\n${kind}\n${id}`;
}

/** In whose shares it counts, and how large these are. */
function boundsOf({ tenant, kind, id }: Count): readonly (readonly [string, number])[] {
  const all = [tenant, tenantCountsMax] as const;
  const made = [`${tenant}\nmade`, tenantMadeMax] as const;
  if (kind === 'token') return [all, made];
  if (kind !== 'sub_key') return [all];
  return [all, made, [keyOfSubKey({ tenant, id }), limits.subKeysCountedDailyMax]];
}

function keyOfSubKey({ tenant, id }: Pick<Count, 'tenant' | 'id'>): string {
  return `${tenant}\n${id.split('.', 1)[0]}`;
}

/** Bounds the rows that a key's holder adds: he makes sub-keys without asking anybody. */
function createNewSubKeys({ store, clock }: UsageDeps) {
  let day = 0;
  let added = new Map<string, number>();

  async function mayBeWritten(count: Count): Promise<boolean> {
    const { tenant, kind, id } = count;
    if (kind !== 'sub_key') return true;
    if ((await store.usage.get(tenant, kind, id)) !== undefined) return true;
    const key = keyOfSubKey(count);
    const before = added.get(key) ?? 0;
    if (before >= limits.subKeysCountedDailyMax) return false;
    added.set(key, before + 1);
    return true;
  }

  return {
    async within(batch: readonly Count[]): Promise<readonly Count[]> {
      const today = Math.floor(clock.nowMs() / 86_400_000);
      if (today !== day) added = new Map();
      day = today;
      const may = await Promise.all(batch.map(mayBeWritten));
      return batch.filter((_, place) => may[place]);
    },
  };
}

/** The target of its revocation, and behind a space its label, where it has one. */
function subKeyUsageId(keyId: string, { id, label }: NonNullable<DecisionEvent['subKey']>): string {
  const target = subKeyTargetId(keyId, id);
  return label === undefined ? target : `${target} ${label}`;
}

function merge(count: Count): Step {
  const { tenant, kind, id, first, last, allowed, denied, address } = count;
  return {
    do: 'merge',
    table: 'usage',
    row: {
      tenant,
      kind,
      id,
      firstUsedAt: first,
      lastUsedAt: last,
      allowed,
      denied,
      lastAddress: address,
    },
    set: {
      lastUsedAt: last,
      lastAddress: address,
      allowed: { add: allowed },
      denied: { add: denied },
    },
  };
}
