// The console of a deployment on AWS, in a real browser: an incident, found, understood and fixed with the keyboard alone.

import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Browser, Page } from 'playwright-core';
import { subscription } from '../incident';
import { launch } from '../visitor';
import { Stack } from './stack';

const EVENTS = 5;
const WAIT_MS_MAX = 60_000;

let browser: Browser;
let stack: Stack;

beforeAll(async () => {
  stack = await Stack.start('Plans=price_other=paid');
  browser = await launch();
});
afterAll(async () => {
  await browser.close();
  await stack.close();
});

const press = async (page: Page, ...keys: string[]): Promise<void> => {
  for (const key of keys) await page.keyboard.press(key);
};

const heading = (page: Page, name: string) =>
  page.getByRole('heading', { level: 1, name }).waitFor();

async function strike(): Promise<void> {
  for (let number = 0; number < EVENTS; number++)
    await stack.webhook(subscription(`aws_${number}`, `user-${number}`, 'price_pro'));
  for (;;) {
    const status = stack.json('status') as { deadLetters: number };
    if (status.deadLetters === EVENTS) return;
  }
}

it('an incident on AWS is found, understood and fixed by keyboard alone', async () => {
  await strike();
  const context = await browser.newContext({ reducedMotion: 'reduce' });
  context.setDefaultTimeout(WAIT_MS_MAX);
  const page = await context.newPage();
  const faults: string[] = [];
  page.on('pageerror', (error) => faults.push(error.message));
  await page.goto(await stack.console('eve'));
  await heading(page, `${EVENTS} dead letters wait for you`);

  // Understood: it fails again for the same cause.
  await press(page, 'g', 'd');
  await page.locator('.group', { hasText: 'plan.unmapped' }).waitFor();
  await press(page, 'j', 'Enter');
  await heading(page, 'plan.unmapped');
  await page.locator('[data-result=fails]').waitFor();
  await press(page, 'n');
  await page.keyboard.type('price_pro is missing');
  await press(page, 'Enter');
  await page.getByText('“price_pro is missing (eve)”').waitFor();

  // Fixed: the page shows by itself that it would be applied now, and to whom.
  stack.deploy('Plans=price_pro=paid');
  await page.locator('[data-result=applies]').waitFor();
  const difference = page.locator('.difference tbody tr').first();
  expect(await difference.locator('.from').textContent()).toBe('free');
  expect(await difference.locator('.to').textContent()).toBe('paid');
  await press(page, 'r');
  await page.getByText(`${EVENTS} would be applied`).waitFor();
  await page.keyboard.type('mapped');
  await press(page, 'Enter');
  const done = '[data-testid=progress][data-state=done]';
  await page.locator(done).waitFor();
  expect(await page.locator(done).textContent()).toContain(
    `${EVENTS} redriven: ${EVENTS} applied, 0 failed`,
  );
  await press(page, 'Escape');
  await page.getByText('Nothing is left of this group.').waitFor();

  // Everybody is what they paid for, and the ledger knows who did it.
  await press(page, '/');
  await heading(page, 'Search');
  await page.keyboard.type('user-3');
  await press(page, 'Enter');
  await heading(page, 'user-3 paid');
  await press(page, 'g', 'a');
  for (const text of ['price_pro is missing', 'mapped'])
    await page
      .locator('.timeline-why', { hasText: `eve: ${text}` })
      .first()
      .waitFor();
  expect(faults).toEqual([]);
});
