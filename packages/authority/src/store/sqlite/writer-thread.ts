/** The file that the writer's thread starts with. */
import { parentPort, workerData } from 'node:worker_threads';
import { serveWriter } from './serve-writer.ts';
import { openWriteDatabase } from './write-connection.ts';
import type { WriterStart } from './writer-protocol.ts';

serveWriter(parentPort!, workerData as WriterStart, openWriteDatabase);
