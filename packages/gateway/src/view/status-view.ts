/**
 * What this node knows: revocations, API keys, signing keys and routes of one tenant, and how old
 * that knowledge is. It is built from the status feed alone. What must never happen: a view with a
 * gap, or of another epoch, that still lets requests through.
 */
import {
  type ApiEntry,
  type Clock,
  type CountryOf,
  type CredentialField,
  createRevocationIndex,
  createRightsIndex,
  type FeedDelta,
  type FeedEntry,
  type FeedKeyPage,
  type FeedPosition,
  type FeedSnapshot,
  type JsonValue,
  limits,
  type Membership,
  nowSeconds,
  type PlanEntry,
  type PlanHolderEntry,
  type PolicyEntry,
  type RevocationIndex,
  type RightsIndex,
  type TenantId,
  type UnixSeconds,
} from '@mintmark/core';
import {
  type CompiledApi,
  compileApi,
  type JudgedPolicy,
  preparePolicy,
  unreadableVersions,
} from '@mintmark/policy';
import { createKeySet, importVerificationKey, jwsAlgorithms, type KeySet } from '@mintmark/tokens';
import {
  type CompiledRoute,
  compileRoute,
  createRouteTable,
  type RouteTable,
} from '../routes/route-table.ts';
import { type HeldKey, KeyTable } from './key-table.ts';
import { type Holder, holderOf } from './personal-keys.ts';
import { PlanBook } from './plan-book.ts';

/** How far the view can be trusted at a moment. */
export type Freshness =
  | { readonly kind: 'fresh' }
  /** The lease ended this long ago; what is known was complete until then. */
  | { readonly kind: 'stale'; readonly overdueMs: number }
  /** No view: before the first snapshot, after a gap, in a new epoch, or past its bounds. */
  | { readonly kind: 'absent' };

/** What an operator should hear of. */
export type ViewEvent =
  | { readonly type: 'route_unreadable'; readonly name: string }
  /** Denies everything that it is for. */
  | { readonly type: 'policy_unreadable'; readonly name: string; readonly version: number }
  | { readonly type: 'api_unreadable'; readonly name: string }
  | { readonly type: 'signing_key_unusable'; readonly kid: string; readonly reason: string }
  | { readonly type: 'plan_unreadable'; readonly name: string }
  | { readonly type: 'view_overfull'; readonly what: 'keys' | 'revocations' | 'plan_holders' };

export interface StatusViewParts {
  readonly tenant: TenantId;
  readonly clock: Clock;
  readonly log: (event: ViewEvent) => void;
  /** Where an address is; absent: nobody knows. */
  readonly countryOf?: CountryOf | undefined;
}

/** Everything that a snapshot replaces at once. */
interface Contents {
  readonly epoch: string;
  readonly issuer: string;
  position: FeedPosition;
  /** Everything up to here stands in the snapshot and its pages; deltas bring the rest. */
  readonly snapshotHead: FeedPosition;
  readonly revocations: RevocationIndex;
  readonly rights: RightsIndex;
  readonly plans: PlanBook;
  readonly keys: KeyTable;
  /** What is still to come of its keys; those that are not there yet the authority judges. */
  wanted: WantedKeys | undefined;
  readonly signingKeys: Map<string, JsonValue>;
  readonly routes: Map<string, CompiledRoute>;
  readonly apis: Map<string, CompiledApi>;
  readonly credentials: Map<string, CredentialField>;
  /** By name; made anew where one changed, so that who holds it knows. */
  policies: readonly JudgedPolicy[];
  importedPrefixes: readonly string[];
  /** While the tenant is, nothing of it is good. */
  disabled: boolean;
  keySet: KeySet;
  routeTable: RouteTable;
}

/** Where the keys of one snapshot go on. Compared as an object: another snapshot is another one. */
export interface WantedKeys {
  readonly epoch: string;
  readonly after: string;
}

const absent: Freshness = { kind: 'absent' };
const fresh: Freshness = { kind: 'fresh' };
const noRoutes = createRouteTable([]);
const noPolicies: readonly JudgedPolicy[] = [];

