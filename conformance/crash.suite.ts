/** The short form of `npm run crash`: twenty times `kill -9` under load. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { runCrashCycles } from './crash/cycles.ts';

const home = mkdtempSync(join(tmpdir(), 'mintmark-crash-'));
const seed = Math.floor(Math.random() * 2 ** 32);

afterAll(() => rmSync(home, { recursive: true, force: true }));

it(`loses nothing that was acknowledged to kill -9 (seed ${seed})`, async () => {
  const report = await runCrashCycles({ home, cycles: 20, seed });
  expect(report.findings).toEqual([]);
  // A run in which nothing happened, or nothing was cut off, would prove nothing.
  expect(report.acknowledged).toBeGreaterThan(100);
  expect(report.cutOff).toBeGreaterThan(10);
}, 300_000);
