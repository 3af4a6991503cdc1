// The code of a socket is loaded when somebody is signed in: what a page does until it is there, and where
// it does not come.

import { describe, expect, it, vi } from 'vitest';
import { browser } from '../src/environment.js';
import { createLoadSocket } from '../src/load.js';
import * as limits from '../src/limits.js';
import * as socket from '../src/socket.js';
import { CODE } from './browser-model.js';
import type { FakeTab } from './browser-model.js';
import { createHarness, position, role } from './harness.js';

const harness = createHarness();

const SECOND_MS = 1_000;

const slowly = (tab: FakeTab, ms: number): void => {
  tab.env.load = (() => new Promise((done) => setTimeout(done, ms, CODE))) as never;
};

const refuse = (tab: FakeTab): void => {
  tab.env.load = () => Promise.reject(new TypeError('Failed to fetch'));
};

it('is loaded by the platform itself', async () => {
  vi.useRealTimers();
  const { createSocketConnection } = await createLoadSocket(browser())();
  expect(createSocketConnection).toBe(socket.createSocketConnection);
});

it('is not loaded where nobody is signed in', async () => {
  const tab = harness.browser.openTab('u1', { getToken: () => null });
  const load = vi.spyOn(tab.env, 'load');
  await harness.advance(60 * SECOND_MS);
  expect(tab.snapshot.status).toBe('signed_out');
  expect(load).not.toHaveBeenCalled();
});

it('is loaded once, however often the tab comes to lead', async () => {
  const tab = harness.browser.openTab();
  const load = vi.spyOn(tab.env, 'load');
  for (let times = 0; times < 3; times += 1) {
    await harness.advance();
    tab.fire('freeze');
    tab.fire('resume');
  }
  await harness.advance();
  expect(tab.snapshot.connection).toBe('open');
  expect(load).toHaveBeenCalledTimes(1);
});

it('is there when a tab comes to lead that could load it no more', async () => {
  const [leader, follower] = await harness.openTabs(2);
  refuse(follower!);
  leader!.stop();
  await harness.advance();
  expect(position(follower)).toBe('leader');
  expect(follower!.snapshot.connection).toBe('open');
});

describe('before it is there', () => {
  it('the page shows the role, and a change by then is shown when the socket opens', async () => {
    const tab = harness.browser.openTab();
    slowly(tab, 5 * SECOND_MS);
    await harness.advance();
    expect(role(tab)).toBe('free');
    harness.server.change('u1', { features: ['export'] });
    await harness.advance(6 * SECOND_MS);
    expect(tab.snapshot.user?.features).toEqual(['export']);
    expect(tab.dialed).toHaveLength(1);
  });

  it('a page that closes, freezes or signs out begins no socket afterwards', async () => {
    const ends: ((tab: FakeTab) => void)[] = [
      (tab) => tab.stop(),
      (tab) => tab.fire('pagehide'),
      (tab) => tab.client.signOut(),
    ];
    for (const end of ends) {
      const tab = harness.browser.openTab();
      slowly(tab, SECOND_MS);
      await harness.advance();
      end(tab);
      await harness.advance(5 * SECOND_MS);
      expect(tab.dialed).toHaveLength(0);
      tab.stop();
    }
  });
});

describe('where it does not come', () => {
  it('the role comes by requests, ever more rarely', async () => {
    const tab = harness.browser.openTab();
    refuse(tab);
    await harness.advance(60 * SECOND_MS);
    const asked = harness.server.count('GET /session');
    expect(asked).toBeLessThanOrEqual(12);
    harness.server.change('u1', { features: ['export'] });
    await harness.advance(limits.RECONNECT_DELAY_MS_MAX);
    expect(tab.snapshot.user?.features).toEqual(['export']);
    expect(harness.server.count('GET /session') - asked).toBeLessThanOrEqual(2);
  });

  it('it is loaded again, and the socket is opened then', async () => {
    const tab = harness.browser.openTab();
    refuse(tab);
    await harness.advance(10 * SECOND_MS);
    expect(tab.snapshot.connection).toBe('idle');
    slowly(tab, 0);
    await harness.advance(limits.RECONNECT_DELAY_MS_MAX);
    expect(tab.snapshot.connection).toBe('open');
  });

  it('it is loaded again at once when the page is looked at', async () => {
    const tab = harness.browser.openTab();
    refuse(tab);
    await harness.advance(60 * SECOND_MS);
    slowly(tab, 0);
    tab.fire('visibilitychange');
    await harness.advance();
    expect(tab.snapshot.connection).toBe('open');
  });

  it('a follower is notified by the leader, and asks nothing', async () => {
    await harness.openTab();
    const follower = harness.browser.openTab();
    refuse(follower);
    await harness.advance();
    const asked = harness.server.count('GET /session');
    await harness.advance(60 * SECOND_MS);
    expect(harness.server.count('GET /session')).toBe(asked);
    harness.server.setRole('u1', 'paid');
    await harness.advance(10);
    expect(role(follower)).toBe('paid');
  });
});
