// The tests in browsers of Debian's packages: FIREFOX_BIN and CHROMIUM_BIN are their programs, which `make
// test-firefox` and `make test-chromium` provide.
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['browser/firefox/**/*.firefox.ts', 'browser/chromium/**/*.chromium.ts'],
    fileParallelism: false,
    retry: 0,
    testTimeout: 120_000,
    hookTimeout: 60_000,
  },
});
