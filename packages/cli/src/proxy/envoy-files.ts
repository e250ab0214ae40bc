/**
 * The files of a generated configuration, each moved into its place whole: Envoy reads one as soon
 * as it is there. Clusters come before the routes that name them, and the judge before the routes
 * that it judges, so that none of the states between lets through what neither end would.
 */
import { ConfigFault } from '@mintmark/core';
import {
  type EnvoyConfig,
  type EnvoyPart,
  type EnvoySettings,
  envoyFiles,
  type PartName,
} from '@mintmark/gateway';
import { replaceFile } from './haproxy-files.ts';

/** In this order. */
const order = ['clusters', 'tokens', 'judge', 'routes'] as const satisfies readonly PartName[];

/**
 * @param before what stands there already; undefined: it is not known
 * @returns where the configuration is
 * @throws ConfigFault `folder_unusable`
 */
export function writeEnvoyFiles(
  settings: EnvoySettings,
  config: EnvoyConfig,
  before?: EnvoyConfig,
): string {
  try {
    for (const name of order) {
      const part = config.parts.get(name);
      const isNew = part !== undefined && part.version !== before?.parts.get(name)?.version;
      if (isNew) writeEnvoyPart(settings, name, part);
    }
    const file = envoyFiles.bootstrap(settings);
    if (before === undefined) replaceFile(file, config.bootstrap);
    return file;
  } catch (cause) {
    throw new ConfigFault('folder_unusable', `${settings.folder} cannot be written`, {
      cause,
      hint: 'name a folder that this command may write and Envoy may read',
    });
  }
}

export function writeEnvoyPart(settings: EnvoySettings, name: PartName, part: EnvoyPart): void {
  replaceFile(envoyFiles.part(settings, name), part.text);
}
