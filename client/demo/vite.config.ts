// Builds the demo into demo/dist, which the server embeds and serves at /demo.
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

const src = (path: string): string => new URL(`../src/${path}`, import.meta.url).pathname;

export default defineConfig({
  base: '/demo/',
  root: new URL('.', import.meta.url).pathname,
  plugins: [react()],
  resolve: {
    alias: [
      { find: /^@tierlift\/client$/, replacement: src('index.ts') },
      { find: /^@tierlift\/client\/react$/, replacement: src('react/index.ts') },
    ],
  },
  build: { outDir: 'dist', emptyOutDir: true, sourcemap: false },
  server: {
    proxy: {
      '/session': 'http://127.0.0.1:8787',
      '/ws': { target: 'ws://127.0.0.1:8787', ws: true },
      '^/demo/(login|simulate|premium)$': 'http://127.0.0.1:8787',
    },
  },
});
