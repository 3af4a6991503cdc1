// The hosts of examples/hosts, each in a real Chromium over a real tierlift: what is paid opens the host's own
// guarded route in both tabs, and what ends closes it.

import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { launch } from '../browser/visitor';
import { Folder, run } from './package';
import { SECRETS, SERVICE_TOKEN, Server, freeOrigin, startTierlift } from './servers';
import { Stripe } from './stripe';

const HOSTS = resolve(import.meta.dirname, '../../examples/hosts');
const CLIENT = resolve(import.meta.dirname, '..');
const WAIT_MS_MAX = 15_000;

type Name = 'express' | 'fastapi' | 'django';

/** A Python with what examples/hosts/requirements.txt lists. */
function python(): string {
  const path = process.env.HOSTS_PYTHON;
  if (!path) throw new Error('HOSTS_PYTHON is not set: run make test-host-examples');
  return path;
}

const commands: Record<Name, (cwd: string, address: URL) => [string, ...string[]]> = {
  express: (cwd) => {
    run(cwd, 'npm', 'install', '--no-audit', '--no-fund', '--prefer-offline');
    return [process.execPath, 'server.js'];
  },
  fastapi: (_, { hostname, port }) => {
    const address = ['--host', hostname, '--port', port];
    return [python(), '-B', '-m', 'uvicorn', 'main:app', ...address];
  },
  django: (_, { host }) => [python(), '-B', 'host.py', 'runserver', '--noreload', host],
};

describe.each<Name>(['express', 'fastapi', 'django'])('the host on %s', (name) => {
  const folder = new Folder();
  let browser: Browser | undefined;
  let context: BrowserContext;
  let stripe: Stripe | undefined;
  let origin: string;
  const servers: Server[] = [];

  beforeAll(async () => {
    origin = await freeOrigin();
    const tierlift = await startTierlift(folder, [origin]);
    servers.push(tierlift);
    cpSync(join(HOSTS, name), folder.at('host'), { recursive: true });
    cpSync(join(HOSTS, 'page'), folder.at('page'), { recursive: true });
    run(CLIENT, 'npm', 'run', '--silent', 'build');
    cpSync(join(CLIENT, 'dist'), folder.at('page/tierlift'), { recursive: true });
    const page = folder.at('page/index.html');
    const text = readFileSync(page, 'utf8');
    writeFileSync(page, text.replace('http://127.0.0.1:8787', tierlift.origin));
    const env = {
      ...SECRETS,
      TIERLIFT_URL: tierlift.origin,
      TIERLIFT_SERVICE_TOKEN: SERVICE_TOKEN,
      PORT: new URL(origin).port,
      PAGE: folder.at('page'),
    };
    const cwd = folder.at('host');
    const command = commands[name](cwd, new URL(origin));
    servers.push(await Server.start(command, origin, { cwd, env, path: '/' }));
    stripe = await Stripe.start(tierlift.origin);
    browser = await launch();
    context = await browser.newContext();
    context.setDefaultTimeout(WAIT_MS_MAX);
  });
  afterAll(async () => {
    await browser?.close();
    stripe?.close();
    await Promise.all(servers.map((server) => server.close()));
    folder.remove();
  });

  async function open(): Promise<Page> {
    const page = await context.newPage();
    await page.goto(origin);
    return page;
  }

  const shows = (page: Page, role: string) => page.locator('#role', { hasText: role }).waitFor();
  const reads = (page: Page, text: string) => page.locator('#report', { hasText: text }).waitFor();
  const asks = (page: Page) => page.evaluate(async () => (await fetch('/reports')).status);

  async function both(tabs: Page[], role: string, report: string, status: number): Promise<void> {
    await Promise.all(tabs.map((tab) => shows(tab, role)));
    await Promise.all(tabs.map((tab) => reads(tab, report)));
    expect(await Promise.all(tabs.map(asks))).toEqual(tabs.map(() => status));
  }

  it('opens its guarded route in both tabs when it is paid, and closes it when that ends', async () => {
    const first = await open();
    expect(await asks(first)).toBe(401);
    await first.getByLabel('Any name will do').fill('ada');
    await first.getByRole('button', { name: 'Sign in' }).click();
    const tabs = [first, await open()];
    await both(tabs, 'free', 'refused: 403', 403);
    await stripe?.deliver('ada');
    await both(tabs, 'paid', 'the report of ada', 200);
    await stripe?.deliver('ada', 'downgrade');
    await both(tabs, 'free', 'refused: 403', 403);
    await first.getByRole('button', { name: 'Sign out' }).click();
    for (const tab of tabs) {
      await tab.getByRole('button', { name: 'Sign in' }).waitFor();
      await expect.poll(() => asks(tab), { timeout: WAIT_MS_MAX }).toBe(401);
    }
  });
});
