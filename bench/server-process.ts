/** A server under measurement: started on core 0, watched for its CPU time and memory. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { createInterface } from 'node:readline';

export interface Server {
  readonly pid: number;
  /** The first line that the server printed. */
  readonly firstLine: string;
  /** CPU time of all its threads so far, in microseconds. */
  cpuMicros(): number;
  residentMb(): number;
  stop(): Promise<void>;
}

/** Kernel clock ticks a second (`getconf CLK_TCK`): 100 on every Linux that Node runs on. */
const microsPerTick = 10_000;

export interface StartOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Matches the line that says the server listens; that line is `firstLine`. */
  readonly ready?: RegExp;
  /** Default 0, where servers under measurement run. */
  readonly core?: 0 | 1;
}

/** @param args of node */
export function startServer(args: readonly string[], options: StartOptions = {}): Promise<Server> {
  return startProgram(process.execPath, args, options);
}

/** A server that is not ours to run under this Node. */
export async function startProgram(
  program: string,
  args: readonly string[],
  options: StartOptions,
): Promise<Server> {
  const child = spawn('taskset', ['-c', String(options.core ?? 0), program, ...args], {
    cwd: options.cwd ?? import.meta.dirname,
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const firstLine = await lineOf(child, options.ready ?? /\S/);
  child.stdout?.resume();
  child.stderr?.resume();
  // taskset replaces itself, so the child's pid is the server's.
  const pid = child.pid ?? 0;
  return {
    pid,
    firstLine,
    cpuMicros: () => cpuTicks(pid) * microsPerTick,
    residentMb: () => Number(/VmRSS:\s+(\d+)/.exec(readProc(pid, 'status'))?.[1] ?? 0) / 1024,
    stop: () => stop(child),
  };
}

function lineOf(child: ChildProcess, ready: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    let errors = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      errors += chunk.toString();
    });
    child.on('exit', (code) => reject(new Error(`server ended with ${code}:\n${errors}`)));
    if (child.stdout === null) return reject(new Error('no output to read'));
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (ready.test(line)) resolve(line);
    });
  });
}

function stop(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.removeAllListeners('exit');
    child.on('exit', () => resolve());
    child.kill('SIGKILL');
  });
}

function readProc(pid: number, file: string): string {
  return readFileSync(`/proc/${pid}/${file}`, 'utf8');
}

function cpuTicks(pid: number): number {
  // Behind the command's name, which may hold spaces: state is field 3, utime 14, stime 15.
  const fields = readProc(pid, 'stat')
    .replace(/^.*\) /, '')
    .split(' ');
  return Number(fields[11]) + Number(fields[12]);
}

export function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as AddressInfo;
      probe.close(() => resolve(port));
    });
  });
}
