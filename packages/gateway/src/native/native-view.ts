/**
 * What another program must know to judge in our place: routes, signing keys and revocations of one
 * tenant, as the feed told them. Neighbours: the generators beside it read it, `mintmark
 * proxy-sync` keeps it. What must never happen: a demand of a route or a policy that is left out
 * here, so that a generator would let through what a gateway refuses.
 */

import { hash } from 'node:crypto';
import type {
  FeedDelta,
  FeedEntry,
  FeedSnapshot,
  JsonValue,
  JwsAlgorithm,
  RevocationEntry,
  Route,
  SigningKeyId,
  TenantId,
  UnixSeconds,
} from '@mintmark/core';
import { accessTokenHeader, importVerificationKey, jwsAlgorithms } from '@mintmark/tokens';
import { compileRoute } from '../routes/route-table.ts';

export interface NativeKey {
  readonly kid: string;
  readonly algorithm: JwsAlgorithm;
  /** The public key, for programs that read files. */
  readonly pem: string;
  /** First part of each token that it signs (RFC 9068 §2.1): type, algorithm and key at once. */
  readonly header: string;
}

/** One state of the feed. Another object after each change of it. */
export interface NativeView {
  readonly tenant: TenantId;
  readonly issuer: string;
  /** Changes with the keys, and when the authority starts from restored data. */
  readonly keyEpoch: string;
  readonly keys: readonly NativeKey[];
  /** By name. */
  readonly routes: readonly Route[];
  /** Of routes that this version cannot read: nobody may take them. */
  readonly unreadableRoutes: readonly string[];
  /** Kinds of entries of the feed that this file knows nothing of: any may be a demand. */
  readonly foreignTypes: readonly string[];
  /** Whether policies have a say in every request. */
  readonly hasPolicies: boolean;
  /** While the tenant is disabled, no credential of it is good. */
  readonly isDisabled: boolean;
}

/** What became of the last answer of the feed. */
export interface NativeChange {
  /** Routes, keys, policies or the tenant itself: everything that is not a revocation. */
  readonly isStructural: boolean;
  readonly revoked: readonly RevocationEntry[];
}

/** Follows one feed. What it is given must have been accepted by a status view first. */
export class NativeMirror {
  #head: Pick<FeedSnapshot, 'tenant' | 'issuer' | 'epoch'> | undefined;
  #isDisabled = false;
  readonly #keys = new Map<string, NativeKey>();
  readonly #routes = new Map<string, Route | undefined>();
  readonly #policies = new Set<string>();
  readonly #foreignTypes = new Set<string>();
  /** Clients, users and the tenant itself, where they have a plan. */
  readonly #planHolders = new Set<string>();
  readonly #revocations = new Map<string, RevocationEntry>();

