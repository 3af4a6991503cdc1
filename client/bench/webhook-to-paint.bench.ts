// The time from the POST that starts a change until its role is on the screen, in the leader and in a
// follower. The POST makes the server sign and send itself each webhook, so the time includes the
// signature, the webhook's own HTTP request, the commit, the push and the paint. The client's share is
// from the message that reaches the tab, over the socket or from the leader, to the change of the page.

import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Browser, Page } from 'playwright-core';
import { DemoServer } from '../browser/server';
import { Visitor, hasPosition, launch } from '../browser/visitor';

const RUNS = Number(process.env.BENCH_RUNS ?? 200);
const WARM_UP_RUNS = 10;
/** A pause between runs, so that no run waits for the remaining work of the previous one. */
const PAUSE_MS = 40;

let browser: Browser;
let server: DemoServer;

beforeAll(async () => {
  server = await DemoServer.start();
  browser = await launch();
});
afterAll(async () => {
  await browser.close();
  await server.close();
});

/** When a tab was notified of a change, changed the page, and painted it, in ms since the Unix epoch. */
interface Seen {
  notified: number;
  changed: number;
  painted: number;
}

interface Armed {
  notified: number;
  seen: Promise<Seen>;
}

/** Makes a page note when a message reports a role change to it. It runs before the page's own scripts. */
function noteMessages(): void {
  for (const { prototype } of [WebSocket, BroadcastChannel]) {
    const own = Object.getOwnPropertyDescriptor(prototype, 'onmessage');
    Object.defineProperty(prototype, 'onmessage', {
      ...own,
      set(handler: ((event: MessageEvent) => void) | null) {
        own?.set?.call(this, (event: MessageEvent) => {
          if (JSON.stringify(event.data).includes('GRADED')) {
            Object.assign(globalThis, { notified: performance.timeOrigin + performance.now() });
          }
          handler?.call(this, event);
        });
      },
    });
  }
}

/** Makes the page record the frame after the one in which it shows the role. */
function arm(page: Page, role: string): Promise<void> {
  return page.evaluate((wanted) => {
    const now = (): number => performance.timeOrigin + performance.now();
    const shows = (): boolean => document.querySelector(`[data-role=${wanted}]`) !== null;
    const seen = new Promise<Seen>((resolve) => {
      const observer = new MutationObserver(() => {
        if (!shows()) return;
        observer.disconnect();
        const { notified } = globalThis as unknown as Armed;
        const changed = now();
        requestAnimationFrame(() => resolve({ notified, changed, painted: now() }));
      });
      observer.observe(document.body, { subtree: true, childList: true, attributes: true });
    });
    Object.assign(globalThis, { seen });
  }, role);
}

const seenBy = (page: Page) => page.evaluate(() => (globalThis as unknown as Armed).seen);

/** What one tab took, in ms. */
interface Times {
  total: number;
  client: number;
}

async function measure(visitor: Visitor, pages: Page[], run: number): Promise<Times[]> {
  const [action, role] =
    run % 2 === 0 ? (['upgrade', 'paid'] as const) : (['downgrade', 'free'] as const);
  await Promise.all(pages.map((page) => arm(page, role)));
  const sent = performance.timeOrigin + performance.now();
  const [, ...seen] = await Promise.all([
    server.simulate(visitor.userId, action),
    ...pages.map(seenBy),
  ]);
  await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  return seen.map(({ notified, changed, painted }) => ({
    total: painted - sent,
    client: changed - notified,
  }));
}

function percentile(sorted: number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? NaN;
}

function row(name: string, times: number[]): string {
  const sorted = [...times].sort((a, b) => a - b);
  const cells = [percentile(sorted, 0.5), percentile(sorted, 0.99), sorted.at(-1) ?? NaN];
  return name.padEnd(20) + cells.map((ms) => ms.toFixed(1).padStart(9)).join('');
}

it(`webhook to paint, ${RUNS} runs`, async () => {
  const visitor = await Visitor.arrive(browser, server);
  await visitor.context.addInitScript(noteMessages);
  const [leader, follower] = [await visitor.openLive(), await visitor.openLive()];
  await hasPosition(leader, 'leader');
  await hasPosition(follower, 'follower');
  const pages = [leader, follower];
  const runs: Times[][] = [];
  for (let run = -WARM_UP_RUNS; run < RUNS; run += 1) {
    const times = await measure(visitor, pages, run);
    if (run >= 0) runs.push(times);
  }
  console.log(`\nPOST sent → role painted, ${RUNS} runs, ms`);
  console.log('tab'.padEnd(20) + ['p50', 'p99', 'max'].map((h) => h.padStart(9)).join(''));
  for (const [tab, name] of ['leader', 'follower'].entries()) {
    const times = runs.flatMap((run) => run[tab] ?? []);
    console.log(
      row(
        name,
        times.map(({ total }) => total),
      ),
    );
    console.log(
      row(
        `${name}, client`,
        times.map(({ client }) => client),
      ),
    );
  }
  expect(runs).toHaveLength(RUNS);
});
