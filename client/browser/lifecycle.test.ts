// A page that is gone without a trace, as when the browser discards a tab. The locks and sockets are real.

import { expect, it } from 'vitest';
import { useFixture } from './fixture';
import { hasPosition, showsRole, twoTabs } from './visitor';

const SECOND_MS = 1_000;

const fixture = useFixture();

it('a leader that is gone without a trace is replaced within a second, and reloads in step', async () => {
  const [visitor, leader, follower] = await twoTabs(fixture);
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
