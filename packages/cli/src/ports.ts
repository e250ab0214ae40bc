/** What the command needs from outside. Only `main.ts` makes the real ones. */
import type { Clock, Entropy, Timers } from '@mintmark/core';

export interface CliPorts {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly terminal: Terminal;
  readonly fetch: typeof fetch;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly timers: Timers;
  readonly signals: Signals;
  /** Undefined: this process can start no others. */
  readonly workers?: Workers;
  /** Frees every object that nothing refers to, now: stops the process for some milliseconds. */
  collectGarbage(): void;
}

export interface Terminal {
  /** Standard output: answers, and nothing else. */
  write(text: string): void;
  /** Standard error: messages, warnings, logs. */
  writeError(text: string): void;
  /** A person reads standard output, so colours help. */
  readonly isInteractive: boolean;
  /** All of standard input, as text. */
  readInput(): Promise<string>;
  /** Standard input as it comes, whatever it is and however long. */
  inputPieces(): AsyncIterable<Uint8Array>;
}

/** What the system asks of a running process. */
export interface Signals {
  /** Calls `act` for each such signal. @returns stops listening */
  on(signal: 'stop' | 'reload', act: () => void): () => void;
}

/** Where a worker serves. */
export interface WorkerPlace {
  readonly index: number;
  /** `HOST:PORT`, which several processes share. */
  readonly listen: string;
}

/** Processes that run this same command line beside one another. */
export interface Workers {
  /** Undefined: no other process started this one. */
  readonly own: WorkerPlace | undefined;
  start(place: WorkerPlace): Worker;
  /** What this process answers to the one that started it. @returns answers no more */
  onAsked(answer: (path: string) => Promise<WorkerAnswer>): () => void;
}

export interface Worker {
  /** Resolves when it has ended, however. */
  readonly ended: Promise<void>;
  stop(): void;
  /** Asks its operations; 503 where it is gone. */
  ask(path: string): Promise<WorkerAnswer>;
}

export interface WorkerAnswer {
  readonly status: number;
  readonly body: string;
}
