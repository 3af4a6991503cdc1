// The package as others get it: packed, installed, imported, and its examples run. npm is asked for what
// the examples need.
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['consumer/**/*.test.ts'],
    fileParallelism: false,
    retry: 0,
    testTimeout: 120_000,
    hookTimeout: 300_000,
  },
});
