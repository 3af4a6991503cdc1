// Any interleaving of frames, polls, broadcasts, reconnects and closing tabs: no tab ever shows a
// smaller revocation id or account version than before, and every tab ends at the server's.

import { afterEach, expect, it, vi } from 'vitest';
import fc from 'fast-check';
import { FakeBrowser } from './browser-model.js';
import { FakeServer } from './fake-server.js';
import type { Missing } from './browser-model.js';
import { NO_TIMEOUT_MS, replayable, restartClock } from './replay.js';
import type { User } from '../src/index.js';

afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

const STARTED_AT = Date.UTC(2027, 0, 1);

type Step = (server: FakeServer, browser: FakeBrowser) => void;

const tabAt = (browser: FakeBrowser, index: number) => browser.tabs[index % browser.tabs.length];

const changes: Partial<User>[] = [
  { features: ['export'] },
  { features: [] },
  { status: 'past_due', pastDueSince: '2027-01-01T00:00:00Z' },
  { status: 'active', pastDueSince: null, cancelAt: '2027-02-01T00:00:00Z' },
];

const step: fc.Arbitrary<{ name: string; run: Step }> = fc.oneof(
  fc.constantFrom('free', 'paid', 'operator').map((role) => ({
    name: `role ${role}`,
    run: (server: FakeServer) => void server.setRole('u1', role),
  })),
  fc.constantFrom(...changes).map((part) => ({
    name: `change ${JSON.stringify(part)}`,
    run: (server: FakeServer) => void server.change('u1', part),
  })),
  fc.constant({ name: 'drop sockets', run: (server: FakeServer) => server.dropSockets() }),
  fc.boolean().map((up) => ({
    name: up ? 'server up' : 'server down',
    run: (server: FakeServer) => {
      server.up = up;
      if (!up) server.dropSockets();
    },
  })),
  fc.boolean().map((blocked) => ({
    name: blocked ? 'block sockets' : 'unblock sockets',
    run: (server: FakeServer) => void (server.socketsBlocked = blocked),
  })),
  fc.nat(3).map((index) => ({
    name: `poll in ${index}`,
    run: (_: FakeServer, browser: FakeBrowser) =>
      void tabAt(browser, index)?.client.refreshUserProfile(),
  })),
  fc.nat(3).map((index) => ({
    name: `watch in ${index}`,
    run: (_: FakeServer, browser: FakeBrowser) => void tabAt(browser, index)?.client.watchUpgrade(),
  })),
  fc.constant({
    name: 'open a tab',
    run: (_: FakeServer, browser: FakeBrowser) => {
      if (browser.tabs.length < 4) browser.openTab();
    },
  }),
  fc.nat(3).map((index) => ({
    name: `close ${index}`,
    run: (_: FakeServer, browser: FakeBrowser) => {
      if (browser.tabs.length > 1) browser.tabs.splice(index % browser.tabs.length, 1)[0]?.stop();
    },
  })),
  fc
    .tuple(fc.nat(3), fc.constantFrom('freeze', 'resume', 'online', 'visibilitychange'))
    .map(([index, event]) => ({
      name: `${event} in ${index}`,
      run: (_: FakeServer, browser: FakeBrowser) => tabAt(browser, index)?.fire(event),
    })),
);

const scenario = fc.record({
  steps: fc.array(fc.tuple(step, fc.integer({ min: 0, max: 3_000 })), { maxLength: 25 }),
  delays: fc.infiniteStream(fc.integer({ min: 0, max: 2_000 })),
  missing: fc.record({ locks: fc.boolean(), channel: fc.boolean(), storage: fc.boolean() }),
});

async function run(
  steps: [{ name: string; run: Step }, number][],
  delays: Iterator<number>,
  missing: Missing,
): Promise<void> {
  const server = new FakeServer();
  server.delay = () => delays.next().value as number;
  const browser = new FakeBrowser(server, missing);
  const everOpened = [browser.openTab(), browser.openTab()];
  for (const [action, pause] of steps) {
    action.run(server, browser);
    await vi.advanceTimersByTimeAsync(pause);
    everOpened.push(...browser.tabs.filter((tab) => !everOpened.includes(tab)));
  }
  // The server recovers, every tab wakes up, and the longest delay passes twice.
  server.up = true;
  server.socketsBlocked = false;
  for (const tab of browser.tabs) tab.fire('resume');
  await vi.advanceTimersByTimeAsync(90_000);
  for (const tab of everOpened) {
    for (const shown of [tab.shown, tab.versions]) {
      expect(shown).toEqual([...shown].sort((a, b) => a - b));
    }
  }
  const truth = server.account('u1');
  for (const tab of browser.tabs) expect(tab.snapshot.user).toEqual(truth);
  for (const tab of everOpened) tab.client.destroy();
}

it(
  'never goes backwards, and always arrives',
  async () => {
    await fc.assert(
      fc.asyncProperty(scenario, async ({ steps, delays, missing }) => {
        restartClock(STARTED_AT);
        await run(steps, delays, missing);
      }),
      replayable(500),
    );
  },
  NO_TIMEOUT_MS,
);
