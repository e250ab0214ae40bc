import { describe, expect, it } from 'vitest';
import { addTallies, tallyOf } from './tally.ts';

function report(files: readonly (readonly [string, readonly string[]])[]): string {
  return JSON.stringify({
    testResults: files.map(([status, tests]) => ({
      status,
      assertionResults: tests.map((one) => ({ status: one })),
    })),
  });
}

describe('tally', () => {
  it('counts passed, failed, skipped and planned tests', () => {
    const text = report([['failed', ['passed', 'failed', 'skipped', 'todo']]]);
    expect(tallyOf(text, 1)).toEqual({ passed: 1, failed: 1, skipped: 2 });
  });

  it('counts a file that did not load as a failure', () => {
    expect(tallyOf(report([['failed', []]]), 1)).toEqual({ passed: 0, failed: 1, skipped: 0 });
    const halfway = report([['failed', ['skipped', 'passed']]]);
    expect(tallyOf(halfway, 1)).toEqual({ passed: 1, failed: 1, skipped: 1 });
  });

  it('counts an error outside of every test', () => {
    const text = report([['passed', ['passed']]]);
    expect(tallyOf(text, 1)).toEqual({ passed: 1, failed: 1, skipped: 0 });
    expect(tallyOf(text, 0)).toEqual({ passed: 1, failed: 0, skipped: 0 });
  });

  it('counts a run without a report as a failure', () => {
    expect(tallyOf(undefined, 0)).toEqual({ passed: 0, failed: 1, skipped: 0 });
  });

  it('adds up', () => {
    const one = { passed: 1, failed: 2, skipped: 3 };
    expect(addTallies([one, one])).toEqual({ passed: 2, failed: 4, skipped: 6 });
  });
});
