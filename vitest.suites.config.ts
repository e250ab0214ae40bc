import { defineConfig } from 'vitest/config';

/** A trial of a race takes up to a second; a test that is cut off would disturb the next. */
const timeoutMs = Math.max(120_000, 1000 * Number(process.env['MINTMARK_RACE_TRIALS'] ?? 0));

/** Suites use real parts: processes, sockets, PostgreSQL, foreign clients. One file at a time. */
export default defineConfig({
  test: {
    include: ['packages/*/src/**/*.suite.ts', 'conformance/**/*.suite.ts', 'tools/**/*.suite.ts'],
    globalSetup: ['tools/postgres-suites.ts'],
    testTimeout: timeoutMs,
    hookTimeout: 120_000,
    fileParallelism: false,
    passWithNoTests: true,
  },
});
