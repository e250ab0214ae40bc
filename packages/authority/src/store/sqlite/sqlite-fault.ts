/** What SQLite and the file system say, as faults that tell an operator what to do. */
import { StoreFault } from '@mintmark/core';

/** @param doing what was tried, for the message */
export function sqliteFault(error: unknown, doing: string): StoreFault {
  if (error instanceof StoreFault) return error;
  const { errcode, code } = error as { errcode?: number; code?: string };
  const [name, hint] = errcode === undefined ? fileFault(code) : resultFault(errcode & 0xff);
  const reason = (error as { message?: string }).message ?? String(error);
  return new StoreFault(name, `${doing}: ${reason}`, { cause: error, hint });
}

/** Primary result codes, https://www.sqlite.org/rescode.html */
function resultFault(code: number): [code: string, hint: string] {
  switch (code) {
    case 5:
    case 6:
      return ['store_busy', 'another program holds the database: close it, then try again'];
    case 8:
      return ['store_readonly', 'make the data folder writable, or mount it so'];
    case 11:
    case 26:
      return [
        'store_corrupt',
        'stop, keep a copy of the data folder, and restore the newest backup (mintmark restore)',
      ];
    case 13:
      return ['store_full', 'free space on the disk of the data folder; nothing was lost'];
    case 19:
      return ['store_conflict', 'a key that had to be free was taken'];
    default:
      return ['store_io', 'check the disk and the permissions of the data folder'];
  }
}

function fileFault(code: string | undefined): [code: string, hint: string] {
  switch (code) {
    case 'EROFS':
      return ['store_readonly', 'make the data folder writable, or mount it so'];
    case 'ENOSPC':
    case 'EDQUOT':
      return ['store_full', 'free space on the disk of the data folder'];
    case 'EACCES':
    case 'EPERM':
      return ['store_permissions', 'give the data folder to the account that runs this program'];
    default:
      return ['store_io', 'check the disk and the path of the data folder'];
  }
}

/**
 * An fsync that failed may have thrown away what it should have kept, and a second one would report
 * success: nothing that follows can be trusted before the files are read again from the disk.
 */
export function isSyncFailure(error: unknown): boolean {
  const { errcode } = error as { errcode?: number };
  // SQLITE_IOERR_FSYNC and SQLITE_IOERR_DIR_FSYNC.
  return errcode === 1034 || errcode === 1290;
}

/** The act is at fault (a taken key, a value too large), and not the database. */
export function isActFailure(error: unknown): boolean {
  const { errcode } = error as { errcode?: number };
  // Constraint, too big, mismatch, range; an error of no code is a bug and says nothing of the
  // disk.
  return errcode === undefined
    ? !(error instanceof StoreFault)
    : [18, 19, 20, 25].includes(errcode & 0xff);
}
