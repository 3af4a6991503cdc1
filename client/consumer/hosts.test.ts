// The hosts of examples/hosts, each in a real Chromium over a real tierlift: what is paid opens the host's own
// guarded route in both tabs, and what ends closes it.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { program } from '../browser/server';
import { launch } from '../browser/visitor';
import { copy, hosts, isInstalled, linesOfTierlift } from './hosts';
import { Folder, run } from './package';
import { SECRETS, SERVICE_TOKEN, Server, freeOrigin, startTierlift } from './servers';
import { Stripe } from './stripe';

const LINES_MAX = 25;
const WAIT_MS_MAX = 15_000;

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());

const sources = Object.entries(hosts).map(([name, { source }]) => [name, source] as const);

it.each([...sources, ['nextjs', 'lib/tierlift.ts'] as const])(
  `of the host %s, at most ${LINES_MAX} lines are tierlift's`,
  (name, source) => {
    const lines = linesOfTierlift(name, source);
    expect(lines.length, lines.join('\n')).toBeLessThanOrEqual(LINES_MAX);
  },
);

for (const [name, host] of Object.entries(hosts)) {
  const isMissing = !isInstalled(host.needs);
  if (isMissing)
    console.warn(`SKIPPED: the host ${name}, since this fails: ${host.needs.join(' ')}`);
  // CI installs all of them.
  describe.skipIf(isMissing && !process.env.CI)(`the host ${name}`, () => {
    const folder = new Folder();
    let context: BrowserContext;
    let stripe: Stripe;
    let tierlift: Server;
    let server: Server;

    beforeAll(async () => {
      const origin = await freeOrigin();
      tierlift = await startTierlift(folder, [origin]);
      stripe = await Stripe.start(tierlift.origin);
      copy(name, folder, tierlift.origin);
      const env = {
        ...SECRETS,
        TIERLIFT_URL: tierlift.origin,
        TIERLIFT_SERVICE_TOKEN: SERVICE_TOKEN,
        PORT: new URL(origin).port,
        PAGE: folder.at('page'),
      };
      const cwd = folder.at('host');
      const command = host.command(cwd, new URL(origin));
      server = await Server.start(command, origin, { cwd, env, path: '/' });
      context = await browser.newContext();
      context.setDefaultTimeout(WAIT_MS_MAX);
    });
    afterAll(async () => {
      // What a hook that failed did not start is not there.
      await (context as BrowserContext | undefined)?.close();
      (stripe as Stripe | undefined)?.close();
      for (const started of [server, tierlift] as (Server | undefined)[]) await started?.close();
      folder.remove();
    });

    async function open(): Promise<Page> {
      const page = await context.newPage();
      await page.goto(server.origin);
      return page;
    }

    /** Signs a user in, and opens a second tab. */
    async function signIn(page: Page, user: string): Promise<Page[]> {
      await page.getByLabel('Any name will do').fill(user);
      await page.getByRole('button', { name: 'Sign in' }).click();
      const tabs = [page, await open()];
      await all(tabs, 'free', 'refused: 403', 403);
      return tabs;
    }

    /** What the guarded route answers, asked by the page now. */
    const status = (page: Page) => page.evaluate(async () => (await fetch('/reports')).status);
    const statuses = (tabs: Page[]) => Promise.all(tabs.map(status));
    const shows = (page: Page, id: string, text: string) =>
      page.locator(`#${id}`, { hasText: text }).waitFor();

    async function all(tabs: Page[], role: string, report: string, expected: number) {
      await Promise.all(tabs.map((tab) => shows(tab, 'role', role)));
      await Promise.all(tabs.map((tab) => shows(tab, 'report', report)));
      expect(await statuses(tabs)).toEqual(tabs.map(() => expected));
    }

    async function pay(tabs: Page[], user: string): Promise<void> {
      const paidAt = performance.now();
      await stripe.deliver(user);
      await all(tabs, 'paid', `the report of ${user}`, 200);
      const elapsed = (performance.now() - paidAt).toFixed();
      console.info(`${name}: paid, and open in both tabs, after ${elapsed} ms`);
    }

    async function close(tabs: Page[]): Promise<void> {
      for (const tab of tabs) await tab.close();
    }

    it('opens its guarded route when it is paid, and closes it when that ends or they sign out', async () => {
      const first = await open();
      expect(await status(first)).toBe(401);
      const tabs = await signIn(first, 'ada');
      await pay(tabs, 'ada');
      await stripe.deliver('ada', 'downgrade');
      await all(tabs, 'free', 'refused: 403', 403);
      await first.getByRole('button', { name: 'Sign out' }).click();
      await shows(first, 'report', 'refused: 401');
      expect(await statuses(tabs)).toEqual([401, 401]);
      for (const tab of tabs) await tab.getByRole('button', { name: 'Sign in' }).waitFor();
      await close(tabs);
    });

    it('closes it to a sign-in that was revoked, whatever was paid', async () => {
      const tabs = await signIn(await open(), 'böb/1');
      await pay(tabs, 'böb/1');
      run(folder.at('tierlift'), program(), 'revoke', 'böb/1', '--reason', 'the laptop is gone');
      expect(await statuses(tabs)).toEqual([401, 401]);
      for (const tab of tabs) await tab.getByRole('button', { name: 'Sign in' }).waitFor();
      await close(tabs);
    });

    it('lets nobody in while tierlift is unavailable', async () => {
      const tabs = await signIn(await open(), 'cleo');
      await tierlift.close();
      expect(await statuses(tabs)).toEqual([503, 503]);
      await close(tabs);
    });
  });
}
