// The watch for a paid upgrade: each row of its table in SPEC.md.

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import * as limits from '../src/limits.js';
import { Browser, Server, fixRandom } from './world.js';
import type { Tab } from './world.js';

let server: Server;
let browser: Browser;

beforeEach(() => {
  vi.useFakeTimers();
  fixRandom();
  server = new Server();
  browser = new Browser(server);
});

afterEach(() => {
  for (const tab of browser.tabs) tab.client.destroy();
  vi.restoreAllMocks();
  vi.useRealTimers();
});

const pass = (ms = 50) => vi.advanceTimersByTimeAsync(ms);
const MINUTE = limits.WATCH_AT_MS.at(-1)!;

async function open(): Promise<Tab> {
  const tab = browser.open();
  await pass();
  return tab;
}

/** A page that went away and came back: a new client over the same storage. */
async function reload(tab: Tab): Promise<Tab> {
  tab.stop();
  browser.tabs.splice(browser.tabs.indexOf(tab), 1);
  return open();
}

const status = (tab: Tab) => tab.snapshot.upgrade.status;

/** In which whole seconds, from now on, GET /session is asked. */
async function secondsAsked(seconds: number): Promise<number[]> {
  const asked: number[] = [];
  for (let second = 0; second <= seconds; second += 1) {
    const before = server.count('GET /session');
    await pass(1_000);
    for (let i = before; i < server.count('GET /session'); i += 1) asked.push(second);
  }
  return asked;
}

describe('a watch', () => {
  it('asks at once, then after 1, 2, 4, 8, 16 and 29 s, and then times out', async () => {
    const tab = await open();
    setTimeout(() => void tab.client.watchUpgrade(), 10);
    expect(await secondsAsked(61)).toEqual([0, 1, 3, 7, 15, 31, 60]);
    expect(tab.snapshot.upgrade).toEqual({ status: 'timed_out', attempt: 7 });
  });

  it('is upgraded by the socket before the next question', async () => {
    const tab = await open();
    const outcome = tab.client.watchUpgrade();
    await pass(8_000);
    expect(tab.snapshot.upgrade).toEqual({ status: 'pending', attempt: 4 });
    server.setRole('u1', 'paid');
    await pass(10);
    expect(await outcome).toBe('upgraded');
    expect(status(tab)).toBe('upgraded');
  });

  it('is upgraded by a question where sockets are blocked', async () => {
    server.socketsBlocked = true;
    const tab = await open();
    const outcome = tab.client.watchUpgrade();
    await pass(100);
    server.setRole('u1', 'paid');
    await pass(1_100);
    expect(await outcome).toBe('upgraded');
  });

  it('is upgraded at once when the webhook was faster than the redirect', async () => {
    server.setRole('u1', 'paid');
    const tab = browser.open();
    const outcome = tab.client.watchUpgrade();
    await pass();
    expect(await outcome).toBe('upgraded');
  });

  it('believes no old news: a role that is gone by now upgrades nobody', async () => {
    server.setRole('u1', 'paid');
    server.socketsBlocked = true;
    const tab = await open();
    server.setRole('u1', 'free');
    void tab.client.watchUpgrade();
    await pass();
    expect(status(tab)).toBe('pending');
  });

  it('waits for the role that was paid for', async () => {
    const tab = browser.open('u1', { roles: ['free', 'paid', 'team', 'operator'] });
    const outcome = tab.client.watchUpgrade({ role: 'team' });
    server.setRole('u1', 'paid');
    await pass(100);
    expect(status(tab)).toBe('pending');
    server.setRole('u1', 'operator');
    await pass(100);
    expect(await outcome).toBe('upgraded');
  });

  it('outlives questions that fail', async () => {
    const tab = await open();
    server.up = false;
    server.dropSockets();
    const outcome = tab.client.watchUpgrade();
    await pass(10_000);
    expect(status(tab)).toBe('pending');
    server.up = true;
    server.setRole('u1', 'paid');
    await pass(20_000);
    expect(await outcome).toBe('upgraded');
  });

  it('times out after a minute, and a late webhook still upgrades', async () => {
    const tab = await open();
    const outcome = tab.client.watchUpgrade();
    await pass(MINUTE + 100);
    expect(await outcome).toBe('timed_out');
    server.setRole('u1', 'paid');
    await pass(10);
    expect(status(tab)).toBe('upgraded');
  });

  it('is retried for the same role', async () => {
    const tab = browser.open('u1', { roles: ['free', 'paid', 'team'] });
    void tab.client.watchUpgrade({ role: 'team' });
    await pass(MINUTE + 1_000);
    const again = tab.client.watchUpgrade();
    await pass(100);
    expect(tab.snapshot.upgrade).toEqual({ status: 'pending', attempt: 1 });
    server.setRole('u1', 'team');
    await pass(100);
    expect(await again).toBe('upgraded');
  });

  it('is cancelled in every tab', async () => {
    const [first, second] = [await open(), await open()];
    const outcome = first.client.watchUpgrade();
    await pass(100);
    second.client.cancelUpgrade();
    await pass(100);
    expect(await outcome).toBe('cancelled');
    expect([first, second].map(status)).toEqual(['idle', 'idle']);
    const asked = server.count('GET /session');
    await pass(30_000);
    expect(server.count('GET /session')).toBe(asked);
  });

  it('started twice is one watch with two promises', async () => {
    const tab = await open();
    const asked = server.count('GET /session');
    const outcomes = Promise.all([tab.client.watchUpgrade(), tab.client.watchUpgrade()]);
    await pass(10);
    expect(server.count('GET /session') - asked).toBe(1);
    server.setRole('u1', 'paid');
    await pass(10);
    expect(await outcomes).toEqual(['upgraded', 'upgraded']);
  });

  it('asked for before the start waits for it', async () => {
    const tab = browser.open();
    tab.stop();
    const outcome = tab.client.watchUpgrade();
    tab.stop = tab.client.start();
    await pass();
    expect(status(tab)).toBe('pending');
    tab.client.destroy();
    expect(await outcome).toBe('cancelled');
    expect(await tab.client.watchUpgrade()).toBe('cancelled');
  });

  it('makes up for a sleep with one question', async () => {
    const tab = await open();
    void tab.client.watchUpgrade();
    await pass(10);
    const asked = server.count('GET /session');
    vi.setSystemTime(Date.now() + 40_000);
    await pass(1_500);
    expect(server.count('GET /session') - asked).toBe(1);
    expect(tab.snapshot.upgrade.attempt).toBe(6);
  });
});

