// Measurements: a real Chromium, a real server, and a table at the end.
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['bench/**/*.bench.ts'],
    retry: 0,
    testTimeout: 300_000,
    hookTimeout: 60_000,
    // The table is the result: nothing may prefix or hide it.
    disableConsoleIntercept: true,
  },
});
