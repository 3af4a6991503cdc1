// Compiles src into dist: as ES modules, and in dist/cjs as CommonJS for Jest and for hosts that still
// use `require`. It empties dist first, so that a module that was deleted from src is no longer shipped.
import { execFileSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
/** @param {string} project */
const compile = (project) =>
  execFileSync(process.execPath, [tsc, '-p', project], { stdio: 'inherit' });

rmSync('dist', { recursive: true, force: true });
compile('tsconfig.build.json');
compile('tsconfig.cjs.json');
// The package is of type `module`; this folder is not.
writeFileSync('dist/cjs/package.json', `${JSON.stringify({ type: 'commonjs' })}\n`);
