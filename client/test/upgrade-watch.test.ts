// The watch for a paid upgrade: each row of its table in SPEC.md.

import { describe, expect, it } from 'vitest';
import * as limits from '../src/limits.js';
import { createHarness, watchStatus } from './harness.js';

const harness = createHarness();
const MINUTE_MS = limits.WATCH_POLL_AT_MS.at(-1)!;

/** The seconds, counted from now, in which GET /session is called. */
async function secondsPolled(seconds: number): Promise<number[]> {
  const polled: number[] = [];
  for (let second = 0; second <= seconds; second += 1) {
    const before = harness.server.count('GET /session');
    await harness.advance(1_000);
    for (let i = before; i < harness.server.count('GET /session'); i += 1) polled.push(second);
  }
  return polled;
}

describe('a watch', () => {
  it('polls at once, then after 1, 2, 4, 8, 16 and 29 s, and then times out', async () => {
    const tab = await harness.openTab();
    setTimeout(() => void tab.client.watchUpgrade(), 10);
    expect(await secondsPolled(61)).toEqual([0, 1, 3, 7, 15, 31, 60]);
    expect(tab.snapshot.upgrade).toMatchObject({ status: 'timed_out', attempt: 7 });
  });

  it('is upgraded by the socket before the next poll', async () => {
    const tab = await harness.openTab();
    const outcome = tab.client.watchUpgrade();
    await harness.advance(8_000);
    expect(tab.snapshot.upgrade).toMatchObject({ status: 'pending', attempt: 4 });
    harness.server.setRole('u1', 'paid');
    await harness.advance(10);
    expect(await outcome).toBe('upgraded');
    expect(watchStatus(tab)).toBe('upgraded');
  });

  it('is upgraded by a poll where sockets are blocked', async () => {
    harness.server.socketsBlocked = true;
    const tab = await harness.openTab();
    const outcome = tab.client.watchUpgrade();
    await harness.advance(100);
    harness.server.setRole('u1', 'paid');
    await harness.advance(1_100);
    expect(await outcome).toBe('upgraded');
  });

  it('is upgraded at once when the webhook was faster than the redirect', async () => {
    harness.server.setRole('u1', 'paid');
    const tab = harness.browser.openTab();
    const outcome = tab.client.watchUpgrade();
    await harness.advance();
    expect(await outcome).toBe('upgraded');
  });

  it('ignores old state: a role that was lost since upgrades nobody', async () => {
    harness.server.setRole('u1', 'paid');
    harness.server.socketsBlocked = true;
    const tab = await harness.openTab();
    harness.server.setRole('u1', 'free');
    void tab.client.watchUpgrade();
    await harness.advance();
    expect(watchStatus(tab)).toBe('pending');
  });

  it('waits for the role that was paid for', async () => {
    const tab = harness.browser.openTab();
    const outcome = tab.client.watchUpgrade({ role: 'team' });
    harness.server.setRole('u1', 'paid');
    await harness.advance(100);
    expect(watchStatus(tab)).toBe('pending');
    harness.server.setRole('u1', 'operator');
    await harness.advance(100);
    expect(await outcome).toBe('upgraded');
  });

  it('survives polls that fail', async () => {
    const tab = await harness.openTab();
    harness.server.up = false;
    harness.server.dropSockets();
    const outcome = tab.client.watchUpgrade();
    await harness.advance(10_000);
    expect(watchStatus(tab)).toBe('pending');
    harness.server.up = true;
    harness.server.setRole('u1', 'paid');
    await harness.advance(20_000);
    expect(await outcome).toBe('upgraded');
  });

  it('times out after a minute, and a late webhook still upgrades', async () => {
    const tab = await harness.openTab();
    const outcome = tab.client.watchUpgrade();
    await harness.advance(MINUTE_MS + 100);
    expect(await outcome).toBe('timed_out');
    harness.server.setRole('u1', 'paid');
    await harness.advance(10);
    expect(watchStatus(tab)).toBe('upgraded');
  });

  it('is retried for the same role', async () => {
    const tab = harness.browser.openTab();
    void tab.client.watchUpgrade({ role: 'team' });
    await harness.advance(MINUTE_MS + 1_000);
    const again = tab.client.watchUpgrade();
    await harness.advance(100);
    expect(tab.snapshot.upgrade).toMatchObject({ status: 'pending', attempt: 1 });
    harness.server.setRole('u1', 'team');
    await harness.advance(100);
    expect(await again).toBe('upgraded');
  });

  it('is cancelled in every tab', async () => {
    const [first, second] = [await harness.openTab(), await harness.openTab()];
    const outcome = first.client.watchUpgrade();
    await harness.advance(100);
    second.client.dismissUpgrade();
    await harness.advance(100);
    expect(await outcome).toBe('cancelled');
    expect([first, second].map(watchStatus)).toEqual(['idle', 'idle']);
    const polled = harness.server.count('GET /session');
    await harness.advance(30_000);
    expect(harness.server.count('GET /session')).toBe(polled);
  });

  it('started twice is one watch with two promises', async () => {
    const tab = await harness.openTab();
    const polled = harness.server.count('GET /session');
    const outcomes = Promise.all([tab.client.watchUpgrade(), tab.client.watchUpgrade()]);
    await harness.advance(10);
    expect(harness.server.count('GET /session') - polled).toBe(1);
    harness.server.setRole('u1', 'paid');
    await harness.advance(10);
    expect(await outcomes).toEqual(['upgraded', 'upgraded']);
  });

  it('that is requested before the start waits for it', async () => {
    const tab = harness.browser.openTab();
    tab.stop();
    const outcome = tab.client.watchUpgrade();
    tab.stop = tab.client.start();
    await harness.advance();
    expect(watchStatus(tab)).toBe('pending');
    tab.client.destroy();
    expect(await outcome).toBe('cancelled');
    expect(await tab.client.watchUpgrade()).toBe('cancelled');
  });

  it('catches up after a sleep with one poll', async () => {
    const tab = await harness.openTab();
    void tab.client.watchUpgrade();
    await harness.advance(10);
    const polled = harness.server.count('GET /session');
    tab.aheadMs += 40_000;
    await harness.advance(1_500);
    expect(harness.server.count('GET /session') - polled).toBe(1);
    expect(tab.snapshot.upgrade.attempt).toBe(6);
  });
});

