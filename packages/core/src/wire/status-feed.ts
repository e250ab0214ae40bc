/**
 * The status feed: what every enforcement point must know to refuse what was revoked, to accept the
 * keys that exist, and to trust the signing keys of the moment. One feed a tenant; positions are
 * assigned inside the transaction that makes the change, so commit order is position order.
 *
 * A node takes a snapshot, then deltas. A gap in positions or another epoch means that the view
 * cannot be trusted: the node refuses until it has a new snapshot.
 */
import type { UnixMs, UnixSeconds } from '../clock.ts';
import type { ClientId, KeyId, SigningKeyId, TenantId } from '../ids.ts';
import type { PatPolicy, PatTerms } from '../personal-token.ts';
import type { PlanHolderKind, RaisedLimit } from './plan.ts';
import type { ApiView, PolicyView } from './policy.ts';
import type { CredentialField } from './upstream-credential.ts';

/** Position in the feed of one tenant: 1, 2, 3 … without holes. 0 is "before the first". */
export type FeedPosition = number;

/**
 * What a revocation is aimed at. `tenant` means everything of the tenant. A `user` is named as
 * `typedSubject` names it, so that no client is taken for a person. `holder` is what one client
 * holds for one subject, by `holderId`. `sub_key` is one link that somebody derived from a key, and
 * all that was derived from it: `‹id of the key›.‹jti of the link›`.
 */
export type RevocationTarget =
  | { readonly kind: 'token'; readonly id: string }
  | { readonly kind: 'family'; readonly id: string }
  | { readonly kind: 'client'; readonly id: string }
  | { readonly kind: 'user'; readonly id: string }
  | { readonly kind: 'holder'; readonly id: string }
  | { readonly kind: 'signing_key'; readonly id: string }
  | { readonly kind: 'key'; readonly id: string }
  | { readonly kind: 'sub_key'; readonly id: string }
  | { readonly kind: 'tenant'; readonly id: string };

export type RevocationTargetKind = RevocationTarget['kind'];

/** "Tokens of this target whose own position is lower than this entry's are refused." */
export interface RevocationEntry {
  readonly type: 'revocation';
  readonly position: FeedPosition;
  readonly target: RevocationTarget;
  /** When the longest-lived credential that it can touch has ended; the entry leaves then. */
  readonly expiresAt: UnixSeconds;
  /** Instead of the position: tokens that were issued before this moment are refused. */
  readonly before?: UnixSeconds;
  /** API keys of the user or tenant that were made before this moment are refused. */
  readonly keysBefore?: UnixMs;
  /** Whose own wish it was: counted against what one holder may keep in every node's memory. */
  readonly holder?: string;
}

/** `quarantined`: refused like `disabled`, and each attempt with it is kept as evidence. */
export type KeyStatus = 'active' | 'disabled' | 'quarantined' | 'revoked';

/** Everything that an enforcement point needs to judge an API key without asking. */
export interface KeyView {
  readonly id: KeyId;
  readonly tenant: TenantId;
  /** SHA-256 of the key's secret part, base64url. Absent: the key is checked by introspection. */
  readonly verifier?: string;
  /** Verifies what its holder derived from it, base64url. Absent: by introspection alone. */
  readonly derivationKey?: string;
  readonly status: KeyStatus;
  readonly owner: string;
  readonly clientId?: ClientId;
  readonly scopes: readonly string[];
  readonly environment?: string;
  readonly plan?: string;
  /** CIDR ranges or single addresses; absent means any. */
  readonly allowedAddresses?: readonly string[];
  /** ISO 3166-1 alpha-2; a key that names any is refused from where no country is known. */
  readonly allowedCountries?: readonly string[];
  readonly deniedCountries?: readonly string[];
  /** Its uses are counted by the authority: each is to be spent there before it is let through. */
  readonly metered?: true;
  /** Absent: as if made before every revocation. */
  readonly createdAt?: UnixMs;
  readonly notBefore?: UnixSeconds;
  readonly expiresAt?: UnixSeconds;
  /** A rotated predecessor still inside its overlap names its successor. */
  readonly successor?: KeyId;
  /** Of a personal access token: what it may is judged by its user's rights of the moment too. */
  readonly pat?: PatTerms;
}

export interface KeyEntry {
  readonly type: 'key';
  readonly position: FeedPosition;
  readonly key: KeyView;
}

/** A public signing key: trusted from now on, or (retired) no longer. */
export interface SigningKeyEntry {
  readonly type: 'signing_key';
  readonly position: FeedPosition;
  readonly kid: SigningKeyId;
  readonly jwk: Readonly<Record<string, unknown>>;
  readonly status: 'trusted' | 'retired';
}

/** A route as the management API takes it; null where it was deleted. */
export interface RouteEntry {
  readonly type: 'route';
  readonly position: FeedPosition;
  readonly name: string;
  readonly route: Readonly<Record<string, unknown>> | null;
}

/**
 * How imported keys begin, so that an enforcement point knows a foreign spelling when it sees one.
 * The empty prefix means that any text may be such a key.
 */
export interface ImportPrefixEntry {
  readonly type: 'import_prefix';
  readonly position: FeedPosition;
  readonly prefix: string;
}

/** Whether anything of the tenant is good at all: while it is disabled, no credential of it is. */
export interface TenantEntry {
  readonly type: 'tenant';
  readonly position: FeedPosition;
  readonly status: 'active' | 'disabled';
}

