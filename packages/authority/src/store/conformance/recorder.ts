/** Runs programs under `record-writes.c`, which is compiled when it is first needed. */
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Operation, parseRecord } from './replay.ts';

const source = fileURLToPath(new URL('./record-writes.c', import.meta.url));
const child = fileURLToPath(new URL('./recorded-child.ts', import.meta.url));

/**
 * @param folder where the library goes
 * @throws Error that says how to get a compiler where there is none
 */
export function compileRecorder(folder: string): string {
  const library = join(folder, 'record-writes.so');
  const args = ['-shared', '-fPIC', '-O2', '-Wall', '-Werror', '-o', library, source, '-ldl'];
  try {
    execFileSync('cc', args, { stdio: ['ignore', 'ignore', 'pipe'] });
  } catch (cause) {
    throw new Error('no C compiler, or it failed: apt-get install gcc libc6-dev', { cause });
  }
  return library;
}

export interface Recording {
  readonly operations: readonly Operation[];
  readonly said: string;
  readonly complained: string;
}

/**
 * Runs acts in a store, see `recorded-child.ts`.
 *
 * @param input.fail a call that is to fail, as `record-writes.c` has it
 */
export function recordActs(input: {
  readonly library: string;
  readonly directory: string;
  readonly acts: number;
  readonly fail?: { readonly call: string; readonly count: number };
}): Recording {
  const { library, directory, acts, fail } = input;
  const log = `${directory}.log`;
  const { stdout, stderr } = spawnSync(process.execPath, [child, directory, String(acts)], {
    encoding: 'utf8',
    env: {
      LD_PRELOAD: library,
      RECORD_FOLDER: directory,
      RECORD_LOG: log,
      ...(fail === undefined
        ? {}
        : { RECORD_FAIL: fail.call, RECORD_FAIL_COUNT: String(fail.count) }),
    },
  });
  return { operations: parseRecord(readFileSync(log)), said: stdout, complained: stderr };
}
