/**
 * What HAProxy is told while it runs: lines for its runtime socket. Ids of maps stand in them as
 * they are (`nativeId`), and lines of a payload are read without separators or escapes.
 */
import type { NativeChange, NativeView } from '../native-view.ts';
import type { HaproxyConfig } from './config.ts';
import { revokedEntries } from './maps.ts';
import { type HaproxySettings, leaseKey, leaseTable, type MapName, mapFile } from './settings.ts';

/** Bytes of one payload: HAProxy reads a command into one buffer of 16 KiB. */
const payloadBytesMax = 8_000;

/** Says that there are news. Dates make every request take the closer look. */
function renew({
  config,
  maps,
}: {
  readonly config: Pick<HaproxyConfig, 'continuing'>;
  readonly maps: HaproxyConfig['maps'];
}): string {
  const byDate = [...maps].some(
    ([name, entries]) => name.startsWith('before-') && entries.size > 0,
  );
  return [0, ...config.continuing]
    .map(
      (seconds) => `set table ${leaseTable(seconds)} key ${leaseKey} data.gpt0 ${byDate ? 2 : 1}`,
    )
    .join('; ');
}

/** Takes it back at once. */
function refuse({ continuing }: Pick<HaproxyConfig, 'continuing'>): string {
  return [0, ...continuing].map((seconds) => `clear table ${leaseTable(seconds)}`).join('; ');
}

/** Whom the answer to `show info` speaks of. */
export interface RunningHaproxy {
  readonly pid: string;
  /** Of the configuration that it was started with; undefined: none of ours. */
  readonly configId: string | undefined;
}

function readInfo(text: string): RunningHaproxy | undefined {
  const pid = /^Pid: ([0-9]+)$/m.exec(text)?.[1];
  const configId = /^description: mintmark ([0-9a-f]+)$/m.exec(text)?.[1];
  return pid === undefined ? undefined : { pid, configId };
}

function prepare(settings: HaproxySettings, name: MapName): string {
  return `prepare map ${mapFile(settings, name)}`;
}

/** @returns the version that was prepared */
function readPrepared(answer: string): string | undefined {
  return /^New version created: ([0-9]+)$/m.exec(answer)?.[1];
}

/** Fills a version that nobody looks into yet, then puts it in the place of the one before. */
function replace(
  settings: HaproxySettings,
  map: { readonly name: MapName; readonly entries: ReadonlyMap<string, string> },
  version: string,
): readonly string[] {
  const file = mapFile(settings, map.name);
  const commands: string[] = [];
  let lines = '';
  const flush = (): void => {
    if (lines !== '') commands.push(`add map @${version} ${file} <<\n${lines}`);
    lines = '';
  };
  for (const [key, value] of map.entries) {
    const line = `${key} ${value}\n`;
    if (lines.length + line.length > payloadBytesMax) flush();
    lines += line;
  }
  flush();
  return [...commands, `commit map @${version} ${file}`];
}

/** A revocation, in the maps as they are kept here, and as commands that do the same there. */
function revoke(
  input: {
    readonly settings: HaproxySettings;
    readonly view: NativeView;
    readonly maps: ReadonlyMap<MapName, Map<string, string>>;
  },
  { revoked }: Pick<NativeChange, 'revoked'>,
): readonly string[] {
  const { settings, view, maps } = input;
  return revoked
    .flatMap((entry) => revokedEntries(view, entry))
    .flatMap(({ map, key, value }) => {
      const entries = maps.get(map);
      const known = entries?.get(key);
      if (entries === undefined || Number(known ?? 0) >= value) return [];
      entries.set(key, String(value));
      // Two entries of one key would hide one another.
      const verb = known === undefined ? 'add' : 'set';
      return [`${verb} map ${mapFile(settings, map)} ${key} ${value}`];
    });
}

/** Commands, and answers to them. */
export const haproxyRuntime = {
  ...{ renew, refuse, prepare, replace, revoke },
  ...{ readInfo, readPrepared },
} as const;
