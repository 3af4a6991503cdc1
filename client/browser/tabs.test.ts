// Tabs of one browser and of two, against a real server: which tab holds the socket, how fast a change
// arrives, and what happens when that tab goes away.

import { expect, it } from 'vitest';
import type { Page } from 'playwright-core';
import { useFixture } from './fixture';
import { Visitor, hasPosition, live, position, role, showsRole, twoTabs } from './visitor';

const SECOND_MS = 1_000;

const fixture = useFixture();

/** The time from `cause` until each page shows the role, by the pages' own clocks. */
async function msUntil(pages: Page[], wanted: string, cause: () => Promise<void>) {
  const shown = pages.map((page) =>
    page.evaluate(
      (expected) =>
        new Promise<number>((resolve) => {
          const check = () => {
            const at = document.querySelector<HTMLElement>('[data-testid=role]');
            if (at?.dataset.role !== expected) return;
            observer.disconnect();
            resolve(Date.now());
          };
          const observer = new MutationObserver(check);
          observer.observe(document.body, { subtree: true, childList: true, attributes: true });
        }),
      wanted,
    ),
  );
  const start = Date.now();
  await cause();
  return (await Promise.all(shown)).map((at) => at - start);
}

it('two tabs and two browsers of one user follow a webhook within a second', async () => {
  const [visitor, leader, follower] = await twoTabs(fixture);
  const elsewhere = await Visitor.arrive(fixture.browser, fixture.server, {
    userId: visitor.userId,
  });
  const pages = [leader, follower, await elsewhere.openLive(), await elsewhere.openLive()];
  const up = await msUntil(pages, 'paid', () => fixture.server.simulate(visitor.userId, 'upgrade'));
  expect(Math.max(...up)).toBeLessThan(SECOND_MS);
  const down = await msUntil(pages, 'free', () =>
    fixture.server.simulate(visitor.userId, 'downgrade'),
  );
  expect(Math.max(...down)).toBeLessThan(SECOND_MS);
});

it('a browser has one socket, whatever the number of tabs', async () => {
  const [visitor] = await twoTabs(fixture);
  await visitor.openLive();
  expect(visitor.openSockets).toBe(1);
});

it('closing the leader hands over within a second, and nothing is missed', async () => {
  const [visitor, leader, follower] = await twoTabs(fixture);
  const closed = Date.now();
  await leader.close();
  const sent = fixture.server.simulate(visitor.userId, 'upgrade');
  await hasPosition(follower, 'leader');
  expect(Date.now() - closed).toBeLessThan(SECOND_MS);
  await sent;
  await showsRole(follower, 'paid');
  await live(follower);
  expect(visitor.openSockets).toBe(1);
});

// A headless Chromium freezes no page, so the test dispatches the event itself. The locks are real.
it('a leader that is frozen hands over, and comes back as a follower in step', async () => {
  const [visitor, leader, follower] = await twoTabs(fixture);
  await leader.evaluate(() => document.dispatchEvent(new Event('freeze')));
  await hasPosition(follower, 'leader');
  await fixture.server.simulate(visitor.userId, 'upgrade');
  await showsRole(follower, 'paid');
  await leader.evaluate(() => document.dispatchEvent(new Event('resume')));
  await hasPosition(leader, 'follower');
  await showsRole(leader, 'paid');
});

it('a leader that hangs is replaced within a second of being needed', async () => {
  const [visitor, leader, follower] = await twoTabs(fixture);
  const hung = leader.evaluate(() => {
    const end = Date.now() + 3_000;
    while (Date.now() < end);
  });
  await follower.evaluate(() => dispatchEvent(new Event('online')));
  const needed = Date.now();
  await hasPosition(follower, 'leader');
  expect(Date.now() - needed).toBeLessThan(SECOND_MS);
  await fixture.server.simulate(visitor.userId, 'upgrade');
  await showsRole(follower, 'paid');
  await hung;
  await hasPosition(leader, 'follower');
  await showsRole(leader, 'paid');
  expect(visitor.openSockets).toBe(1);
});

it('a stale token is refreshed once for all tabs, and each guarded request succeeds', async () => {
  const [visitor, leader, follower] = await twoTabs(fixture);
  const third = await visitor.openLive();
  await fixture.server.simulate(visitor.userId, 'upgrade');
  for (const page of [leader, follower, third]) await page.getByTestId('premium-text').waitFor();
  expect(visitor.count('POST /session/refresh')).toBe(1);
});

it('a downgrade closes the premium panel in every tab', async () => {
  const [visitor, leader, follower] = await twoTabs(fixture);
  await fixture.server.simulate(visitor.userId, 'upgrade');
  for (const page of [leader, follower]) await page.getByTestId('premium-text').waitFor();
  await fixture.server.simulate(visitor.userId, 'downgrade');
  for (const page of [leader, follower]) {
    await page.getByTestId('premium-text').waitFor({ state: 'detached' });
    await page.locator('[data-testid=premium-response][data-code="403"]').waitFor();
  }
});

it('a storm ends with every tab in step', async () => {
  const [visitor, leader, follower] = await twoTabs(fixture);
  await fixture.server.simulate(visitor.userId, 'storm');
  const token = await fixture.server.token(visitor.userId);
  const headers = { authorization: `Bearer ${token}` };
  await expect
    .poll(
      async () => {
        const response = await fetch(`${fixture.server.origin}/session`, { headers });
        const truth = ((await response.json()) as { role: string }).role;
        return [await role(leader), await role(follower)].every((shown) => shown === truth);
      },
      { timeout: 10_000 },
    )
    .toBe(true);
});

it('signing out signs out every tab', async () => {
  const [, leader, follower] = await twoTabs(fixture);
  await leader.getByRole('button', { name: 'Sign out' }).click();
  for (const page of [leader, follower]) {
    await page.getByRole('heading', { name: 'Come in' }).waitFor();
  }
});

it.each([
  ['BroadcastChannel', () => Reflect.deleteProperty(globalThis, 'BroadcastChannel')],
  ['Web Locks', () => Object.defineProperty(navigator, 'locks', { value: undefined })],
] as const)('without %s each tab keeps its own socket and follows', async (_, remove) => {
  const visitor = await Visitor.arrive(fixture.browser, fixture.server);
  await visitor.context.addInitScript(remove);
  const pages = [await visitor.openLive(), await visitor.openLive()];
  expect(await Promise.all(pages.map(position))).toEqual(['solo', 'solo']);
  const shown = await msUntil(pages, 'paid', () =>
    fixture.server.simulate(visitor.userId, 'upgrade'),
  );
  expect(Math.max(...shown)).toBeLessThan(SECOND_MS);
  for (const page of pages) await page.getByTestId('premium-text').waitFor();
});