describe('a watch and the other tabs', () => {
  it('is shown in every tab and asked for by one', async () => {
    const all = [await open(), await open(), await open()];
    const asked = server.count('GET /session');
    void all[0]!.client.watchUpgrade();
    await pass(100);
    expect(all.map(status)).toEqual(['pending', 'pending', 'pending']);
    await pass(6_000);
    expect(server.count('GET /session') - asked).toBe(3);
    server.setRole('u1', 'paid');
    await pass(100);
    expect(all.map(status)).toEqual(['upgraded', 'upgraded', 'upgraded']);
  });

  it('is shown in a tab opened later, which asks at once', async () => {
    const first = await open();
    void first.client.watchUpgrade();
    await pass(2_000);
    const later = await open();
    expect(later.snapshot.upgrade).toEqual({ status: 'pending', attempt: 2 });
  });

  it('goes on where it was after a reload', async () => {
    const tab = await open();
    void tab.client.watchUpgrade();
    await pass(20_000);
    const again = await reload(tab);
    expect(again.snapshot.upgrade).toEqual({ status: 'pending', attempt: 5 });
    await pass(MINUTE - 20_000);
    expect(status(again)).toBe('timed_out');
  });

  it('still says after a reload that it timed out, so that nobody pays twice', async () => {
    const tab = await open();
    void tab.client.watchUpgrade();
    await pass(MINUTE + 100);
    const again = await reload(tab);
    expect(status(again)).toBe('timed_out');
    await pass(limits.WATCH_KEPT_MS);
    expect(status(await reload(again))).toBe('idle');
  });

  it('is over after a reload once it was upgraded', async () => {
    const tab = await open();
    void tab.client.watchUpgrade();
    server.setRole('u1', 'paid');
    await pass(1_000);
    expect(status(await reload(tab))).toBe('idle');
  });

  it('is taken over by the leader when the tab that began it closes', async () => {
    const [leader, buyer] = [await open(), await open()];
    void buyer.client.watchUpgrade();
    await pass(100);
    buyer.stop();
    const asked = server.count('GET /session');
    await pass(8_000);
    expect(server.count('GET /session')).toBeGreaterThan(asked);
    expect(status(leader)).toBe('pending');
  });

  it('is another user’s business', async () => {
    const first = await open();
    void first.client.watchUpgrade();
    const other = browser.open('u2');
    await pass(100);
    expect(status(other)).toBe('idle');
  });

  it('is joined, not begun anew, by a page that reloads into start', async () => {
    const tab = await open();
    void tab.client.watchUpgrade();
    await pass(20_000);
    const again = await reload(tab);
    void again.client.watchUpgrade();
    await pass(100);
    expect(again.snapshot.upgrade.attempt).toBe(5);
  });

  it('works in one tab where there is no storage', async () => {
    browser = new Browser(server, { storage: true });
    const tab = await open();
    const outcome = tab.client.watchUpgrade();
    server.setRole('u1', 'paid');
    await pass(100);
    expect(await outcome).toBe('upgraded');
  });

  it('ends with the sign-out', async () => {
    const tab = await open();
    const outcome = tab.client.watchUpgrade();
    await pass(100);
    tab.client.signOut();
    expect(await outcome).toBe('cancelled');
    expect(browser.storage.size).toBe(0);
    expect(await tab.client.watchUpgrade()).toBe('cancelled');
  });
});
