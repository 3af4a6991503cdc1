// The tarball that npm gets: its contents, and whether it can be imported, required and type-checked.

import { readFileSync } from 'node:fs';
import { dirname, join, posix, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Folder, install, pack, run } from './package';
import type { Packed } from './package';

const folder = new Folder();
let packed: Packed;
const project = folder.at('project');
const installed = join(project, 'node_modules/@tierlift/client');
const TSC = resolve(import.meta.dirname, '../node_modules/typescript/bin/tsc');

/** Uses each entry, with its types. */
const USE = `
import { createTierClient, type TierClient } from '@tierlift/client';
import { TierProvider, useTier } from '@tierlift/client/react';
import { sonnerToasts } from '@tierlift/client/react/sonner';
import { tierStore } from '@tierlift/client/svelte';
import { useTier as useTierOfVue } from '@tierlift/client/vue';
export const client: TierClient = createTierClient({ getToken: () => null });
export const parts = [TierProvider, useTier, sonnerToasts.success, tierStore(client)];
export const role = (): string | null => useTierOfVue().value.role;
// @ts-expect-error: a client needs to know where tokens come from.
createTierClient({});
`;

const PRINT = `console.log(
  typeof core.createTierClient, typeof react.useTier, typeof sonner.sonnerToasts.info,
  typeof vue.useTier, typeof svelte.tierStore);`;
const PRINTED = 'function function function function function';

beforeAll(() => {
  packed = pack(folder);
  folder.write('project/package.json', '{ "private": true }');
  const types = ['@types/react', '@types/react-dom', 'csstype'];
  const vue = ['vue', '@vue/reactivity', '@vue/runtime-core', '@vue/shared'];
  install(packed, project, ['react', 'react-dom', 'scheduler', 'sonner', ...vue, ...types]);
});
afterAll(() => folder.remove());

