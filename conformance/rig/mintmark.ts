/** `mintmark` as a process: one command to its end, or a server on free ports. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Child, type ChildOptions, type Finished, runChild, startChild } from './child.ts';
import { until } from './until.ts';

/** For a process that is started in another way than below. */
export const command = new URL('../../node_modules/mintmark/bin/mintmark.mjs', import.meta.url)
  .pathname;

export interface Folder {
  readonly path: string;
  remove(): void;
}

export function freshFolder(): Folder {
  const path = mkdtempSync(join(tmpdir(), 'mintmark-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** Runs one command to its end. */
export function mintmark(args: readonly string[], options: ChildOptions): Promise<Finished> {
  return runChild(process.execPath, [command, ...args], { input: '', ...options });
}

export interface Server {
  readonly child: Child;
  readonly url: string;
  readonly gatewayUrl: string | undefined;
  /** Undefined where this start did not make the installation. */
  readonly adminKey: string | undefined;
}

/**
 * Starts `mintmark serve` on free ports and waits until it listens.
 *
 * @throws Error with what it said, where it ends before that
 */
export async function startMintmark(
  args: readonly string[],
  options: ChildOptions,
): Promise<Server> {
  const ports = ['--listen', '127.0.0.1:0', '--gateway-listen', '127.0.0.1:0'];
  const child = startChild(
    process.execPath,
    [command, 'serve', '--json', ...ports, ...args],
    options,
  );
  const find = (event: string): Record<string, string> | undefined =>
    child
      .stdout()
      .split('\n')
      .slice(0, -1)
      .map((line): Record<string, string> => JSON.parse(line))
      .find((one) => one['event'] === event);
  const listening = await until('serve listens', () => {
    if (child.ended() === undefined) return find('listening');
    throw new Error(`serve ended with ${child.ended()}: ${child.stderr()}`);
  });
  return {
    child,
    url: listening['authority']!,
    gatewayUrl: listening['gateway'],
    adminKey: find('initialised')?.['admin_key'],
  };
}
