/**
 * Envoy as the feed's target: files that it watches, and its admin socket, where it says which of
 * them it goes by. It is told that there are news only while it goes by the very files that were
 * written last; where it is not, or does not take them, its news run out and the gateway behind it
 * judges everything.
 */
import { request } from 'node:http';
import { type Clock, NetworkFault, type Timers } from '@mintmark/core';
import {
  type EnvoyConfig,
  type EnvoySettings,
  envoyConfig,
  envoyFiles,
  envoyNews,
  type NativeState,
  type NativeTarget,
} from '@mintmark/gateway';
import { writeEnvoyFiles, writeEnvoyPart } from './envoy-files.ts';

export interface EnvoyTargetParts {
  readonly settings: EnvoySettings;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: (event: EnvoyEvent) => void;
}

export type EnvoyEvent = { readonly type: 'written'; readonly elsewhere: readonly string[] };

/** How long Envoy may take to go by new files, and how often it is asked. */
const takesMs = 5_000;
const looksMs = 5;
/** Written no oftener than this: each is another script for Envoy. */
const renewMs = 900;

/** Under which counters Envoy says what it goes by. */
const versions: readonly (readonly ['clusters' | 'tokens' | 'judge' | 'routes', RegExp])[] = [
  ['clusters', /^cluster_manager\.cds\.version_text: "([^"]*)"$/m],
  ['routes', /^http\.mintmark\.rds\.mintmark\.version_text: "([^"]*)"$/m],
  ['tokens', /^extension_config_discovery\.http_filter\.tokens\.version_text: "([^"]*)"$/m],
  ['judge', /^extension_config_discovery\.http_filter\.judge\.version_text: "([^"]*)"$/m],
];

export function createEnvoyTarget(parts: EnvoyTargetParts): NativeTarget {
  const { settings, clock, timers, log } = parts;
  let written: EnvoyConfig | undefined;
  /** Whether Envoy goes by what was written. */
  let isTaken = false;
  let renewedAtMs = Number.NEGATIVE_INFINITY;

  async function goesBy(config: EnvoyConfig): Promise<boolean> {
    const text = await askAdmin(settings, '/stats?filter=version_text', timers);
    return versions.every(([name, found]) => {
      return found.exec(text)?.[1] === config.parts.get(name)?.version;
    });
  }

  async function untilTaken(config: EnvoyConfig): Promise<void> {
    const untilMs = clock.monotonicMs() + takesMs;
    while (!(await goesBy(config))) {
      if (clock.monotonicMs() > untilMs) {
        throw new NetworkFault('proxy_outdated', 'Envoy does not go by the new files', {
          hint: 'its log says why; was it started with envoy.json of this folder?',
        });
      }
      await new Promise<void>((resolve) => {
        timers.after(looksMs, resolve);
      });
    }
    isTaken = true;
  }

  async function renew(state: NativeState): Promise<void> {
    if (written === undefined) return;
    const nowMs = clock.monotonicMs();
    if (isTaken && nowMs - renewedAtMs < renewMs) return;
    // It may have been started anew, with older files.
    isTaken = false;
    await untilTaken(written);
    renewedAtMs = nowMs;
    const leaseMs = Math.max(0, state.leaseLeftMs - (clock.monotonicMs() - nowMs));
    writeEnvoyPart(settings, 'news', envoyNews(clock.nowMs() + leaseMs));
  }

  return {
    async apply(state) {
      const config = envoyConfig({ ...state, settings });
      const isFirst = written === undefined;
      isTaken = false;
      // A process that starts in between knows nothing new, and leaves it to the gateway.
      if (isFirst) writeEnvoyPart(settings, 'news', envoyNews(0));
      writeEnvoyFiles(settings, config, written);
      written = config;
      if (isFirst) log({ type: 'written', elsewhere: [...config.elsewhere.keys()] });
      await untilTaken(config);
      await renew(state);
    },
    renew,
    async refuse() {
      isTaken = false;
      renewedAtMs = Number.NEGATIVE_INFINITY;
      writeEnvoyPart(settings, 'news', envoyNews(0));
    },
  };
}

/** @throws NetworkFault `proxy_unreachable` */
function askAdmin(settings: EnvoySettings, path: string, timers: Timers): Promise<string> {
  return new Promise((resolve, reject) => {
    const fail = (cause: Error): void =>
      reject(
        new NetworkFault('proxy_unreachable', 'Envoy does not answer at its admin socket', {
          cause,
          hint: 'start it with envoy.json of this folder, as a user whose socket this one may open',
        }),
      );
    const asked = request({ socketPath: envoyFiles.admin(settings), path }, (answer) => {
      const parts: Buffer[] = [];
      answer.on('data', (part: Buffer) => parts.push(part));
      answer.on('error', fail);
      answer.on('end', () => {
        cancel();
        resolve(Buffer.concat(parts).toString('utf8'));
      });
    });
    const cancel = timers.after(1_000, () => asked.destroy(new Error('no answer in a second')));
    asked.on('error', (cause) => {
      cancel();
      fail(cause);
    });
    asked.end();
  });
}
