/**
 * What a scan found, place by place. A token itself is kept only where it is to be reported to the
 * server, and shown nowhere: its id and its last four characters are enough to find it again.
 */
import { limits } from '@mintmark/core';
import { createTokenScan, type FoundToken } from '@mintmark/tokens';

/** Where bytes come from. */
export interface Place {
  readonly path: string;
  /** In a repository's history: the object, and the commit that brought it. */
  readonly object?: string;
  readonly commit?: string;
}

export interface Find {
  readonly place: Place;
  readonly prefix: string;
  readonly kind: string;
  readonly id: string;
  readonly ending: string;
  readonly form: FoundToken['form'];
  /** From 1; the column counts bytes. */
  readonly line: number;
  readonly column: number;
  readonly offset: number;
  readonly length: number;
  /** The token itself; absent where it is not to be reported. */
  readonly text?: string;
}

export interface ScanRecord {
  readonly finds: Find[];
  /** Finds beyond `limits.scanFindsMax`, counted only. */
  dropped: number;
  places: number;
  bytes: number;
  /** Compressed files, whose contents nobody saw. */
  readonly archives: string[];
  archivesUnlisted: number;
  readonly unreadable: { readonly path: string; readonly reason: string }[];
  unreadableUnlisted: number;
}

export interface ScanWishes {
  /** Only tokens of these installations; undefined: of all. */
  readonly prefixes: readonly string[] | undefined;
  /** Ids of tokens that are known and settled. */
  readonly known: ReadonlySet<string>;
  readonly keepsText: boolean;
}

export function emptyRecord(): ScanRecord {
  return {
    finds: [],
    dropped: 0,
    places: 0,
    bytes: 0,
    archives: [],
    archivesUnlisted: 0,
    unreadable: [],
    unreadableUnlisted: 0,
  };
}

/** Takes the next piece of the place; `isLast` saves counting lines that nobody will ask for. */
export type TakePiece = (piece: Uint8Array, isLast: boolean) => void;

/** Begins a place. The piece may be overwritten once the call is over. */
export function beginPlace(record: ScanRecord, wishes: ScanWishes, place: Place): TakePiece {
  const scan = createTokenScan(wishes.prefixes);
  let seen = 0;
  let lines = 0;
  let lineStart = 0;
  record.places += 1;
  return (piece, isLast) => {
    if (seen === 0 && isCompressed(piece)) noteArchive(record, place.path);
    const found = scan.push(piece);
    let from = 0;
    const countTo = (end: number): void => {
      for (; from < end; from++) {
        if (piece[from] !== lineFeed) continue;
        lines += 1;
        lineStart = seen + from + 1;
      }
    };
    // A token holds no line end, so that the line of its last byte, which is here, is its line.
    for (const token of found.toSorted((a, b) => a.end - b.end)) {
      countTo(token.end - 1 - seen);
      if (wishes.known.has(token.id)) continue;
      if (record.finds.length === limits.scanFindsMax) record.dropped += 1;
      else record.finds.push(findOf(token, { place, wishes, lines, lineStart }));
    }
    if (!isLast) countTo(piece.length);
    seen += piece.length;
    record.bytes += piece.length;
  };
}

const lineFeed = 0x0a;

function findOf(
  token: FoundToken,
  at: { place: Place; wishes: ScanWishes; lines: number; lineStart: number },
): Find {
  const { prefix, kind, id, form, start, end, text } = token;
  return {
    place: at.place,
    prefix,
    kind,
    id,
    ending: text.slice(-4),
    form,
    line: at.lines + 1,
    column: start - at.lineStart + 1,
    offset: start,
    length: end - start,
    ...(at.wishes.keepsText ? { text } : {}),
  };
}

export function noteUnreadable(record: ScanRecord, path: string, reason: string): void {
  if (record.unreadable.length === limits.scanNotesMax) record.unreadableUnlisted += 1;
  else record.unreadable.push({ path, reason });
}

function noteArchive(record: ScanRecord, path: string): void {
  if (record.archives.length === limits.scanNotesMax) record.archivesUnlisted += 1;
  else record.archives.push(path);
}

/** zip (and jar, docx …), gzip, bzip2, xz, zstd, 7z. */
const signatures = ['504b0304', '1f8b08', '425a68', 'fd377a585a', '28b52ffd', '377abcaf27'];

function isCompressed(piece: Uint8Array): boolean {
  const begin = Buffer.from(piece.subarray(0, 5)).toString('hex');
  return signatures.some((signature) => begin.startsWith(signature));
}