/**
 * What is judged by under one name; null where nothing is any more, undefined where a later entry
 * of the same answer says it.
 */
export interface PolicyEntry {
  readonly type: 'policy';
  readonly position: FeedPosition;
  readonly name: string;
  readonly policy?: PolicyView | null;
}

/** An API that routes may name; null and undefined as for policies. */
export interface ApiEntry {
  readonly type: 'api';
  readonly position: FeedPosition;
  readonly name: string;
  readonly api?: ApiView | null;
}

/** A role as it is now; null where it is gone. */
export interface RoleEntry {
  readonly type: 'role';
  readonly position: FeedPosition;
  readonly name: string;
  readonly scopes: readonly string[] | null;
}

export interface GroupEntry {
  readonly type: 'group';
  readonly position: FeedPosition;
  readonly name: string;
  readonly roles: readonly string[] | null;
}

/** The roles and groups of a user, of those at least who have personal access tokens. */
export interface MemberEntry {
  readonly type: 'member';
  readonly position: FeedPosition;
  readonly subject: string;
  readonly roles: readonly string[];
  readonly groups: readonly string[];
}

export interface PatPolicyEntry {
  readonly type: 'pat_policy';
  readonly position: FeedPosition;
  readonly policy: PatPolicy;
}

/** A plan as the management API takes it; null where it was deleted. */
export interface PlanEntry {
  readonly type: 'plan';
  readonly position: FeedPosition;
  readonly name: string;
  readonly plan: Readonly<Record<string, unknown>> | null;
}

/**
 * What one holder was given: a plan, and more of some of its limits. Of a key only the latter: its
 * plan stands in its own entry.
 */
export interface PlanHolderEntry {
  readonly type: 'plan_holder';
  readonly position: FeedPosition;
  readonly kind: PlanHolderKind;
  readonly id: string;
  readonly plan: string | null;
  readonly raised: readonly RaisedLimit[];
}

/** What an upstream knows gateways by, ready to be sent; null and undefined as for policies. */
export interface UpstreamCredentialEntry {
  readonly type: 'upstream_credential';
  readonly position: FeedPosition;
  readonly name: string;
  readonly credential?: CredentialField | null;
}

export type FeedEntry =
  | PlanEntry
  | PlanHolderEntry
  | RoleEntry
  | GroupEntry
  | MemberEntry
  | PatPolicyEntry
  | RevocationEntry
  | TenantEntry
  | KeyEntry
  | SigningKeyEntry
  | RouteEntry
  | PolicyEntry
  | ApiEntry
  | UpstreamCredentialEntry
  | ImportPrefixEntry;

/** Proof of life: `head` was the tenant's newest position when the authority wrote this. */
export interface FeedHeartbeat {
  readonly tenant: TenantId;
  /** Changes when the authority starts from restored data; earlier views are void then. */
  readonly epoch: string;
  readonly head: FeedPosition;
}

export interface FeedSnapshot extends FeedHeartbeat {
  readonly issuer: string;
  readonly entries: readonly FeedEntry[];
  /** There are more keys: the place from which `FeedSource.keys` goes on. */
  readonly nextKeys?: string;
}

/** The next keys of a snapshot, read after its head and before they are needed. */
export interface FeedKeyPage {
  readonly tenant: TenantId;
  readonly epoch: string;
  readonly entries: readonly KeyEntry[];
  /** Absent: these were the last. */
  readonly nextKeys?: string;
}

/** Entries with `after < position`, in order, at most `limits.feedDeltaEntriesMax`. */
export interface FeedDelta extends FeedHeartbeat {
  readonly after: FeedPosition;
  readonly entries: readonly FeedEntry[];
}

/** What a source kept of an earlier process, in the order in which it came. */
export interface KeptFeed {
  readonly snapshot: FeedSnapshot;
  readonly later: readonly (FeedKeyPage | FeedDelta)[];
  /** Unix milliseconds at which the question was asked that last proved it complete. */
  readonly provenAtMs: number;
}

/**
 * Where an enforcement point gets its view: in one process the authority itself, apart an HTTP
 * client. Asking for what follows `after` acknowledges everything up to it.
 */
export interface FeedSource {
  /**
   * Asked for once, before all else: a view that goes on from there is as old as its last proof.
   *
   * @returns undefined where nothing was kept; so does a source that keeps nothing
   */
  kept?(tenant: TenantId): Promise<KeptFeed | undefined>;
  /** @throws NetworkFault or StoreFault; the view keeps its age */
  snapshot(tenant: TenantId): Promise<FeedSnapshot>;
  /**
   * Goes on with the keys of a snapshot, at most about `limits.feedKeysAtOnce` of them. Deltas may
   * be asked for meanwhile: what they say of a key is as new as the page or newer.
   *
   * @returns 'resync' where the epoch is over
   */
  keys(input: {
    readonly tenant: TenantId;
    readonly epoch: string;
    readonly after: string;
  }): Promise<FeedKeyPage | 'resync'>;
  /**
   * Waits until there is something after `after`, at most `limits.feedHeartbeatMs`.
   *
   * @returns the delta (its entries may be empty: a heartbeat), or 'resync' where a snapshot is
   *   needed
   */
  delta(input: {
    readonly tenant: TenantId;
    readonly epoch: string;
    readonly after: FeedPosition;
    readonly node: string;
  }): Promise<FeedDelta | 'resync'>;
}
