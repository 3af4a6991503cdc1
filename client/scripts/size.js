// Fails when a part of the package exceeds its budget, minified and compressed as a visitor downloads it.
// React, sonner and the core do not count towards the React part, because the page has them already.
import { basename } from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const BYTES_PER_KB = 1024;
/** What is loaded only when it is needed. */
const ON_DEMAND = './on-demand.js';
const parts = [
  // What every page loads. SPEC.md says where it goes.
  { name: 'core', entry: 'dist/index.js', gzipKbMax: 9.05, brotliKbMax: 8.3 },
  // The watch, the renewal of tokens and the sentences, without what they share with the core.
  { name: 'on demand', entry: 'dist/index.js', lazy: true, gzipKbMax: 2.8, brotliKbMax: 2.55 },
  // Selectors, guards by role, and a status that keeps the focus and can be dismissed.
  { name: 'react', entry: 'dist/react/index.js', gzipKbMax: 2.5, brotliKbMax: 2.25 },
];

/**
 * @param {string} entry
 * @param {boolean} lazy
 */
async function codeOf(entry, lazy) {
  const external = ['react', 'react/jsx-runtime', 'sonner', '../index.js', '../client.js'];
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    outdir: 'size',
    splitting: lazy,
    external: lazy ? external : [...external, ON_DEMAND],
    write: false,
  });
  const named = outputFiles.find(({ path }) => basename(path).startsWith('on-demand'));
  return (lazy ? named : outputFiles[0])?.contents ?? new Uint8Array();
}

for (const { name, entry, lazy = false, gzipKbMax, brotliKbMax } of parts) {
  const code = await codeOf(entry, lazy);
  const gzip = gzipSync(code, { level: 9 }).length / BYTES_PER_KB;
  const brotli = brotliCompressSync(code).length / BYTES_PER_KB;
  const ok = code.length > 0 && gzip <= gzipKbMax && brotli <= brotliKbMax;
  const figures = `gzip ${gzip.toFixed(2)} KB of ${gzipKbMax}, brotli ${brotli.toFixed(2)} KB of ${brotliKbMax}`;
  console.log(`${name.padEnd(10)} ${figures}  ${ok ? 'ok' : 'TOO BIG'}`);
  if (!ok) process.exitCode = 1;
}
