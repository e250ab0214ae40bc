/** How many tests passed, failed and were skipped, out of the JSON report of a vitest run. */
export interface Tally {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

interface Report {
  readonly testResults: readonly {
    readonly status: string;
    readonly assertionResults: readonly { readonly status: string }[];
  }[];
}

/**
 * @param report the JSON text, undefined where the run wrote none
 * @param status exit code of the run
 */
export function tallyOf(report: string | undefined, status: number | null): Tally {
  if (report === undefined) return { passed: 0, failed: 1, skipped: 0 };
  const files = (JSON.parse(report) as Report).testResults;
  const tests = files.flatMap((file) => file.assertionResults);
  const count = (wanted: readonly string[]): number =>
    tests.filter((test) => wanted.includes(test.status)).length;
  // A file that does not load, or fails in its own set-up, reports no failed test.
  const broken = files.filter(
    (file) =>
      file.status === 'failed' && file.assertionResults.every((test) => test.status !== 'failed'),
  ).length;
  const passed = count(['passed']);
  const failed = count(['failed']) + broken;
  const skipped = tests.length - passed - count(['failed']);
  // An error outside of every test (an unhandled rejection) shows in the exit code alone.
  return { passed, failed: failed === 0 && status !== 0 ? 1 : failed, skipped };
}

export function addTallies(tallies: readonly Tally[]): Tally {
  return tallies.reduce(
    (sum, one) => ({
      passed: sum.passed + one.passed,
      failed: sum.failed + one.failed,
      skipped: sum.skipped + one.skipped,
    }),
    { passed: 0, failed: 0, skipped: 0 },
  );
}
