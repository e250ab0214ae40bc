/**
 * A secret brought to a file, in a folder that the configuration allows: written beside, made
 * durable, and moved into place, so that a reader sees the old secret or the new one and never a
 * part. What must never happen: a file outside the folder, or one that more may read than its mode
 * says, for however short a time.
 */
import { constants } from 'node:fs';
import { open, realpath, rename } from 'node:fs/promises';
import { basename, dirname, join, relative, sep } from 'node:path';
import { err, ok } from '@mintmark/core';
import type { DeliveryTarget, Parcel } from './delivery.ts';

export interface FileTargetSettings {
  readonly tenants: readonly string[];
  /** Absolute; it and the folders in it are made by the operator, who says whose they are. */
  readonly folder: string;
  /** Permission bits of each file; 0o600 unless configured. */
  readonly mode: number;
}

/** No part begins with a dot: neither `..` nor a hidden file, nor a draft of ours. */
const pathPattern = /^[A-Za-z0-9_][A-Za-z0-9._-]*(?:\/[A-Za-z0-9_][A-Za-z0-9._-]*)*$/;
const pathCharsMax = 255;

export function fileTarget({ tenants, folder, mode }: FileTargetSettings): DeliveryTarget {
  return {
    tenants,
    judge({ at, key }) {
      if (at === undefined) return 'a file needs its name in at';
      if (key !== undefined) return 'a file has no members: leave key out';
      const fits = at.length <= pathCharsMax && pathPattern.test(at);
      return fits ? undefined : 'at is a path within the folder: letters, digits and ._- between /';
    },
    async deliver(parcel, { at = '' }) {
      try {
        const root = await realpath(folder);
        const place = await realpath(dirname(join(root, at)));
        // A link may have been put there since; where it leads out, nothing is written.
        const way = relative(root, place);
        if (way === '..' || way.startsWith(`..${sep}`)) {
          return err({ reason: 'not_written', detail: 'outside the folder' });
        }
        await replace(join(place, basename(at)), mode, parcel);
        return ok(undefined);
      } catch (error) {
        const { code = 'unknown' } = error as NodeJS.ErrnoException;
        return err({ reason: 'not_written', detail: code });
      }
    },
  };
}

/** A draft of an earlier try is written over: it is of the same run, and so of the same secret. */
async function replace(path: string, mode: number, { id, secret }: Parcel): Promise<void> {
  const draft = join(dirname(path), `.${basename(path)}.${id}`);
  const { O_CREAT, O_TRUNC, O_WRONLY, O_NOFOLLOW } = constants;
  const file = await open(draft, O_CREAT | O_TRUNC | O_WRONLY | O_NOFOLLOW, 0o600);
  try {
    await file.writeFile(secret);
    // Only now may others read it: the mask of this process took its part of the mode before.
    await file.chmod(mode);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(draft, path);
  const folder = await open(dirname(path), constants.O_RDONLY);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