describe('a watch and the other tabs', () => {
  it('is shown in every tab and polled for by one', async () => {
    const all = [await harness.openTab(), await harness.openTab(), await harness.openTab()];
    const polled = harness.server.count('GET /session');
    void all[0]!.client.watchUpgrade();
    await harness.advance(100);
    expect(all.map(watchStatus)).toEqual(['pending', 'pending', 'pending']);
    await harness.advance(6_000);
    expect(harness.server.count('GET /session') - polled).toBe(3);
    harness.server.setRole('u1', 'paid');
    await harness.advance(100);
    expect(all.map(watchStatus)).toEqual(['upgraded', 'upgraded', 'upgraded']);
  });

  it('is shown in a tab opened later, which polls at once', async () => {
    const first = await harness.openTab();
    void first.client.watchUpgrade();
    await harness.advance(2_000);
    const later = await harness.openTab();
    expect(later.snapshot.upgrade).toMatchObject({ status: 'pending', attempt: 2 });
  });

  it('continues where it was after a reload', async () => {
    const tab = await harness.openTab();
    void tab.client.watchUpgrade();
    await harness.advance(20_000);
    const again = await harness.reload(tab);
    expect(again.snapshot.upgrade).toMatchObject({ status: 'pending', attempt: 5 });
    await harness.advance(MINUTE_MS - 20_000);
    expect(watchStatus(again)).toBe('timed_out');
  });

  it('still says after a reload that it timed out, so that nobody pays twice', async () => {
    const tab = await harness.openTab();
    void tab.client.watchUpgrade();
    await harness.advance(MINUTE_MS + 100);
    const again = await harness.reload(tab);
    expect(watchStatus(again)).toBe('timed_out');
    await harness.advance(limits.WATCH_AGE_MS_MAX);
    expect(watchStatus(await harness.reload(again))).toBe('idle');
  });

  it('is over after a reload once it was upgraded', async () => {
    const tab = await harness.openTab();
    void tab.client.watchUpgrade();
    harness.server.setRole('u1', 'paid');
    await harness.advance(1_000);
    expect(watchStatus(await harness.reload(tab))).toBe('idle');
  });

  it('is taken over by the leader when the tab that began it closes', async () => {
    const [leader, buyer] = [await harness.openTab(), await harness.openTab()];
    void buyer.client.watchUpgrade();
    await harness.advance(100);
    buyer.stop();
    const polled = harness.server.count('GET /session');
    await harness.advance(8_000);
    expect(harness.server.count('GET /session')).toBeGreaterThan(polled);
    expect(watchStatus(leader)).toBe('pending');
  });

  it('that ends is not taken for another one that this tab shows', async () => {
    const [first, second] = [await harness.openTab(), await harness.openTab()];
    harness.server.delay = () => 100;
    void first.client.watchUpgrade({ role: 'team' });
    void second.client.watchUpgrade({ role: 'free' });
    await harness.advance(1_000);
    for (const { snapshot } of [first, second]) {
      expect(snapshot.upgrade).not.toMatchObject({ status: 'upgraded', role: 'team' });
    }
  });

  it('is not shown to another user', async () => {
    const first = await harness.openTab();
    void first.client.watchUpgrade();
    const other = harness.browser.openTab('u2');
    await harness.advance(100);
    expect(watchStatus(other)).toBe('idle');
  });

  it('is joined, not restarted, by a page that reloads into start', async () => {
    const tab = await harness.openTab();
    void tab.client.watchUpgrade();
    await harness.advance(20_000);
    const again = await harness.reload(tab);
    void again.client.watchUpgrade();
    await harness.advance(100);
    expect(again.snapshot.upgrade.attempt).toBe(5);
  });

  it('works in one tab where there is no storage', async () => {
    harness.without({ storage: true });
    const tab = await harness.openTab();
    const outcome = tab.client.watchUpgrade();
    harness.server.setRole('u1', 'paid');
    await harness.advance(100);
    expect(await outcome).toBe('upgraded');
  });

  it('ends with the sign-out', async () => {
    const tab = await harness.openTab();
    const outcome = tab.client.watchUpgrade();
    await harness.advance(100);
    tab.client.signOut();
    expect(await outcome).toBe('cancelled');
    expect(harness.browser.storage.size).toBe(0);
    expect(await tab.client.watchUpgrade()).toBe('cancelled');
  });
});
