// A subscription that changes while the role stays, in a real Chromium over a real server.

import { expect, it } from 'vitest';
import type { Page } from 'playwright-core';
import { useFixture } from './fixture';
import { Visitor, showsRole } from './visitor';

const fixture = useFixture();

const note = (page: Page) => page.locator('.subscription[data-status=past_due]');

it('a failed payment is shown in every tab, without a toast, until the subscription ends', async () => {
  const visitor = await Visitor.arrive(fixture.browser, fixture.server);
  const pages = [await visitor.openLive(), await visitor.openLive()];
  await fixture.server.simulate(visitor.userId, 'upgrade');
  for (const page of pages) await page.getByTestId('premium-text').waitFor();
  const revocationId = () => pages[0]!.getByTestId('revocation-id').textContent();
  const toasts = (page: Page) => page.getByText('Toast shown').count();
  const before = [await revocationId(), ...(await Promise.all(pages.map(toasts)))];
  await fixture.server.simulate(visitor.userId, 'past_due');
  for (const page of pages) await note(page).waitFor();
  for (const page of pages) {
    expect(await note(page).textContent()).toMatch(/overdue since .*\d{4}/);
    expect(await page.getByTestId('role').textContent()).toBe('paid');
    expect(await page.getByTestId('subscription').textContent()).toBe('Past due');
  }
  expect([await revocationId(), ...(await Promise.all(pages.map(toasts)))]).toEqual(before);
  await fixture.server.simulate(visitor.userId, 'downgrade');
  for (const page of pages) {
    await showsRole(page, 'free');
    await note(page).waitFor({ state: 'detached' });
  }
});

it('a tab that is opened later shows the same', async () => {
  const visitor = await Visitor.arrive(fixture.browser, fixture.server);
  await fixture.server.simulate(visitor.userId, 'upgrade');
  await fixture.server.simulate(visitor.userId, 'past_due');
  await note(await visitor.openLive()).waitFor();
});
