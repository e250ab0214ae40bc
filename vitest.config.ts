import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['packages/*/src/**/*.test.ts', 'tools/**/*.test.ts', 'fuzz/**/*.test.ts'],
    testTimeout: 20_000,
  },
});