describe('the tarball of a fresh clone', () => {
  it('contains what is built, its sources, the licenses and the examples', () => {
    const expected = ['dist/index.js', 'dist/index.d.ts', 'dist/cjs/index.js', 'src/index.ts'];
    const texts = ['LICENSE-MIT', 'LICENSE-APACHE', 'README.md', 'SPEC.md'];
    const examples = ['examples/nextjs/app/page.tsx', 'examples/plain/index.html'];
    expect(packed.files).toEqual(expect.arrayContaining([...expected, ...texts, ...examples]));
  });

  it('contains nothing else', () => {
    const kinds = /^(dist|src|react|vue|svelte|examples)\/|^(LICENSE-|README|SPEC|package\.json)/;
    expect(packed.files.filter((path) => !kinds.test(path))).toEqual([]);
    expect(packed.files.filter((path) => /node_modules|\.next|\.env$|test/.test(path))).toEqual([]);
  });

  it('has the licenses of the repository', () => {
    for (const name of ['LICENSE-MIT', 'LICENSE-APACHE']) {
      const own = readFileSync(resolve(import.meta.dirname, '../..', name), 'utf8');
      expect(readFileSync(join(installed, name), 'utf8')).toBe(own);
    }
  });

  it.each(['README.md', 'SPEC.md'])('has every file that %s links to', (name) => {
    const text = readFileSync(join(installed, name), 'utf8');
    const links = [...text.matchAll(/\]\(([^)#]+)/g)].map(([, link = '']) => link);
    const local = links
      .filter((link) => !link.startsWith('https:'))
      .map((link) => posix.normalize(link));
    const exists = (link: string) =>
      packed.files.some((path) => path === link || path.startsWith(`${link}/`));
    expect(local.filter((link) => !exists(link))).toEqual([]);
  });

  it('has every file that package.json names', () => {
    const entries = ['react', 'react/sonner', 'vue', 'svelte'];
    const manifests = ['package.json', ...entries.map((entry) => `${entry}/package.json`)];
    const named = manifests.flatMap((name) => {
      const text = readFileSync(join(installed, name), 'utf8');
      const paths = [...text.matchAll(/"(\.[^"]+)"/g)].map(([, path = '']) => path);
      return paths.filter((path) => path.includes('/')).map((path) => join(dirname(name), path));
    });
    // The keys of `exports` are no files.
    const files = named.filter((path) => !entries.includes(path));
    expect(files.filter((path) => !packed.files.includes(path))).toEqual([]);
  });
});

describe('every resolution', () => {
  const BIN = resolve(import.meta.dirname, '../node_modules/.bin');

  it('finds a file for each entry, by the rules of publint', () => {
    expect(run(project, join(BIN, 'publint'), 'run', packed.tarball, '--strict')).toContain(
      'All good',
    );
  });

  it('finds the types that belong to it, by the rules of Are the Types Wrong', () => {
    expect(run(project, join(BIN, 'attw'), packed.tarball)).toContain('No problems found');
  });
});

describe('a publisher', () => {
  const SCRIPT = resolve(import.meta.dirname, '../scripts/publish.js');
  const publish = (manifest: object, directory = 'client') => {
    folder.write('publisher/package.json', JSON.stringify(manifest));
    return run(folder.at('publisher'), 'node', SCRIPT, directory);
  };

  it('has to say where the source is, or every link on npm is dead', () => {
    expect(() => publish({})).toThrow('names no repository');
    const manifest = { repository: { url: 'https://example.com/x', directory: 'client' } };
    expect(publish(manifest)).toBe('');
    // Another package has a folder of its own.
    expect(() => publish(manifest, 'packages/node')).toThrow('directory=packages/node');
  });
});

describe('a host', () => {
  const entries = Object.entries({
    core: '@tierlift/client',
    react: '@tierlift/client/react',
    sonner: '@tierlift/client/react/sonner',
    vue: '@tierlift/client/vue',
    svelte: '@tierlift/client/svelte',
  });

  it('imports it', () => {
    const imports = entries.map(([name, entry]) => `import * as ${name} from '${entry}';`);
    folder.write('project/use.mjs', `${imports.join('\n')}\n${PRINT}`);
    expect(run(project, 'node', 'use.mjs').trim()).toBe(PRINTED);
  });

  it('requires it, as Jest does', () => {
    const requires = entries.map(([name, entry]) => `const ${name} = require('${entry}');`);
    folder.write('project/use.cjs', `${requires.join('\n')}\n${PRINT}`);
    expect(run(project, 'node', '--no-experimental-require-module', 'use.cjs').trim()).toBe(
      PRINTED,
    );
  });

  it.each([
    ['node16, as a module', 'use.mts', { module: 'node16', moduleResolution: 'node16' }],
    ['node16, as CommonJS', 'use.cts', { module: 'node16', moduleResolution: 'node16' }],
    ['a bundler', 'use.mts', { module: 'esnext', moduleResolution: 'bundler' }],
    ['node10', 'use.cts', { module: 'commonjs', moduleResolution: 'node10' }],
  ])('finds its types by the rules of %s', (_, file, resolution) => {
    folder.write(`project/${file}`, USE);
    const strict = { strict: true, exactOptionalPropertyTypes: true, skipLibCheck: false };
    const target = { target: 'es2022', jsx: 'react-jsx', noEmit: true, types: [] };
    const compilerOptions = { ...strict, ...target, ...resolution, ignoreDeprecations: '6.0' };
    folder.write('project/tsconfig.json', JSON.stringify({ compilerOptions, files: [file] }));
    expect(run(project, 'node', TSC, '-p', '.')).toBe('');
  });

  it('without sonner imports the React part', () => {
    expect(readFileSync(join(installed, 'dist/react/index.js'), 'utf8')).not.toContain('sonner');
    const mentions = packed.files.filter(
      (path) =>
        /^dist\/.*\.js$/.test(path) &&
        /(from|import|require)[ (]*['"]sonner/.test(readFileSync(join(installed, path), 'utf8')),
    );
    expect(mentions).toEqual(['dist/cjs/react/sonner.js', 'dist/react/sonner.js']);
  });
});
