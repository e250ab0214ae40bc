/**
 * The files of a generated configuration. Each is written beside its place and moved there, so that
 * HAProxy never reads half of one; a map that is newer than the configuration does no harm, for it
 * only says what holds now.
 */
import { mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { ConfigFault } from '@mintmark/core';
import { type HaproxyConfig, type HaproxySettings, haproxyMaps } from '@mintmark/gateway';

/** @returns where the configuration is @throws ConfigFault `folder_unusable` */
export function writeHaproxyFiles(settings: HaproxySettings, config: HaproxyConfig): string {
  try {
    for (const [file, pem] of config.keys) replaceFile(file, pem);
    removeOthers(
      join(settings.folder, 'keys'),
      new Set([...config.keys.keys()].map((file) => basename(file))),
    );
    for (const [file, text] of haproxyMaps(settings, config)) replaceFile(file, text);
    const file = configFile(settings);
    replaceFile(file, config.text);
    return file;
  } catch (cause) {
    throw new ConfigFault('folder_unusable', `${settings.folder} cannot be written`, {
      cause,
      hint: 'name a folder that this command may write and HAProxy may read',
    });
  }
}

export function configFile({ folder }: HaproxySettings): string {
  return join(folder, 'haproxy.cfg');
}

export function replaceFile(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(`${file}.new`, text);
  renameSync(`${file}.new`, file);
}

/** Keys that were retired: nobody should find them and think them good. */
function removeOthers(folder: string, kept: ReadonlySet<string>): void {
  mkdirSync(folder, { recursive: true });
  for (const name of readdirSync(folder)) {
    if (name.endsWith('.pem') && !kept.has(name)) rmSync(join(folder, name));
  }
}
