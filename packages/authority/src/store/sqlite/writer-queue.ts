/**
 * The callers' side of the writer: a bounded queue, and one message for everything that gathered
 * while earlier ones were under way. An act is answered by the writer, after the commit, or by its
 * own deadline: then it is either withdrawn before it began, or its outcome is not known.
 */
import type { Worker } from 'node:worker_threads';
import { type Clock, limits, StoreFault, type Timers } from '@mintmark/core';
import type { Act, ActOutcome } from '../act.ts';
import { ActPacker, type PackedAct } from './pack-act.ts';
import {
  actResult,
  type FromWriter,
  type PartitionChange,
  slotState,
  type ToWriter,
  type WriterFault,
  type WriterTask,
} from './writer-protocol.ts';

/** Messages under way: one in the writer's hands, one that it finds when it is done. */
const messagesMax = 2;

interface Waiting {
  /** Gone once it is posted: what waits for a commit should weigh little. */
  packed: PackedAct | undefined;
  readonly codes: readonly string[];
  readonly deadlineMs: number;
  readonly resolve: (outcome: ActOutcome) => void;
  readonly reject: (fault: StoreFault) => void;
  settled: boolean;
}

interface Task {
  readonly resolve: (result: boolean) => void;
  readonly reject: (fault: StoreFault) => void;
}

export interface WriterQueueInput {
  readonly worker: Pick<Worker, 'on' | 'postMessage' | 'ref' | 'unref'>;
  /** Shared with the writer, one word for each place of the queue. */
  readonly slots: Int32Array;
  readonly clock: Clock;
  /** Without them an act waits as long as the writer takes. */
  readonly timers: Timers | undefined;
  readonly onPartition: (change: PartitionChange) => void;
}

export class WriterQueue {
  readonly #input: WriterQueueInput;
  readonly #packer = new ActPacker();
  /** Not yet posted. */
  #outbox: Waiting[] = [];
  /** Posted and not answered, in order; the first has the number `#firstPosted`. */
  #posted: Waiting[] = [];
  #firstPosted = 0;
  /** Number behind the last act of each message under way. */
  readonly #messageEnds: number[] = [];
  readonly #tasks = new Map<number, Task>();
  #nextTask = 0;
  #cancelTimer: (() => void) | undefined;
  #closed: StoreFault | undefined;
  #idle: (() => void) | undefined;

