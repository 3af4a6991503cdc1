// A host whose own tests run in Jest: CommonJS, jsdom, and the package as it is installed. What the test
// does is what the README says about a client of one's own.

import { afterAll, expect, it } from 'vitest';
import { Folder, pack, run } from './package';

const folder = new Folder();
afterAll(() => folder.remove());

const TEST = `
const { act, createElement } = require('react');
const { createRoot } = require('react-dom/client');
const { createTierClient } = require('@tierlift/client');
const { RequireRole, TierProvider } = require('@tierlift/client/react');
globalThis.IS_REACT_ACT_ENVIRONMENT = true;

test.each([['free', 'Buy'], ['pro', 'Report']])('as %s, the page shows %s', (role, text) => {
  const client = createTierClient({ getToken: () => null });
  const snapshot = { ...client.getSnapshot(), status: 'ready', user: { role }, roles: ['free', 'pro'] };
  const own = { ...client, getSnapshot: () => snapshot, start: () => () => undefined };
  const page = createElement(RequireRole, { role: 'pro', fallback: 'Buy' }, 'Report');
  act(() => createRoot(document.body).render(createElement(TierProvider, { client: own }, page)));
  expect(document.body.textContent).toBe(text);
});
`;

it('tests its pages in Jest, with nothing configured but jsdom', () => {
  const { tarball } = pack(folder);
  folder.write('host/package.json', '{ "private": true }');
  folder.write('host/page.test.js', TEST);
  const host = folder.at('host');
  const tools = ['jest@30', 'jest-environment-jsdom@30', 'react@18', 'react-dom@18'];
  run(host, 'npm', 'install', '--no-audit', '--no-fund', '--prefer-offline', tarball, ...tools);
  expect(run(host, 'npx', 'jest', '--env=jsdom', '--json')).toContain('"numPassedTests":2');
});
