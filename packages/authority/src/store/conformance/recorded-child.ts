/**
 * `node recorded-child.ts FOLDER ACTS`: runs half of the acts, closes the store, opens it again,
 * runs the others, and ends without closing.
 */
import { systemClock } from '@mintmark/core/system';
import { openSqliteStore } from '../sqlite/sqlite-store.ts';
import { runCrashActs } from './crash-acts.ts';

const [directory, count] = process.argv.slice(2);
const half = Number(count) / 2;
for (const first of [0, half]) {
  const store = await openSqliteStore({ directory: directory!, clock: systemClock });
  await runCrashActs(store, { first, count: half });
  if (first === 0) await store.upkeep.close();
}
process.kill(process.pid, 'SIGKILL');