export class StatusView {
  readonly #parts: StatusViewParts;
  #contents: Contents | undefined;
  #leaseFromMs = Number.NEGATIVE_INFINITY;
  #keySetsMade = 0;

  constructor(parts: StatusViewParts) {
    this.#parts = parts;
  }

  /** Undefined while a snapshot is needed. */
  get resumeFrom(): { readonly epoch: string; readonly after: FeedPosition } | undefined {
    const contents = this.#contents;
    return contents && { epoch: contents.epoch, after: contents.position };
  }

  get position(): FeedPosition {
    return this.#contents?.position ?? 0;
  }

  get issuer(): string {
    return this.#contents?.issuer ?? '';
  }

  get keySet(): KeySet | undefined {
    return this.#contents?.keySet;
  }

  get routes(): RouteTable {
    return this.#contents?.routeTable ?? noRoutes;
  }

  /** Undefined: there is none, or no view. */
  get plans(): PlanBook | undefined {
    return this.#contents?.plans;
  }

  /** In the order of their names; another list after each change of them. */
  get policies(): readonly JudgedPolicy[] {
    return this.#contents?.policies ?? noPolicies;
  }

  /** @returns undefined where nothing is known under the name: what it offers cannot be told */
  api(name: string): CompiledApi | undefined {
    return this.#contents?.apis.get(name);
  }

  /** What is to be sent to upstreams under the name; undefined: nothing is known of it. */
  upstreamCredential(name: string): CredentialField | undefined {
    return this.#contents?.credentials.get(name);
  }

  get revocations(): RevocationIndex | undefined {
    return this.#contents?.revocations;
  }

  /** How imported keys begin. */
  get importedPrefixes(): readonly string[] {
    return this.#contents?.importedPrefixes ?? [];
  }

  /** Whether the tenant is disabled, with everything in it. */
  get isDisabled(): boolean {
    return this.#contents?.disabled ?? false;
  }

  get keyCount(): number {
    return this.#contents?.keys.size ?? 0;
  }

  /** Undefined while all keys are there. */
  get wantedKeys(): WantedKeys | undefined {
    return this.#contents?.wanted;
  }

  key(id: string): HeldKey | undefined {
    return this.#contents?.keys.get(id);
  }

  /** Where an address is, for keys that name countries; undefined: nobody knows. */
  countryOf(address: string): string | undefined {
    return this.#parts.countryOf?.(address);
  }

  /** Roles and groups of a user, as they are now. */
  memberOf(subject: string): Membership | undefined {
    return this.#contents?.rights.memberOf(subject);
  }

