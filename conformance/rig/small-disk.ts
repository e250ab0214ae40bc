/** A file system of a few megabytes, to be filled. Needs root, or sudo without a password. */
import { spawnSync } from 'node:child_process';

/** @throws where this account may not mount: the test has failed then, it is not skipped */
export function mountSmallDisk(
  folder: string,
  { megabytes }: { readonly megabytes: number },
): void {
  const owner = `uid=${process.getuid?.() ?? 0},gid=${process.getgid?.() ?? 0}`;
  const options = `size=${megabytes}m,mode=0700,${owner}`;
  asRoot('mount', '-t', 'tmpfs', '-o', options, 'tmpfs', folder);
}

export function unmount(folder: string): void {
  asRoot('umount', folder);
}

function asRoot(...command: readonly string[]): void {
  const line = process.getuid?.() === 0 ? command : ['sudo', '-n', ...command];
  const done = spawnSync(line[0]!, line.slice(1), { encoding: 'utf8' });
  if (done.status !== 0) throw new Error(`${line.join(' ')}: ${done.stderr}`);
}
