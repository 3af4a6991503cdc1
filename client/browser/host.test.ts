// A host's own page, on another origin than tierlift: its service worker, the size of its tokens, and the
// headers that its tracing adds.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { BrowserContext, Page } from 'playwright-core';
import { Folder } from '../consumer/package';
import { SECRETS, startTierlift } from '../consumer/servers';
import type { Server } from '../consumer/servers';
import { PageServer } from './page-server';
import { DemoServer } from './server';
import { accessTokenFor } from './tokens';
import { launch } from './visitor';

/** It answers everything that it may from its cache, and stores everything. */
const CACHE_FIRST = `
addEventListener('install', () => skipWaiting());
addEventListener('activate', (event) => event.waitUntil(clients.claim()));
addEventListener('fetch', (event) => {
  const { request } = event;
  if (request.method !== 'GET') return;
  event.respondWith((async () => {
    const cache = await caches.open('everything');
    const found = await cache.match(request);
    if (found) return found;
    const response = await fetch(request);
    await cache.put(request, response.clone());
    return response;
  })());
});`;

let pages: PageServer;
let server: DemoServer;
let browser: Awaited<ReturnType<typeof launch>>;
let context: BrowserContext;
let users = 0;
/** The lines of each console. */
const lines: string[] = [];
const folder = new Folder();
let tierlift: Server;

beforeAll(async () => {
  pages = await PageServer.start('host-page.ts');
  pages.scripts.set('/worker.js', CACHE_FIRST);
  server = await DemoServer.start(`allowed_origins = ["${pages.origin}"]`);
  tierlift = await startTierlift(folder, [pages.origin]);
  browser = await launch();
});
beforeEach(async () => {
  pages.headers = {};
  lines.length = 0;
  context = await browser.newContext();
});
afterEach(() => context.close());
afterAll(async () => {
  pages.close();
  await Promise.all([browser.close(), server.close(), tierlift.close()]);
  folder.remove();
});

async function open(token: string, baseUrl = server.origin): Promise<Page> {
  const page = await context.newPage();
  page.on('console', (message) => lines.push(message.text()));
  const address = new URLSearchParams({ baseUrl, token });
  await page.goto(`${pages.origin}/#${address.toString()}`);
  return page;
}

/** What the server says now. */
async function roleOf(token: string): Promise<string> {
  const headers = { authorization: `Bearer ${token}` };
  const response = await fetch(`${server.origin}/session`, { headers });
  return ((await response.json()) as { role: string }).role;
}

const shows = (page: Page, role: string) =>
  page.waitForFunction((wanted) => client.getSnapshot().user?.role === wanted, role);

describe.each([
  ['with sockets', ''],
  ['with sockets blocked', `connect-src 'self' http:`],
])('a service worker that asks its cache first, %s', (_, policy) => {
  it('never shows the plan of before', async () => {
    pages.headers = policy ? { 'content-security-policy': policy } : {};
    const user = `cached-${++users}`;
    const page = await open(await server.token(user));
    await page.evaluate(async () => {
      await navigator.serviceWorker.register('/worker.js');
      const { serviceWorker } = navigator;
      if (serviceWorker.controller) return;
      await new Promise((done) => serviceWorker.addEventListener('controllerchange', done));
    });
    await page.reload();
    await shows(page, 'free');
    await page.evaluate(() => client.refreshUserProfile());
    const stored = () =>
      page.evaluate(async () =>
        (await (await caches.open('everything')).keys()).map(({ url }) => new URL(url).pathname),
      );
    expect(await stored()).toContain('/session');

    await page.goto('about:blank');
    await server.simulate(user, 'upgrade');
    await expect.poll(async () => roleOf(await server.token(user))).toBe('paid');
    const later = await open(await server.token(user));
    await shows(later, 'paid');
    await later.evaluate(() => client.refreshUserProfile());
    expect(await later.evaluate(() => shown)).toEqual(['paid']);
    expect(await later.evaluate(() => client.getSnapshot().connection === 'open')).toBe(!policy);
  });
});

/** A token that carries what only the host's own server reads. */
const tokenWith = (kib: number) =>
  accessTokenFor(`long-${kib}`, SECRETS.TIERLIFT_JWT_SECRET, { note: 'n'.repeat(kib * 768) });

it('a token of 7 KiB is accepted, by requests and by the socket', async () => {
  const page = await open(tokenWith(7), tierlift.origin);
  await shows(page, 'free');
  await page.waitForFunction(() => client.getSnapshot().connection === 'open');
});

it('a token of 12 KiB is refused, and the console says what may be wrong with it', async () => {
  const page = await open(tokenWith(12), tierlift.origin);
  await page.waitForFunction(() => client.getSnapshot().error?.code === 'token.invalid');
  await expect.poll(() => lines.join()).toContain('keep it below 8 KiB');
});

it('a request with the headers of tracing is let through by the browser', async () => {
  const page = await open(tokenWith(1), tierlift.origin);
  const status = await page.evaluate(async () => {
    const headers = { traceparent: '00-0', tracestate: 'a=b', baggage: 'c=d', 'sentry-trace': '0' };
    return (await client.fetch('/session', { headers })).status;
  });
  expect(status).toBe(200);
});
