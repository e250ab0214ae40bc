/** A process killed between any two statements of its writer, and what the next one finds. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { systemClock } from '@mintmark/core/system';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { expectWhole } from '../conformance/crash-acts.ts';
import { openSqliteStore } from './sqlite-store.ts';

const program = (name: string) =>
  fileURLToPath(new URL(`../conformance/${name}.ts`, import.meta.url));
const child = program('crash-child');
const acts = 5;
const processesAtOnce = 2;

let parent = '';
let empty = '';

beforeAll(async () => {
  parent = mkdtempSync(join(tmpdir(), 'mintmark-crash-'));
  empty = join(parent, 'empty');
  // Made once and copied, for most of a run would else be the making of tables.
  await (await openSqliteStore({ directory: empty, clock: systemClock })).upkeep.close();
});

afterAll(() => rmSync(parent, { recursive: true, force: true }));

interface Death {
  readonly said: string;
  readonly complained: string;
  readonly killed: boolean;
}

/** @param before number of the writer's statement that is not run any more; 0 for none */
async function runUntil(before: number): Promise<Death> {
  const directory = join(parent, `before-${before}`);
  cpSync(empty, directory, { recursive: true });
  const death = await new Promise<Death>((resolve) => {
    const args = [child, directory, String(acts), String(before)];
    execFile(process.execPath, args, (error, said, complained) => {
      resolve({ said, complained, killed: error?.signal === 'SIGKILL' });
    });
  });
  const store = await openSqliteStore({ directory, clock: systemClock });
  await expectWhole(store, death.said, acts);
  await store.upkeep.check();
  await store.upkeep.close();
  rmSync(directory, { recursive: true });
  return death;
}

it('killed before any statement, no answered act is lost and none is half done', async () => {
  const { said, complained, killed } = await runUntil(0);
  expect(killed).toBe(false);
  expect(said.match(/^\d+ .*\n/gm)?.length).toBe(acts);
  const statements = Number(/^(\d+) statements$/m.exec(complained)?.[1]);
  expect(statements).toBeGreaterThan(40);
  let next = 1;
  let kills = 0;
  const run = async () => {
    while (next <= statements) {
      if ((await runUntil(next++)).killed) kills += 1;
    }
  };
  await Promise.all(Array.from({ length: processesAtOnce }, run));
  // Batches form by chance, so the last numbers are not always reached.
  expect(kills).toBeGreaterThan(statements - 15);
});

it('a folder that another process holds is refused, until that one is killed', async () => {
  const directory = join(parent, 'held');
  const holder = spawn(process.execPath, [program('holding-child'), directory]);
  await once(holder.stdout, 'data');
  const opened = openSqliteStore({ directory, clock: systemClock });
  await expect(opened).rejects.toMatchObject({
    code: 'store_in_use',
    message: expect.stringContaining(`process ${holder.pid} `),
  });
  holder.kill('SIGKILL');
  await once(holder, 'exit');
  await (await openSqliteStore({ directory, clock: systemClock })).upkeep.close();
});
