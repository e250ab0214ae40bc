import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock, systemTimers } from '@mintmark/core/system';
import { describeStore } from '../conformance.ts';
import { openSqliteStore } from './sqlite-store.ts';

describeStore(
  'sqlite',
  async () => {
    const directory = join(mkdtempSync(join(tmpdir(), 'mintmark-store-')), 'store');
    return [await openSqliteStore({ directory, clock: systemClock, timers: systemTimers })];
  },
  { randomActs: 2_000, seed: 20_260_731 },
);
