/**
 * Files that only their owner may read: the sealed root, its key file, a passphrase file. Reading
 * refuses what another account could have read or planted; writing replaces whole or not at all.
 */
import { constants, type Stats } from 'node:fs';
import { type FileHandle, link, lstat, open, rename, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { CustodyFault } from '@mintmark/core';
import { judgeMounted, openMounted } from './mounted-secret.ts';

/** What identifies one version of a file, so that a change by another process is seen. */
export type FileStamp = string;

/**
 * @param options.what how faults name the file, for example `custody file`
 * @param options.mounted it may be a link, as those of Kubernetes' secrets: see `mounted-secret.ts`
 * @param options.bytesMax longer files are refused unread
 * @throws CustodyFault `custody_missing`, `custody_symlink`, `custody_permissions`,
 *   `custody_owner`, `custody_malformed`, `custody_io`
 */
export async function readPrivateFile(
  path: string,
  options: { readonly what: string; readonly bytesMax: number; readonly mounted?: true },
): Promise<{ readonly bytes: Uint8Array; readonly stamp: FileStamp }> {
  const isLink = options.mounted === true && (await isSymbolicLink(path));
  const self = ownId();
  const file = isLink
    ? await openMounted({ path, what: options.what, self })
    : await openForReading(path, options.what);
  try {
    // Checked on the open file, not on its name: the name could point elsewhere a moment later.
    const stats = await file.stat();
    const judge = isLink ? judgeMounted : judgePrivacy;
    const complaint = judge({ stats, path, what: options.what, self });
    if (complaint !== undefined) throw complaint;
    if (stats.size > options.bytesMax) {
      throw new CustodyFault('custody_malformed', `${options.what} ${path} is too long`, {
        hint: `it should have at most ${options.bytesMax} bytes; is it the right file?`,
      });
    }
    return { bytes: await file.readFile(), stamp: stampOf(stats) };
  } finally {
    await file.close();
  }
}

async function isSymbolicLink(path: string): Promise<boolean> {
  try {
    return (await lstat(path)).isSymbolicLink();
  } catch {
    // Opening it says what is wrong.
    return false;
  }
}

/** @returns the stamp of the file now, or undefined where it is gone */
export async function stampPrivateFile(path: string): Promise<FileStamp | undefined> {
  try {
    return stampOf(await lstat(path));
  } catch {
    return undefined;
  }
}

/**
 * The rule of privacy: a regular file (or, with `folder`, a directory), owned by this account, with
 * no permission for anybody else.
 *
 * @param input.self the account of this process; undefined where the platform has none
 * @returns the fault to throw, or undefined
 */
export function judgePrivacy(input: {
  readonly stats: Pick<Stats, 'mode' | 'uid'> & { isFile(): boolean; isDirectory(): boolean };
  readonly path: string;
  readonly what: string;
  readonly self: number | undefined;
  readonly folder?: true;
}): CustodyFault | undefined {
  const { stats, path, what, self, folder } = input;
  if (folder ? !stats.isDirectory() : !stats.isFile()) {
    const kind = folder ? 'directory' : 'regular file';
    return new CustodyFault('custody_malformed', `${what} ${path} is not a ${kind}`);
  }
  if (self === undefined) return undefined;
  if (stats.uid !== self) {
    return new CustodyFault(
      'custody_owner',
      `${what} ${path} belongs to account ${stats.uid}, this process runs as ${self}`,
      { hint: `run as the owner, or: chown ${self} ${path}` },
    );
  }
  if ((stats.mode & 0o077) !== 0) {
    const mode = (stats.mode & 0o777).toString(8).padStart(3, '0');
    return new CustodyFault(
      'custody_permissions',
      `${what} ${path} has mode ${mode}: other accounts could reach it`,
      { hint: `chmod ${folder ? '700' : '600'} ${path}` },
    );
  }
  return undefined;
}

/** @throws CustodyFault where the folder of `path` is missing or open to other accounts */
export async function checkPrivateFolder(path: string): Promise<void> {
  const folder = dirname(path);
  let stats: Stats;
  try {
    stats = await lstat(folder);
  } catch (cause) {
    throw new CustodyFault('custody_missing', `folder ${folder} cannot be read`, {
      cause,
      hint: `mkdir -m 700 ${folder}`,
    });
  }
  const complaint = judgePrivacy({
    stats,
    path: folder,
    what: 'folder',
    self: ownId(),
    folder: true,
  });
  if (complaint !== undefined) throw complaint;
}

/**
 * Creates a file of mode 0600 that did not exist, durably.
 *
 * @throws CustodyFault `custody_exists`, `custody_busy`, `custody_io`
 */
export async function createPrivateFile(path: string, bytes: Uint8Array): Promise<void> {
  await writeBeside(path, async (next, draft) => {
    await next.writeFile(bytes);
    await next.sync();
    try {
      // A link never replaces, so of two that create at once one fails.
      await link(draft, path);
    } catch (cause) {
      throw new CustodyFault('custody_exists', `${path} exists already`, {
        cause,
        hint: 'use it as it is, or move it away; what it protects is lost without it',
      });
    }
    await unlink(draft);
  });
}

/**
 * Replaces a file by what `change` makes of it: after a crash it is the old one or the new one,
 * whole. Two that change at once exclude one another.
 *
 * @throws CustodyFault `custody_busy` while another change is under way or after one was cut off
 */
export async function updatePrivateFile(
  path: string,
  change: () => Promise<Uint8Array>,
): Promise<void> {
  await writeBeside(path, async (next, draft) => {
    await next.writeFile(await change());
    await next.sync();
    await rename(draft, path);
  });
}

async function writeBeside(
  path: string,
  write: (next: FileHandle, draft: string) => Promise<void>,
): Promise<void> {
  const draft = `${path}.next`;
  const next = await openDraft(draft);
  try {
    await write(next, draft);
    await syncFolder(path);
  } catch (cause) {
    await unlink(draft).catch(() => undefined);
    if (cause instanceof CustodyFault) throw cause;
    throw new CustodyFault('custody_io', `${path} could not be written`, { cause });
  } finally {
    await next.close();
  }
}

/** The draft's exclusive creation is the lock between processes. */
async function openDraft(draft: string): Promise<FileHandle> {
  try {
    return await open(draft, 'wx', 0o600);
  } catch (cause) {
    if (codeOf(cause) === 'EEXIST') {
      throw new CustodyFault('custody_busy', `${draft} exists: another change is under way`, {
        cause,
        hint: `if no other process is running, a change was cut off: rm ${draft} and try again`,
      });
    }
    throw new CustodyFault('custody_io', `${draft} could not be created`, { cause });
  }
}

/** Without this the new name itself could be lost with the power. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(dirname(path), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

async function openForReading(path: string, what: string): Promise<FileHandle> {
  try {
    // Non-blocking, so that a FIFO planted under the name cannot hang the start.
    return await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (cause) {
    const code = codeOf(cause);
    if (code === 'ENOENT') {
      throw new CustodyFault('custody_missing', `${what} ${path} does not exist`, {
        cause,
        hint: 'correct the path, or restore the file; a custody key cannot be made anew',
      });
    }
    if (code === 'ELOOP') {
      throw new CustodyFault('custody_symlink', `${what} ${path} is a symbolic link`, {
        cause,
        hint: 'name the file itself, so that nobody can turn the link elsewhere',
      });
    }
    throw new CustodyFault('custody_io', `${what} ${path} cannot be opened`, { cause });
  }
}

function stampOf(stats: Stats): FileStamp {
  return `${stats.ino}:${stats.size}:${stats.mtimeMs}`;
}

function ownId(): number | undefined {
  return process.geteuid?.();
}

function codeOf(cause: unknown): string | undefined {
  return cause instanceof Error && 'code' in cause ? String(cause.code) : undefined;
}
