// The console over ten megabytes of dead letters: the page stays small, and every key works.

import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Browser, Page } from 'playwright-core';
import { HOSTILE, PLANS, line, subscription } from './incident';
import { DemoServer } from './server';
import { launch } from './visitor';

const LETTERS = 44;
const PARTS = 220;
/** What the page and its code take, and some answers; ten megabytes are far more. */
const HEAP_BYTES_MAX = 48 * 1_024 * 1_024;

let browser: Browser;
let server: DemoServer;

beforeAll(async () => {
  server = await DemoServer.start(PLANS);
  browser = await launch();
});
afterAll(async () => {
  await browser.close();
  await server.close();
});

function letter(number: number): string {
  const event = subscription(`large_${number}`, `user-${number}`, 'price_team') as {
    data: { object: Record<string, unknown> };
  };
  event.data.object.parts = Array.from({ length: PARTS }, () => ({
    note: 'x'.repeat(1_000),
    markup: HOSTILE,
  }));
  return line(`large_${number}`, event, 'plan.unmapped', `none of the prices of ${number}`);
}

const heap = (page: Page): Promise<number> =>
  page.evaluate(
    () => (performance as unknown as { memory: { usedJSHeapSize: number } }).memory.usedJSHeapSize,
  );

it('is as quick and as small as over small ones', async () => {
  const letters = Array.from({ length: LETTERS }, (_, number) => letter(number)).join('\n');
  expect(letters.length).toBeGreaterThan(10_000_000);
  server.write('large.jsonl', letters);
  server.command('dead-letters', 'import', 'large.jsonl', '--reason', 'seed', '--actor', 'test');

  const page = await (await browser.newContext({ reducedMotion: 'reduce' })).newPage();
  const faults: string[] = [];
  page.on('pageerror', (error) => faults.push(error.message));
  await page.goto(`${server.operators}/console#token=${server.operatorToken()}`);
  await page.getByRole('heading', { level: 1, name: '44 dead letters' }).waitFor();
  await page.keyboard.press('g');
  await page.keyboard.press('d');
  await page.locator('.group').waitFor();
  await page.keyboard.press('j');
  await page.keyboard.press('Enter');
  await page.getByRole('list', { name: 'Dead letters of the group' }).waitFor();
  expect(await page.locator('.list [data-row]').count()).toBe(LETTERS);

  // One after another, each with its body opened.
  for (let number = 0; number < 10; number++) {
    await page.keyboard.press('j');
    await page.keyboard.press('Enter');
    await page
      .getByRole('article', { name: `Dead letter evt_large_${number}`, exact: true })
      .waitFor();
    await page.locator('[data-result=fails]').waitFor();
    const summary = page.locator('.body summary');
    await summary.focus();
    await page.keyboard.press('Enter');
    await page.getByText('The first 65,536 of').waitFor();
    expect((await page.locator('.body pre').textContent())?.length).toBe(65_536);
    await page.locator('.list [aria-current=true]').focus();
  }
  expect(await heap(page)).toBeLessThan(HEAP_BYTES_MAX);

  // The dialogs open, and a redrive works.
  await page.keyboard.press('r');
  await page.getByText('44 would fail again').waitFor();
  await page.keyboard.press('Escape');
  server.configure(`${PLANS}price_team = "paid"\n`);
  await page.locator('[data-result=applies]').waitFor();
  await page.keyboard.press('r');
  await page.getByText('44 would be applied').waitFor();
  await page.keyboard.type('mapped');
  await page.keyboard.press('Enter');
  await page.locator('[data-testid=progress][data-state=done]').waitFor();
  expect(await page.locator('[data-testid=progress]').textContent()).toContain('44 applied');
  expect(await page.evaluate(() => 'hacked' in window)).toBe(false);
  expect(faults).toEqual([]);
}, 120_000);
