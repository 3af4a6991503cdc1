// The life of a real page: frozen and thawed while it is hidden, left and restored from the back/forward
// cache, and gone without a word, as when the browser discards a tab. The locks and sockets are real.

import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Browser, Page } from 'playwright-core';
import { useFixture } from './fixture';
import { Visitor, hasPosition, launch, live, showsRole } from './visitor';

const SECOND_MS = 1_000;

const fixture = useFixture();
let browser: Browser;

beforeAll(async () => {
  // Playwright switches the cache off by default.
  browser = await launch({ ignoreDefaultArgs: ['--disable-back-forward-cache'] });
});
afterAll(() => browser.close());

async function twoTabs(): Promise<[Visitor, leader: Page, follower: Page]> {
  const visitor = await Visitor.arrive(browser, fixture.server);
  const leader = await visitor.openLive();
  const follower = await visitor.openLive();
  await hasPosition(leader, 'leader');
  await hasPosition(follower, 'follower');
  return [visitor, leader, follower];
}

/** Hides the page and freezes it, as the browser does with a tab in the background. */
async function freeze(page: Page): Promise<() => Promise<void>> {
  const session = await page.context().newCDPSession(page);
  await page.evaluate(() => {
    const seen = globalThis as unknown as { seen: string[] };
    seen.seen = [];
    for (const type of ['freeze', 'resume']) {
      document.addEventListener(type, () => seen.seen.push(type));
    }
  });
  await session.send('Emulation.setFocusEmulationEnabled', { enabled: false });
  await session.send('Page.setWebLifecycleState', { state: 'frozen' });
  return async () => {
    await session.send('Page.setWebLifecycleState', { state: 'active' });
    const { seen } = await page.evaluate(() => globalThis as unknown as { seen: string[] });
    expect(seen).toEqual(['freeze', 'resume']);
  };
}

it('a leader that is frozen hands over within a second, and comes back as a follower in step', async () => {
  const [visitor, leader, follower] = await twoTabs();
  await follower.bringToFront();
  const thaw = await freeze(leader);
  const frozen = Date.now();
  await hasPosition(follower, 'leader');
  expect(Date.now() - frozen).toBeLessThan(SECOND_MS);
  await fixture.server.simulate(visitor.userId, 'upgrade');
  await showsRole(follower, 'paid');
  await thaw();
  await hasPosition(leader, 'follower');
  await showsRole(leader, 'paid');
  expect(visitor.openSockets).toBe(1);
});

it('a page alone in its browser is up to date after a freeze', async () => {
  const visitor = await Visitor.arrive(browser, fixture.server);
  const page = await visitor.openLive();
  const thaw = await freeze(page);
  await fixture.server.simulate(visitor.userId, 'upgrade');
  await thaw();
  await showsRole(page, 'paid');
  await live(page);
});

it('a page that comes back from the back/forward cache shows what happened meanwhile', async () => {
  const [visitor, leader, follower] = await twoTabs();
  await leader.evaluate(() => Object.assign(globalThis, { kept: true }));
  await leader.goto(`${fixture.server.origin}/healthz`);
  await hasPosition(follower, 'leader');
  await fixture.server.simulate(visitor.userId, 'upgrade');
  await showsRole(follower, 'paid');
  await leader.goBack();
  await showsRole(leader, 'paid');
  await hasPosition(leader, 'follower');
});

it('a leader that is gone without a word is replaced within a second, and reloads in step', async () => {
  const [visitor, leader, follower] = await twoTabs();
  const session = await leader.context().newCDPSession(leader);
  const crashed = leader.waitForEvent('crash');
  void session.send('Page.crash').catch(() => null);
  await crashed;
  const gone = Date.now();
  await hasPosition(follower, 'leader');
  expect(Date.now() - gone).toBeLessThan(SECOND_MS);
  await fixture.server.simulate(visitor.userId, 'upgrade');
  await showsRole(follower, 'paid');
  const reloaded = await visitor.openLive();
  await showsRole(reloaded, 'paid');
  await hasPosition(reloaded, 'follower');
});
