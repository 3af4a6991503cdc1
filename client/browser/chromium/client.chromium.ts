// The whole Chromium, as people use it: it keeps a page that is left, to bring it back as it was, and it
// blocks cookies where its settings say so. `make test-chromium` runs it.

import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { PAGE } from '../embedded';
import { Proxy } from '../proxy';
import { RawChromium } from '../raw-chromium';
import type { RawPage } from '../raw-chromium';
import { DemoServer } from '../server';

const program = process.env.CHROMIUM_BIN ?? '';
const SECOND_MS = 1_000;

/** The setting *Block all cookies*. */
const NO_COOKIES = { profile: { default_content_setting_values: { cookies: 2 } } };

let server: DemoServer;
let proxy: Proxy;
let browser: RawChromium;

beforeAll(async () => {
  server = await DemoServer.start();
  proxy = await Proxy.start(server.origin);
});
afterEach(() => browser.close());
afterAll(async () => {
  proxy.close();
  await server.close();
});

async function address(userId: string): Promise<string> {
  return `${proxy.origin()}${PAGE}?token=${await server.token(userId)}`;
}

async function reads(page: RawPage, expression: string, value: unknown): Promise<void> {
  const read = () => page.evaluate(expression);
  await expect.poll(read, { timeout: 20_000, interval: 10 }).toBe(value);
}

const shows = (page: RawPage, role: string) => reads(page, 'document.body?.dataset.role', role);
const isAt = (page: RawPage, position: string) =>
  reads(page, 'window.client?.getSnapshot().position', position);
const comesBack = (page: RawPage) => page.back(PAGE);

async function leaves(page: RawPage): Promise<void> {
  await page.navigate(`${proxy.origin()}/host`);
}

async function openTabs(userId: string): Promise<[leader: RawPage, follower: RawPage]> {
  const url = await address(userId);
  const leader = await browser.open(url);
  await isAt(leader, 'leader');
  const follower = await browser.open(url);
  await shows(follower, 'free');
  await isAt(follower, 'follower');
  return [leader, follower];
}

it('a page that somebody comes back to shows what has changed meanwhile', async () => {
  browser = await RawChromium.launch(program);
  const page = await browser.open(await address('back-1'));
  await shows(page, 'free');
  await isAt(page, 'leader');
  await leaves(page);
  await server.simulate('back-1', 'upgrade');
  await comesBack(page);
  await shows(page, 'paid');
  expect(await page.evaluate('restored')).toBe(1);
  await reads(page, 'client.getSnapshot().connection', 'open');
});

it('a leader that is left hands over within a second, and comes back as a follower in step', async () => {
  browser = await RawChromium.launch(program);
  const [leader, follower] = await openTabs('back-2');
  const left = Date.now();
  await leaves(leader);
  await isAt(follower, 'leader');
  expect(Date.now() - left).toBeLessThan(SECOND_MS);
  await server.simulate('back-2', 'upgrade');
  await shows(follower, 'paid');
  // Chromium does not keep a page to which another tab has sent a message: it is loaded again.
  await comesBack(leader);
  await shows(leader, 'paid');
  await isAt(leader, 'follower');
});

it('a follower that is left and comes back shows the next change', async () => {
  browser = await RawChromium.launch(program);
  const [, follower] = await openTabs('back-3');
  await leaves(follower);
  await comesBack(follower);
  expect(await follower.evaluate('restored')).toBe(1);
  await isAt(follower, 'follower');
  await server.simulate('back-3', 'upgrade');
  await shows(follower, 'paid');
});

const REFUSALS = `Promise.all([
  () => localStorage, () => navigator.locks.request('any', () => null),
].map(async (use) => { try { await use(); return 'granted'; } catch (error) { return error.name; } }))
  .then((names) => names.join(' '))`;

async function follows(page: RawPage, userId: string): Promise<void> {
  expect(await page.evaluate(REFUSALS)).toBe('SecurityError SecurityError');
  await shows(page, 'free');
  await server.simulate(userId, 'upgrade');
  await shows(page, 'paid');
}

it('a page whose cookies are all blocked does not hang, and follows a webhook', async () => {
  browser = await RawChromium.launch(program, NO_COOKIES);
  const page = await browser.open(await address('blocked-1'));
  await shows(page, 'free');
  await follows(page, 'blocked-1');
});

it('a third-party frame whose cookies are blocked does not hang, and follows a webhook', async () => {
  browser = await RawChromium.launch(program, NO_COOKIES);
  const frame = encodeURIComponent(await address('blocked-2'));
  const page = await browser.open(`${proxy.origin('localhost')}/host?frame=${frame}`);
  const found = () => browser.frame();
  await expect.poll(found, { timeout: 10_000 }).not.toBeNull();
  await follows((await found())!, 'blocked-2');
  expect(await page.evaluate('document.readyState')).toBe('complete');
});
