// @vitest-environment node
// SPEC.md names a test for each invariant, and each of those tests exists.

import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const root = join(import.meta.dirname, '..');
const plain = (text: string): string => text.replace(/[’']/g, "'").replace(/\s+/g, ' ');

function sources(): string {
  const files = ['test', 'browser'].flatMap((folder) =>
    readdirSync(join(root, folder))
      .filter((name) => /\.tsx?$/.test(name))
      .map((name) => join(root, folder, name)),
  );
  return plain(files.map((file) => readFileSync(file, 'utf8')).join('\n'));
}

it('names tests that exist', () => {
  const [, invariants = ''] = readFileSync(join(root, 'SPEC.md'), 'utf8').split('## Invariants');
  const list = invariants.split('## ')[0] ?? '';
  const numbered = list.match(/^\d+\. /gm) ?? [];
  const names = [...list.matchAll(/“([^”]+)”/g)].map(([, name = '']) => plain(name));
  const files = [...list.matchAll(/`([\w-]+\.test\.tsx?)`/g)].map(([, name = '']) => name);
  expect(files.length).toBeGreaterThanOrEqual(numbered.length);
  const all = sources();
  expect(names.filter((name) => !all.includes(name.replace('…', '')))).toEqual([]);
  const present = ['test', 'browser'].flatMap((folder) => readdirSync(join(root, folder)));
  expect(files.filter((name) => !present.includes(name))).toEqual([]);
});
