/** The one place that touches the process: its arguments, environment, streams and signals. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { systemClock, systemEntropy, systemTimers } from '@mintmark/core/system';
import type { Signals } from './ports.ts';
import { runCli } from './program.ts';
import { scrub } from './serve/scrub.ts';
import { createWorkers } from './worker-process.ts';

const signalNames = { stop: ['SIGTERM', 'SIGINT'], reload: ['SIGHUP'] } as const;

const signals: Signals = {
  on(signal, act) {
    for (const name of signalNames[signal]) process.on(name, act);
    return () => {
      for (const name of signalNames[signal]) process.off(name, act);
    };
  },
};

/** V8 hands its collector out to contexts that are made after this flag. */
function garbageCollector(): () => void {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as (options: Readonly<Record<string, string>>) => void;
  // The flavour that also overwrites what was freed, and gives pages back.
  return () => collect({ type: 'major', flavor: 'last-resort', execution: 'sync' });
}

async function readInput(): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of process.stdin) parts.push(part as Buffer);
  return Buffer.concat(parts).toString('utf8');
}

// A reader that went away (`mintmark … | head`) is no fault.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

// What nobody caught leaves the state in doubt: say it without secrets, and stop.
process.on('uncaughtException', (error) => {
  process.stderr.write(`mintmark: bug: ${scrub(error.stack ?? error.message)}\n`);
  process.exit(3);
});

process.exitCode = await runCli(process.argv.slice(2), {
  environment: process.env,
  terminal: {
    write: (text) => process.stdout.write(text),
    writeError: (text) => process.stderr.write(text),
    isInteractive: process.stdout.isTTY === true,
    readInput,
    inputPieces: () => process.stdin,
  },
  fetch,
  clock: systemClock,
  entropy: systemEntropy,
  timers: systemTimers,
  signals,
  workers: createWorkers(process.env),
  collectGarbage: () => garbageCollector()(),
});
