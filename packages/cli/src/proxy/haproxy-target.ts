/**
 * HAProxy as the feed's target: files for its next start, its runtime socket for what it goes by
 * now, its master socket for another process where routes or keys are new. It is told that there
 * are news only while it runs with the very configuration that was written last and holds every
 * revocation that is known; whoever starts it anew is found out by its process id.
 */
import { type Clock, NetworkFault, type Timers } from '@mintmark/core';
import {
  type HaproxyConfig,
  type HaproxySettings,
  haproxyConfig,
  haproxyLeaseMs,
  haproxyMaps,
  haproxyRuntime,
  type MapName,
  type NativeChange,
  type NativeState,
  type NativeTarget,
} from '@mintmark/gateway';
import { configFile, replaceFile, writeHaproxyFiles } from './haproxy-files.ts';
import { askHaproxy } from './runtime-socket.ts';

export interface HaproxyTargetParts {
  readonly settings: HaproxySettings;
  /** Of a master process; undefined: somebody else reloads. */
  readonly masterSocket: string | undefined;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: (event: HaproxyEvent) => void;
}

export type HaproxyEvent =
  | { readonly type: 'written'; readonly id: string; readonly elsewhere: readonly string[] }
  | { readonly type: 'reloaded'; readonly pid: string }
  | { readonly type: 'reload_needed'; readonly id: string };

/** How long a new process may take to answer, and how often it is looked for. */
const reloadMs = 10_000;
const lookMs = 20;
/** A master that is starting itself anew may not hear the first time. */
const askAgainMs = 3_000;
/** Maps on disk are for the next start, which is told all of it anyway. */
const diskMs = 5_000;
/** Characters of commands on one line. */
const lineMax = 8_000;

interface Written {
  readonly config: HaproxyConfig;
  /** As HAProxy holds them. */
  readonly maps: Map<MapName, Map<string, string>>;
}

/** What cannot change while a process lives, because another one takes over. */
const fixedMaps: ReadonlySet<MapName> = new Set(['routes', 'allow']);

export function createHaproxyTarget(parts: HaproxyTargetParts): NativeTarget {
  return new HaproxyTarget(parts);
}

class HaproxyTarget implements NativeTarget {
  readonly #parts: HaproxyTargetParts;
  #written: Written | undefined;
  /** Process that holds all of what was written; undefined: it has to be told. */
  #pid: string | undefined;
  #diskAtMs = 0;
  #isDiskOld = false;

  constructor(parts: HaproxyTargetParts) {
    this.#parts = parts;
  }

  async apply(state: NativeState, change: NativeChange | undefined): Promise<void> {
    const written = this.#written;
    if (change === undefined || change.isStructural || written === undefined) {
      await this.#applyAll(state);
    } else {
      await this.#revoke(written, state, change);
    }
    await this.renew(state);
  }

  async renew(state: NativeState): Promise<void> {
    const written = this.#written;
    if (written === undefined) return;
    const running = await this.#running();
    if (running.configId !== written.config.id) {
      this.#pid = undefined;
      throw new NetworkFault('proxy_outdated', 'HAProxy runs with another configuration', {
        hint: 'reload it, or name the socket of its master process',
      });
    }
    if (running.pid !== this.#pid) await this.#fill(written, running.pid);
    // What is older waits for younger news: its lease in HAProxy would outlast ours.
    if (state.leaseLeftMs >= haproxyLeaseMs) await this.#ask(haproxyRuntime.renew(written));
    this.#keepDiskNew(written);
  }

  async refuse(): Promise<void> {
    const written = this.#written;
    if (written !== undefined) await this.#ask(haproxyRuntime.refuse(written.config));
  }

  /** Files first: a process that starts from now on reads what holds now. */
  async #applyAll(state: NativeState): Promise<void> {
    const { settings, clock, log, masterSocket } = this.#parts;
    const input = { ...state, settings };
    const config = haproxyConfig({ ...input, startedWithNewsUntilMs: 0 });
    const before = this.#written;
    this.#written = { config, maps: mutable(config) };
    // Whatever it holds now is not known to be this.
    this.#pid = undefined;
    const isSame = before?.config.id === config.id;
    if (isSame) this.#isDiskOld = true;
    else {
      writeHaproxyFiles(settings, config);
      log({ type: 'written', id: config.id, elsewhere: [...config.elsewhere.keys()] });
    }
    const running = await this.#running();
    if (running.configId === config.id) return;
    if (masterSocket === undefined) {
      log({ type: 'reload_needed', id: config.id });
      return;
    }
    // It starts with what was just written, so for as long as this lasts it need not be told.
    const startedWithNewsUntilMs = clock.nowMs() + Math.max(0, Math.floor(state.leaseLeftMs));
    replaceFile(configFile(settings), haproxyConfig({ ...input, startedWithNewsUntilMs }).text);
    try {
      await this.#reload(masterSocket, config.id);
    } finally {
      // Whoever starts it later finds older maps, and has to be told first.
      replaceFile(configFile(settings), config.text);
    }
  }

