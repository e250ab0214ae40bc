/** Ports for tests: a terminal that remembers, a server made of a function, a clock by hand. */
import { manualClock, seededEntropy } from '@mintmark/core';
import type { CliPorts } from './ports.ts';
import { runCli } from './program.ts';

export interface Sent {
  readonly method: string;
  readonly url: string;
  readonly headers: Headers;
  readonly body: unknown;
}

export interface FakeRun {
  readonly exit: number;
  readonly out: string;
  readonly err: string;
  readonly sent: readonly Sent[];
}

export interface FakeWorld {
  readonly environment?: Readonly<Record<string, string>>;
  readonly input?: string;
  readonly isInteractive?: boolean;
  /** Runs timers at once, and asks for a stop after so many; default: timers never run. */
  readonly stopAfterTimers?: number;
  /** Answers requests; default: nobody listens. */
  readonly server?: (request: Sent) => Response;
}

export const startMs = 1_790_000_000_000;

/** Runs one command line in a world of its own. */
export async function run(
  line: string | readonly string[],
  world: FakeWorld = {},
): Promise<FakeRun> {
  const argv = typeof line === 'string' ? line.split(' ') : line;
  const out: string[] = [];
  const errors: string[] = [];
  const sent: Sent[] = [];
  const ports: CliPorts = {
    environment: { MINTMARK_TOKEN: 'mm_admin_test', ...world.environment },
    terminal: {
      write: (text) => out.push(text),
      writeError: (text) => errors.push(text),
      isInteractive: world.isInteractive === true,
      readInput: async () => world.input ?? '',
      async *inputPieces() {
        // In pieces that no line and no token respects.
        const bytes = Buffer.from(world.input ?? '');
        for (let at = 0; at < bytes.length; at += 50) yield bytes.subarray(at, at + 50);
      },
    },
    fetch: async (url, init) => {
      const headers = new Headers(init?.headers);
      const isJson = headers.get('content-type') === 'application/json';
      const body = isJson ? JSON.parse(String(init?.body)) : init?.body;
      const request = { method: init?.method ?? 'GET', url: String(url), headers, body };
      sent.push(request);
      if (world.server === undefined)
        throw new TypeError('fetch failed', { cause: new Error('no') });
      return world.server(request);
    },
    clock: manualClock(startMs),
    entropy: seededEntropy(1),
    collectGarbage: () => undefined,
    ...timersAndSignals(world.stopAfterTimers),
  };
  const exit = await runCli(argv, ports);
  return { exit, out: out.join(''), err: errors.join(''), sent };
}

export function json(
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): Response {
  const type = status >= 400 ? 'application/problem+json' : 'application/json';
  return new Response(JSON.stringify(body), {
    status,
    headers: { 'content-type': type, ...headers },
  });
}

function timersAndSignals(stopAfter: number | undefined): Pick<CliPorts, 'timers' | 'signals'> {
  const stops = new Set<() => void>();
  let ran = 0;
  return {
    timers: {
      after(ms, act) {
        // Bounds on requests are longer than a second, and never reached here.
        if (stopAfter === undefined || ms > 1_000) return () => {};
        ran += 1;
        if (ran >= stopAfter) for (const stop of stops) stop();
        queueMicrotask(act);
        return () => {};
      },
      every: () => () => {},
    },
    signals: {
      on(signal, act) {
        if (signal === 'stop') stops.add(act);
        return () => stops.delete(act);
      },
    },
  };
}
