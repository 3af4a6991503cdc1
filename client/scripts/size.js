// Fails when a part of the package exceeds its budget, minified and compressed as a visitor downloads it.
// React, sonner and the core do not count towards the React part, because the page has them already.
import { basename } from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const BYTES_PER_KB = 1024;
/** What the core loads later, by `import()`. */
const LOADED = ['./socket.js', './on-demand.js'];
const parts = [
  // What every page loads. SPEC.md says where it goes.
  { name: 'core', entry: 'dist/index.js', gzipKbMax: 8, brotliKbMax: 7.3 },
  // What is loaded where somebody is signed in, without what it shares with the core.
  { name: 'socket', entry: 'dist/index.js', loaded: true, gzipKbMax: 2.1, brotliKbMax: 1.9 },
  // The watch, the renewal of tokens and the sentences, without what they share with the core.
  { name: 'on-demand', entry: 'dist/index.js', loaded: true, gzipKbMax: 2.9, brotliKbMax: 2.65 },
  // Selectors, guards by role, and a status that keeps the focus and can be dismissed.
  { name: 'react', entry: 'dist/react/index.js', gzipKbMax: 2.5, brotliKbMax: 2.25 },
];

/** @param {{ name: string, entry: string, loaded?: boolean }} part */
async function codeOf({ name, entry, loaded = false }) {
  const external = ['react', 'react/jsx-runtime', 'sonner', '../index.js', '../client.js'];
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    outdir: 'size',
    splitting: loaded,
    external: loaded ? external : [...external, ...LOADED],
    write: false,
  });
  const named = outputFiles.find(({ path }) => basename(path).startsWith(`${name}-`));
  return (loaded ? named : outputFiles[0])?.contents ?? new Uint8Array();
}

for (const part of parts) {
  const { name, gzipKbMax, brotliKbMax } = part;
  const code = await codeOf(part);
  const gzip = gzipSync(code, { level: 9 }).length / BYTES_PER_KB;
  const brotli = brotliCompressSync(code).length / BYTES_PER_KB;
  const ok = code.length > 0 && gzip <= gzipKbMax && brotli <= brotliKbMax;
  const figures = `gzip ${gzip.toFixed(2)} KB of ${gzipKbMax}, brotli ${brotli.toFixed(2)} KB of ${brotliKbMax}`;
  console.log(`${name.padEnd(10)} ${figures}  ${ok ? 'ok' : 'TOO BIG'}`);
  if (!ok) process.exitCode = 1;
}
