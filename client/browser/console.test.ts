// The console in a real browser: an incident with three causes, found, understood and fixed with the keyboard alone, and
// nothing that a customer wrote runs.

import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import type { Browser, Page } from 'playwright-core';
import { FIXED, PLANS, strike, subscription, userOf } from './incident';
import { DemoServer } from './server';
import { launch } from './visitor';

const WAIT_MS_MAX = 30_000;
/** With the one that fails at the server itself, 5,000 dead letters. */
const INCIDENT = { unmapped: 2_999, malformed: 1_000, store: 1_000 };

let browser: Browser;
let server: DemoServer;

beforeAll(async () => {
  server = await DemoServer.start(PLANS);
  browser = await launch();
});
afterEach(() => Promise.all(browser.contexts().map((context) => context.close())));
afterAll(async () => {
  await browser.close();
  await server.close();
});

async function open(): Promise<{ page: Page; faults: string[] }> {
  const context = await browser.newContext({ reducedMotion: 'reduce' });
  context.setDefaultTimeout(WAIT_MS_MAX);
  const page = await context.newPage();
  const faults: string[] = [];
  page.on('pageerror', (error) => faults.push(error.message));
  // A dead letter that has just been redriven is none any more, and the browser says so.
  const isNews = (text: string) => !text.includes('status of 404');
  page.on('console', (line) => {
    if (line.type() === 'error' && isNews(line.text())) faults.push(line.text());
  });
  await page.goto(`${server.operators}/console#token=${server.operatorToken()}`);
  return { page, faults };
}

const press = async (page: Page, ...keys: string[]): Promise<void> => {
  for (const key of keys) await page.keyboard.press(key);
};

const heading = (page: Page, text: string | RegExp) =>
  page.getByRole('heading', { level: 1, name: text }).waitFor();

/** Opens a group by the keyboard: down the list until the focus is on it. */
async function openGroup(page: Page, key: string): Promise<void> {
  await press(page, 'g', 'd');
  await page.locator('.group', { hasText: key }).waitFor();
  const focused = () =>
    page.evaluate(() => document.querySelector('.group:focus')?.textContent ?? '');
  for (let row = 0; row < 4 && !(await focused()).includes(key); row++) await press(page, 'j');
  await press(page, 'Enter');
  await heading(page, key);
}

async function redriveAll(page: Page, reason: string): Promise<string> {
  await press(page, 'r');
  await page.getByTestId('preview').waitFor();
  await page.keyboard.type(reason);
  await press(page, 'Enter');
  const ended = '[data-testid=progress]:not([data-state=running])';
  await page.locator(ended).waitFor({ timeout: WAIT_MS_MAX });
  const text = await page.locator(ended).textContent();
  await press(page, 'Escape');
  return text ?? '';
}

it('an incident of 5,000 is found, understood and fixed by keyboard alone', async () => {
  await strike(server, INCIDENT);
  const { page, faults } = await open();
  await heading(page, '5,000 dead letters wait for you');
  expect(page.url()).not.toContain(server.operatorToken());

  // Understood: it fails again for the same cause.
  await openGroup(page, 'plan.unmapped');
  await page.locator('[data-result=fails]').waitFor();
  await press(page, 'n');
  await page.keyboard.type('price_team is missing');
  await press(page, 'Enter');
  await page.getByText('“price_team is missing (demo)”').waitFor();
  expect(await redriveAll(page, 'a try')).toContain('most failed again');

  // Fixed: the page shows by itself that it would be applied now, and to whom.
  server.configure(FIXED);
  await page.locator('[data-result=applies]').waitFor();
  const difference = page.locator('.difference tbody tr').first();
  expect(await difference.locator('.from').textContent()).toBe('free');
  expect(await difference.locator('.to').textContent()).toBe('paid');
  expect(await redriveAll(page, 'mapped')).toContain('3,000 redriven: 3,000 applied, 0 failed');
  await page.getByText('Nothing is left of this group.').waitFor();

  await openGroup(page, 'store.unavailable');
  await page.locator('[data-result=applies]').waitFor();
  expect(await redriveAll(page, 'the disk is back')).toContain('1,000 applied');

  // What can never be applied is discarded, and one of them was none of that.
  await openGroup(page, 'payload.malformed');
  await page.locator('[data-result=fails]').waitFor();
  await press(page, 'x');
  await page.keyboard.type('nonsense');
  await press(page, 'Enter');
  await page.getByText('999 dead letters,').waitFor();

  // Everybody is what they paid for, and was notified once.
  const changes = await server.changes();
  expect(changes.size).toBe(4_000);
  expect([...changes.values()].every((count) => count === 1)).toBe(true);
  for (const user of [userOf('unmapped', 0), userOf('store', 999)]) {
    await press(page, '/');
    await heading(page, 'Search');
    await page.keyboard.type(user);
    await press(page, 'Enter');
    await heading(page, `${user} paid`);
  }
  await press(page, 'g', 'a');
  for (const text of ['a try', 'mapped', 'the disk is back', 'nonsense'])
    await page
      .locator('.timeline-why', { hasText: `demo: ${text}` })
      .first()
      .waitFor();

  expect(await page.evaluate(() => 'hacked' in window)).toBe(false);
  expect(faults).toEqual([]);
}, 240_000);

