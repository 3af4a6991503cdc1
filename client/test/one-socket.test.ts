// One socket per browser: the election, the hand-over, and browsers that lack what it needs.

import { describe, expect, it, vi } from 'vitest';
import * as limits from '../src/limits.js';
import { position, role, setStage } from './stage.js';
import { userOf } from './world.js';

const stage = setStage();

describe('one socket per browser', () => {
  it('elects one leader, and a change reaches every tab', async () => {
    const all = await stage.tabs(3);
    expect(stage.server.sockets.size).toBe(1);
    expect(all.map(position)).toEqual(['leader', 'follower', 'follower']);
    stage.server.setRole('u1', 'paid');
    await stage.pass(10);
    expect(all.map(role)).toEqual(['paid', 'paid', 'paid']);
    expect(all.map((tab) => tab.snapshot.lastChange?.via)).toEqual(['socket', 'tab', 'tab']);
  });

  it('says each piece of news once on the channel: who heard it there stays silent', async () => {
    const [leader] = await stage.tabs(4);
    const channels = [...stage.browser.channels];
    const posts = channels.map((channel) => vi.spyOn(channel, 'postMessage'));
    leader!.socket!.push({ v: 1, type: 'SNAPSHOT', ...userOf('u1', { role: 'paid' }) });
    await stage.pass(10);
    expect(posts.flatMap(({ mock }) => mock.calls)).toHaveLength(1);
  });

  it('hands over within a second when the leader closes, and misses nothing', async () => {
    const [leader, heir] = await stage.tabs(2);
    leader!.stop();
    stage.server.setRole('u1', 'paid');
    await stage.pass(1_000);
    expect(position(heir)).toBe('leader');
    expect(role(heir)).toBe('paid');
  });

  it.each(['freeze', 'pagehide'] as const)('hands over at %s, and rejoins after', async (event) => {
    const [leader, heir] = await stage.tabs(2);
    leader!.fire(event);
    await stage.pass();
    expect(position(heir)).toBe('leader');
    expect(stage.server.sockets.size).toBe(1);
    leader!.fire(event === 'freeze' ? 'resume' : 'pageshow');
    await stage.pass();
    expect(position(leader)).toBe('follower');
    heir!.stop();
    await stage.pass();
    expect(position(leader)).toBe('leader');
  });

  it('takes over from a leader that hangs, within a second of being looked at', async () => {
    const [leader, heir] = await stage.tabs(2);
    for (const channel of stage.browser.channels) channel.onmessage = null;
    heir!.fire('visibilitychange');
    await stage.pass(1_000);
    expect(position(heir)).toBe('leader');
    // The old leader learns of it from the lock, not from the channel.
    expect(position(leader)).toBe('follower');
    expect(stage.server.sockets.size).toBe(1);
  });

  it('leaves a leader alone that answers the probe', async () => {
    const [leader, follower] = await stage.tabs(2);
    follower!.fire('visibilitychange');
    await stage.pass(1_000);
    expect([leader!, follower!].map(position)).toEqual(['leader', 'follower']);
    expect(leader!.dialed).toHaveLength(1);
  });

  it('lets a follower’s wake-up test the leader’s socket', async () => {
    const [leader, follower] = await stage.tabs(2);
    leader!.socket!.deaf = true;
    follower!.fire('visibilitychange');
    await stage.pass(limits.WAKE_REPLY_MS_MAX + 1_000);
    expect(leader!.dialed).toHaveLength(2);
    expect(leader!.snapshot.connection).toBe('open');
  });

  it('probes from a hidden follower never', async () => {
    const [leader, heir] = await stage.tabs(2);
    heir!.visible = false;
    for (const channel of stage.browser.channels) channel.onmessage = null;
    await stage.pass(limits.PROBE_EVERY_MS * 2);
    expect(position(leader)).toBe('leader');
    heir!.visible = true;
    await stage.pass(limits.PROBE_EVERY_MS + 1_000);
    expect(position(heir)).toBe('leader');
  });

  it('keeps users apart: each has a leader, and news stays with its user', async () => {
    const first = stage.browser.open('u1');
    const second = stage.browser.open('u2');
    await stage.pass();
    expect([first, second].map(position)).toEqual(['leader', 'leader']);
    stage.server.setRole('u1', 'paid');
    await stage.pass();
    expect([first, second].map(role)).toEqual(['paid', 'free']);
  });

  it('gives each tab its own socket where there are no Web Locks', async () => {
    stage.lack({ locks: true });
    const all = await stage.tabs(2);
    expect(all.map(position)).toEqual(['solo', 'solo']);
    expect(stage.server.sockets.size).toBe(2);
    stage.server.setRole('u1', 'paid');
    await stage.pass(10);
    expect(all.map(role)).toEqual(['paid', 'paid']);
  });

  it('works where there are neither locks, channels nor storage', async () => {
    stage.lack({ locks: true, channel: true, storage: true });
    const all = await stage.tabs(2);
    stage.server.setRole('u1', 'paid');
    await stage.pass(10);
    expect(all.map(role)).toEqual(['paid', 'paid']);
  });

  it('carries news over localStorage where there is no BroadcastChannel', async () => {
    stage.lack({ channel: true });
    const all = await stage.tabs(2);
    all[1]!.socket!.deaf = true;
    stage.server.setRole('u1', 'paid');
    await stage.pass(10);
    expect(all.map(position)).toEqual(['solo', 'solo']);
    expect(all.map(role)).toEqual(['paid', 'paid']);
  });
});
