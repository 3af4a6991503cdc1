// A page that is gone without a trace, as when the browser discards a tab. The locks and sockets are real.

import { expect, it } from 'vitest';
import type { Page } from 'playwright-core';
import { useFixture } from './fixture';
import { Visitor, hasPosition, showsRole } from './visitor';

const SECOND_MS = 1_000;

const fixture = useFixture();

async function twoTabs(): Promise<[Visitor, leader: Page, follower: Page]> {
  const visitor = await Visitor.arrive(fixture.browser, fixture.server);
  const leader = await visitor.openLive();
  const follower = await visitor.openLive();
  await hasPosition(leader, 'leader');
  await hasPosition(follower, 'follower');
  return [visitor, leader, follower];
}

it('a leader that is gone without a trace is replaced within a second, and reloads in step', async () => {
  const [visitor, leader, follower] = await twoTabs();
  const session = await leader.context().newCDPSession(leader);
  const crashed = leader.waitForEvent('crash');
  void session.send('Page.crash').catch(() => null);
  await crashed;
  const gone = Date.now();
  await hasPosition(follower, 'leader');
  expect(Date.now() - gone).toBeLessThan(SECOND_MS);
  await fixture.server.simulate(visitor.userId, 'upgrade');
  await showsRole(follower, 'paid');
  const reloaded = await visitor.openLive();
  await showsRole(reloaded, 'paid');
  await hasPosition(reloaded, 'follower');
});
