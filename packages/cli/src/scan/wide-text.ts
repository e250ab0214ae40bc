/**
 * Text in two bytes a character (UTF-16, in either order), as Windows writes logs and exports. A
 * token is ASCII, so that such text is the token with a NUL before or behind each byte: without
 * them it is found like any other. What the plain search finds too is told by that one.
 */
import { createTokenScan, type FoundToken } from '@mintmark/tokens';

/** A token, and from 1 the line and column where it begins, where the search knows them. */
export type PlacedToken = FoundToken & { readonly line?: number; readonly column?: number };

export interface OtherScan {
  /** @returns tokens at offsets from the first piece on */
  push(piece: Uint8Array): readonly PlacedToken[];
  /** @returns those that only the end of it all could tell */
  end(): readonly PlacedToken[];
}

export function createWideScan(prefixes?: readonly string[]): OtherScan {
  const scan = createTokenScan(prefixes);
  /** Bytes that are no NUL, of the pieces before. */
  let narrowBefore = 0;
  let seen = 0;
  let isWide = false;
  let narrow: Uint8Array = new Uint8Array(0);
  return {
    push(piece) {
      // Most of what is scanned has no NUL at all.
      isWide ||= piece.includes(0);
      if (!isWide) {
        seen += piece.length;
        return [];
      }
      if (narrow.length < piece.length) narrow = new Uint8Array(piece.length);
      const count = dropNuls(piece, narrow);
      const found = scan
        .push(narrow.subarray(0, count))
        .map((token) => widened(piece, token, { seen, narrowBefore }));
      narrowBefore += count;
      seen += piece.length;
      return found;
    },
    end: () => [],
  };
}

/** Where NULs are far from one another, what lies between them is copied as it is. */
function dropNuls(piece: Uint8Array, into: Uint8Array): number {
  let count = 0;
  for (let at = 0; at < piece.length; ) {
    const found = piece.indexOf(0, at);
    const end = found < 0 ? piece.length : found;
    if (end - at >= farBytes) {
      into.set(piece.subarray(at, end), count);
      count += end - at;
      at = end + 1;
      continue;
    }
    for (const near = Math.min(piece.length, at + farBytes); at < near; at++) {
      const byte = piece[at]!;
      into[count] = byte;
      if (byte !== 0) count++;
    }
  }
  return count;
}

const farBytes = 64;

/** Where it ends is in this piece; where it begins may be in an earlier one. */
function widened(
  piece: Uint8Array,
  token: FoundToken,
  before: { readonly seen: number; readonly narrowBefore: number },
): FoundToken {
  let left = token.end - before.narrowBefore;
  let at = 0;
  while (left > 0) if (piece[at++] !== 0) left--;
  const end = before.seen + at;
  return { ...token, end, start: Math.max(0, end - 2 * (token.end - token.start) + 1) };
}
