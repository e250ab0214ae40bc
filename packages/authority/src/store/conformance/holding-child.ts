/** `node holding-child.ts FOLDER`: opens a store, says so, and keeps it until it is killed. */
import { writeSync } from 'node:fs';
import { systemClock, systemTimers } from '@mintmark/core/system';
import { openSqliteStore } from '../sqlite/sqlite-store.ts';

await openSqliteStore({ directory: process.argv[2]!, clock: systemClock });
writeSync(1, 'open\n');
systemTimers.after(2 ** 30, () => undefined);
