// A page's own life in a Chromium that nobody keeps awake: frozen and thawed while it is hidden. What
// happens to a page that somebody leaves and comes back to is in browser/chromium.

import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { RawChromium } from './raw-chromium';
import type { RawPage } from './raw-chromium';
import { DemoServer } from './server';

const SECOND_MS = 1_000;

let server: DemoServer;
let browser: RawChromium;
let userId: string;
let users = 0;

beforeAll(async () => {
  server = await DemoServer.start();
});
beforeEach(async () => {
  browser = await RawChromium.launch();
  userId = `life-${process.pid}-${++users}`;
});
afterEach(() => browser.close());
afterAll(() => server.close());

async function reaches(page: RawPage, id: string, name: string, value: string): Promise<void> {
  const read = () => page.data(id, name);
  await expect.poll(read, { timeout: 15_000, interval: 10 }).toBe(value);
}

const hasRole = (page: RawPage, role: string) => reaches(page, 'role', 'role', role);
const hasPosition = (page: RawPage, position: string) =>
  reaches(page, 'position', 'position', position);

/** Signs in, in a page that records what happens to it. */
async function openTab(): Promise<RawPage> {
  const page = await browser.open(`${server.origin}/healthz`);
  const token = await server.token(userId);
  await expect.poll(() => page.evaluate('location.pathname')).toBe('/healthz');
  await page.evaluate(`localStorage.setItem('demo.token', '${token}')`);
  await page.send('Page.enable');
  await page.send('Page.addScriptToEvaluateOnNewDocument', {
    source: `globalThis.seen = [];
      for (const type of ['freeze', 'resume']) document.addEventListener(type, () => seen.push(type));`,
  });
  await page.send('Page.navigate', { url: `${server.origin}/demo` });
  await hasRole(page, 'free');
  return page;
}

async function twoTabs(): Promise<[leader: RawPage, follower: RawPage]> {
  const leader = await openTab();
  await hasPosition(leader, 'leader');
  const follower = await openTab();
  await hasPosition(follower, 'follower');
  return [leader, follower];
}

it('a leader that is frozen hands over within a second, and comes back as a follower in step', async () => {
  const [leader, follower] = await twoTabs();
  await follower.show();
  await leader.send('Page.setWebLifecycleState', { state: 'frozen' });
  const frozen = Date.now();
  await hasPosition(follower, 'leader');
  expect(Date.now() - frozen).toBeLessThan(SECOND_MS);
  await server.simulate(userId, 'upgrade');
  await hasRole(follower, 'paid');
  await leader.send('Page.setWebLifecycleState', { state: 'active' });
  await hasRole(leader, 'paid');
  await hasPosition(leader, 'follower');
  expect(await leader.evaluate('seen')).toEqual(['freeze', 'resume']);
});

it('a page alone in its browser is up to date after a freeze', async () => {
  const page = await openTab();
  const other = await browser.open('about:blank');
  await other.show();
  await page.send('Page.setWebLifecycleState', { state: 'frozen' });
  await server.simulate(userId, 'upgrade');
  await page.send('Page.setWebLifecycleState', { state: 'active' });
  await hasRole(page, 'paid');
  expect(await page.evaluate('seen')).toEqual(['freeze', 'resume']);
});

it('a leader that the browser discards is replaced within a second, and loaded again it is in step', async () => {
  const [leader, follower] = await twoTabs();
  await follower.show();
  // A discarded page gets no event, like one that crashes.
  const discarded = Date.now();
  leader.crash();
  await hasPosition(follower, 'leader');
  expect(Date.now() - discarded).toBeLessThan(SECOND_MS);
  await server.simulate(userId, 'upgrade');
  await hasRole(follower, 'paid');
  await leader.show();
  await leader.send('Page.reload');
  await hasRole(leader, 'paid');
  await hasPosition(leader, 'follower');
});
