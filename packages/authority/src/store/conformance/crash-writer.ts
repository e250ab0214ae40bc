/** A writer's thread that kills its process before a chosen statement. */
import { writeSync } from 'node:fs';
import { kill, pid } from 'node:process';
import { parentPort, workerData } from 'node:worker_threads';
import { serveWriter } from '../sqlite/serve-writer.ts';
import { openWriteDatabase, type WriteDatabase } from '../sqlite/write-connection.ts';
import type { WriterStart } from '../sqlite/writer-protocol.ts';

/**
 * @param before number of the statement that is not run any more, from 1; 0 lets all run, and says
 *   in the end how many there were
 */
export function serveDying(before: number): void {
  let count = 0;
  const step = () => {
    count += 1;
    if (count === before) kill(pid, 'SIGKILL');
  };
  const said = () => writeSync(2, `${count} statements\n`);
  const open = (path: string) => openDying(path, step, said);
  serveWriter(parentPort!, workerData as WriterStart, open);
}

function openDying(path: string, step: () => void, said: () => void): WriteDatabase {
  const db = openWriteDatabase(path);
  return {
    get isTransaction() {
      return db.isTransaction;
    },
    exec(sql) {
      step();
      db.exec(sql);
    },
    prepare(sql) {
      const statement = db.prepare(sql);
      return {
        run(...cells: never[]) {
          step();
          return statement.run(...cells);
        },
        get(...cells: never[]) {
          step();
          return statement.get(...cells);
        },
        all: (...cells: never[]) => statement.all(...cells),
      } as ReturnType<WriteDatabase['prepare']>;
    },
    close() {
      db.close();
      said();
    },
  };
}
