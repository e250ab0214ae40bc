/**
 * Looks into compressed files: gzip, and zip with all that is one (jar, docx, whl, …); a tar in a
 * gzip lies open once that is taken away. What is opened is bounded over all that one file leads
 * to, so that no file makes more work than its size allows. What must never happen: a scan that
 * looks whole where something was left out, and memory that grows with what a stranger packed.
 */
import { gunzipSync, inflateRawSync } from 'node:zlib';
import { limits } from '@mintmark/core';

/** What may still be opened of all that one file leads to. */
export interface ArchiveBudget {
  bytes: number;
  entries: number;
  /** How deep archives may lie in one another. */
  readonly depth: number;
}

export function freshBudget(): ArchiveBudget {
  const { scanOpenedBytesMax: bytes, scanEntriesMax: entries, scanArchiveDepthMax: depth } = limits;
  return { bytes, entries, depth };
}

/** Keeps a file that begins like an archive, for its end. */
export interface ArchiveKeeper {
  take(piece: Uint8Array): void;
  /** @returns undefined where it is no archive */
  contents(): Uint8Array | 'too_large' | undefined;
}

export function createArchiveKeeper(): ArchiveKeeper {
  let pieces: Uint8Array[] | 'too_large' | undefined = [];
  let seen = 0;
  let isKnown = false;
  return {
    take(piece) {
      seen += piece.length;
      if (!Array.isArray(pieces)) return;
      if (seen === piece.length && piece.length > 0 && !firstBytes.has(piece[0]!)) {
        pieces = undefined;
        return;
      }
      if (seen > limits.scanArchiveBytesMax) pieces = 'too_large';
      // The piece's memory is used again.
      else pieces.push(Buffer.from(isKnown ? piece : piece.subarray(0, headBytes)));
      if (isKnown || !Array.isArray(pieces)) return;
      const head = Buffer.concat(pieces);
      if (head.length < headBytes) return;
      isKnown = isCompressed(head);
      if (!isKnown) pieces = undefined;
      else if (piece.length > headBytes) pieces.push(Buffer.from(piece.subarray(headBytes)));
    },
    contents() {
      if (!Array.isArray(pieces)) return pieces;
      const all = Buffer.concat(pieces);
      return isKnown || isCompressed(all) ? all : undefined;
    },
  };
}

type Tell = (name: string, contents: Uint8Array, budget: ArchiveBudget) => void;

/**
 * @param tell gets each file in it, with what may be opened of that one
 * @returns whether all of it was told
 */
export function openArchive(bytes: Uint8Array, budget: ArchiveBudget, tell: Tell): boolean {
  if (budget.depth === 0) return false;
  if (begins(bytes, gzip)) return openGzip(bytes, budget, tell);
  if (begins(bytes, zip)) return openZip(bytes, budget, tell);
  return false;
}

/** All that tells what a file is. */
const headBytes = 6;
const gzip = '1f8b08';
const zip = '504b0304';
/** bzip2, xz, zstd, 7z: known, and not opened. */
const signatures = [gzip, zip, '425a68', 'fd377a585a', '28b52ffd', '377abcaf27'];
const firstBytes = new Set(
  signatures.map((signature) => Number.parseInt(signature.slice(0, 2), 16)),
);

function isCompressed(piece: Uint8Array): boolean {
  // Most files are none, which one byte tells.
  if (!firstBytes.has(piece[0] ?? 0)) return false;
  return signatures.some((signature) => begins(piece, signature));
}

function begins(bytes: Uint8Array, signature: string): boolean {
  return Buffer.from(bytes.subarray(0, signature.length / 2)).toString('hex') === signature;
}

function openGzip(bytes: Uint8Array, budget: ArchiveBudget, tell: Tell): boolean {
  const contents = unpacked(budget, (maxOutputLength) => gunzipSync(bytes, { maxOutputLength }));
  if (contents !== undefined) tell('', contents, inside(budget));
  return contents !== undefined;
}

