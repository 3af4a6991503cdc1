// The host on Next.js, built as for production, in a real Chromium over a real tierlift: what is paid opens its
// guarded route in both tabs, what ends closes it at once, and the first paint is that of the plan.

import { cpSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, beforeEach, afterEach, expect, it } from 'vitest';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { program } from '../browser/server';
import { launch } from '../browser/visitor';
import { Folder, installAll, run } from './package';
import { SECRETS, SERVICE_TOKEN, Server, freeOrigin, startTierlift } from './servers';
import { Stripe } from './stripe';

const HOST = resolve(import.meta.dirname, '../../examples/hosts/nextjs');
const WAIT_MS_MAX = 15_000;

const folder = new Folder();
const servers: Server[] = [];
let browser: Browser | undefined;
let stripe: Stripe | undefined;
let context: BrowserContext;
let origin: string;
let user: string;
let users = 0;

beforeAll(async () => {
  origin = await freeOrigin();
  const tierlift = await startTierlift(folder, [origin]);
  servers.push(tierlift);
  const cwd = folder.at('host');
  const own = (path: string) => !/node_modules|\.next|next-env/.test(path.slice(HOST.length));
  cpSync(HOST, cwd, { recursive: true, filter: own });
  installAll(folder, cwd);
  const next = join(cwd, 'node_modules/next/dist/bin/next');
  run(cwd, process.execPath, next, 'build');
  const { hostname, port } = new URL(origin);
  const env = {
    ...SECRETS,
    TIERLIFT_URL: tierlift.origin,
    TIERLIFT_SERVICE_TOKEN: SERVICE_TOKEN,
    NEXT_TELEMETRY_DISABLED: '1',
  };
  const command = [process.execPath, next, 'start', '-H', hostname, '-p', port] as const;
  servers.push(await Server.start([...command], origin, { cwd, env, path: '/' }));
  stripe = await Stripe.start(tierlift.origin);
  browser = await launch();
});
afterAll(async () => {
  await browser?.close();
  stripe?.close();
  await Promise.all(servers.map((server) => server.close()));
  folder.remove();
});
beforeEach(async () => {
  context = await browser!.newContext();
  context.setDefaultTimeout(WAIT_MS_MAX);
  user = `ada-${(users += 1)}`;
});
afterEach(() => context.close());

async function open(): Promise<Page> {
  const page = await context.newPage();
  await page.goto(origin);
  return page;
}

/** Two tabs of a user who has signed in. */
async function arrive(): Promise<[Page, Page]> {
  const page = await open();
  expect(await asks(page)).toBe(401);
  await page.getByLabel('Any name will do').fill(user);
  await page.getByRole('button', { name: 'Sign in' }).click();
  const tabs: [Page, Page] = [page, await open()];
  for (const tab of tabs) await tab.locator('#role', { hasText: 'free' }).waitFor();
  return tabs;
}

/** What the host's guarded route answers this page now. */
const asks = (page: Page) => page.evaluate(async () => (await fetch('/reports')).status);

async function show(tabs: Page[], role: string, report: string, status: number): Promise<void> {
  for (const tab of tabs) {
    await tab.locator('#role', { hasText: role }).waitFor();
    await tab.locator('#report', { hasText: report }).waitFor();
    expect(await asks(tab)).toBe(status);
  }
}

it('opens its guarded route in both tabs when it is paid, and closes it when that ends', async () => {
  const tabs = await arrive();
  await show(tabs, 'free', 'refused: 403', 403);
  await stripe?.deliver(user);
  await show(tabs, 'paid', `the report of ${user}`, 200);
  await stripe?.deliver(user, 'downgrade');
  await show(tabs, 'free', 'refused: 403', 403);
});

it('renders the plan on the server, and its first paint keeps it', async () => {
  const [page] = await arrive();
  await stripe?.deliver(user);
  await show([page], 'paid', `the report of ${user}`, 200);
  expect(await (await context.request.get(origin)).text()).toContain('<output id="role">paid<');
  await page.addInitScript(() => {
    const paints = new Set<string>();
    const look = () => paints.add(document.getElementById('role')?.textContent ?? 'no plan');
    document.addEventListener('DOMContentLoaded', look);
    new MutationObserver(() => document.readyState !== 'loading' && look()).observe(document, {
      subtree: true,
      childList: true,
      characterData: true,
    });
    Object.assign(globalThis, { paints });
  });
  await page.reload({ waitUntil: 'networkidle' });
  const paints = () => [...(globalThis as unknown as { paints: Set<string> }).paints];
  expect(await page.evaluate(paints)).toEqual(['paid']);
});

it('shows its sign-in in both tabs after a sign-out, and refuses both', async () => {
  const tabs = await arrive();
  await tabs[0].getByRole('button', { name: 'Sign out' }).click();
  for (const tab of tabs) {
    await tab.getByRole('button', { name: 'Sign in' }).waitFor();
    await expect.poll(() => asks(tab), { timeout: WAIT_MS_MAX }).toBe(401);
  }
});

it('refuses a sealed cookie as soon as its sign-in is revoked, and signs both tabs out', async () => {
  const tabs = await arrive();
  await stripe?.deliver(user);
  await show(tabs, 'paid', `the report of ${user}`, 200);
  const kept = await context.cookies();
  run(folder.at('tierlift'), program(), 'revoke', user, '--reason', 'the laptop is gone');
  expect(await asks(tabs[0])).toBe(401);
  for (const tab of tabs) await tab.getByRole('button', { name: 'Sign in' }).waitFor();
  // Another sign-in counts, once the second of the revocation is over, and the cookie of the first does not.
  const signInAgain = async (): Promise<number> => {
    await context.request.post(`${origin}/login`, { form: { user } });
    return asks(tabs[0]);
  };
  await expect.poll(signInAgain, { timeout: WAIT_MS_MAX }).toBe(200);
  await context.addCookies(kept);
  expect(await asks(tabs[0])).toBe(401);
});

it('lets nobody in while tierlift is unavailable, and says that the plan is not known', async () => {
  const [page] = await arrive();
  await servers[0]?.close();
  expect(await asks(page)).toBe(503);
  const later = await open();
  expect(await later.locator('#role').textContent()).toBe('…');
  expect(await asks(later)).toBe(503);
});
