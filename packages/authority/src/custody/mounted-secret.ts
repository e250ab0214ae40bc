/**
 * A secret that another system puts in place: Kubernetes mounts `key` as a link to `..data/key`,
 * and `..data` as a link to a folder that it replaces whole. The links are followed one by one, and
 * each folder on the way must be one in which nobody else could turn them elsewhere.
 */
import { constants, type Stats } from 'node:fs';
import { type FileHandle, lstat, open, readlink } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { CustodyFault } from '@mintmark/core';

/** As many as Linux follows. */
const linksMax = 40;

/**
 * Opens the file behind the links.
 *
 * @param input.self the account of this process; undefined where the platform has none
 * @throws CustodyFault `custody_symlink`, `custody_permissions`, `custody_missing`
 */
export async function openMounted(input: {
  readonly path: string;
  readonly what: string;
  readonly self: number | undefined;
}): Promise<FileHandle> {
  const { path, what, self } = input;
  try {
    const target = await follow(resolve(path), self);
    return await open(target, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (cause) {
    if (cause instanceof CustodyFault) throw cause;
    throw new CustodyFault('custody_missing', `${what} ${path} leads to no file`, {
      cause,
      hint: 'look where the link leads; the secret may not be mounted yet',
    });
  }
}

async function follow(path: string, self: number | undefined): Promise<string> {
  let rest = path.split('/').filter((part) => part !== '');
  let reached = '/';
  for (let links = 0; rest.length > 0; ) {
    const next = join(reached, rest[0]!);
    rest = rest.slice(1);
    const [folder, found] = [await lstat(reached), await lstat(next)];
    if (isOpen(folder, self)) throw unsafe(reached);
    if (!found.isSymbolicLink()) {
      reached = next;
      continue;
    }
    if (++links > linksMax) throw unsafe(path);
    const target = resolve(dirname(next), await readlink(next));
    rest = [...target.split('/').filter((part) => part !== ''), ...rest];
    reached = '/';
  }
  return reached;
}

/** Whether others may replace what is in the folder. In one that is sticky they may only add. */
function isOpen({ mode, uid }: Stats, self: number | undefined): boolean {
  const isSticky = (mode & 0o1000) !== 0;
  const isTrusted = self === undefined || uid === self || uid === 0;
  return !isTrusted || ((mode & 0o022) !== 0 && !isSticky);
}

function unsafe(folder: string): CustodyFault {
  return new CustodyFault('custody_symlink', `in ${folder} other accounts could turn the link`, {
    hint: 'name the file itself, or: chmod go-w the folder',
  });
}

/**
 * Whether the file behind the links is private: this account's or root's, with no permission for
 * others. A group may read what root put there: so Kubernetes lets in a process that is not root.
 */
export function judgeMounted(input: {
  readonly stats: Pick<Stats, 'mode' | 'uid'> & { isFile(): boolean };
  readonly path: string;
  readonly what: string;
  readonly self: number | undefined;
}): CustodyFault | undefined {
  const { stats, path, what, self } = input;
  if (!stats.isFile()) {
    return new CustodyFault('custody_malformed', `${what} ${path} is not a regular file`);
  }
  if (self === undefined) return undefined;
  if (stats.uid !== self && stats.uid !== 0) {
    return new CustodyFault('custody_owner', `${what} ${path} belongs to account ${stats.uid}`, {
      hint: 'it must be of the account that this process runs as, or of root',
    });
  }
  const forbidden = stats.uid === 0 ? 0o037 : 0o077;
  if ((stats.mode & forbidden) === 0) return undefined;
  return new CustodyFault('custody_permissions', `${what} ${path} is open to other accounts`, {
    hint: 'Kubernetes: set defaultMode: 0400 on the secret volume; elsewhere chmod 600',
  });
}
