/**
 * Which tokens are revoked, as a map from target to the feed position of its last revocation. A
 * token carries the position that the feed had when it was minted; it is refused where any target
 * that it belongs to was revoked at a higher one. Positions replace clocks: there is no skew, no
 * same-second hole, and "everything of this client" is one entry.
 */
import type { UnixSeconds } from './clock.ts';
import type {
  FeedPosition,
  RevocationEntry,
  RevocationTarget,
  RevocationTargetKind,
} from './wire/status-feed.ts';

/** The targets that one token belongs to. */
export interface TokenTargets {
  readonly position: FeedPosition;
  readonly tokenId: string;
  readonly clientId: string;
  readonly subject: string;
  readonly tenant: string;
  readonly family?: string | undefined;
  /** Absent for opaque tokens: no key signed them. */
  readonly signingKey?: string | undefined;
}

export interface RevocationIndex {
  readonly size: number;
  apply(entry: RevocationEntry): void;
  /** Position of the target's last revocation, 0 where there is none. */
  position(kind: RevocationTargetKind, id: string): FeedPosition;
  /** The target whose revocation ends this token, or undefined while none does. */
  refuses(token: TokenTargets): RevocationTarget | undefined;
  /**
   * Forgets entries whose longest-lived token has ended. Call now and then; each call is one pass.
   */
  expire(now: UnixSeconds): void;
}

interface Entry {
  readonly position: FeedPosition;
  readonly expiresAt: UnixSeconds;
}

export function createRevocationIndex(): RevocationIndex {
  // A map a kind: most kinds are empty at most times, and an empty one costs no look-up.
  const byKind: Readonly<Record<RevocationTargetKind, Map<string, Entry>>> = {
    token: new Map(),
    family: new Map(),
    client: new Map(),
    user: new Map(),
    signing_key: new Map(),
    key: new Map(),
    tenant: new Map(),
  };
  const kinds = Object.values(byKind);

  function since(
    position: FeedPosition,
    kind: RevocationTargetKind,
    id: string | undefined,
  ): RevocationTarget | undefined {
    const entries = byKind[kind];
    if (entries.size === 0 || id === undefined) return undefined;
    const entry = entries.get(id);
    return entry !== undefined && entry.position > position ? { kind, id } : undefined;
  }

  return {
    get size() {
      return kinds.reduce((sum, entries) => sum + entries.size, 0);
    },
    apply({ target, position, expiresAt }) {
      const entries = byKind[target.kind];
      const known = entries.get(target.id);
      // A snapshot and a delta may overlap: the higher position and the later end win.
      if (known !== undefined && known.position >= position) return;
      const end = known !== undefined && known.expiresAt > expiresAt ? known.expiresAt : expiresAt;
      entries.set(target.id, { position, expiresAt: end });
    },
    position: (kind, id) => byKind[kind].get(id)?.position ?? 0,
    refuses(token) {
      const { position } = token;
      return (
        since(position, 'token', token.tokenId) ??
        since(position, 'family', token.family) ??
        since(position, 'client', token.clientId) ??
        since(position, 'user', token.subject) ??
        since(position, 'signing_key', token.signingKey) ??
        since(position, 'tenant', token.tenant)
      );
    },
    expire(now) {
      for (const entries of kinds) {
        for (const [id, { expiresAt }] of entries) if (expiresAt < now) entries.delete(id);
      }
    },
  };
}