it('a person is erased by keyboard, once their id is typed', async () => {
  await server.webhook(subscription('gone', 'gone', 'price_pro'));
  const { page, faults } = await open();
  await page.getByRole('navigation').waitFor();
  await press(page, '/');
  await heading(page, 'Search');
  await page.keyboard.type('gone');
  await press(page, 'Enter');
  await heading(page, /^gone/);
  await page.getByRole('button', { name: 'Erase' }).focus();
  await press(page, 'Enter');
  const dialog = page.getByRole('dialog', { name: 'Erase gone' });
  await dialog.waitFor();
  // Esc leaves everything as it was, and the focus where it was.
  await press(page, 'Escape');
  await page.waitForFunction(() => document.activeElement?.textContent === 'Erase');
  await press(page, 'Enter');
  await dialog.waitFor();
  await page.keyboard.type('somebody else');
  await press(page, 'Tab');
  await page.keyboard.type('request 4711');
  await press(page, 'Enter');
  await page.getByText('That is another user.').waitFor();
  expect(server.command('customer', 'cus_gone')).toContain('gone');
  await dialog.getByLabel('Their id, to confirm').fill('gone');
  await press(page, 'Enter');
  await dialog.waitFor({ state: 'detached' });
  await page.getByText('Nothing earns a role.').waitFor();
  expect(server.command('audit', 'export', '--user', 'gone')).toBe('');
  const acts = server.command('audit', 'export', '--acts');
  expect(acts).toContain('tierlift.user.erased');
  expect(acts).toContain('request 4711');
  expect(faults).toEqual([]);
});

it('a token that may not come in is asked for again, and is gone with the tab', async () => {
  const { page } = await open();
  // By the mouse: a view that is still loading takes the keyboard when it is there.
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByLabel('Token').fill('a token that nobody has issued, and long');
  await page.keyboard.press('Enter');
  await page.getByRole('alert').getByText('not valid here').waitFor();
  await page.getByLabel('Token').fill(server.operatorToken());
  await page.keyboard.press('Enter');
  await page.getByRole('navigation').waitFor();
  const other = await page.context().newPage();
  await other.goto(`${server.operators}/console`);
  await other.getByLabel('Token').waitFor();
});

it('a page of another origin reaches nothing', async () => {
  const { page } = await open();
  const token = server.operatorToken();
  const other = await page.context().newPage();
  await other.goto(`${server.origin}/demo`);
  const asked = await other.evaluate(
    async ([url, bearer]) => {
      const headers = { authorization: `Bearer ${bearer}` };
      const read = await fetch(`${url}/operations/status`, { headers }).then(
        () => 'read',
        () => 'refused',
      );
      const form = { method: 'POST', body: '{"paused":true,"reason":"r"}' };
      await fetch(`${url}/operations/pause`, { ...form, mode: 'no-cors' }).catch(() => null);
      return read;
    },
    [server.operators, token] as const,
  );
  expect(asked).toBe('refused');
  expect(server.command('status', '--json')).toContain('"paused": null');
});