/** One budget for everything below. */
function inside(budget: ArchiveBudget): ArchiveBudget {
  return {
    get bytes() {
      return budget.bytes;
    },
    set bytes(left) {
      budget.bytes = left;
    },
    get entries() {
      return budget.entries;
    },
    set entries(left) {
      budget.entries = left;
    },
    depth: budget.depth - 1,
  };
}

/** @returns undefined where it is damaged, or would be more than may be opened */
function unpacked(
  budget: ArchiveBudget,
  unpack: (maxOutputLength: number) => Uint8Array,
): Uint8Array | undefined {
  if (budget.bytes <= 0 || budget.entries <= 0) return undefined;
  budget.entries--;
  try {
    const contents = unpack(budget.bytes);
    budget.bytes -= contents.length;
    return contents;
  } catch {
    // As much was unpacked, and thrown away: it counts too.
    budget.bytes -= Math.min(budget.bytes, limits.scanArchiveBytesMax);
    return undefined;
  }
}

interface Entry {
  readonly name: string;
  readonly method: number;
  readonly isEncrypted: boolean;
  readonly offset: number;
  readonly length: number;
}

function openZip(bytes: Uint8Array, budget: ArchiveBudget, tell: Tell): boolean {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const entries = directoryOf(file);
  let isWhole = entries !== undefined;
  for (const entry of entries ?? []) {
    const packed = packedBytes(file, entry);
    if (packed === undefined || entry.isEncrypted) isWhole = false;
    // What is stored as it is was seen with the file itself, but for an archive.
    else if (entry.method === stored && !isCompressed(packed)) continue;
    else {
      const contents = contentsOf(entry, packed, budget);
      if (contents === undefined) isWhole = false;
      else tell(entry.name, contents, inside(budget));
    }
  }
  return isWhole;
}

const [stored, deflated] = [0, 8];

function contentsOf(
  { method }: Entry,
  packed: Uint8Array,
  budget: ArchiveBudget,
): Uint8Array | undefined {
  if (method === stored) return unpacked(budget, () => packed);
  if (method !== deflated) return undefined;
  return unpacked(budget, (maxOutputLength) => inflateRawSync(packed, { maxOutputLength }));
}

/** The central directory at the end (APPNOTE 6.3.10 §4.3.12, §4.3.16); none of zip64. */
function directoryOf(file: Buffer): readonly Entry[] | undefined {
  const end = file.lastIndexOf(Buffer.from('504b0506', 'hex'));
  if (end < 0 || end + 22 > file.length) return undefined;
  const count = file.readUInt16LE(end + 10);
  let at = file.readUInt32LE(end + 16);
  const entries: Entry[] = [];
  for (let index = 0; index < count; index++) {
    if (at + 46 > file.length || file.readUInt32BE(at) !== 0x504b0102) return undefined;
    const [name, extra, comment] = [28, 30, 32].map((field) => file.readUInt16LE(at + field));
    entries.push({
      isEncrypted: (file.readUInt16LE(at + 8) & 1) === 1,
      method: file.readUInt16LE(at + 10),
      length: file.readUInt32LE(at + 20),
      offset: file.readUInt32LE(at + 42),
      name: file.toString('utf8', at + 46, Math.min(at + 46 + name!, file.length)),
    });
    at += 46 + name! + extra! + comment!;
  }
  return entries;
}

/** Behind its own head (§4.3.7), whose name and extra field have lengths of their own. */
function packedBytes(file: Buffer, { offset, length }: Entry): Uint8Array | undefined {
  if (offset + 30 > file.length || file.readUInt32BE(offset) !== 0x504b0304) return undefined;
  const start = offset + 30 + file.readUInt16LE(offset + 26) + file.readUInt16LE(offset + 28);
  return start + length > file.length ? undefined : file.subarray(start, start + length);
}
