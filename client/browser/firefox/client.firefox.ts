// A real Firefox: it denies storage, so that making a BroadcastChannel throws and locks are refused; where
// it does not, it elects one tab. `make test-firefox` runs it.

import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { PAGE } from '../embedded';
import { DemoServer } from '../server';
import { Firefox } from './firefox';
import { Proxy } from '../proxy';

const program = process.env.FIREFOX_BIN ?? '';

/** The setting of *Block cookies*: 1 from other sites, 2 all of them. */
const COOKIES = 'network.cookie.cookieBehavior';

let server: DemoServer;
let proxy: Proxy;
let firefox: Firefox | null = null;

beforeAll(async () => {
  server = await DemoServer.start();
  proxy = await Proxy.start(server.origin);
});
afterEach(async () => {
  await firefox?.close();
  firefox = null;
});
afterAll(async () => {
  proxy.close();
  await server.close();
});

async function address(userId: string): Promise<string> {
  return `${proxy.origin()}${PAGE}?token=${await server.token(userId)}`;
}

const REFUSALS = `Promise.all([
  () => localStorage, () => new BroadcastChannel('any'), () => navigator.locks.request('any', () => null),
].map(async (use) => { try { await use(); return 'granted'; } catch (error) { return error.name; } }))
  .then((names) => names.join(' '))`;

async function shows(browser: Firefox, context: string, role: string): Promise<void> {
  const read = () => browser.text(context, 'document.body.dataset.role');
  await expect.poll(read, { timeout: 20_000 }).toBe(role);
}

const position = 'client.getSnapshot().position';

it('a page whose cookies are all blocked shows the role, and follows a webhook in each tab', async () => {
  const browser = (firefox = await Firefox.launch(program, { [COOKIES]: 2 }));
  const url = await address('firefox-1');
  const tabs = [await browser.open(url), await browser.open(url)];
  for (const tab of tabs) {
    expect(await browser.text(tab, REFUSALS)).toBe('SecurityError SecurityError SecurityError');
    await shows(browser, tab, 'free');
    expect(await browser.text(tab, position)).toBe('solo');
  }
  await server.simulate('firefox-1', 'upgrade');
  for (const tab of tabs) await shows(browser, tab, 'paid');
});

it('a third-party frame whose cookies are blocked shows the role, and follows a webhook', async () => {
  const browser = (firefox = await Firefox.launch(program, { [COOKIES]: 1 }));
  const frame = encodeURIComponent(await address('firefox-2'));
  const tab = await browser.open(`${proxy.origin('localhost')}/host?frame=${frame}`);
  const context = await browser.frameOf(tab);
  expect(await browser.text(context, REFUSALS)).toBe('SecurityError SecurityError SecurityError');
  await shows(browser, context, 'free');
  await server.simulate('firefox-2', 'upgrade');
  await shows(browser, context, 'paid');
});

it('two tabs that may store share one socket', async () => {
  const browser = (firefox = await Firefox.launch(program, {}));
  const url = await address('firefox-3');
  const tabs = [await browser.open(url), await browser.open(url)];
  for (const tab of tabs) await shows(browser, tab, 'free');
  const positions = () => Promise.all(tabs.map((tab) => browser.text(tab, position)));
  await expect.poll(positions).toEqual(['leader', 'follower']);
  await server.simulate('firefox-3', 'upgrade');
  for (const tab of tabs) await shows(browser, tab, 'paid');
});

/** In a page of an opaque origin, Firefox refuses storage and locks, and grants a channel. */
const OPAQUE = /^SecurityError (granted|SecurityError) SecurityError$/;

it('a page of an opaque origin shows the role, and follows a webhook', async () => {
  const browser = (firefox = await Firefox.launch(program, {}));
  const tab = await browser.open(`${await address('firefox-4')}&sandboxed`);
  expect(await browser.text(tab, REFUSALS)).toMatch(OPAQUE);
  await shows(browser, tab, 'free');
  await server.simulate('firefox-4', 'upgrade');
  await shows(browser, tab, 'paid');
});

it.each([
  ['its own site', '127.0.0.1'],
  ['another site', 'localhost'],
])('a sandboxed frame in a page of %s shows the role, and follows a webhook', async (_, host) => {
  const browser = (firefox = await Firefox.launch(program, {}));
  const userId = `firefox-5-${host}`;
  const frame = encodeURIComponent(await address(userId));
  const tab = await browser.open(`${proxy.origin(host)}/host?sandbox&frame=${frame}`);
  const context = await browser.frameOf(tab);
  expect(await browser.text(context, REFUSALS)).toMatch(OPAQUE);
  await shows(browser, context, 'free');
  await server.simulate(userId, 'upgrade');
  await shows(browser, context, 'paid');
});
