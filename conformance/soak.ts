/**
 * `npm run soak -- --minutes 60`: mixed load on a gateway for so long; fails where an answer was
 * lost, doubled or swapped, or its memory grew by 5 % or more after the first fifth of the time.
 */
import { parseArgs } from 'node:util';
import { soak } from './soak/soak.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '60' },
    loops: { type: 'string', default: '4' },
    pause: { type: 'string', default: '50' },
  },
});
const seconds = Number(values.minutes) * 60;
if (!(seconds > 0)) throw new Error('--minutes is not a time');
const began = performance.now();
const report = await soak({
  seconds,
  loops: Number(values.loops),
  pauseMs: Number(values.pause),
  log: (line) => console.log(`${((performance.now() - began) / 60_000).toFixed(1)} min: ${line}`),
});
console.log(JSON.stringify(report, null, 2));
const grew = report.growth >= 0.05;
if (grew) console.log('the memory of the gateway grew');
process.exitCode = report.problems.length > 0 || grew ? 1 : 0;
