/** `node crash-child.ts FOLDER ACTS STATEMENT`: runs acts until its writer kills it, see there. */
import { writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { systemClock } from '@mintmark/core/system';
import { openSqliteStore } from '../sqlite/sqlite-store.ts';
import { runCrashActs } from './crash-acts.ts';

const [directory, acts, before] = process.argv.slice(2);
const writer = new URL('./crash-writer.ts', import.meta.url);
// A thread is told nothing but its file: so there is one for each number.
const file = `${directory}-writer-${before}.mjs`;
writeFileSync(file, `import { serveDying } from '${writer}';\nserveDying(${before});\n`);
const store = await openSqliteStore({
  directory: directory!,
  clock: systemClock,
  writerFile: pathToFileURL(file),
});
await runCrashActs(store, { first: 0, count: Number(acts) });
await store.upkeep.close();
