import { defineConfig } from 'vitest/config';

/** Suites whose foreign parts are built from source, by toolchains newer than Debian's. */
export default defineConfig({
  test: {
    include: ['conformance/**/*.longer.ts'],
    testTimeout: 120_000,
    hookTimeout: 1_200_000,
    fileParallelism: false,
  },
});
