// The looks of the console: a screenshot of each view at two widths and in two themes, nothing that axe reports, and nothing
// wider than the screen.

import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Browser, Page } from 'playwright-core';
import { overflow, violations } from './access';
import { PLANS, strike, subscription, userOf } from './incident';
import { DemoServer } from './server';
import { launch } from './visitor';

const FOLDER = join(import.meta.dirname, '../screenshots/console');
const WIDTHS = { phone: 390, desktop: 1_280 };

let browser: Browser;
let server: DemoServer;

beforeAll(async () => {
  rmSync(FOLDER, { recursive: true, force: true });
  mkdirSync(FOLDER, { recursive: true });
  server = await DemoServer.start(PLANS);
  browser = await launch();
  await strike(server, { unmapped: 41, malformed: 7, store: 12 });
  const events = ['evt_store_1', 'evt_store_2', 'evt_store_3'];
  server.command('dead-letters', 'redrive', ...events, '--reason', 'the disk is back');
  server.command('dead-letters', 'note', 'plan.unmapped', '--reason', 'price_team: ask sales');
  server.command('dead-letters', 'discard', 'evt_malformed_6', '--reason', 'a test of the shop');
  await server.simulate('ada', 'upgrade');
  for (const name of ['invoice', 'dashboard']) {
    await server.webhook(ownerless(subscription(name, '', 'price_pro')));
  }
});
afterEach(() => Promise.all(browser.contexts().map((context) => context.close())));
afterAll(async () => {
  await browser.close();
  await server.close();
});

/** The same event without a name of its user. */
function ownerless(event: object): object {
  const { data } = event as { data: { object: { metadata: unknown } } };
  data.object.metadata = {};
  return event;
}

const text = (wanted: string | RegExp) => (page: Page) => page.getByText(wanted).first().waitFor();

const VIEWS: { name: string; at: string; reach: (page: Page) => Promise<unknown> }[] = [
  { name: 'overview', at: '', reach: text('Dead letters by cause') },
  { name: 'groups', at: 'dead-letters', reach: text('ask sales') },
  { name: 'groups-by-error', at: 'dead-letters/error', reach: text('disk I/O error') },
  {
    name: 'group',
    at: 'dead-letters/cause/plan.unmapped',
    reach: (page) => page.locator('[data-result=fails]').waitFor(),
  },
  {
    name: 'group-applies',
    at: 'dead-letters/cause/store.unavailable',
    reach: (page) => page.locator('[data-result=applies]').waitFor(),
  },
  {
    name: 'redrive',
    at: 'dead-letters/cause/store.unavailable',
    reach: async (page) => {
      await page.locator('[data-result=applies]').waitFor();
      await page.keyboard.press('r');
      await page.getByText('would be applied').first().waitFor();
    },
  },
  {
    name: 'help',
    at: 'search',
    reach: async (page) => {
      await page.getByRole('heading', { name: 'Search' }).focus();
      await page.keyboard.press('?');
      await page.getByRole('dialog').waitFor();
    },
  },
  { name: 'discarded', at: 'dead-letters/discarded', reach: text('a test of the shop') },
  { name: 'search', at: 'search', reach: text('what became of an event') },
  { name: 'event', at: 'event/evt_store_1', reach: text('In the ledger') },
  { name: 'customer', at: 'customer/cus_store_1', reach: text('sub_store_1') },
  { name: 'user', at: `user/${encodeURIComponent(userOf('store', 2))}`, reach: text('Timeline') },
  ...(['Grant a role', 'End all sessions', 'Erase'] as const).map((act) => ({
    name: act.toLowerCase().replaceAll(' ', '-'),
    at: 'user/ada',
    reach: async (page: Page) => {
      await page.getByRole('button', { name: act }).press('Enter');
      await page.getByRole('dialog', { name: act }).waitFor();
    },
  })),
  {
    name: 'erase-refused',
    at: 'user/ada',
    reach: async (page) => {
      await page.getByRole('button', { name: 'Erase' }).press('Enter');
      await page.getByLabel('Their id').fill('eve');
      await page.getByLabel('Reason').fill('request 4711');
      await page.keyboard.press('Enter');
      await page.getByText('That is another user.').waitFor();
    },
  },
  { name: 'waiting', at: 'waiting', reach: text('cus_dashboard') },
  {
    name: 'link',
    at: 'waiting',
    reach: async (page) => {
      await page.getByRole('button', { name: 'Link to a user: cus_invoice' }).press('Enter');
      await page.getByRole('dialog', { name: 'Link cus_invoice' }).waitFor();
    },
  },
  { name: 'audit', at: 'audit', reach: text('the disk is back') },
  {
    name: 'sign-in',
    at: '',
    reach: async (page) => {
      await page.getByRole('button', { name: 'Sign out' }).click();
      await page.getByLabel('Token').waitFor();
    },
  },
];

describe.each(Object.entries(WIDTHS))('on a %s', (device, width) => {
  describe.each(['light', 'dark'] as const)('in the %s theme', (colorScheme) => {
    it.each(VIEWS)('$name', async ({ name, at, reach }) => {
      const viewport = { width, height: device === 'phone' ? 844 : 900 };
      const context = await browser.newContext({ viewport, colorScheme, reducedMotion: 'reduce' });
      context.setDefaultTimeout(15_000);
      const page = await context.newPage();
      await page.goto(`${server.operators}/console#token=${server.operatorToken()}`);
      await page.getByRole('navigation').waitFor();
      await page.evaluate((place) => (location.hash = `#/${place}`), at);
      await reach(page);
      await page.screenshot({
        path: join(FOLDER, `${name}-${device}-${colorScheme}.png`),
        fullPage: true,
      });
      expect(await violations(page, true)).toEqual([]);
      expect(await overflow(page)).toBeLessThanOrEqual(0);
    });
  });
});