  replace(snapshot: FeedSnapshot): void {
    this.#head = snapshot;
    this.#isDisabled = false;
    for (const kept of [this.#keys, this.#routes, this.#revocations]) kept.clear();
    for (const kept of [this.#policies, this.#foreignTypes, this.#planHolders]) kept.clear();
    this.#applyAll(snapshot.entries);
  }

  continue(delta: FeedDelta): NativeChange {
    return this.#applyAll(delta.entries);
  }

  /** @throws Error before the first snapshot */
  view(): NativeView {
    if (this.#head === undefined) throw new Error('no snapshot yet');
    const { tenant, issuer, epoch } = this.#head;
    const keys = [...this.#keys.values()].sort(byText(({ kid }) => kid));
    const routes = [...this.#routes].sort(byText(([name]) => name));
    return {
      ...{ tenant, issuer, keys, isDisabled: this.#isDisabled },
      keyEpoch: hash('sha256', [epoch, ...keys.map(({ kid }) => kid)].join(' ')).slice(0, 8),
      routes: routes.flatMap(([, route]) => route ?? []),
      unreadableRoutes: routes.flatMap(([name, route]) => (route === undefined ? [name] : [])),
      hasPolicies: this.#policies.size > 0,
      foreignTypes: [...this.#foreignTypes, ...(this.#planHolders.size > 0 ? ['a plan'] : [])],
    };
  }

  /** All that still holds, each target once for a position and once for a moment. */
  revocations(): Iterable<RevocationEntry> {
    return this.#revocations.values();
  }

  get revocationCount(): number {
    return this.#revocations.size;
  }

  /** Lets go of those whose longest-lived token has ended. */
  expire(now: UnixSeconds): readonly RevocationEntry[] {
    const ended = [...this.#revocations].filter(([, { expiresAt }]) => expiresAt < now);
    for (const [id] of ended) this.#revocations.delete(id);
    return ended.map(([, entry]) => entry);
  }

  #applyAll(entries: readonly FeedEntry[]): NativeChange {
    const revoked: RevocationEntry[] = [];
    let isStructural = false;
    for (const entry of entries) {
      if (entry.type === 'revocation') revoked.push(this.#revoke(entry));
      else if (this.#apply(entry)) isStructural = true;
    }
    return { isStructural, revoked };
  }

  /** Of two of one target the farther one holds. @returns what holds now */
  #revoke(entry: RevocationEntry): RevocationEntry {
    const { target, before } = entry;
    const id = JSON.stringify([target.kind, target.id, before !== undefined]);
    const known = this.#revocations.get(id);
    const merged =
      known === undefined
        ? entry
        : {
            ...entry,
            position: Math.max(known.position, entry.position),
            expiresAt: Math.max(known.expiresAt, entry.expiresAt) as UnixSeconds,
            ...(before === undefined
              ? {}
              : { before: Math.max(known.before ?? 0, before) as UnixSeconds }),
          };
    this.#revocations.set(id, merged);
    return merged;
  }

  /** @returns whether it says anything of what is kept here */
  #apply(entry: Exclude<FeedEntry, RevocationEntry>): boolean {
    switch (entry.type) {
      case 'signing_key':
        if (entry.status === 'retired') this.#keys.delete(entry.kid);
        else this.#trust(entry.kid, entry.jwk as JsonValue);
        return true;
      case 'route':
        if (entry.route === null) this.#routes.delete(entry.name);
        else this.#routes.set(entry.name, compileRoute(entry.route));
        return true;
      case 'policy':
        // Undefined: a later entry of the same answer says it.
        if (entry.policy === null) this.#policies.delete(entry.name);
        else if (entry.policy !== undefined) this.#policies.add(entry.name);
        return true;
      case 'tenant':
        this.#isDisabled = entry.status === 'disabled';
        return true;
      case 'plan_holder':
        // Keys are judged elsewhere, whatever their plan.
        if (entry.kind === 'key') return false;
        if (entry.plan === null) this.#planHolders.delete(`${entry.kind} ${entry.id}`);
        else this.#planHolders.add(`${entry.kind} ${entry.id}`);
        return true;
      // Nothing by themselves: they count where somebody has one, or a route names it.
      case 'plan':
      case 'upstream_credential':
        return false;
      // Of API keys and the rights of their holders, which are judged elsewhere; and of APIs, which
      // count where a route names one.
      case 'key':
      case 'import_prefix':
      case 'role':
      case 'group':
      case 'member':
      case 'pat_policy':
      case 'api':
        return false;
      default:
        this.#foreignTypes.add((entry as FeedEntry).type);
        return true;
    }
  }

  #trust(kid: SigningKeyId, jwk: JsonValue): void {
    const algorithms = jwsAlgorithms.filter((algorithm) => algorithm !== 'HS256');
    const key = importVerificationKey({ ...(jwk as object), kid }, { algorithms });
    this.#keys.delete(kid);
    const algorithm = key.ok ? key.value.algorithms[0] : undefined;
    // A key that could verify by two algorithms is constant in none.
    if (!key.ok || algorithm === undefined || key.value.algorithms.length !== 1) return;
    const pem = key.value.keyObject.export({ type: 'spki', format: 'pem' }).toString();
    const header = accessTokenHeader({ kid, algorithm });
    this.#keys.set(kid, { kid, algorithm, pem, header });
  }
}

function byText<T>(textOf: (item: T) => string): (a: T, b: T) => number {
  return (a, b) => (textOf(a) < textOf(b) ? -1 : 1);
}
