/**
 * What a scan found, place by place. A token itself is kept only where it is to be reported to the
 * server, and shown nowhere: its id and its last four characters are enough to find it again.
 */
import { limits } from '@mintmark/core';
import { createTokenScan, type FoundToken } from '@mintmark/tokens';
import { type ArchiveBudget, createArchiveKeeper, freshBudget, openArchive } from './archive.ts';
import { createWideScan, type OtherScan, type PlacedToken } from './wide-text.ts';
import { createWrappedScan } from './wrapped-lines.ts';

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
  readonly form: FoundToken['form'] | 'utf16' | 'base64_lines';
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
  /** Compressed files, whose contents nobody saw, or not all of them. */
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

/** A place that is being read. */
export interface PlaceScan {
  /**
   * Takes the next piece, which may be overwritten once the call is over.
   *
   * @param isLast saves counting lines that nobody will ask for
   */
  take(piece: Uint8Array, isLast: boolean): void;
  /** All of it was taken. */
  end(): void;
}

type Form = Find['form'];

/**
 * Begins a place.
 *
 * @param within of an archive that it lies in; undefined: in none
 */
export function beginPlace(
  record: ScanRecord,
  wishes: ScanWishes,
  place: Place,
  within?: ArchiveBudget,
): PlaceScan {
  const plain = createTokenScan(wishes.prefixes);
  const others: readonly (readonly [Form, OtherScan])[] = [
    ['utf16', createWideScan(wishes.prefixes)],
    ['base64_lines', createWrappedScan(wishes.prefixes)],
  ];
  const archive = createArchiveKeeper();
  /** Told of this place already: a token is told once, in the plainest form that it has here. */
  const told = new Set<string>();
  let [seen, lines, lineStart] = [0, 0, 0];
  record.places += 1;

  function tell(token: PlacedToken, form: Form): void {
    if (wishes.known.has(token.id)) return;
    if (form === 'utf16' || form === 'base64_lines') {
      if (told.has(token.text)) return;
    }
    if (told.size < limits.scanFindsMax) told.add(token.text);
    if (record.finds.length === limits.scanFindsMax) record.dropped += 1;
    else record.finds.push(findOf({ ...token, form }, { place, wishes, lines, lineStart }));
  }

  return {
    take(piece, isLast) {
      archive.take(piece);
      const found = plain.push(piece).map((token): [PlacedToken, Form] => [token, token.form]);
      for (const [form, scan] of others) {
        for (const token of scan.push(piece)) found.push([token, form]);
      }
      let from = 0;
      const countTo = (end: number): void => {
        for (;;) {
          const at = piece.indexOf(lineFeed, from);
          if (at < 0 || at >= end) break;
          lines += 1;
          from = at + 1;
          lineStart = seen + from;
        }
      };
      // A token holds no line end but where it is broken into lines: the line of its last byte,
      // which is here, is its line.
      for (const [token, form] of found.sort(([a], [b]) => a.end - b.end)) {
        countTo(token.end - 1 - seen);
        tell(token, form);
      }
      if (!isLast) countTo(piece.length);
      seen += piece.length;
      record.bytes += piece.length;
    },
    end() {
      for (const [form, scan] of others) for (const token of scan.end()) tell(token, form);
      const kept = archive.contents();
      if (kept === undefined) return;
      const isWhole =
        kept !== 'too_large' &&
        openArchive(kept, within ?? freshBudget(), (name, contents, budget) => {
          const inner = { ...place, path: `${place.path}!${name}` };
          const scan = beginPlace(record, wishes, inner, budget);
          scan.take(contents, false);
          scan.end();
        });
      if (!isWhole) noteArchive(record, place.path);
    },
  };
}

const lineFeed = 0x0a;

function findOf(
  token: Omit<PlacedToken, 'form'> & { readonly form: Form },
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
    line: token.line ?? at.lines + 1,
    column: token.column ?? start - at.lineStart + 1,
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
