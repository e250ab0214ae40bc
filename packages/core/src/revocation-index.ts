/**
 * Which credentials are revoked, as a map from target to the feed position of its last revocation.
 * A token carries the position that the feed had when it was minted; it is refused where any target
 * that it belongs to was revoked at a higher one. Positions replace clocks: there is no skew, no
 * same-second hole, and "everything of this client" is one entry. Only a revocation of "all before
 * a moment" is judged by dates: the token's `iat`, the key's making.
 */
import type { UnixMs, UnixSeconds } from './clock.ts';
import { holderId, typedSubject } from './subject.ts';
import type {
  FeedPosition,
  RevocationEntry,
  RevocationTarget,
  RevocationTargetKind,
} from './wire/status-feed.ts';

/** The targets that one token belongs to. */
export interface TokenTargets {
  readonly position: FeedPosition;
  readonly issuedAt: UnixSeconds;
  readonly tokenId: string;
  readonly clientId: string;
  readonly subject: string;
  readonly tenant: string;
  readonly family?: string | undefined;
  /** Absent for opaque tokens: no key signed them. */
  readonly signingKey?: string | undefined;
}

/** What one API key belongs to, beside its own entry in the feed. */
export interface KeyTargets {
  readonly owner: string;
  readonly tenant: string;
  /** Absent: as if made before every revocation. */
  readonly createdAt: UnixMs | undefined;
  /** Feed position up to which the key is known to be good; absent where only its row says so. */
  readonly position?: FeedPosition | undefined;
  /** Of a sub-key: each of its links, as a revocation of one names it. */
  readonly links?: readonly string[] | undefined;
}

export interface RevocationIndex {
  readonly size: number;
  apply(entry: RevocationEntry): void;
  /** Position of the target's last revocation, 0 where there is none. */
  position(kind: RevocationTargetKind, id: string): FeedPosition;
  /** The target whose revocation ends this token, or undefined while none does. */
  refuses(token: TokenTargets): RevocationTarget | undefined;
  /** The user, tenant or link whose revocation ends this API key, or undefined while none does. */
  refusesKey(key: KeyTargets): RevocationTarget | undefined;
  /** Live revocations that this holder asked for itself. */
  askedBy(holder: string): number;
  /**
   * Forgets entries whose longest-lived token has ended. Call now and then; each call is one pass.
   */
  expire(now: UnixSeconds): void;
}

interface Entry {
  /** 0 where only what is from before a moment ends. */
  readonly position: FeedPosition;
  readonly before: number;
  readonly keysBefore: number;
  readonly expiresAt: UnixSeconds;
  readonly holder: string | undefined;
}

const unmade: Entry = {
  ...{ position: 0, before: 0, keysBefore: 0, holder: undefined },
  expiresAt: 0 as UnixSeconds,
};

export function createRevocationIndex(): RevocationIndex {
  const byKind = emptyMaps();
  const kinds = Object.values(byKind);
  const asked = createCounts();

  function ends(
    { position, issuedAt }: TokenTargets,
    kind: RevocationTargetKind,
    id: string | undefined,
  ): RevocationTarget | undefined {
    const entries = byKind[kind];
    if (entries.size === 0 || id === undefined) return undefined;
    const entry = entries.get(id);
    if (entry === undefined) return undefined;
    return entry.position > position || entry.before > issuedAt ? { kind, id } : undefined;
  }

  function endsKey(
    { createdAt = 0 as UnixMs, position }: KeyTargets,
    kind: 'user' | 'tenant',
    id: string,
  ): RevocationTarget | undefined {
    const entry = byKind[kind].get(id);
    if (entry === undefined) return undefined;
    const later = position !== undefined && entry.position > position;
    return later || entry.keysBefore > createdAt ? { kind, id } : undefined;
  }

  return {
    get size() {
      return kinds.reduce((sum, entries) => sum + entries.size, 0);
    },
    apply(entry) {
      const { target } = entry;
      const known = byKind[target.kind].get(target.id);
      const merged = merge(known ?? unmade, entry);
      byKind[target.kind].set(target.id, merged);
      if (known === undefined) asked.add(merged.holder, 1);
    },
    position: (kind, id) => byKind[kind].get(id)?.position ?? 0,
    askedBy: (holder) => asked.of(holder),
    refuses(token) {
      const { clientId, subject } = token;
      const { user, holder } = byKind;
      return (
        ends(token, 'token', token.tokenId) ??
        ends(token, 'family', token.family) ??
        ends(token, 'client', clientId) ??
        (user.size === 0 ? undefined : ends(token, 'user', typedSubject(clientId, subject))) ??
        (holder.size === 0 ? undefined : ends(token, 'holder', holderId(clientId, subject))) ??
        ends(token, 'signing_key', token.signingKey) ??
        ends(token, 'tenant', token.tenant)
      );
    },
    refusesKey: (key) =>
      endsKey(key, 'user', key.owner) ??
      endsKey(key, 'tenant', key.tenant) ??
      endedLink(byKind.sub_key, key.links),
    expire(now) {
      for (const entries of kinds) {
        for (const [id, { expiresAt, holder }] of entries) {
          if (expiresAt >= now) continue;
          entries.delete(id);
          asked.add(holder, -1);
        }
      }
    },
  };
}

/** A link has no position: once revoked, it is for ever. */
function endedLink(
  ended: ReadonlyMap<string, Entry>,
  links: readonly string[] | undefined,
): RevocationTarget | undefined {
  if (links === undefined || ended.size === 0) return undefined;
  const id = links.find((link) => ended.has(link));
  return id === undefined ? undefined : { kind: 'sub_key', id };
}

/** A map a kind: most kinds are empty at most times, and an empty one costs no look-up. */
function emptyMaps(): Readonly<Record<RevocationTargetKind, Map<string, Entry>>> {
  return {
    token: new Map(),
    family: new Map(),
    client: new Map(),
    user: new Map(),
    holder: new Map(),
    signing_key: new Map(),
    key: new Map(),
    sub_key: new Map(),
    tenant: new Map(),
  };
}

/** Entries by who asked for them. */
function createCounts() {
  const counts = new Map<string, number>();
  return {
    of: (holder: string): number => counts.get(holder) ?? 0,
    add(holder: string | undefined, change: 1 | -1): void {
      if (holder === undefined) return;
      const sum = (counts.get(holder) ?? 0) + change;
      if (sum === 0) counts.delete(holder);
      else counts.set(holder, sum);
    },
  };
}

/** A snapshot and a delta may overlap: of two revocations of one target the farther one holds. */
function merge(known: Entry, entry: RevocationEntry): Entry {
  const { before, keysBefore = 0, expiresAt } = entry;
  const position = before === undefined ? entry.position : 0;
  return {
    position: Math.max(known.position, position),
    before: Math.max(known.before, before ?? 0),
    keysBefore: Math.max(known.keysBefore, keysBefore),
    expiresAt: Math.max(known.expiresAt, expiresAt) as UnixSeconds,
    // The first to ask; another one's wish would not make it cheaper.
    holder: known === unmade ? entry.holder : known.holder,
  };
}
