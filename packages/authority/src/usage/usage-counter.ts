/**
 * What each credential did: first and last use, and counts, gathered from the decisions of gateways
 * and written in batches. It may lag by one flush; it never delays a request. Neighbours: `http`
 * brings the events, `apikeys` and the console read the rows.
 */
import type { DecisionEvent, TenantId, UnixMs } from '@mintmark/core';
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
  readonly kind: 'key' | 'key_overlap' | 'sub_key' | 'token' | ClientSecretUse;
  readonly id: string;
  first: number;
  last: number;
  allowed: number;
  denied: number;
  address: string;
}

/** Credentials counted between two flushes; about 200 bytes each. */
const countsMax = 100_000;
const rowsPerAct = 500;

/** By which the uses of one secret of a client are kept. */
export function secretUseId(clientId: string, secretId: string): string {
  return `${secretId}.${clientId}`;
}

export function createUsageCounter(store: Pick<Store, 'acts'>): UsageCounter {
  let counts = new Map<string, Count>();
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
    const name = `${tenant}\n${kind}\n${id}`;
    let known = counts.get(name);
    if (known === undefined) {
      if (counts.size >= countsMax) {
        lost++;
        return;
      }
      const { address } = event;
      known = { tenant, kind, id, first: at, last: at, allowed: 0, denied: 0, address };
      counts.set(name, known);
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
    noteSecret({ tenant, id, at, overlap }) {
      const when = { tenant: tenant as TenantId, at: at as UnixMs, address: '' };
      const use = { ...when, verdict: 'allow' } as const;
      count(use, { kind: 'client_secret', id });
      if (overlap) count(use, { kind: 'client_secret_overlap', id });
    },
    async flush() {
      const batch = [...counts.values()];
      counts = new Map();
      for (let i = 0; i < batch.length; i += rowsPerAct) {
        try {
          const steps = batch.slice(i, i + rowsPerAct).map(merge);
          await store.acts.run({ steps, audit: null });
        } catch (fault) {
          keep(counts, batch.slice(i));
          throw fault;
        }
      }
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

/** Puts counts back beside what was gathered in the meantime. */
function keep(counts: Map<string, Count>, unwritten: readonly Count[]): void {
  for (const old of unwritten) {
    const name = `${old.tenant}\n${old.kind}\n${old.id}`;
    const fresh = counts.get(name);
    if (fresh === undefined) {
      counts.set(name, old);
      continue;
    }
    fresh.first = Math.min(fresh.first, old.first);
    fresh.allowed += old.allowed;
    fresh.denied += old.denied;
  }
}
