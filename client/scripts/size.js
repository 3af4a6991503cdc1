// Fails when a part of the package exceeds its budget, minified and gzipped as a visitor downloads it.
// React, sonner and the core do not count towards the React part, because the page has them already.
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const BYTES_PER_KB = 1024;
const parts = [
  // Features, the subscription's status and times, and their order by account version cost 0.2 KB more
  // than 6 KB had room for. Refusals by the platform, one identity at a time, expired tokens and errors with
  // a reason cost the rest, the look at a checkout 0.3 KB, and tokens for several accounts 0.2 KB.
  { name: 'core', entry: 'dist/index.js', kbMax: 11 },
  // Selectors, guards by role, and a status that keeps the focus and can be dismissed cost 0.3 KB.
  { name: 'react', entry: 'dist/react/index.js', kbMax: 2.5 },
];

/** @param {string} entry */
async function bytesOf(entry) {
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    external: ['react', 'react/jsx-runtime', 'sonner', '../index.js', '../client.js'],
    write: false,
  });
  return gzipSync(outputFiles[0]?.contents ?? '', { level: 9 }).length;
}

for (const { name, entry, kbMax } of parts) {
  const kb = (await bytesOf(entry)) / BYTES_PER_KB;
  const verdict = kb <= kbMax ? 'ok' : 'TOO BIG';
  console.log(`${name.padEnd(6)} ${kb.toFixed(2)} KB of ${kbMax} KB  ${verdict}`);
  if (kb > kbMax) process.exitCode = 1;
}
