import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['packages/*/src/**/*.test.ts', 'tools/**/*.test.ts', 'fuzz/**/*.test.ts'],
    testTimeout: 20_000,
    // One process for many files: what a test needs is injected, so none can disturb another.
    isolate: false,
  },
});