  /** Who the holder of a key is now, and of a personal access token what is left of it. */
  holder(held: HeldKey): Holder {
    return holderOf(held, this.#contents?.rights);
  }

  /** Whether the credential is a key that was rotated into another one. */
  isRotated(id: string | undefined): boolean {
    return id !== undefined && this.key(id)?.view.successor !== undefined;
  }

  /** Milliseconds since the request was sent that last proved the view complete. */
  ageMs(): number {
    return this.#parts.clock.monotonicMs() - this.#leaseFromMs;
  }

  freshness(): Freshness {
    if (this.#contents === undefined) return absent;
    const overdueMs = this.ageMs() - limits.feedLeaseMs;
    return overdueMs < 0 ? fresh : { kind: 'stale', overdueMs };
  }

  /** Forgets everything: the next step is a snapshot, and until then nothing is let through. */
  invalidate(): void {
    this.#contents = undefined;
    this.#leaseFromMs = Number.NEGATIVE_INFINITY;
  }

  /**
   * Replaces the view.
   *
   * @param sentAtMs monotonic milliseconds at which it was asked for: the lease runs from there,
   *   because the answer may be as old as that
   */
  applySnapshot(snapshot: FeedSnapshot, sentAtMs: number): void {
    const contents: Contents = {
      epoch: snapshot.epoch,
      issuer: snapshot.issuer,
      position: snapshot.head,
      snapshotHead: snapshot.head,
      revocations: createRevocationIndex(),
      rights: createRightsIndex(),
      plans: new PlanBook(),
      keys: new KeyTable(),
      wanted: wantedOf(snapshot),
      signingKeys: new Map(),
      routes: new Map(),
      apis: new Map(),
      credentials: new Map(),
      policies: noPolicies,
      importedPrefixes: [],
      disabled: false,
      keySet: this.#makeKeySet(snapshot.epoch, new Map()),
      routeTable: noRoutes,
    };
    this.#applyEntries(contents, snapshot.entries);
    this.#take(contents, sentAtMs);
  }

  /**
   * Takes further keys of the snapshot.
   *
   * @param wanted what was asked for; a page of an earlier snapshot is passed over, for changes
   *   between the two stand in neither
   */
  applyKeys(page: FeedKeyPage, wanted: WantedKeys): void {
    const contents = this.#contents;
    if (contents === undefined || contents.wanted !== wanted || page.epoch !== wanted.epoch) return;
    const { keys, revocations, snapshotHead } = contents;
    let overfull = false;
    for (const { key } of page.entries) {
      // A delta has told of it meanwhile, which is as new or newer.
      if (keys.has(key.id)) continue;
      if (!keys.put(key, snapshotHead)) overfull = true;
      if (revocations.position('key', key.id) > snapshotHead) keys.revoke(key.id);
    }
    contents.wanted = wantedOf(page);
    if (overfull) this.#parts.log({ type: 'view_overfull', what: 'keys' });
  }

  /**
   * Continues the view.
   *
   * @returns `gap` where the delta does not follow on from what is known; the view is then void
   */
  applyDelta(delta: FeedDelta, sentAtMs: number): 'applied' | 'gap' {
    const contents = this.#contents;
    if (contents === undefined || !follows(contents, delta, this.#parts.tenant)) {
      this.invalidate();
      return 'gap';
    }
    this.#applyEntries(contents, delta.entries);
    contents.position = delta.after + delta.entries.length;
    // More is to come: what is known is complete, but not up to the head that was promised.
    if (contents.position < delta.head) sentAtMs = this.#leaseFromMs;
    this.#take(contents, sentAtMs);
    return 'applied';
  }

  /** Lets go of what has ended. Called about once a second; one pass. */
  expire(): void {
    const contents = this.#contents;
    if (contents === undefined) return;
    const now = nowSeconds(this.#parts.clock);
    contents.revocations.expire(now);
    // Without them these keys are unknown, and the authority says no.
    contents.keys.expire((now - limits.keyTombstoneSeconds) as UnixSeconds);
  }

  #take(contents: Contents, leaseFromMs: number): void {
    if (contents.revocations.size > limits.viewRevocationsMax) {
      // To forget a revocation is to let somebody in: with too many, nobody is.
      this.#parts.log({ type: 'view_overfull', what: 'revocations' });
      this.invalidate();
      return;
    }
    this.#contents = contents;
    this.#leaseFromMs = Math.max(this.#leaseFromMs, leaseFromMs);
  }

  #applyEntries(contents: Contents, entries: readonly FeedEntry[]): void {
    let signingKeysChanged = false;
    let routesChanged = false;
    let overfull = false;
    for (const entry of entries) {
      switch (entry.type) {
        case 'revocation':
          contents.revocations.apply(entry);
          if (entry.target.kind === 'key') contents.keys.revoke(entry.target.id);
          break;
        case 'key':
          if (!contents.keys.put(entry.key, entry.position)) overfull = true;
          break;
        case 'signing_key':
          signingKeysChanged = true;
          if (entry.status === 'retired') contents.signingKeys.delete(entry.kid);
          else contents.signingKeys.set(entry.kid, { ...(entry.jwk as object), kid: entry.kid });
          break;
        case 'route':
          routesChanged = true;
          this.#putRoute(contents.routes, entry.name, entry.route);
          break;
        case 'policy':
          this.#putPolicy(contents, entry);
          break;
        case 'api':
          this.#putApi(contents.apis, entry);
          break;
        case 'upstream_credential':
          // Undefined: a later entry of the same answer says it.
          if (entry.credential === null) contents.credentials.delete(entry.name);
          else if (entry.credential) contents.credentials.set(entry.name, entry.credential);
          break;
        case 'tenant':
          contents.disabled = entry.status === 'disabled';
          break;
        case 'role':
        case 'group':
        case 'member':
        case 'pat_policy':
          contents.rights.apply(entry);
          break;
        case 'plan':
        case 'plan_holder':
          this.#applyPlan(contents.plans, entry);
          break;
        case 'import_prefix':
          contents.importedPrefixes = [...new Set([...contents.importedPrefixes, entry.prefix])];
          break;
      }
    }
    if (signingKeysChanged) {
      contents.keySet = this.#makeKeySet(contents.epoch, contents.signingKeys);
    }
    if (routesChanged) contents.routeTable = createRouteTable([...contents.routes.values()]);
    if (overfull) this.#parts.log({ type: 'view_overfull', what: 'keys' });
  }

  /** A plan that cannot be read limits nobody: the next of whoever has it is asked for. */
  #applyPlan(plans: PlanBook, entry: PlanEntry | PlanHolderEntry): void {
    const trouble = plans.apply(entry);
    const { log } = this.#parts;
    if (trouble === 'overfull') log({ type: 'view_overfull', what: 'plan_holders' });
    else if (trouble !== undefined && entry.type === 'plan') {
      log({ type: 'plan_unreadable', name: entry.name });
    }
  }

  #putRoute(routes: Map<string, CompiledRoute>, name: string, wire: unknown): void {
    // A route that changed and cannot be read is gone: its old form is no longer what was asked
    // for.
    routes.delete(name);
    if (wire === null) return;
    const route = compileRoute(wire);
    if (route === undefined) this.#parts.log({ type: 'route_unreadable', name });
    else routes.set(name, route);
  }

