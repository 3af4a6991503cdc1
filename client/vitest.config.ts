// Unit tests: no network, no browser, and fake clocks only.
import { defineConfig } from 'vitest/config';

export default defineConfig({
  resolve: {
    alias: [
      {
        find: /^@tierlift\/client$/,
        replacement: new URL('src/index.ts', import.meta.url).pathname,
      },
      {
        find: /^@tierlift\/client\/react$/,
        replacement: new URL('src/react/index.ts', import.meta.url).pathname,
      },
      {
        find: /^@tierlift\/client\/react\/sonner$/,
        replacement: new URL('src/react/sonner.ts', import.meta.url).pathname,
      },
    ],
  },
  test: { include: ['test/**/*.test.{ts,tsx}'], retry: 0, maxWorkers: 2 },
});
