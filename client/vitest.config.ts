// Unit tests: no network, no browser, and fake clocks only. The React part is tested with both versions of
// React, and Svelte's with components that its compiler has compiled.
import { compile } from 'svelte/compiler';
import type { Plugin } from 'vite';
import { defineConfig } from 'vitest/config';

const at = (path: string) => new URL(path, import.meta.url).pathname;

const alias = [
  { find: /^@tierlift\/client$/, replacement: at('src/index.ts') },
  { find: /^@tierlift\/client\/react$/, replacement: at('src/react/index.ts') },
  { find: /^@tierlift\/client\/react\/sonner$/, replacement: at('src/react/sonner.ts') },
];

const REACT_18 = at('test/react-18/node_modules');

const svelte: Plugin = {
  name: 'svelte',
  transform(code, id) {
    return id.endsWith('.svelte') ? compile(code, { filename: id, generate: 'client' }).js : null;
  },
};

/** Clocks are fake, so how long a test takes says how busy the machine is, and nothing of the client. */
const testTimeout = 120_000;

export default defineConfig({
  test: {
    retry: 0,
    maxWorkers: 2,
    projects: [
      {
        resolve: { alias },
        test: {
          name: 'client',
          include: ['test/*.test.{ts,tsx}'],
          testTimeout,
          provide: { react: '19' },
        },
      },
      {
        resolve: {
          alias: [
            ...alias,
            { find: /^(react|react-dom)(\/.*)?$/, replacement: `${REACT_18}/$1$2` },
          ],
        },
        test: {
          name: 'react-18',
          include: ['test/react*.test.{ts,tsx}', 'test/*.test.tsx'],
          testTimeout,
          provide: { react: '18' },
          // It imports React, too.
          server: { deps: { inline: ['sonner'] } },
        },
      },
      {
        plugins: [svelte],
        resolve: { alias, conditions: ['browser'] },
        test: {
          name: 'svelte',
          include: ['test/svelte/*.test.ts'],
          testTimeout,
          server: { deps: { inline: [/svelte/] } },
        },
      },
    ],
  },
});
