/**
 * Files and folders for a scan: everything that is there, hidden and ignored files too, whatever it
 * holds. Links are not followed, so that a folder is left by no way; of a repository's own folder
 * only the packed objects are left out, which the history reads. What cannot be read is noted: a
 * scan that saw half must not look clean.
 *
 * Synchronous, for one thread reads and searches: waiting between them would only cost.
 */
import {
  closeSync,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readSync,
  statSync,
} from 'node:fs';
import { matchesGlob } from 'node:path';
import { ConfigFault, limits } from '@mintmark/core';
import { beginPlace, noteUnreadable, type ScanRecord, type ScanWishes } from './scan-record.ts';

export interface FileWishes extends ScanWishes {
  /** Globs of paths that are left out. */
  readonly exclude: readonly string[];
}

/**
 * Scans what a path names: a file, or a folder and all below it.
 *
 * @throws ConfigFault `path_unreadable` where there is no such thing
 */
export function scanPath(record: ScanRecord, wishes: FileWishes, path: string): void {
  if (!statOf(path).isDirectory()) {
    scanFile(record, wishes, path);
    return;
  }
  const waiting = [path];
  for (let folder = waiting.pop(); folder !== undefined; folder = waiting.pop()) {
    // The last that is put in is the next that is taken out.
    for (const one of scanFolder(record, wishes, folder).reverse()) waiting.push(one);
  }
}

function statOf(path: string) {
  try {
    return statSync(path);
  } catch (cause) {
    throw new ConfigFault('path_unreadable', `${path} cannot be read`, {
      cause,
      hint: 'check the path, and who may read it',
    });
  }
}

/** @returns the folders in it */
function scanFolder(record: ScanRecord, wishes: FileWishes, folder: string): string[] {
  const inner: string[] = [];
  try {
    const entries = readdirSync(folder, { withFileTypes: true });
    entries.sort((a, b) => (a.name < b.name ? -1 : 1));
    for (const entry of entries) {
      const path = below(folder, entry.name);
      if (wishes.exclude.some((glob) => matchesGlob(path, glob))) continue;
      if (entry.isFile()) scanFile(record, wishes, path);
      else if (entry.isDirectory() && !isObjectStore(path)) inner.push(path);
    }
  } catch (cause) {
    noteUnreadable(record, folder, reasonOf(cause));
  }
  return inner;
}

/** Compressed contents, which `--history` reads. */
function isObjectStore(path: string): boolean {
  return /(?:^|[/\\])\.git[/\\]objects$/.test(path);
}

/** Files that somebody else listed; links, submodules and what was deleted since are none. */
export function scanListed(
  record: ScanRecord,
  wishes: FileWishes,
  { folder, names }: { readonly folder: string; readonly names: readonly string[] },
): void {
  for (const name of names) {
    const path = below(folder, name);
    const isFile = lstatSync(path, { throwIfNoEntry: false })?.isFile() === true;
    if (isFile && !wishes.exclude.some((glob) => matchesGlob(path, glob))) {
      scanFile(record, wishes, path);
    }
  }
}

function below(folder: string, name: string): string {
  return folder === '.' ? name : `${folder.replace(/\/+$/, '')}/${name}`;
}

const pieceOfFile = Buffer.alloc(limits.scanPieceBytes);

/** One file, whatever its size, in memory that all files share. */
function scanFile(record: ScanRecord, wishes: ScanWishes, path: string): void {
  let file: number | undefined;
  try {
    file = openSync(path, 'r');
    const { size } = fstatSync(file);
    const scan = beginPlace(record, wishes, { path });
    let seen = 0;
    for (;;) {
      const count = readSync(file, pieceOfFile, 0, pieceOfFile.length, null);
      if (count === 0) break;
      seen += count;
      const isLast = seen === size && size <= pieceOfFile.length;
      scan.take(pieceOfFile.subarray(0, count), isLast);
      // A file of the size that it says needs no second look.
      if (isLast) break;
    }
    scan.end();
  } catch (cause) {
    noteUnreadable(record, path, reasonOf(cause));
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

function reasonOf(cause: unknown): string {
  return (cause as NodeJS.ErrnoException).code ?? String(cause);
}
