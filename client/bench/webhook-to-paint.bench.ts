// The time from the POST that starts a change until its role is on the screen, in the leader and in a
// follower. The POST makes the server sign and send itself each webhook, so the time includes the
// signature, the webhook's own HTTP request, the commit, the push and the paint.

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

interface Armed {
  painted: Promise<number>;
}

/** Makes the page record the frame after the one in which it shows the role. */
function arm(page: Page, role: string): Promise<void> {
  return page.evaluate((wanted) => {
    const shows = (): boolean => document.querySelector(`[data-role=${wanted}]`) !== null;
    const painted = new Promise<number>((resolve) => {
      const observer = new MutationObserver(() => {
        if (!shows()) return;
        observer.disconnect();
        requestAnimationFrame(() => resolve(performance.timeOrigin + performance.now()));
      });
      observer.observe(document.body, { subtree: true, childList: true, attributes: true });
    });
    Object.assign(globalThis, { painted });
  }, role);
}

const paintOf = (page: Page) => page.evaluate(() => (globalThis as unknown as Armed).painted);

async function measure(visitor: Visitor, pages: Page[], run: number): Promise<number[]> {
  const [action, role] =
    run % 2 === 0 ? (['upgrade', 'paid'] as const) : (['downgrade', 'free'] as const);
  await Promise.all(pages.map((page) => arm(page, role)));
  const sent = performance.timeOrigin + performance.now();
  const [, ...paints] = await Promise.all([
    server.simulate(visitor.userId, action),
    ...pages.map(paintOf),
  ]);
  await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  return paints.map((at) => at - sent);
}

function percentile(sorted: number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? NaN;
}

function row(name: string, times: number[]): string {
  const sorted = [...times].sort((a, b) => a - b);
  const cells = [percentile(sorted, 0.5), percentile(sorted, 0.99), sorted.at(-1) ?? NaN];
  return name.padEnd(10) + cells.map((ms) => ms.toFixed(1).padStart(9)).join('');
}

it(`webhook to paint, ${RUNS} runs`, async () => {
  const visitor = await Visitor.arrive(browser, server);
  const [leader, follower] = [await visitor.openLive(), await visitor.openLive()];
  await hasPosition(leader, 'leader');
  await hasPosition(follower, 'follower');
  const pages = [leader, follower];
  const runs: number[][] = [];
  for (let run = -WARM_UP_RUNS; run < RUNS; run += 1) {
    const times = await measure(visitor, pages, run);
    if (run >= 0) runs.push(times);
  }
  const timesOf = (tab: number) => runs.map((times) => times[tab] ?? NaN);
  console.log(`\nPOST sent → role painted, ${RUNS} runs, ms`);
  console.log('tab'.padEnd(10) + ['p50', 'p99', 'max'].map((h) => h.padStart(9)).join(''));
  console.log(row('leader', timesOf(0)));
  console.log(row('follower', timesOf(1)));
  expect(runs).toHaveLength(RUNS);
});
