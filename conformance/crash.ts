/**
 * `npm run crash -- --cycles 1000 --seed S`: kills the authority under load again and again and
 * checks that nothing acknowledged was lost. Exit code 1 where something was; then the data folder
 * stays for a look.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { runCrashCycles } from './crash/cycles.ts';

const { values } = parseArgs({
  options: { cycles: { type: 'string', default: '1000' }, seed: { type: 'string' } },
});
const cycles = Number(values.cycles);
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 32));
if (!Number.isInteger(cycles) || cycles < 1 || !Number.isInteger(seed)) {
  console.error('crash: --cycles and --seed are whole numbers');
  process.exit(2);
}

const home = mkdtempSync(join(tmpdir(), 'mintmark-crash-'));
console.log(`crash: ${cycles} cycles, seed ${seed}`);
const begun = performance.now();
const report = await runCrashCycles({
  home,
  cycles,
  seed,
  progress: (cycle, ledger) => {
    if (cycle % 20 === 0) console.log(`crash: cycle ${cycle}, ${ledger.things.size} things`);
  },
});
const seconds = Math.round((performance.now() - begun) / 1000);
console.log(
  `crash: ${report.acknowledged} acts acknowledged, ${report.cutOff} cut off, ${seconds} s`,
);
for (const finding of report.findings) console.log(`crash: ${finding}`);
if (report.findings.length === 0) rmSync(home, { recursive: true, force: true });
else console.log(`crash: the data is in ${home}`);
process.exitCode = report.findings.length === 0 ? 0 : 1;
