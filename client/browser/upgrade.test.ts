// A customer who has paid, when things go wrong: the server dies, sockets are blocked, webhooks are
// late, pages are reloaded. The test moves the page's clock through the minute of a watch.

import { expect, it } from 'vitest';
import type { Page } from 'playwright-core';
import { useFixture } from './fixture';
import { Visitor, buyButton, live, showsRole, showsWatch } from './visitor';

const fixture = useFixture();

const banner = (page: Page) => page.getByRole('status').filter({ hasText: /./ });
const dropSockets = (page: Page) => page.getByRole('switch', { name: /Drop my socket/ }).click();

it('a checkout unlocks everything, in the tab that paid and in the other', async () => {
  const visitor = await Visitor.arrive(fixture.browser, fixture.server);
  const [buyer, other] = [await visitor.openLive(), await visitor.openLive()];
  await buyButton(buyer).click();
  await buyer.getByRole('button', { name: /Pay/ }).click();
  await showsRole(buyer, 'paid');
  await showsRole(other, 'paid');
  await showsWatch(buyer, 'upgraded');
  await buyer.getByTestId('premium-text').waitFor();
  await other.getByTestId('premium-text').waitFor();
});

it('a page that waits catches up with a server that is killed and restarted', async () => {
  const visitor = await Visitor.arrive(fixture.browser, fixture.server);
  const other = await visitor.openLive();
  const page = await visitor.open('/demo?return');
  await showsWatch(page, 'pending');
  await fixture.server.kill();
  await fixture.server.run();
  await fixture.server.simulate(visitor.userId, 'upgrade');
  for (const tab of [page, other]) await showsRole(tab, 'paid');
  await showsWatch(page, 'upgraded');
});

it('with the socket blocked, polling finds the upgrade', async () => {
  const visitor = await Visitor.arrive(fixture.browser, fixture.server);
  const other = await visitor.openLive();
  await dropSockets(other);
  await other.locator('[data-testid=connection]', { hasText: 'Polling' }).waitFor();
  expect(visitor.openSockets).toBe(0);
  const page = await visitor.open('/demo?return');
  await showsWatch(page, 'pending');
  await fixture.server.simulate(visitor.userId, 'upgrade');
  await showsWatch(page, 'upgraded');
  await showsRole(other, 'paid');
  expect(visitor.openSockets).toBe(0);
  await dropSockets(other);
  await live(other);
});

it('a webhook after the window is explained, and the retry finds it', async () => {
  const visitor = await Visitor.arrive(fixture.browser, fixture.server);
  const page = await visitor.openLive();
  await dropSockets(page);
  await page.clock.install();
  await page.goto(`${fixture.server.origin}/demo?return`);
  await showsWatch(page, 'pending');
  await page.clock.runFor(61_000);
  await showsWatch(page, 'timed_out');
  expect(await banner(page).textContent()).toMatch(/not see a payment/);
  expect(await buyButton(page).count()).toBe(0);
  await fixture.server.simulate(visitor.userId, 'upgrade');
  await page.getByRole('button', { name: 'Check again' }).click();
  await showsWatch(page, 'upgraded');
  await showsRole(page, 'paid');
});

it('a keyboard keeps its place on “Check again”, and whoever did not pay can buy', async () => {
  const visitor = await Visitor.arrive(fixture.browser, fixture.server);
  const page = await visitor.openLive();
  await page.clock.install();
  await page.goto(`${fixture.server.origin}/demo?return`);
  await showsWatch(page, 'pending');
  await page.clock.runFor(61_000);
  await showsWatch(page, 'timed_out');
  const retry = page.getByRole('button', { name: 'Check again' });
  const focused = () => page.evaluate(() => document.activeElement?.textContent);
  await retry.focus();
  await page.keyboard.press('Enter');
  await showsWatch(page, 'pending');
  expect(await focused()).toBe('Check again');
  expect(await retry.getAttribute('aria-disabled')).toBe('true');
  await page.keyboard.press('Tab');
  expect(await focused()).toBe('I did not pay');
  await page.keyboard.press('Enter');
  await buyButton(page).waitFor();
  expect(await page.evaluate(() => document.activeElement?.getAttribute('role'))).toBe('status');
  await page.reload();
  await buyButton(page).waitFor();
});

it('a reload while waiting still waits, and a second tab does not offer to pay again', async () => {
  const visitor = await Visitor.arrive(fixture.browser, fixture.server);
  const page = await visitor.open('/demo?return');
  await showsWatch(page, 'pending');
  await page.reload();
  await showsWatch(page, 'pending');
  const other = await visitor.openLive();
  await showsWatch(other, 'pending');
  expect(await buyButton(other).count()).toBe(0);
  await fixture.server.simulate(visitor.userId, 'upgrade');
  for (const tab of [page, other]) await showsWatch(tab, 'upgraded');
  // The message above the plans says it, and no toast repeats it.
  for (const tab of [page, other]) expect(await tab.getByText('Toast shown').count()).toBe(0);
});

it('the slow webhook of the demo is waited for', async () => {
  const visitor = await Visitor.arrive(fixture.browser, fixture.server);
  const page = await visitor.openLive();
  await page.getByRole('switch', { name: /Slow webhook/ }).click();
  await buyButton(page).click();
  await page.getByRole('button', { name: /Pay/ }).click();
  await showsWatch(page, 'pending');
  await showsWatch(page, 'upgraded');
});

it('a person with only a keyboard can sign in, pay and return', async () => {
  const visitor = await Visitor.arrive(fixture.browser, fixture.server, { signedOut: true });
  const page = await visitor.open();
  await page.getByLabel('Your user id').focus();
  await page.keyboard.press('Enter');
  await live(page);
  await buyButton(page).focus();
  await page.keyboard.press('Enter');
  const pay = page.getByRole('button', { name: /Pay/ });
  await pay.waitFor();
  await page.getByLabel('CVC').focus();
  await page.keyboard.press('Tab');
  expect(await pay.evaluate((button) => button === document.activeElement)).toBe(true);
  await page.keyboard.press('Enter');
  await showsRole(page, 'paid');
});
