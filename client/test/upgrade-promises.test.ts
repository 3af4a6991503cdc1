// What a watch promises: only what is known. A visitor who did not pay reads of no payment and may buy,
// and a customer who has a role and buys a higher one waits for the higher one.

import { describe, expect, it, vi } from 'vitest';
import * as limits from '../src/limits.js';
import { createHarness, watchStatus } from './harness.js';

const harness = createHarness();
const DAY_MS = 86_400_000;
const MINUTE_MS = limits.WATCH_POLL_AT_MS.at(-1)!;

describe('a visitor who comes back from a checkout without paying', () => {
  it('never reads of a payment, and may buy again after a dismissal, in every tab', async () => {
    const [tab, other] = [await harness.openTab(), await harness.openTab()];
    const outcome = tab.client.watchUpgrade({ role: 'paid', checkoutSessionId: 'cs_1' });
    await harness.advance(MINUTE_MS + 1_000);
    expect(await outcome).toBe('timed_out');
    for (const { snapshot } of [tab, other]) {
      expect(snapshot.upgrade).toMatchObject({
        status: 'timed_out',
        paymentKnown: false,
        role: 'paid',
        checkoutSessionId: 'cs_1',
      });
    }
    other.client.dismissUpgrade();
    await harness.advance(100);
    expect([tab, other].map(watchStatus)).toEqual(['idle', 'idle']);
    expect(watchStatus(await harness.reload(tab))).toBe('idle');
  });

  it('does not see the dismissed watch again, even if the return page is reloaded', async () => {
    for (const storage of [false, 'throws'] as const) {
      harness.without({ storage });
      const tab = await harness.openTab();
      void tab.client.watchUpgrade({ checkoutSessionId: 'cs_1' });
      await harness.advance(100);
      tab.client.dismissUpgrade();
      const again = storage ? tab : await harness.reload(tab);
      expect(await again.client.watchUpgrade({ checkoutSessionId: 'cs_1' })).toBe('cancelled');
      expect(watchStatus(again)).toBe('idle');
      void again.client.watchUpgrade({ checkoutSessionId: 'cs_2' });
      await harness.advance(100);
      expect(watchStatus(again)).toBe('pending');
    }
  });
});

describe('a payment', () => {
  it('is known once the subscription is active, before the role is', async () => {
    const [tab, other] = [await harness.openTab(), await harness.openTab()];
    void tab.client.watchUpgrade({ role: 'paid' });
    await harness.advance(2_000);
    harness.server.change('u1', { status: 'incomplete' });
    await harness.advance(100);
    expect(tab.snapshot.upgrade.paymentKnown).toBe(false);
    harness.server.change('u1', { status: 'active', subscriptionActive: true });
    await harness.advance(100);
    for (const { snapshot } of [tab, other]) {
      expect(snapshot.upgrade).toMatchObject({ status: 'pending', paymentKnown: true });
    }
    expect((await harness.reload(tab)).snapshot.upgrade.paymentKnown).toBe(true);
  });

  it('is not known because a subscription was active before', async () => {
    harness.server.change('u1', { status: 'active', subscriptionActive: true });
    const tab = await harness.openTab();
    void tab.client.watchUpgrade({ role: 'team' });
    await harness.advance(2_000);
    harness.server.change('u1', { features: ['export'] });
    await harness.advance(100);
    expect(tab.snapshot.upgrade.paymentKnown).toBe(false);
  });
});

describe('a customer who has a role and buys a higher one', () => {
  it('waits for the higher one', async () => {
    harness.server.setRole('u1', 'paid');
    const tab = await harness.openTab();
    const outcome = tab.client.watchUpgrade({ role: 'team' });
    await harness.advance(5_000);
    expect(watchStatus(tab)).toBe('pending');
    harness.server.setRole('u1', 'team');
    await harness.advance(100);
    expect(await outcome).toBe('upgraded');
  });

  it('waits for any higher one where the host does not name it', async () => {
    harness.server.setRole('u1', 'paid');
    await harness.advance(limits.ROLE_AGE_MS_MAX);
    const tab = await harness.openTab();
    const outcome = tab.client.watchUpgrade({ checkoutSessionId: 'cs_1' });
    await harness.advance(5_000);
    expect(watchStatus(tab)).toBe('pending');
    harness.server.setRole('u1', 'team');
    await harness.advance(100);
    expect(await outcome).toBe('upgraded');
  });

  it('buys again after a downgrade during the watch', async () => {
    harness.server.setRole('u1', 'paid');
    await harness.advance(limits.ROLE_AGE_MS_MAX);
    const tab = await harness.openTab();
    void tab.client.watchUpgrade();
    await harness.advance(100);
    harness.server.setRole('u1', 'free');
    await harness.advance(100);
    expect(watchStatus(tab)).toBe('pending');
    harness.server.setRole('u1', 'paid');
    await harness.advance(100);
    expect(watchStatus(tab)).toBe('upgraded');
  });
});

describe('a clock that is set during a watch', () => {
  it.each([-DAY_MS, DAY_MS])('by %d ms makes it neither longer nor shorter', async (ms) => {
    const tab = await harness.openTab();
    void tab.client.watchUpgrade();
    await harness.advance(100);
    vi.setSystemTime(Date.now() + ms);
    await harness.advance(30_000);
    expect(watchStatus(tab)).toBe('pending');
    await harness.advance(31_000);
    expect(watchStatus(tab)).toBe('timed_out');
  });

  it('and a reload: the rest of the watch is at most its minute', async () => {
    const tab = await harness.openTab();
    void tab.client.watchUpgrade();
    await harness.advance(100);
    vi.setSystemTime(Date.now() - DAY_MS);
    const again = await harness.reload(tab);
    expect(watchStatus(again)).toBe('pending');
    await harness.advance(MINUTE_MS + 1_000);
    expect(watchStatus(again)).toBe('timed_out');
  });
});
