// Both examples in a real Chromium: a customer signs in, pays, comes back, and leaves, over a real
// tierlift with a configuration of its own.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core';
import { overflow, violations } from '../browser/access';
import { launch } from '../browser/visitor';
import { startExample } from './example';
import type { Example, Name } from './example';

const FOLDER = join(import.meta.dirname, '../screenshots');
const WIDTHS = { phone: 390, desktop: 1280 };
const WAIT_MS_MAX = 15_000;

/** What each example shows on either plan. */
const shown: Record<Name, (page: Page, role: 'free' | 'paid') => Promise<void>> = {
  nextjs: (page, role) =>
    page.getByText(new RegExp(`on the ${role} plan|to the ${role} plan`)).waitFor(),
  plain: (page, role) => page.locator('#role', { hasText: role }).waitFor(),
};

describe.each<Name>(['plain', 'nextjs'])('the example %s', (name) => {
  let example: Example;
  let browser: Browser;
  let context: BrowserContext;
  let complaints: string[];
  let users = 0;
  const shows = shown[name];

  beforeAll(async () => {
    mkdirSync(FOLDER, { recursive: true });
    example = await startExample(name);
    browser = await launch();
  });
  afterAll(() => Promise.all([browser.close(), example.close()]));
  afterEach(async () => {
    await context.close();
    example.stripe.late = false;
  });

  /** A browser of its own. */
  async function arrive(options: BrowserContextOptions = {}): Promise<Page> {
    complaints = [];
    context = await browser.newContext({ reducedMotion: 'reduce', ...options });
    context.setDefaultTimeout(WAIT_MS_MAX);
    context.on('weberror', (error) => complaints.push(String(error.error())));
    context.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
    });
    return open();
  }

  async function open(path = '/'): Promise<Page> {
    const page = await context.newPage();
    await page.goto(example.origin + path);
    return page;
  }

  async function signIn(page: Page): Promise<string> {
    const userId = `ada-${process.pid}-${(users += 1)}`;
    await page.getByLabel('Any name will do').fill(userId);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await shows(page, 'free');
    await renderedFor(page, `${userId}, free`);
    return userId;
  }

  /** Its server components are in step with the client. */
  async function renderedFor(page: Page, user: string): Promise<void> {
    if (name === 'nextjs') await page.getByText(`Rendered on the server for ${user}.`).waitFor();
  }

  const upgrade = (page: Page) => page.getByRole('button', { name: 'Upgrade' });
  const status = (page: Page, text: string | RegExp) =>
    page.getByRole('status').filter({ hasText: text }).waitFor();

  async function pay(page: Page): Promise<void> {
    await upgrade(page).click();
    await page.getByRole('button', { name: 'Pay' }).click();
  }

  /** Neither an offer to pay for what is paid for or under way, nor one to sign in again. */
  async function offersNothing(page: Page): Promise<void> {
    for (const button of [upgrade(page), page.getByRole('button', { name: 'Sign in' })]) {
      expect(await button.isVisible()).toBe(false);
    }
  }

  /** What a page says about the plan while it is loaded, from its first paint until nothing is loaded any more. */
  async function paintsOf(page: Page): Promise<string[]> {
    await page.addInitScript(() => {
      const paints = new Set<string>();
      const look = () => {
        const [text] = /Loading|You are on the.*|Welcome.*/.exec(document.body.innerText) ?? [];
        if (text !== undefined) paints.add(text);
      };
      new MutationObserver(() => document.readyState !== 'loading' && look()).observe(document, {
        subtree: true,
        childList: true,
      });
      // A page that came whole and is not changed by what loads has painted, too.
      document.addEventListener('DOMContentLoaded', look);
      Object.assign(globalThis, { paints });
    });
    await page.reload({ waitUntil: 'networkidle' });
    return page.evaluate(() => [...(globalThis as unknown as { paints: Set<string> }).paints]);
  }

  it('shows a payment in every tab, and the plan in the next first paint', async () => {
    const buyer = await arrive();
    const userId = await signIn(buyer);
    const other = await open();
    await shows(other, 'free');
    await pay(buyer);
    await status(buyer, 'Your upgrade is active.');
    expect(buyer.url()).toMatch(/\/upgrade\/return\?session_id=cs_test_\d+$/);
    await shows(other, 'paid');
    for (const page of [buyer, other]) await offersNothing(page);
    if (name === 'nextjs') {
      await renderedFor(other, `${userId}, paid`);
      expect(await paintsOf(other)).toEqual(['Welcome to the paid plan.']);
      await other.getByRole('link', { name: 'Export' }).click();
      await other.getByText(`Your data, ${userId}.`).waitFor();
    }
    expect(complaints).toEqual([]);
  });

  it('offers a customer who comes back without paying to buy again', async () => {
    const page = await arrive();
    await signIn(page);
    await upgrade(page).click();
    await page.getByRole('link', { name: 'Cancel' }).click();
    await shows(page, 'free');
    await upgrade(page).waitFor();
    const bookmark = await open('/upgrade/return');
    await shows(bookmark, 'free');
    await upgrade(bookmark).waitFor();
    expect(complaints).toEqual([]);
  });

  it('waits for a late webhook, promises nothing, and offers to buy again once it is dismissed', async () => {
    example.stripe.late = true;
    const page = await arrive();
    const userId = await signIn(page);
    await page.clock.install();
    await pay(page);
    await status(page, 'Confirming your payment');
    await page.clock.runFor(61_000);
    await status(page, 'not see a payment yet');
    await offersNothing(page);
    await page.getByRole('button', { name: 'Check again' }).click();
    await status(page, 'Confirming your payment');
    await offersNothing(page);
    await page.clock.runFor(61_000);
    await page.getByRole('button', { name: 'Not now' }).click();
    await page.goto(example.origin);
    await upgrade(page).waitFor();
    await example.stripe.deliver(userId);
    await shows(page, 'paid');
  });

  it('signs out in every tab, and its server knows', async () => {
    const page = await arrive();
    await signIn(page);
    const other = await open();
    await shows(other, 'free');
    await page.getByRole('button', { name: 'Sign out' }).click();
    for (const tab of [page, other]) {
      await tab.getByRole('heading', { name: 'Sign in' }).waitFor();
      await renderedFor(tab, 'nobody');
    }
    const token = await context.request.get(`${example.origin}/api/token`);
    expect(await token.json()).toEqual({ accessToken: null });
    const html = await context.request.get(`${example.origin}/export`);
    expect(await html.text()).not.toContain('Your data');
    expect(complaints).toEqual([]);
  });

  it('shows another user who signs in their own plan', async () => {
    const page = await arrive();
    await signIn(page);
    await pay(page);
    await status(page, 'Your upgrade is active.');
    await page.goto(example.origin);
    await shows(page, 'paid');
    await page.getByRole('button', { name: 'Sign out' }).click();
    await signIn(page);
    await upgrade(page).waitFor();
    expect(complaints).toEqual([]);
  });

  describe.each(Object.entries(WIDTHS))('on a %s', (device, width) => {
    it.each(['light', 'dark'] as const)('is readable in the %s theme', async (colorScheme) => {
      example.stripe.late = true;
      const page = await arrive({ viewport: { width, height: 700 }, colorScheme });
      const snap = async (state: string) => {
        const path = join(FOLDER, `example-${name}-${state}-${device}-${colorScheme}.png`);
        await page.screenshot({ path });
        // A server may send the title behind what is shown.
        await expect.poll(() => page.title()).not.toBe('');
        expect(await violations(page)).toEqual([]);
        expect(await overflow(page)).toBeLessThanOrEqual(0);
      };
      await page.getByRole('heading', { name: 'Sign in' }).waitFor();
      await snap('sign-in');
      const userId = await signIn(page);
      await snap('free');
      await page.clock.install();
      await pay(page);
      await status(page, 'Confirming your payment');
      await snap('pending');
      await page.clock.runFor(61_000);
      await status(page, 'not see a payment yet');
      await snap('timed-out');
      await example.stripe.deliver(userId);
      await status(page, 'Your upgrade is active.');
      await snap('upgraded');
      await page.goto(example.origin);
      await shows(page, 'paid');
      await snap('paid');
    });
  });
});
