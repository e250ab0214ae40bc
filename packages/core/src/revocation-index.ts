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

export function createRevocationIndex(): RevocationIndex {
  const entries = new Map<string, { position: FeedPosition; expiresAt: UnixSeconds }>();
  const position = (kind: RevocationTargetKind, id: string): FeedPosition =>
    entries.get(`${kind}:${id}`)?.position ?? 0;

  return {
    get size() {
      return entries.size;
    },
    apply({ target, position, expiresAt }) {
      const key = `${target.kind}:${target.id}`;
      const known = entries.get(key);
      // A snapshot and a delta may overlap: the higher position and the later end win.
      if (known !== undefined && known.position >= position) return;
      const end = known !== undefined && known.expiresAt > expiresAt ? known.expiresAt : expiresAt;
      entries.set(key, { position, expiresAt: end });
    },
    position,
    refuses(token) {
      if (entries.size === 0) return undefined;
      for (const [kind, id] of targetsOf(token)) {
        if (id !== undefined && position(kind, id) > token.position) return { kind, id };
      }
      return undefined;
    },
    expire(now) {
      for (const [key, { expiresAt }] of entries) if (expiresAt < now) entries.delete(key);
    },
  };
}

function targetsOf(
  token: TokenTargets,
): readonly (readonly [Exclude<RevocationTargetKind, 'key'>, string | undefined])[] {
  return [
    ['token', token.tokenId],
    ['family', token.family],
    ['client', token.clientId],
    ['user', token.subject],
    ['signing_key', token.signingKey],
    ['tenant', token.tenant],
  ];
}
