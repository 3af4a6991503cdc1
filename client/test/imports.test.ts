// @vitest-environment node
// The imports of src form no circle, those of types included.

import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { expect, it } from 'vitest';

const root = join(import.meta.dirname, '../src');
const IMPORT = /(?:from|import)\s*\(?'(\.[^']+)'/g;

function modules(): string[] {
  const names = readdirSync(root, { recursive: true, encoding: 'utf8' });
  return names.filter((name) => /\.tsx?$/.test(name));
}

function importsOf(name: string, all: string[]): string[] {
  const text = readFileSync(join(root, name), 'utf8');
  return [...text.matchAll(IMPORT)].map(([, path = '']) => {
    const target = relative(root, join(root, dirname(name), path)).replace(/\.js$/, '');
    const found = all.find((module) => module.replace(/\.tsx?$/, '') === target);
    if (!found) throw new Error(`${name} imports ${path}, which does not exist`);
    return found;
  });
}

/** Removes modules that import nothing that is left, until none can be removed: a circle remains. */
function circular(graph: Map<string, string[]>): string[] {
  const left = new Map(graph);
  for (;;) {
    const leaf = [...left].find(([, imports]) => !imports.some((name) => left.has(name)));
    if (!leaf) return [...left.keys()];
    left.delete(leaf[0]);
  }
}

it('finds a circle', () => {
  const graph = new Map([
    ['a', ['b']],
    ['b', ['c']],
    ['c', ['b']],
    ['d', []],
  ]);
  expect(circular(graph)).toEqual(['a', 'b', 'c']);
});

it('finds none in src', () => {
  const all = modules();
  expect(all.length).toBeGreaterThan(10);
  expect(circular(new Map(all.map((name) => [name, importsOf(name, all)])))).toEqual([]);
});
