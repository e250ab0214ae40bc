/**
 * `kill -9` spares what the kernel still holds in memory; a power loss does not. So the writes and
 * syncs of a store are recorded, and for many moments the folder is built that only synced writes
 * would leave, and others that some unsynced ones have reached as well.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { systemClock } from '@mintmark/core/system';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectWhole } from './conformance/crash-acts.ts';
import { type Dice, seededDice } from './conformance/random-act.ts';
import { compileRecorder, recordActs } from './conformance/recorder.ts';
import { RecordedDisk } from './conformance/replay.ts';
import { openSqliteStore } from './sqlite/sqlite-store.ts';

const acts = 400;
const moments = 60;

let parent = '';
let library = '';

beforeAll(() => {
  parent = mkdtempSync(join(tmpdir(), 'mintmark-power-'));
  library = compileRecorder(parent);
});

afterAll(() => rmSync(parent, { recursive: true, force: true }));

async function expectSound(directory: string, said: string, count: number): Promise<void> {
  const store = await openSqliteStore({ directory, clock: systemClock });
  await expectWhole(store, said, count);
  await store.upkeep.check();
  await store.upkeep.close();
  const db = new DatabaseSync(join(directory, 'mintmark.db'));
  expect(db.prepare('PRAGMA integrity_check').get()).toEqual({ integrity_check: 'ok' });
  db.close();
}

describe('a power loss', () => {
  const seed = systemClock.nowMs() % 2 ** 31;
  it(`at any of ${moments} moments loses nothing that was acknowledged (seed ${seed})`, {
    timeout: 300_000,
  }, async () => {
    const directory = join(parent, 'recorded');
    const { operations } = recordActs({ library, directory, acts });
    const dice = seededDice(seed);
    const cuts = new Set(Array.from({ length: moments }, () => dice.below(operations.length)));
    // Right behind an answer there is most to lose.
    for (const [i, { path }] of operations.entries()) {
      if (path === '' && dice.below(acts / 20) === 0) cuts.add(i);
    }
    const disk = new RecordedDisk(directory);
    for (const [i, operation] of operations.entries()) {
      disk.apply(operation);
      if (cuts.has(i)) for (const luck of [undefined, dice]) await lose(disk, luck, i);
    }
    expect(disk.said.match(/^\d+ .*\n/gm)?.length).toBe(acts);
    await lose(disk, undefined, operations.length);
  });

  async function lose(disk: RecordedDisk, luck: Dice | undefined, moment: number): Promise<void> {
    const directory = join(parent, `lost-${moment}-${luck === undefined ? 'synced' : 'luck'}`);
    disk.crashInto(directory, luck);
    await expectSound(directory, disk.said, acts);
    rmSync(directory, { recursive: true });
  }
});

describe('a disk', () => {
  const enospc = 28;
  const eio = 5;
  /** Writes and syncs before the first act: there are more with every migration. */
  let opening = { writes: 0, syncs: 0 };

  beforeAll(() => {
    const { operations } = recordActs({ library, directory: join(parent, 'whole'), acts: 40 });
    const ready = operations.findIndex(({ path }) => path === '');
    const count = (kind: string) =>
      operations
        .slice(0, ready)
        .filter((one) => one.kind === kind && one.path.includes('mintmark.db')).length;
    opening = { writes: count('W'), syncs: count('S') };
  });

  it.each([1, 2, 30, 75, 140, 200])(
    'that is full from the %ith write on fails acts whole, and serves again when there is room',
    async (first) => {
      const directory = join(parent, `full-${first}`);
      const fail = { call: `write:${enospc}:${opening.writes + first}`, count: 3 };
      const { said, complained } = recordActs({ library, directory, acts: 40, fail });
      expect(said, complained).toMatch(/ store_full\n(?:.*\n)*.* done\n/);
      await expectSound(directory, said, 40);
    },
  );

  it('whose writes fail is told, and nothing is half done', async () => {
    const directory = join(parent, 'broken');
    const fail = { call: `write:${eio}:${opening.writes + 40}`, count: 2 };
    const { said, complained } = recordActs({ library, directory, acts: 40, fail });
    expect(said, complained).toMatch(/ store_io\n/);
    await expectSound(directory, said, 40);
  });

  it('whose fsync fails takes no more before a restart', async () => {
    let unknown = 0;
    for (const sync of [1, 3, 5, 7]) {
      const directory = join(parent, `unsynced-${sync}`);
      const fail = { call: `sync:${eio}:${opening.syncs + sync}`, count: 1 };
      const { said, complained } = recordActs({ library, directory, acts: 40, fail });
      // The process opens the store anew after half of the acts.
      const [before, after] = said.split(/^(?=2\d )/m, 2);
      const fault = /\d+ (?:store_io|store_outcome_unknown)\n/;
      expect(before, complained).toMatch(fault);
      expect(before!.slice(before!.search(fault))).not.toMatch(/ (?:done|no)\n/);
      expect(after).toMatch(/ done\n/);
      if (said.includes('store_outcome_unknown')) unknown += 1;
      await expectSound(directory, said, 40);
    }
    expect(unknown).toBeGreaterThan(0);
  });
});
