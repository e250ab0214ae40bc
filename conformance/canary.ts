/**
 * Looks for secrets where none may be readable: database and write-ahead log, logs, backups, and
 * the memory of a process. A canary is a secret that a test planted; finding it in any spelling
 * means that a reader of that place could call an API. The search tells how much it read, so that a
 * test can refuse to pass on nothing.
 */
import { type FileHandle, lstat, open, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface Needle {
  /** How a find names it; findings never carry the secret. */
  readonly name: string;
  /** Text is sought as its UTF-8 bytes. At least 8 bytes, or chance finds would drown the rest. */
  readonly secret: string | Uint8Array;
}

/** A file, a folder with all below it, or bytes that the caller holds. */
export type Place = string | { readonly name: string; readonly bytes: Uint8Array };

export interface Find {
  readonly needle: string;
  readonly spelling: string;
  readonly where: string;
  readonly offset: number;
}

export interface Search {
  readonly finds: readonly Find[];
  readonly bytesRead: number;
}

/** @throws where a path cannot be read: what was not looked at is not clean */
export async function findCanaries(
  places: readonly Place[],
  needles: readonly Needle[],
): Promise<Search> {
  const seeker = createSeeker(needles);
  for (const place of places) {
    if (typeof place === 'string') await seekPath(seeker, place);
    else seeker.feed(place.name, place.bytes, 0);
  }
  return seeker.result();
}

/**
 * Reads the memory of a process of the same account (Linux, `/proc/PID/mem`): all of it, but for
 * what is mapped from files and cannot be written (programs), and what the kernel refuses.
 */
export async function findCanariesInProcess(
  pid: number,
  needles: readonly Needle[],
): Promise<Search> {
  const seeker = createSeeker(needles);
  const maps = parseMaps(await readFile(`/proc/${pid}/maps`, 'utf8'));
  const memory = await open(`/proc/${pid}/mem`, 'r');
  try {
    for (const map of maps) await seekRange(seeker, memory, map);
  } finally {
    await memory.close();
  }
  return seeker.result();
}

interface Spelling {
  readonly needle: string;
  readonly spelling: string;
  readonly bytes: Buffer;
}

/** Every way in which the secret may stand in bytes, alone or inside something longer. */
export function spellingsOf({ name, secret }: Needle): readonly Spelling[] {
  const raw = Buffer.from(secret);
  if (raw.length < 8) throw new RangeError(`${name}: a secret of fewer than 8 bytes`);
  const found: Spelling[] = [];
  const add = (spelling: string, bytes: Buffer): void => {
    if (found.some((one) => one.bytes.equals(bytes))) return;
    found.push({ needle: name, spelling, bytes });
  };
  const addText = (spelling: string, text: string): void => {
    add(spelling, Buffer.from(text, 'latin1'));
    add(`${spelling} in utf-16`, Buffer.from(text, 'utf16le'));
    add(`${spelling} in utf-16 (big end first)`, Buffer.from(text, 'utf16le').swap16());
  };
  add('raw', raw);
  if (typeof secret === 'string') {
    add('utf-16', Buffer.from(secret, 'utf16le'));
    add('utf-16 (big end first)', Buffer.from(secret, 'utf16le').swap16());
  }
  addText('hex', raw.toString('hex'));
  addText('hex', raw.toString('hex').toUpperCase());
  for (const before of [0, 1, 2]) {
    addText('base64', base64Inside(raw, before, 'base64'));
    addText('base64url', base64Inside(raw, before, 'base64url'));
  }
  return found;
}

/** The characters that the secret alone decides when `before` bytes stand in front of it. */
function base64Inside(raw: Buffer, before: number, encoding: 'base64' | 'base64url'): string {
  const text = Buffer.concat([Buffer.alloc(before), raw]).toString(encoding);
  const whole = text.replace(/=+$/, '');
  const last = (before + raw.length) % 3 === 0 ? whole.length : whole.length - 1;
  return whole.slice(before === 0 ? 0 : before + 1, last);
}

const chunkBytes = 1024 * 1024;

/**
 * Goes over the bytes once, however many spellings there are: their first two bytes are looked up
 * in a table, and only where one of them could begin are they compared.
 */
function createSeeker(needles: readonly Needle[]) {
  const spellings = needles.flatMap(spellingsOf);
  const beginning = new Map<number, Spelling[]>();
  const isBeginning = new Uint8Array(0x10000);
  for (const spelling of spellings) {
    const start = spelling.bytes.readUInt16LE(0);
    beginning.set(start, [...(beginning.get(start) ?? []), spelling]);
    isBeginning[start] = 1;
  }
  const finds = new Map<string, Find>();
  let bytesRead = 0;
  return {
    /** Pieces of one place overlap by this: a secret on a border is whole in one of them. */
    overlap: Math.max(0, ...spellings.map(({ bytes }) => bytes.length - 1)),
    /** @param start offset of the piece in its place */
    feed(where: string, piece: Uint8Array, start: number): void {
      bytesRead += piece.length;
      for (let at = 0; at + 1 < piece.length; at++) {
        const two = piece[at]! | (piece[at + 1]! << 8);
        if (isBeginning[two] === 0) continue;
        for (const { needle, spelling, bytes } of beginning.get(two)!) {
          if (bytes.compare(piece, at, Math.min(at + bytes.length, piece.length)) !== 0) continue;
          const offset = start + at;
          finds.set(`${needle} ${spelling} ${where} ${offset}`, {
            needle,
            spelling,
            where,
            offset,
          });
        }
      }
    },
    result: (): Search => ({ finds: [...finds.values()], bytesRead }),
  };
}

type Seeker = ReturnType<typeof createSeeker>;

async function seekPath(seeker: Seeker, path: string): Promise<void> {
  const stats = await lstat(path);
  if (stats.isDirectory()) {
    for (const name of (await readdir(path)).sort()) await seekPath(seeker, join(path, name));
    return;
  }
  if (!stats.isFile()) return;
  const file = await open(path, 'r');
  try {
    const buffer = Buffer.alloc(chunkBytes + seeker.overlap);
    for (let start = 0; ; start += chunkBytes) {
      const { bytesRead } = await file.read(buffer, 0, buffer.length, start);
      seeker.feed(path, buffer.subarray(0, bytesRead), start);
      if (bytesRead < buffer.length) return;
    }
  } finally {
    await file.close();
  }
}

interface MemoryRange {
  readonly name: string;
  readonly from: number;
  readonly to: number;
}

function parseMaps(text: string): readonly MemoryRange[] {
  return text.split('\n').flatMap((line) => {
    const [, from, to, rights = '', name = ''] =
      /^([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \S+ *(.*)$/.exec(line) ?? [];
    if (!rights.startsWith('r') || from === undefined || to === undefined) return [];
    if (name.startsWith('/') && !rights.includes('w')) return [];
    const range = { from: Number.parseInt(from, 16), to: Number.parseInt(to, 16) };
    // Above 2^53 there is only `[vsyscall]`, a page of the kernel's own code.
    if (!Number.isSafeInteger(range.to)) return [];
    return [{ name: `${from}-${to} ${name}`.trim(), ...range }];
  });
}

async function seekRange(seeker: Seeker, memory: FileHandle, range: MemoryRange): Promise<void> {
  const buffer = Buffer.alloc(chunkBytes + seeker.overlap);
  for (let start = range.from; start < range.to; start += chunkBytes) {
    const length = Math.min(buffer.length, range.to - start);
    let read: number;
    try {
      read = (await memory.read(buffer, 0, length, start)).bytesRead;
    } catch {
      // Unmapped meanwhile, or the kernel keeps it to itself.
      continue;
    }
    if (read > 0) seeker.feed(range.name, buffer.subarray(0, read), start - range.from);
  }
}
