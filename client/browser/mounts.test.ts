// The client in a host's page for a long time, and in a page whose headers allow next to nothing.

import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Page } from 'playwright-core';
import { Folder } from '../consumer/package';
import { SECRETS, startTierlift } from '../consumer/servers';
import type { Server } from '../consumer/servers';
import { Stripe } from '../consumer/stripe';
import { accessTokenFor } from './tokens';
import { PageServer } from './page-server';
import { launch } from './visitor';

const MOUNTS = 1_000;
const WARM_UP_MOUNTS = 100;
/** What one forgotten listener, timer or snapshot for each mount would exceed many times over. */
const GROWTH_BYTES_MAX = 600 * (MOUNTS - WARM_UP_MOUNTS);

const REACT_18 = join(import.meta.dirname, '../test/react-18/node_modules');
const reacts = {
  'React 19': {},
  'React 18': { react: join(REACT_18, 'react'), 'react-dom': join(REACT_18, 'react-dom') },
};

const folder = new Folder();
let pages: PageServer;
let tierlift: Server;
let stripe: Stripe;
let browser: Awaited<ReturnType<typeof launch>>;

let served: [name: string, pages: PageServer][];

beforeAll(async () => {
  served = await Promise.all(
    Object.entries(reacts).map(async ([name, alias]): Promise<[string, PageServer]> => [
      name,
      await PageServer.start('mounts-page.tsx', alias),
    ]),
  );
  const origins = served.map(([, { origin }]) => origin);
  tierlift = await startTierlift(folder, origins);
  stripe = await Stripe.start(tierlift.origin);
  browser = await launch();
});
afterAll(async () => {
  for (const [, server] of served) server.close();
  stripe.close();
  await Promise.all([browser.close(), tierlift.close()]);
  folder.remove();
});

const use = (name: string) => {
  pages = served.find(([other]) => other === name)![1];
};

async function open(userId: string): Promise<{ page: Page; complaints: string[] }> {
  const page = await browser.newPage();
  const complaints: string[] = [];
  page.on('console', (message) => complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(String(error)));
  const token = accessTokenFor(userId, SECRETS.TIERLIFT_JWT_SECRET);
  const address = new URLSearchParams({ baseUrl: tierlift.origin, token });
  await page.goto(`${pages.origin}/#${address.toString()}`);
  return { page, complaints };
}

/** What the page holds, after its garbage is collected. */
async function held(page: Page) {
  const session = await page.context().newCDPSession(page);
  await session.send('HeapProfiler.collectGarbage');
  await session.send('Performance.enable');
  const { metrics } = await session.send('Performance.getMetrics');
  await session.detach();
  const metric = (name: string) => metrics.find((entry) => entry.name === name)?.value ?? NaN;
  return { bytes: metric('JSHeapUsedSize'), listeners: metric('JSEventListeners') };
}

it.each(Object.keys(reacts))(
  `%s: ${MOUNTS} mounts in Strict Mode leave nothing behind`,
  async (name) => {
    use(name);
    pages.headers = {};
    const { page, complaints } = await open(`mounted-${name.at(-1)}`);
    expect(await page.evaluate(() => globalThis.reactVersion)).toMatch(
      new RegExp(`^${name.slice(-2)}\\.`),
    );
    const sockets = new Set<object>();
    page.on('websocket', (socket) => {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
    });
    const mount = (times: number) =>
      page.evaluate(async (count) => {
        for (let n = 0; n < count; n += 1) await globalThis.mount();
      }, times);
    await mount(WARM_UP_MOUNTS);
    const before = await held(page);
    await mount(MOUNTS - WARM_UP_MOUNTS);
    const after = await held(page);
    expect(after.listeners).toBeLessThanOrEqual(before.listeners);
    expect(after.bytes - before.bytes).toBeLessThan(GROWTH_BYTES_MAX);
    await expect.poll(() => sockets.size).toBe(0);
    expect(complaints.filter((text) => !text.includes('React DevTools'))).toEqual([]);
  },
  // As long as the machine needs for them.
  600_000,
);

it.each(Object.keys(reacts))(
  '%s: a page with a strict policy and Trusted Types is live, watches, and its console is empty',
  async (name) => {
    use(name);
    const { host } = new URL(tierlift.origin);
    pages.headers = {
      'content-security-policy': [
        "default-src 'none'",
        "script-src 'self'",
        `connect-src http://${host} ws://${host}`,
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
      ].join('; '),
    };
    const userId = `strict-${name.at(-1)}`;
    const { page, complaints } = await open(userId);
    const socket = page.waitForResponse(/\/socket-/);
    await page.evaluate(() => globalThis.mount(true));
    expect((await socket).ok()).toBe(true);
    expect(await page.locator('output').getAttribute('data-role')).toBe('free');
    const code = page.waitForResponse(/\/on-demand-/);
    await page.evaluate(() => globalThis.watch());
    expect((await code).ok()).toBe(true);
    await page.locator('[data-status="pending"]').waitFor();
    await stripe.deliver(userId);
    await page.locator('[data-status="upgraded"]').waitFor();
    expect(complaints.filter((text) => !/React DevTools|favicon/.test(text))).toEqual([]);
  },
);
