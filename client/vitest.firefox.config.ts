// The tests in a real Firefox: FIREFOX_BIN is its program, which `make test-firefox` provides.
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['browser/firefox/**/*.firefox.ts'],
    fileParallelism: false,
    retry: 0,
    testTimeout: 120_000,
    hookTimeout: 60_000,
  },
});
