// A service worker between the page and the network may answer from a cache that it asks first.

import { expect, it } from 'vitest';
import { createHarness } from './harness.js';

const harness = createHarness();

const asked = () => harness.server.urls.filter((url) => url.includes('/session'));

it('a page that one controls asks by an address that no cache has seen, each time', async () => {
  const tab = harness.browser.openTab();
  tab.env.controlled = () => true;
  await harness.advance();
  await Promise.all([tab.client.refreshUserProfile(), harness.advance()]);
  await Promise.all([tab.client.refreshUserProfile(), harness.advance()]);
  expect(asked()).toHaveLength(3);
  expect(new Set(asked()).size).toBe(3);
});

it('any other page asks by one address, whose permission the browser keeps', async () => {
  const tab = await harness.openTab();
  await Promise.all([tab.client.refreshUserProfile(), harness.advance()]);
  expect(asked()).toEqual(Array(2).fill('https://tier.test/session'));
});
