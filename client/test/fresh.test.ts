// How old what somebody looks at can be: a socket that died silently is found out, and a server that was
// restored from a backup starts a new epoch.

import { describe, expect, it } from 'vitest';
import * as limits from '../src/limits.js';
import type { FakeTab } from './browser-model.js';
import { createHarness, role } from './harness.js';
import { createUser, tokenFor } from './fake-server.js';

const harness = createHarness();

const SECOND_MS = 1_000;
const pings = (tab: FakeTab | undefined) =>
  tab!.dialed
    .flatMap(({ sent }) => sent)
    .filter((frame) => (frame as { action: string }).action === 'ping').length;

describe('a socket that dies silently', () => {
  it('is found within 40 s while somebody looks at the page', async () => {
    const [tab] = await harness.openTabs(1);
    await harness.advance(60 * SECOND_MS);
    tab!.socket!.halfOpen = true;
    harness.server.setRole('u1', 'paid');
    await harness.advance(40 * SECOND_MS);
    expect(role(tab)).toBe('paid');
  });

  it('is found within 40 s while somebody looks at another tab, however late a hidden tab’s timers are', async () => {
    const [leader, follower] = await harness.openTabs(2);
    leader!.visible = false;
    const { setTimer } = leader!.env;
    leader!.env.setTimer = (callback, ms) => setTimer(callback, Math.max(ms, 60 * SECOND_MS));
    await harness.advance(120 * SECOND_MS);
    leader!.env.setTimer = (callback, ms) =>
      setTimer(callback, Math.max(ms, ms > 2_500 ? 60 * SECOND_MS : 0));
    leader!.socket!.halfOpen = true;
    harness.server.setRole('u1', 'paid');
    await harness.advance(40 * SECOND_MS);
    expect(role(follower)).toBe('paid');
  });

  it('is found within 3 s of waking', async () => {
    const [tab] = await harness.openTabs(1);
    await harness.advance(60 * SECOND_MS);
    tab!.visible = false;
    tab!.socket!.halfOpen = true;
    harness.server.setRole('u1', 'paid');
    await harness.advance(120 * SECOND_MS);
    tab!.visible = true;
    tab!.fire('visibilitychange');
    await harness.advance(limits.WAKE_REPLY_MS_MAX + SECOND_MS + 100);
    expect(role(tab)).toBe('paid');
  });

  it('is not looked for more often than needed', async () => {
    const [tab] = await harness.openTabs(1);
    await harness.advance(300 * SECOND_MS);
    expect(pings(tab)).toBe(12);
    tab!.visible = false;
    const before = pings(tab);
    await harness.advance(600 * SECOND_MS);
    expect(pings(tab) - before).toBeLessThanOrEqual(3);
    expect(tab!.dialed).toHaveLength(1);
  });

  it('that never carried a frame is made up for by requests', async () => {
    harness.server.muted = true;
    const [tab] = await harness.openTabs(1);
    await harness.advance(60 * SECOND_MS);
    harness.server.setRole('u1', 'paid');
    await harness.advance(limits.RECONNECT_DELAY_MS_MAX + 2 * limits.REPLY_MS_MAX);
    expect(role(tab)).toBe('paid');
  });
});

describe('a server that was restored from a backup', () => {
  const seen = createUser('u1', { role: 'paid', revocationId: 5, accountVersion: 9 });
  const restored = createUser('u1', { revocationId: 3, accountVersion: 4 });

  it('is asked again with what was seen, and its new epoch starts over', async () => {
    harness.server.accounts.set('u1', seen);
    const [tab] = await harness.openTabs(1);
    harness.server.accounts.set('u1', restored);
    await Promise.all([tab!.client.refreshUserProfile(), harness.advance(500)]);
    expect(role(tab)).toBe('paid');
    expect(harness.server.urls.at(-1)).toMatch(/\?epoch=0&revocationId=5&accountVersion=9$/);
    harness.server.accounts.set('u1', {
      ...restored,
      epoch: 7,
      revocationId: 0,
      accountVersion: 1,
    });
    await Promise.all([tab!.client.refreshUserProfile(), harness.advance(500)]);
    expect(tab!.snapshot.user).toMatchObject({ role: 'free', epoch: 7 });
  });

  it('is shown in every tab', async () => {
    harness.server.accounts.set('u1', seen);
    const tabs = await harness.openTabs(2);
    const user = { ...restored, epoch: 7 };
    tabs[0]!.socket!.push({ v: 1, type: 'SUBSCRIPTION_CHANGED', ...user });
    await harness.advance();
    expect(tabs.map((tab) => tab.snapshot.user?.epoch)).toEqual([7, 7]);
  });
});

describe('a server that is behind what the page was rendered with', () => {
  it('is asked until it has caught up, and the page keeps what it shows', async () => {
    const rendered = createUser('u1', { role: 'paid', revocationId: 1, accountVersion: 1 });
    const tab = harness.browser.openTab('u1', {
      initialUser: rendered,
      getToken: () => tokenFor('u1', 1),
    });
    await harness.advance(SECOND_MS);
    expect(tab.snapshot).toMatchObject({ user: { role: 'paid' }, isStale: true });
    harness.server.accounts.set('u1', rendered);
    await harness.advance(limits.RECONNECT_DELAY_MS_MAX);
    expect(tab.snapshot).toMatchObject({ user: { role: 'paid' }, isStale: false });
  });
});
