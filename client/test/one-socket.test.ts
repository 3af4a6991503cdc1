// One socket per browser: the election, the hand-over, and browsers that lack what it needs.

import { describe, expect, it, vi } from 'vitest';
import * as limits from '../src/limits.js';
import { createHarness, position, role } from './harness.js';
import { createUser } from './fake-server.js';

const harness = createHarness();

describe('one socket per browser', () => {
  it('elects one leader, and a change reaches every tab', async () => {
    const all = await harness.openTabs(3);
    expect(harness.server.sockets.size).toBe(1);
    expect(all.map(position)).toEqual(['leader', 'follower', 'follower']);
    harness.server.setRole('u1', 'paid');
    await harness.advance(10);
    expect(all.map(role)).toEqual(['paid', 'paid', 'paid']);
    expect(all.map((tab) => tab.snapshot.lastChange?.via)).toEqual(['socket', 'tab', 'tab']);
  });

  it('posts each update once on the channel: a tab that received it there does not repeat it', async () => {
    const [leader] = await harness.openTabs(4);
    const channels = [...harness.browser.channels];
    const posts = channels.map((channel) => vi.spyOn(channel, 'postMessage'));
    leader!.socket!.push({ v: 1, type: 'SNAPSHOT', ...createUser('u1', { role: 'paid' }) });
    await harness.advance(10);
    expect(posts.flatMap(({ mock }) => mock.calls)).toHaveLength(1);
  });

  it('hands over within a second when the leader closes, and misses nothing', async () => {
    const [leader, successor] = await harness.openTabs(2);
    leader!.stop();
    harness.server.setRole('u1', 'paid');
    await harness.advance(1_000);
    expect(position(successor)).toBe('leader');
    expect(role(successor)).toBe('paid');
  });

  it.each(['freeze', 'pagehide'] as const)('hands over at %s, and rejoins after', async (event) => {
    const [leader, successor] = await harness.openTabs(2);
    leader!.fire(event);
    await harness.advance();
    expect(position(successor)).toBe('leader');
    expect(harness.server.sockets.size).toBe(1);
    leader!.fire(event === 'freeze' ? 'resume' : 'pageshow');
    await harness.advance();
    expect(position(leader)).toBe('follower');
    successor!.stop();
    await harness.advance();
    expect(position(leader)).toBe('leader');
  });

  it('takes over from a leader that hangs, within a second of being looked at', async () => {
    const [leader, successor] = await harness.openTabs(2);
    for (const channel of harness.browser.channels) channel.onmessage = null;
    successor!.fire('visibilitychange');
    await harness.advance(1_000);
    expect(position(successor)).toBe('leader');
    // The lock informs the old leader, not the channel.
    expect(position(leader)).toBe('follower');
    expect(harness.server.sockets.size).toBe(1);
  });

  it('does not replace a leader that replies to the probe', async () => {
    const [leader, follower] = await harness.openTabs(2);
    follower!.fire('visibilitychange');
    await harness.advance(1_000);
    expect([leader!, follower!].map(position)).toEqual(['leader', 'follower']);
    expect(leader!.dialed).toHaveLength(1);
  });

  it('lets a follower’s wake-up test the leader’s socket', async () => {
    const [leader, follower] = await harness.openTabs(2);
    leader!.socket!.halfOpen = true;
    follower!.fire('visibilitychange');
    await harness.advance(limits.WAKE_REPLY_MS_MAX + 1_000);
    expect(leader!.dialed).toHaveLength(2);
    expect(leader!.snapshot.connection).toBe('open');
  });

  it('does not probe from a hidden follower', async () => {
    const [leader, successor] = await harness.openTabs(2);
    successor!.visible = false;
    for (const channel of harness.browser.channels) channel.onmessage = null;
    await harness.advance(limits.PROBE_INTERVAL_MS * 2);
    expect(position(leader)).toBe('leader');
    successor!.visible = true;
    await harness.advance(limits.PROBE_INTERVAL_MS + 1_000);
    expect(position(successor)).toBe('leader');
  });

  it('keeps users apart: each has a leader, and sees no update of the other', async () => {
    const first = harness.browser.openTab('u1');
    const second = harness.browser.openTab('u2');
    await harness.advance();
    expect([first, second].map(position)).toEqual(['leader', 'leader']);
    harness.server.setRole('u1', 'paid');
    await harness.advance();
    expect([first, second].map(role)).toEqual(['paid', 'free']);
  });

  it('gives each tab its own socket where there are no Web Locks', async () => {
    harness.without({ locks: true });
    const all = await harness.openTabs(2);
    expect(all.map(position)).toEqual(['solo', 'solo']);
    expect(harness.server.sockets.size).toBe(2);
    harness.server.setRole('u1', 'paid');
    await harness.advance(10);
    expect(all.map(role)).toEqual(['paid', 'paid']);
  });

  it('works where there are neither locks, channels nor storage', async () => {
    harness.without({ locks: true, channel: true, storage: true });
    const all = await harness.openTabs(2);
    harness.server.setRole('u1', 'paid');
    await harness.advance(10);
    expect(all.map(role)).toEqual(['paid', 'paid']);
  });

  it('carries updates over localStorage where there is no BroadcastChannel', async () => {
    harness.without({ channel: true });
    const all = await harness.openTabs(2);
    all[1]!.socket!.halfOpen = true;
    harness.server.setRole('u1', 'paid');
    await harness.advance(10);
    expect(all.map(position)).toEqual(['solo', 'solo']);
    expect(all.map(role)).toEqual(['paid', 'paid']);
  });
});
