// Webhooks to the host in the console: what is dead is seen, sent again and discarded.

import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Browser } from 'playwright-core';
import { overflow, violations } from './access';
import { PLANS } from './incident';
import { DemoServer } from './server';
import { launch } from './visitor';

let browser: Browser;
let server: DemoServer;

/** A webhook that was given up, as the server itself would have left it. */
function giveUp(position: number): void {
  const copy = `SELECT ${position}, 'msg_${position}', 'ada', expires_at, change, 1795000000000000, 12, '503 Service Unavailable' FROM changes LIMIT 1`;
  server.sql(
    `INSERT INTO dead_webhooks (position, id, user, taken_at, change, failed_at, attempts, error) ${copy}`,
  );
}

beforeAll(async () => {
  server = await DemoServer.start(PLANS);
  browser = await launch();
  await server.simulate('ada', 'upgrade');
  while ((await server.changes()).size === 0);
  [1, 2, 3].forEach(giveUp);
});
afterAll(async () => {
  await browser.close();
  await server.close();
});

it.each([1_280, 390])('dead ones are sent again or discarded, at %d pixels', async (width) => {
  const context = await browser.newContext({
    viewport: { width, height: 844 },
    reducedMotion: 'reduce',
  });
  const page = await context.newPage();
  await page.goto(`${server.operators}/console#token=${server.operatorToken()}`);
  await page.getByRole('link', { name: 'pending' }).press('Enter');
  await page.getByText('503 Service Unavailable').first().waitFor();
  expect(await violations(page, true)).toEqual([]);
  expect(await overflow(page)).toBeLessThanOrEqual(0);
  const rows = page.locator('.rows li');
  const before = await rows.count();
  const verb = width === 390 ? 'Redrive' : 'Discard';
  await rows.first().getByRole('button', { name: verb }).press('Enter');
  await page.getByRole('dialog').getByLabel('Reason').fill(`${verb} by a test`);
  await page.keyboard.press('Enter');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await rows.nth(before - 1).waitFor({ state: 'detached' });
  expect(server.command('audit', 'export', '--acts')).toContain(`${verb} by a test`);
  await context.close();
});
