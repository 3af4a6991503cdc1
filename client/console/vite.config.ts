// Builds the console into console/dist, which the program embeds and serves at /console on the operators' listener.
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

export default defineConfig({
  base: '/console/',
  root: new URL('.', import.meta.url).pathname,
  plugins: [react()],
  // A file of its own, since the page may load no `data:` font or script.
  build: { outDir: 'dist', emptyOutDir: true, sourcemap: false, assetsInlineLimit: 0 },
  server: { proxy: { '/operations': 'http://127.0.0.1:8788', '/codes': 'http://127.0.0.1:8788' } },
});
