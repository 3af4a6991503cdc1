// Vue and Svelte in a real Chromium, over a real tierlift.

import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Page } from 'playwright-core';
import { Folder } from '../consumer/package';
import { SECRETS, startTierlift } from '../consumer/servers';
import type { Server } from '../consumer/servers';
import { Stripe } from '../consumer/stripe';
import { PageServer } from './page-server';
import { accessTokenFor } from './tokens';
import { launch } from './visitor';

const FRAMEWORKS = ['vue', 'svelte'] as const;

const folder = new Folder();
const served = new Map<string, PageServer>();
let tierlift: Server;
let stripe: Stripe;
let browser: Awaited<ReturnType<typeof launch>>;

beforeAll(async () => {
  for (const name of FRAMEWORKS) served.set(name, await PageServer.start(`${name}-page.ts`));
  tierlift = await startTierlift(
    folder,
    [...served.values()].map(({ origin }) => origin),
  );
  stripe = await Stripe.start(tierlift.origin);
  browser = await launch();
});
afterAll(async () => {
  for (const pages of served.values()) pages.close();
  stripe.close();
  await Promise.all([browser.close(), tierlift.close()]);
  folder.remove();
});

it.each(FRAMEWORKS)(
  '%s: two tabs share a socket, follow a webhook, and leave no socket behind',
  async (name) => {
    const context = await browser.newContext();
    const complaints: string[] = [];
    const sockets = new Set<object>();
    context.on('console', (message) => complaints.push(message.text()));
    context.on('weberror', (thrown) => complaints.push(String(thrown.error())));
    context.on('page', (page) =>
      page.on('websocket', (socket) => {
        sockets.add(socket);
        socket.on('close', () => sockets.delete(socket));
      }),
    );
    const token = accessTokenFor(name, SECRETS.TIERLIFT_JWT_SECRET);
    const address = new URLSearchParams({ baseUrl: tierlift.origin, token });
    const tabs = [await context.newPage(), await context.newPage()];
    const show = (text: string) =>
      Promise.all(tabs.map((tab: Page) => tab.getByText(text, { exact: true }).waitFor()));
    for (const tab of tabs) await tab.goto(`${served.get(name)!.origin}/#${address.toString()}`);
    await show('free, not paid for');
    await expect.poll(() => sockets.size).toBe(1);
    await stripe.deliver(name);
    await show('paid, paid for');
    expect(complaints.filter((text) => !text.includes('favicon'))).toEqual([]);
    for (const tab of tabs) await tab.evaluate(() => globalThis.end());
    await expect.poll(() => sockets.size).toBe(0);
    await context.close();
  },
);
