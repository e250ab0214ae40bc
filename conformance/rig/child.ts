/** Processes of a suite: what they print is kept, and none of them outlives its suite. */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';

export interface Child {
  readonly pid: number;
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** Exit code, or the name of the signal, once the process has ended. */
  readonly ended: () => number | string | undefined;
  /** @returns what `ended` says then */
  readonly wait: () => Promise<number | string>;
  /** Writes a line to its input, which must be `open`. */
  readonly say: (line: string) => void;
  readonly stop: (signal?: NodeJS.Signals) => Promise<number | string>;
}

export interface ChildOptions {
  readonly cwd: string;
  /** The whole environment: nothing of the suite's own leaks in, but PATH. */
  readonly env?: Readonly<Record<string, string>>;
  /** All that it reads; or that it is told more as the test goes on. */
  readonly input?: string | { readonly open: true };
}

export interface Finished {
  readonly code: number | string;
  readonly stdout: string;
  readonly stderr: string;
}

/** A process of a failed suite must not hold its port for the next one. */
const living = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of living) child.kill('SIGKILL');
});

export function startChild(
  command: string,
  args: readonly string[],
  { cwd, env = {}, input }: ChildOptions,
): Child {
  const options: SpawnOptions = {
    cwd,
    env: { PATH: process.env['PATH'] ?? '', ...env },
    stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  };
  const child = spawn(command, [...args], options);
  living.add(child);
  const texts = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream]?.setEncoding('utf8').on('data', (text: string) => {
      texts[stream] += text;
    });
  }
  if (input !== undefined) {
    // A process that refuses its arguments does not read its input.
    child.stdin?.on('error', () => undefined);
    if (typeof input === 'string') child.stdin?.end(input);
  }
  let end: number | string | undefined;
  const closed = once(child, 'close').then(([code, signal]: unknown[]) => {
    living.delete(child);
    end = (code ?? signal) as number | string;
    return end;
  });
  return {
    pid: child.pid ?? -1,
    stdout: () => texts.stdout,
    stderr: () => texts.stderr,
    ended: () => end,
    wait: () => closed,
    say: (line) => child.stdin?.write(`${line}\n`),
    stop: (signal = 'SIGTERM') => {
      child.kill(signal);
      return closed;
    },
  };
}

export async function runChild(
  command: string,
  args: readonly string[],
  options: ChildOptions,
): Promise<Finished> {
  const child = startChild(command, args, options);
  const code = await child.wait();
  return { code, stdout: child.stdout(), stderr: child.stderr() };
}
