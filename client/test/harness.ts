// The setup of every test of the whole client: fake timers, one server, one browser, and no client
// that outlives its test.

import { afterEach, beforeEach, vi } from 'vitest';
import { FakeBrowser } from './browser-model.js';
import type { FakeTab, Missing } from './browser-model.js';
import { FakeServer } from './fake-server.js';

export interface Harness {
  server: FakeServer;
  browser: FakeBrowser;
  /** Lets time pass, 50 ms by default. */
  advance: (ms?: number) => Promise<unknown>;
  /** Opens a tab of user `u1` and lets it settle. */
  openTab: () => Promise<FakeTab>;
  /** Reloads a page: a new client over the same storage. */
  reload: (tab: FakeTab) => Promise<FakeTab>;
  /** Opens tabs of user `u1` and lets them settle. */
  openTabs: (count: number) => Promise<FakeTab[]>;
  /** Replaces the browser by one without some features. */
  without: (missing: Missing) => void;
}

export function createHarness(): Harness {
  const harness = {} as Harness;
  harness.advance = (ms = 50) => vi.advanceTimersByTimeAsync(ms);
  harness.without = (missing) => {
    harness.browser = new FakeBrowser(harness.server, missing);
  };
  harness.openTab = async () => {
    const tab = harness.browser.openTab();
    await harness.advance();
    return tab;
  };
  harness.reload = (tab) => {
    tab.stop();
    const { tabs } = harness.browser;
    tabs.splice(tabs.indexOf(tab), 1);
    return harness.openTab();
  };
  harness.openTabs = async (count) => {
    const opened = Array.from({ length: count }, () => harness.browser.openTab());
    await harness.advance();
    return opened;
  };
  beforeEach(() => {
    vi.useFakeTimers();
    harness.server = new FakeServer();
    harness.without({});
  });
  afterEach(() => {
    for (const tab of harness.browser.tabs) tab.client.destroy();
    vi.restoreAllMocks();
    vi.useRealTimers();
  });
  return harness;
}

export const role = (tab: FakeTab | undefined) => tab?.snapshot.user?.role;
export const position = (tab: FakeTab | undefined) => tab?.snapshot.position;
export const watchStatus = (tab: FakeTab) => tab.snapshot.upgrade.status;
