/**
 * The writer's thread: takes what waits, runs it in batches, answers, and sees to the log between
 * batches. It blocks in fsync so that the thread that serves requests never does.
 */
import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import { limits } from '@mintmark/core';
import { ActWriter } from './act-writer.ts';
import type { PackedAct } from './pack-act.ts';
import { sqliteFault } from './sqlite-fault.ts';
import { WriteConnection, type WriteDatabase } from './write-connection.ts';
import {
  actResult,
  type FromWriter,
  faultMessage,
  slotState,
  type ToWriter,
  type WriterStart,
} from './writer-protocol.ts';
import { runTask } from './writer-task.ts';

/** Pages in the log when it is worth moving them into the database: at rest, and at the latest. */
const checkpointPages = { idle: 1_000, busy: 8_000 };

/** @param open opens the database for writing; a crash test opens one that dies */
export function serveWriter(
  port: MessagePort,
  start: WriterStart,
  open: (path: string) => WriteDatabase,
): void {
  const post = (message: FromWriter): void => port.postMessage(message);
  try {
    const server = new WriterServer(new WriteConnection(open(start.database)), start.slots, post);
    port.on('message', (message: ToWriter) => server.serve(message, port));
    post({ type: 'ready' });
  } catch (error) {
    const fault = faultMessage(sqliteFault(error, 'cannot open the database'));
    post({ type: 'fault', fault });
    port.close();
  }
}

class WriterServer {
  readonly #connection: WriteConnection;
  readonly #writer: ActWriter;
  readonly #slots: Int32Array;
  readonly #post: (message: FromWriter) => void;
  #acts: [number: number, act: PackedAct][] = [];
  #closed = false;
  #tasks: Extract<ToWriter, { type: 'task' }>[] = [];

  constructor(connection: WriteConnection, slots: Int32Array, post: (message: FromWriter) => void) {
    this.#connection = connection;
    this.#writer = new ActWriter(connection);
    this.#slots = slots;
    this.#post = post;
  }

  serve(first: ToWriter, port: MessagePort): void {
    this.#accept(first);
    do {
      // Everything that arrived while the last batch was written goes into the next.
      for (let next = receiveMessageOnPort(port); next; next = receiveMessageOnPort(port)) {
        this.#accept(next.message as ToWriter);
      }
      if (this.#acts.length > 0) this.#runBatch();
      for (const task of this.#tasks.splice(0)) this.#runTask(task, port);
      this.#checkpoint();
    } while (this.#acts.length > 0);
  }

  #accept(message: ToWriter): void {
    if (message.type === 'task') {
      this.#tasks.push(message);
      return;
    }
    this.#connection.define(message.definitions);
    for (const [i, act] of message.acts.entries()) this.#acts.push([message.first + i, act]);
  }

  #runBatch(): void {
    const waiting = this.#acts.splice(0, limits.writeBatchMax);
    const taken = waiting.map(([number]) => this.#take(number));
    const { results, faults } = this.#writer.runBatch(
      waiting.filter((_, i) => taken[i]).map(([, act]) => act),
    );
    const places = taken.flatMap((is, i) => (is ? [i] : []));
    const all = waiting.flatMap(() => [actResult.withdrawn, 0]);
    for (const [i, place] of places.entries()) {
      all[place * 2] = results[i * 2]!;
      all[place * 2 + 1] = results[i * 2 + 1]!;
    }
    this.#post({
      type: 'results',
      results: all,
      faults: faults.map(([i, fault]) => [places[i]!, fault]),
      partitions: this.#connection.takePartitionChanges(),
    });
  }

  /** @returns whether the caller still waits; from here on the act runs whatever the caller does */
  #take(number: number): boolean {
    const slot = number % this.#slots.length;
    const { waiting, taken } = slotState;
    return Atomics.compareExchange(this.#slots, slot, waiting, taken) === waiting;
  }

  #runTask({ task, run }: Extract<ToWriter, { type: 'task' }>, port: MessagePort): void {
    let result = false;
    let fault: ReturnType<typeof faultMessage> | undefined;
    try {
      result = runTask(this.#connection, run);
    } catch (error) {
      fault = faultMessage(sqliteFault(error, `cannot ${run.name}`));
    }
    const partitions = this.#connection.takePartitionChanges();
    this.#post({ type: 'task', task, result, fault, partitions });
    if (run.name !== 'close') return;
    this.#closed = true;
    port.close();
  }

  #checkpoint(): void {
    if (this.#closed) return;
    try {
      const most = this.#acts.length > 0 ? checkpointPages.busy : checkpointPages.idle;
      if (this.#connection.logPages() > most) this.#connection.checkpoint();
    } catch {
      // The log keeps everything, and the next checkpoint writes the same pages again. A disk that
      // stays full or broken shows in the next commit, and is told to its callers.
    }
  }
}
