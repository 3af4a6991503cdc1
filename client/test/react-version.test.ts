// Each project of vitest.config.ts runs the tests of the React part with the React that it names.

import { version } from 'react';
import { version as versionOfDom } from 'react-dom';
import { expect, inject, it } from 'vitest';

declare module 'vitest' {
  interface ProvidedContext {
    react: string;
  }
}

it('is that of the project', () => {
  expect([version, versionOfDom].map((text) => text.split('.')[0])).toEqual([
    inject('react'),
    inject('react'),
  ]);
});
