// Sets the stage for a test of the whole client: fake timers, one server, one browser, and no client
// left running behind.

import { afterEach, beforeEach, vi } from 'vitest';
import { Browser, Server, fixRandom } from './world.js';
import type { Lacks, Tab } from './world.js';

export interface Stage {
  server: Server;
  browser: Browser;
  pass: (ms?: number) => Promise<unknown>;
  /** Opens tabs of user `u1` and lets them settle. */
  tabs: (count: number) => Promise<Tab[]>;
  /** Changes to a browser that lacks something. */
  lack: (lacks: Lacks) => void;
}

export function setStage(): Stage {
  const stage = {} as Stage;
  stage.pass = (ms = 50) => vi.advanceTimersByTimeAsync(ms);
  stage.lack = (lacks) => {
    stage.browser = new Browser(stage.server, lacks);
  };
  stage.tabs = async (count) => {
    const opened = Array.from({ length: count }, () => stage.browser.open());
    await stage.pass();
    return opened;
  };
  beforeEach(() => {
    vi.useFakeTimers();
    fixRandom();
    stage.server = new Server();
    stage.lack({});
  });
  afterEach(() => {
    for (const tab of stage.browser.tabs) tab.client.destroy();
    vi.restoreAllMocks();
    vi.useRealTimers();
  });
  return stage;
}

export const role = (tab: Tab | undefined) => tab?.snapshot.user?.role;
export const position = (tab: Tab | undefined) => tab?.snapshot.position;
