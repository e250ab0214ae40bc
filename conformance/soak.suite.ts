/** The soak, for as long as `npm test` can wait: `npm run soak` is the same for an hour. */
import { expect, it } from 'vitest';
import { soak } from './soak/soak.ts';
import { kinds } from './soak/tally.ts';

it('no answer is lost, doubled or swapped under mixed load', async () => {
  const report = await soak({ seconds: 20, loops: 2, pauseMs: 50, log: () => {} });
  expect(report.problems).toEqual([]);
  for (const kind of kinds) expect([kind, report.counts[kind]! > 5]).toEqual([kind, true]);
  expect(report.counts['limited 429']).toBeGreaterThan(0);
  expect(report.counts['limited 200']).toBeGreaterThan(0);
  expect(report.refusedMs).toBeLessThan(3_000);
  expect(report.cutMs).toBeLessThan(6_000);
  // Whether it grows shows in an hour alone; that it explodes would show here.
  expect(report.growth).toBeLessThan(1);
}, 120_000);