  constructor(input: WriterQueueInput) {
    this.#input = input;
    input.worker.on('message', (message: FromWriter) => this.#receive(message));
    input.worker.on('error', (cause) => this.#writerDied(cause));
    input.worker.on('exit', () => this.#writerDied(undefined));
    // A process that has nothing else to do may end; while an act waits it may not.
    input.worker.unref();
  }

  async run(act: Act): Promise<ActOutcome> {
    if (this.#closed !== undefined) throw this.#closed;
    if (this.#waiting() >= limits.writeQueueMax) {
      const hint = 'the disk is slower than the load: try again later';
      throw new StoreFault('store_busy', 'the write queue is full', { hint });
    }
    const { packed, codes } = this.#packer.pack(act);
    const deadlineMs = this.#input.clock.monotonicMs() + limits.writeTimeoutMs;
    return new Promise((resolve, reject) => {
      if (this.#waiting() === 0) this.#input.worker.ref();
      this.#outbox.push({ packed, codes, deadlineMs, resolve, reject, settled: false });
      if (this.#messageEnds.length < messagesMax) this.#flush();
      this.#watch(limits.writeTimeoutMs);
    });
  }

  task(run: WriterTask): Promise<boolean> {
    if (this.#closed !== undefined) return Promise.reject(this.#closed);
    return this.#postTask(run);
  }

  /** Waits for what is queued, then ends the writer. */
  async close(): Promise<void> {
    if (this.#closed !== undefined) return;
    this.#closed = new StoreFault('store_closed', 'the store is closed');
    if (this.#waiting() > 0) {
      await new Promise<void>((resolve) => {
        this.#idle = resolve;
      });
    }
    this.#cancelTimer?.();
    await this.#postTask({ name: 'close' });
  }

  #waiting(): number {
    return this.#posted.length + this.#outbox.length;
  }

  #postTask(run: WriterTask): Promise<boolean> {
    const task = this.#nextTask++;
    return new Promise((resolve, reject) => {
      this.#tasks.set(task, { resolve, reject });
      this.#input.worker.ref();
      this.#post({ type: 'task', task, run });
    });
  }

  #post(message: ToWriter): void {
    this.#input.worker.postMessage(message);
  }

  #flush(): void {
    if (this.#outbox.length === 0) return;
    const first = this.#firstPosted + this.#posted.length;
    const end = first + this.#outbox.length;
    const { slots } = this.#input;
    for (let number = first; number < end; number++) {
      Atomics.store(slots, number % slots.length, slotState.waiting);
    }
    const acts: PackedAct[] = [];
    for (const waiting of this.#outbox) {
      if (waiting.packed !== undefined) acts.push(waiting.packed);
      waiting.packed = undefined;
      this.#posted.push(waiting);
    }
    this.#outbox = [];
    this.#messageEnds.push(end);
    this.#post({ type: 'acts', definitions: this.#packer.takeDefinitions(), first, acts });
  }

  #receive(message: FromWriter): void {
    if (message.type === 'ready' || message.type === 'fault') return;
    for (const change of message.partitions) this.#input.onPartition(change);
    if (message.type === 'results') this.#settleResults(message);
    else this.#settleTask(message);
    if (this.#waiting() > 0 || this.#tasks.size > 0) return;
    this.#input.worker.unref();
    this.#idle?.();
  }

  #settleResults({ results, faults }: Extract<FromWriter, { type: 'results' }>): void {
    const answered = this.#posted.splice(0, results.length / 2);
    this.#firstPosted += answered.length;
    while (this.#messageEnds.length > 0 && this.#messageEnds[0]! <= this.#firstPosted) {
      this.#messageEnds.shift();
    }
    // The writer goes on while the callers learn of their outcomes.
    this.#flush();
    for (const [place, fault] of faults)
      settle(answered[place]!, (to) => to.reject(asFault(fault)));
    for (const [i, waiting] of answered.entries()) {
      const [outcome, position] = [results[i * 2]!, results[i * 2 + 1]!];
      if (outcome < 0) continue;
      settle(waiting, (to) =>
        to.resolve({
          outcome: outcome === actResult.done ? 'done' : to.codes[outcome - 1]!,
          position: position === 0 ? undefined : position,
        }),
      );
    }
  }

  #settleTask({ task, result, fault }: Extract<FromWriter, { type: 'task' }>): void {
    const waiting = this.#tasks.get(task);
    this.#tasks.delete(task);
    if (fault === undefined) waiting?.resolve(result);
    else waiting?.reject(asFault(fault));
  }

  /** One timer for all: acts are answered in order, so the oldest is always first. */
  #watch(ms: number): void {
    if (this.#cancelTimer !== undefined || this.#input.timers === undefined) return;
    this.#cancelTimer = this.#input.timers.after(ms, () => {
      this.#cancelTimer = undefined;
      this.#expire();
    });
  }

  #expire(): void {
    const now = this.#input.clock.monotonicMs();
    const late = ({ deadlineMs }: Waiting) => deadlineMs <= now;
    for (const [i, waiting] of this.#posted.entries()) {
      if (late(waiting)) settle(waiting, (to) => to.reject(this.#giveUp(this.#firstPosted + i)));
    }
    for (const waiting of this.#outbox.filter(late)) {
      settle(waiting, (to) => to.reject(timedOut()));
    }
    this.#outbox = this.#outbox.filter((waiting) => !late(waiting));
    const next = [...this.#posted, ...this.#outbox].find(({ settled }) => !settled);
    if (next !== undefined) this.#watch(Math.max(1, next.deadlineMs - now));
  }

  /** Takes a posted act back if the writer has not begun it, and says what is known. */
  #giveUp(number: number): StoreFault {
    const { slots } = this.#input;
    const { waiting, withdrawn } = slotState;
    const before = Atomics.compareExchange(slots, number % slots.length, waiting, withdrawn);
    return before === waiting ? timedOut() : outcomeUnknown();
  }

  #writerDied(cause: unknown): void {
    if (this.#closed !== undefined && this.#tasks.size === 0 && this.#waiting() === 0) return;
    const hint = 'restart; what was acknowledged is on the disk';
    this.#closed = new StoreFault('store_io', 'the writer has stopped', { cause, hint });
    for (const [i, waiting] of this.#posted.entries()) {
      settle(waiting, (to) => to.reject(this.#giveUp(this.#firstPosted + i)));
    }
    for (const waiting of this.#outbox) settle(waiting, (to) => to.reject(this.#closed!));
    for (const task of this.#tasks.values()) task.reject(this.#closed);
    this.#posted = [];
    this.#outbox = [];
    this.#tasks.clear();
    this.#cancelTimer?.();
    this.#idle?.();
  }
}

function settle(waiting: Waiting, how: (waiting: Waiting) => void): void {
  if (waiting.settled) return;
  waiting.settled = true;
  how(waiting);
}

function asFault({ code, message, hint }: WriterFault): StoreFault {
  return new StoreFault(code, message, hint === undefined ? {} : { hint });
}

function timedOut(): StoreFault {
  return new StoreFault('store_timeout', 'the act was withdrawn: nothing of it holds', {
    hint: 'the disk is slower than the load: try again later',
  });
}

function outcomeUnknown(): StoreFault {
  return new StoreFault('store_outcome_unknown', 'the commit was under way: the act may yet hold', {
    hint: 'look whether it holds before it is repeated',
  });
}
