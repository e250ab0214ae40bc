/**
 * What a power loss could leave of a folder, computed from the record that `record-writes.c` keeps:
 * what was synced is there; of what was not, any part may be, torn between two sectors.
 *
 * The disk that is assumed: a write damages nothing outside of its own bytes, names reach the disk
 * in the order in which they changed, and a sync that returned has told the truth.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Dice } from './random-act.ts';

export interface Operation {
  /** Create, write, truncate, sync, unlink, rename. */
  readonly kind: 'C' | 'W' | 'T' | 'S' | 'U' | 'R';
  /** Empty for standard output. */
  readonly path: string;
  /** For `T` the new size. */
  readonly offset: number;
  readonly bytes: Buffer;
}

export function parseRecord(log: Buffer): Operation[] {
  const operations: Operation[] = [];
  // The process may have died within the last one.
  for (let at = 0; at + 3 <= log.length; ) {
    const pathEnd = at + 3 + log.readUInt16LE(at + 1);
    if (pathEnd + 12 > log.length) break;
    const end = pathEnd + 12 + log.readUInt32LE(pathEnd + 8);
    if (end > log.length) break;
    operations.push({
      kind: String.fromCharCode(log[at]!) as Operation['kind'],
      path: log.toString('utf8', at + 3, pathEnd),
      offset: Number(log.readBigUInt64LE(pathEnd)),
      bytes: log.subarray(pathEnd + 12, end),
    });
    at = end;
  }
  return operations;
}

interface File {
  /** What is on the disk for sure. */
  readonly synced: Content;
  /** Writes and truncations since the last sync. */
  pending: Operation[];
}

type NameChange = readonly [path: string, file: File | undefined];

export class RecordedDisk {
  readonly #folder: string;
  readonly #names = new Map<string, File>();
  readonly #syncedNames = new Map<string, File>();
  #pendingNames: NameChange[] = [];
  #said = '';

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** What the process has written to standard output so far. */
  get said(): string {
    return this.#said;
  }

  apply(operation: Operation): void {
    const { kind, path, bytes } = operation;
    switch (kind) {
      case 'C':
        this.#rename(path, { synced: new Content(), pending: [] });
        break;
      case 'U':
        this.#rename(path, undefined);
        break;
      case 'R': {
        const file = this.#names.get(path);
        this.#rename(path, undefined);
        this.#rename(bytes.toString(), file);
        break;
      }
      case 'S':
        this.#sync(path);
        break;
      default:
        if (path === '') this.#said += bytes.toString();
        else this.#names.get(path)?.pending.push(operation);
    }
  }

  /**
   * Writes the files that a power loss at this moment leaves.
   *
   * @param luck decides what of the unsynced is there; without it nothing is
   */
  crashInto(destination: string, luck: Dice | undefined): void {
    const names = new Map(this.#syncedNames);
    const kept = luck?.below(this.#pendingNames.length + 1) ?? 0;
    for (const [path, file] of this.#pendingNames.slice(0, kept)) change(names, path, file);
    mkdirSync(destination, { recursive: true, mode: 0o700 });
    for (const [path, { synced, pending }] of names) {
      const content = synced.copy();
      if (luck !== undefined) for (const one of pending) applyByLuck(content, one, luck);
      const target = join(destination, path.slice(this.#folder.length));
      writeFileSync(target, content.bytes(), { mode: 0o600 });
    }
  }

  #rename(path: string, file: File | undefined): void {
    change(this.#names, path, file);
    this.#pendingNames.push([path, file]);
  }

  #sync(path: string): void {
    if (path === this.#folder) {
      for (const [name, file] of this.#pendingNames) change(this.#syncedNames, name, file);
      this.#pendingNames = [];
      return;
    }
    const file = this.#names.get(path);
    if (file === undefined) return;
    for (const { kind, offset, bytes } of file.pending) {
      if (kind === 'T') file.synced.truncate(offset);
      else file.synced.write(offset, bytes);
    }
    file.pending = [];
  }
}

function change(names: Map<string, File>, path: string, file: File | undefined): void {
  if (file === undefined) names.delete(path);
  else names.set(path, file);
}

/** All of it, nothing of it, or some of its sectors. */
function applyByLuck(content: Content, { kind, offset, bytes }: Operation, luck: Dice): void {
  const fate = luck.below(3);
  if (fate === 0) return;
  if (kind === 'T') content.truncate(offset);
  else if (fate === 1) content.write(offset, bytes);
  else tear(content, { offset, bytes }, luck);
}

function tear(
  content: Content,
  { offset, bytes }: Pick<Operation, 'offset' | 'bytes'>,
  luck: Dice,
): void {
  const sector = luck.below(2) === 0 ? 512 : 4096;
  for (let at = 0; at < bytes.length; ) {
    const next = Math.min(bytes.length, at + sector - ((offset + at) % sector));
    if (luck.below(2) === 0) content.write(offset + at, bytes.subarray(at, next));
    at = next;
  }
}

/** A file's bytes, growing as they are written. */
class Content {
  #bytes = Buffer.alloc(0);
  #size = 0;

  write(offset: number, bytes: Uint8Array): void {
    this.#reach(offset + bytes.length);
    this.#bytes.set(bytes, offset);
  }

  truncate(size: number): void {
    this.#reach(size);
    this.#bytes.fill(0, size);
    this.#size = size;
  }

  copy(): Content {
    const copy = new Content();
    copy.write(0, this.bytes());
    return copy;
  }

  bytes(): Buffer {
    return this.#bytes.subarray(0, this.#size);
  }

  #reach(size: number): void {
    if (size > this.#bytes.length) {
      const larger = Buffer.alloc(Math.max(size, 2 * this.#bytes.length));
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    this.#size = Math.max(this.#size, size);
  }
}
