// What was paid for and has no owner, in the console: seen, linked, and applied at once; whoever may only read sees it.

import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Browser, Page } from 'playwright-core';
import { PLANS, subscription } from './incident';
import { DemoServer } from './server';
import { launch } from './visitor';

let browser: Browser;
let server: DemoServer;

beforeAll(async () => {
  server = await DemoServer.start(PLANS);
  browser = await launch();
  for (const name of ['invoice', 'dashboard']) {
    const event = subscription(name, '', 'price_pro') as { data: { object: object } };
    event.data.object = { ...event.data.object, metadata: {} };
    await server.webhook(event);
  }
  // Of a payment that nobody knows; there is nothing to link.
  await server.webhook({
    id: 'evt_refund',
    object: 'event',
    type: 'charge.refunded',
    created: Math.floor(Date.now() / 1_000),
    livemode: false,
    data: {
      object: {
        id: 'ch_1',
        object: 'charge',
        customer: 'cus_other',
        payment_intent: 'pi_unknown',
        amount: 900,
        amount_refunded: 900,
        refunded: true,
      },
    },
  });
});
afterAll(async () => {
  await browser.close();
  await server.close();
});

async function open(token: string): Promise<Page> {
  const page = await (await browser.newContext({ reducedMotion: 'reduce' })).newPage();
  await page.goto(`${server.operators}/console#token=${token}`);
  await page.getByRole('navigation').waitFor();
  return page;
}

it('is listed, and linked with the keyboard alone', async () => {
  const page = await open(server.operatorToken());
  await page.getByRole('heading', { level: 1, name: '2 payments without an owner' }).waitFor();
  await page.getByRole('link', { name: '2 waiting' }).press('Enter');
  await page.getByRole('heading', { level: 1, name: 'Paid for, without an owner' }).waitFor();
  await page.getByText('cus_dashboard').waitFor();
  expect(await page.getByText('owner.unknown').count()).toBe(2);
  await page.locator('li', { hasText: 'pi_unknown' }).getByText('payment.unlinked').waitFor();
  expect(await page.getByRole('button', { name: 'pi_unknown' }).count()).toBe(0);

  await page.getByRole('button', { name: 'Link to a user: cus_invoice' }).press('Enter');
  const dialog = page.getByRole('dialog', { name: 'Link cus_invoice' });
  await dialog.waitFor();
  // Without a user nothing is done.
  await dialog.getByLabel('Reason').fill('paid by invoice');
  await page.keyboard.press('Enter');
  expect(server.command('waiting', '--json')).toContain('cus_invoice');
  await dialog.getByLabel('User').fill('ida');
  await page.keyboard.press('Enter');
  await dialog.waitFor({ state: 'detached' });
  await page.getByText('cus_invoice').waitFor({ state: 'detached' });
  expect(server.command('explain', 'ida')).toContain('ida is paid');
  expect(server.command('waiting', '--json')).not.toContain('cus_invoice');
  expect(server.command('audit', 'export', '--acts')).toContain('paid by invoice');
});
