import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { nightlyRuns, outcomeOf } from './nightly.ts';

const text = (path: string) => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');
const runs = nightlyRuns(20_000);

it('runs scripts that there are, the million decisions among them', () => {
  const { scripts } = JSON.parse(text('package.json')) as { scripts: Record<string, string> };
  expect(runs.filter(({ script }) => scripts[script] === undefined)).toEqual([]);
  expect(runs.find(({ script }) => script === 'policy:differential')?.args).toEqual([
    ...['--decisions', '1000000', '--seed', '20000'],
  ]);
});

it('has every run in docs/testing.md, each with its bound', () => {
  const rows = [...text('docs/testing.md').matchAll(/^\| `(\w+)` \|.*\| (\d+) \|$/gm)];
  const documented = rows.map(([, name, minutes]) => [name, Number(minutes)]);
  expect(documented).toEqual(runs.map(({ name, minutesMax }) => [name, minutesMax]));
});

it('tells a run that was stopped from one that failed', () => {
  expect([0, 1, 124, 137, null].map(outcomeOf)).toEqual([
    ...['passed', 'failed', 'stopped', 'stopped', 'failed'],
  ]);
});
