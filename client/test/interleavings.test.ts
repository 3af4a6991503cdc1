// Any interleaving of frames, polls, broadcasts, reconnects and closing tabs: no tab ever shows a
// smaller revocation id than before, and every tab ends at the server's.

import { afterEach, expect, it, vi } from 'vitest';
import fc from 'fast-check';
import { Browser, Server, fixRandom } from './world.js';
import type { Lacks } from './world.js';

afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

type Act = (server: Server, browser: Browser) => void;

const tabAt = (browser: Browser, index: number) => browser.tabs[index % browser.tabs.length];

const act: fc.Arbitrary<{ name: string; run: Act }> = fc.oneof(
  fc.constantFrom('free', 'paid', 'operator').map((role) => ({
    name: `role ${role}`,
    run: (server: Server) => void server.setRole('u1', role),
  })),
  fc.constant({ name: 'drop sockets', run: (server: Server) => server.dropSockets() }),
  fc.boolean().map((up) => ({
    name: up ? 'server up' : 'server down',
    run: (server: Server) => {
      server.up = up;
      if (!up) server.dropSockets();
    },
  })),
  fc.boolean().map((blocked) => ({
    name: blocked ? 'block sockets' : 'unblock sockets',
    run: (server: Server) => void (server.socketsBlocked = blocked),
  })),
  fc.nat(3).map((index) => ({
    name: `poll in ${index}`,
    run: (_: Server, browser: Browser) => void tabAt(browser, index)?.client.refreshUserProfile(),
  })),
  fc.nat(3).map((index) => ({
    name: `watch in ${index}`,
    run: (_: Server, browser: Browser) => void tabAt(browser, index)?.client.watchUpgrade(),
  })),
  fc.constant({
    name: 'open a tab',
    run: (_: Server, browser: Browser) => {
      if (browser.tabs.length < 4) browser.open();
    },
  }),
  fc.nat(3).map((index) => ({
    name: `close ${index}`,
    run: (_: Server, browser: Browser) => {
      if (browser.tabs.length > 1) browser.tabs.splice(index % browser.tabs.length, 1)[0]?.stop();
    },
  })),
  fc
    .tuple(fc.nat(3), fc.constantFrom('freeze', 'resume', 'online', 'visibilitychange'))
    .map(([index, event]) => ({
      name: `${event} in ${index}`,
      run: (_: Server, browser: Browser) => tabAt(browser, index)?.fire(event),
    })),
);

const story = fc.record({
  acts: fc.array(fc.tuple(act, fc.integer({ min: 0, max: 3_000 })), { maxLength: 25 }),
  delays: fc.infiniteStream(fc.integer({ min: 0, max: 2_000 })),
  lacks: fc.record({ locks: fc.boolean(), channel: fc.boolean(), storage: fc.boolean() }),
});

async function play(
  acts: [{ name: string; run: Act }, number][],
  delays: Iterator<number>,
  lacks: Lacks,
): Promise<void> {
  const server = new Server();
  server.delay = () => delays.next().value as number;
  const browser = new Browser(server, lacks);
  const everyone = [browser.open(), browser.open()];
  for (const [{ run }, pause] of acts) {
    run(server, browser);
    await vi.advanceTimersByTimeAsync(pause);
    everyone.push(...browser.tabs.filter((tab) => !everyone.includes(tab)));
  }
  // The weather clears, everybody wakes, and the longest wait passes twice.
  server.up = true;
  server.socketsBlocked = false;
  for (const tab of browser.tabs) tab.fire('resume');
  await vi.advanceTimersByTimeAsync(90_000);
  for (const tab of everyone) {
    expect(tab.shown).toEqual([...tab.shown].sort((a, b) => a - b));
  }
  const truth = server.account('u1');
  for (const tab of browser.tabs) expect(tab.snapshot.user).toEqual(truth);
  for (const tab of everyone) tab.client.destroy();
}

it('never goes backwards, and always arrives', async () => {
  vi.useFakeTimers();
  await fc.assert(
    fc.asyncProperty(story, async ({ acts, delays, lacks }) => {
      fixRandom();
      await play(acts, delays, lacks);
    }),
    { numRuns: Number(process.env.RUNS ?? 500) },
  );
}, 600_000);