  async #reload(masterSocket: string, id: string): Promise<void> {
    const { clock, timers, log } = this.#parts;
    const untilMs = clock.monotonicMs() + reloadMs;
    let askAtMs = clock.monotonicMs();
    while (clock.monotonicMs() < untilMs) {
      if (clock.monotonicMs() >= askAtMs) {
        await askHaproxy(masterSocket, 'reload', timers).catch(ignoreClosing);
        askAtMs = clock.monotonicMs() + askAgainMs;
      }
      const running = await this.#running().catch(() => undefined);
      if (running?.configId === id) {
        log({ type: 'reloaded', pid: running.pid });
        return;
      }
      await new Promise<void>((resolve) => {
        timers.after(lookMs, resolve);
      });
    }
    throw new NetworkFault('proxy_outdated', 'HAProxy did not take the new configuration', {
      hint: 'its log says why; "haproxy -c -f" checks the file',
    });
  }

  async #revoke(written: Written, state: NativeState, change: NativeChange): Promise<void> {
    const { settings } = this.#parts;
    const { maps } = written;
    const commands = haproxyRuntime.revoke({ settings, view: state.view, maps }, change);
    this.#isDiskOld ||= commands.length > 0;
    if (this.#pid === undefined) return;
    let line = '';
    for (const command of commands) {
      if (line.length + command.length > lineMax) {
        await this.#tell(line);
        line = '';
      }
      line += line === '' ? command : `; ${command}`;
    }
    if (line !== '') await this.#tell(line);
  }

  /** Everything into a process that has it from files at best. */
  async #fill({ maps }: Written, pid: string): Promise<void> {
    const { settings } = this.#parts;
    for (const [name, entries] of maps) {
      if (fixedMaps.has(name)) continue;
      const version = haproxyRuntime.readPrepared(
        await this.#ask(haproxyRuntime.prepare(settings, name)),
      );
      if (version === undefined) throw refusedCommand('prepare map');
      for (const command of haproxyRuntime.replace(settings, { name, entries }, version)) {
        await this.#tell(command);
      }
    }
    this.#pid = pid;
  }

  async #running() {
    const running = haproxyRuntime.readInfo(await this.#ask('show info'));
    if (running === undefined) throw refusedCommand('show info');
    return running;
  }

  /** A command that answers nothing where it was done. */
  async #tell(command: string): Promise<void> {
    const answer = await this.#ask(command);
    if (answer === '') return;
    this.#pid = undefined;
    throw refusedCommand(command.split('\n')[0]!);
  }

  #ask(command: string): Promise<string> {
    const { settings, timers } = this.#parts;
    return askHaproxy(settings.runtimeSocket, command, timers);
  }

  #keepDiskNew({ maps }: Written): void {
    const { settings, clock } = this.#parts;
    const nowMs = clock.monotonicMs();
    if (!this.#isDiskOld || nowMs - this.#diskAtMs < diskMs) return;
    for (const [file, text] of haproxyMaps(settings, { maps })) replaceFile(file, text);
    this.#diskAtMs = nowMs;
    this.#isDiskOld = false;
  }
}

function mutable({ maps }: HaproxyConfig): Map<MapName, Map<string, string>> {
  return new Map([...maps].map(([name, entries]) => [name, new Map(entries)]));
}

/** The master hangs up to start itself anew: what became of it is seen by the new process. */
function ignoreClosing(): void {}

function refusedCommand(command: string): NetworkFault {
  return new NetworkFault('proxy_refused', `HAProxy refused "${command.slice(0, 80)}"`);
}
