// @vitest-environment node
// The server of these tests refuses with the codes of the real one, each of which has a page.

import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const CODE = /'([a-z_]+\.[a-z_]+)'/g;

it('the fake server has no code of its own', () => {
  const pages = readdirSync(join(import.meta.dirname, '../../docs/codes'));
  const source = readFileSync(join(import.meta.dirname, 'fake-server.ts'), 'utf8');
  const codes = [...source.matchAll(CODE)].map(([, code = '']) => code);
  expect(codes).toContain('token.stale');
  expect(codes.filter((code) => !pages.includes(`${code}.md`))).toEqual([]);
});
