/** What a revocation ends, on the stores that need no server. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock, systemTimers } from '@mintmark/core/system';
import { afterAll, beforeAll, describe } from 'vitest';
import { describeRevocation } from './revocation/conformance.ts';
import { openMemoryStore } from './store/memory/memory-store.ts';
import { openSqliteStore } from './store/sqlite/sqlite-store.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mintmark-revocation-'));
});
afterAll(() => rm(folder, { recursive: true }));

let stores = 0;

describe('on the memory store', () => describeRevocation(async () => openMemoryStore()));
describe('on SQLite', () =>
  describeRevocation(() => {
    const directory = join(folder, `store${++stores}`);
    return openSqliteStore({ directory, clock: systemClock, timers: systemTimers });
  }));
