import { defineConfig } from 'vitest/config';

/** Suites use real parts: processes, sockets, PostgreSQL, foreign clients. One file at a time. */
export default defineConfig({
  test: {
    include: ['packages/*/src/**/*.suite.ts', 'conformance/**/*.suite.ts', 'tools/**/*.suite.ts'],
    globalSetup: ['tools/postgres-suites.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    fileParallelism: false,
    passWithNoTests: true,
  },
});