  /** Undefined: a later entry of the same answer says it. */
  #putPolicy(contents: Contents, { name, policy }: PolicyEntry): void {
    if (policy === undefined) return;
    const known = contents.policies.find((one) => one.name === name);
    const others = contents.policies.filter((one) => one !== known);
    if (policy === null) {
      contents.policies = others;
      return;
    }
    const prepared = preparePolicy(name, policy, known);
    for (const version of unreadableVersions(prepared)) {
      this.#parts.log({ type: 'policy_unreadable', name, version });
    }
    contents.policies = [...others, prepared].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  #putApi(apis: Map<string, CompiledApi>, { name, api }: ApiEntry): void {
    if (api === undefined) return;
    // What cannot be read is unknown, and then nothing of it is let through.
    apis.delete(name);
    if (api === null) return;
    const compiled = compileApi(api);
    if (compiled === undefined) this.#parts.log({ type: 'api_unreadable', name });
    else apis.set(name, compiled);
  }

  #makeKeySet(epoch: string, jwks: ReadonlyMap<string, JsonValue>): KeySet {
    const algorithms = jwsAlgorithms.filter((algorithm) => algorithm !== 'HS256');
    const keys = [...jwks].flatMap(([kid, jwk]) => {
      const key = importVerificationKey(jwk, { algorithms });
      if (key.ok) return [key.value];
      this.#parts.log({ type: 'signing_key_unusable', kid, reason: key.refusal.reason });
      return [];
    });
    const set = createKeySet({ keys, epoch: `${epoch}/${++this.#keySetsMade}` });
    if (set.ok) return set.value;
    throw new Error(`signing keys by kid cannot clash: ${set.refusal.reason}`);
  }
}

function wantedOf({ epoch, nextKeys }: FeedSnapshot | FeedKeyPage): WantedKeys | undefined {
  return nextKeys === undefined ? undefined : { epoch, after: nextKeys };
}

/** Positions are 1, 2, 3 … without holes: what does not follow on is not the next part. */
function follows(contents: Contents, delta: FeedDelta, tenant: TenantId): boolean {
  if (delta.tenant !== tenant || delta.epoch !== contents.epoch) return false;
  if (delta.after !== contents.position || delta.head < delta.after + delta.entries.length) {
    return false;
  }
  return delta.entries.every((entry, index) => entry.position === delta.after + index + 1);
}
