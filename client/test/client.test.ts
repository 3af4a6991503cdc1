// The client as its host sees it: starting, connecting, and state that never goes backwards.

import { describe, expect, it, vi } from 'vitest';
import * as limits from '../src/limits.js';
import { createHarness, role } from './harness.js';
import { tokenFor, createUser } from './fake-server.js';

const harness = createHarness();

describe('starting', () => {
  it('does nothing until started, and nothing after it is stopped', async () => {
    const tab = harness.browser.openTab();
    tab.stop();
    await harness.advance();
    expect(harness.server.requests).toEqual([]);
    expect(tab.dialed).toHaveLength(0);
  });

  it('is counted: a second start shares the socket, and the last stop closes it', async () => {
    const tab = harness.browser.openTab();
    const stop = tab.client.start();
    await harness.advance();
    tab.stop();
    tab.stop();
    await harness.advance();
    expect(harness.server.sockets.size).toBe(1);
    stop();
    expect(harness.server.sockets.size).toBe(0);
  });

  it('starts, stops and starts like Strict Mode with one dial', async () => {
    const tab = harness.browser.openTab();
    tab.stop();
    tab.stop = tab.client.start();
    await harness.advance();
    expect(tab.dialed).toHaveLength(1);
    expect(tab.snapshot.connection).toBe('open');
  });

  it('opens its socket below baseUrl, or where the host configures it', async () => {
    const tab = harness.browser.openTab();
    await harness.advance();
    expect(tab.socket?.url).toBe('wss://tier.test/ws');
    const socketUrl = 'wss://sockets.test/live';
    const other = harness.browser.openTab('u2', { socketUrl });
    await harness.advance();
    expect(other.socket?.url).toBe(socketUrl);
  });

  it('shows who is signed in, or that nobody is', async () => {
    const tab = harness.browser.openTab();
    const guest = harness.browser.openTab('u1', { getToken: () => null });
    expect(tab.snapshot.status).toBe('loading');
    await harness.advance();
    expect(tab.snapshot).toMatchObject({ status: 'ready', user: createUser('u1') });
    expect(guest.snapshot).toMatchObject({ status: 'signed_out', user: null });
  });

  it('asks a host again that failed to provide its token, says why, and signs nobody out', async () => {
    const getToken = vi.fn<() => Promise<string>>(() => Promise.reject(new Error('offline')));
    const tab = harness.browser.openTab('u1', { getToken });
    await harness.advance();
    expect(tab.snapshot).toMatchObject({ status: 'error', error: { code: 'token.failed' } });
    getToken.mockImplementation(() => Promise.resolve(tokenFor('u1', 0)));
    await harness.advance(limits.IDENTIFY_RETRY_DELAY_MS);
    expect(tab.snapshot.status).toBe('ready');
  });

  it('polls again where the first request was lost, even as a follower', async () => {
    await harness.openTabs(1);
    const late = harness.browser.openTab();
    harness.server.up = false;
    await harness.advance(10);
    harness.server.up = true;
    expect(late.snapshot.error?.code).toBe('server.unreachable');
    await harness.advance(limits.IDENTIFY_RETRY_DELAY_MS);
    expect(late.snapshot).toMatchObject({ status: 'ready', position: 'follower' });
  });

  it('switches users when another one signs in', async () => {
    harness.server.setRole('u2', 'paid');
    const [tab] = await harness.openTabs(1);
    tab!.token = tokenFor('u2', 1);
    tab!.client.signedIn();
    await harness.advance();
    expect(tab!.snapshot.user).toMatchObject({ userId: 'u2', role: 'paid' });
    expect([...harness.server.sockets].map((socket) => socket.userId)).toEqual(['u2']);
  });

  it('keeps a snapshot’s identity while nothing changes', async () => {
    const [tab] = await harness.openTabs(1);
    const before = tab!.snapshot;
    await Promise.all([tab!.client.refreshUserProfile(), harness.advance()]);
    expect(tab!.snapshot).toBe(before);
  });
});

describe('connection', () => {
  it('sends sync with the version shown on every open', async () => {
    harness.server.setRole('u1', 'paid');
    const [tab] = await harness.openTabs(1);
    harness.server.dropSockets(1001);
    await harness.advance(2_000);
    expect(tab!.dialed.map((socket) => socket.sent[0])).toEqual([
      { action: 'sync', epoch: 0, revocationId: 0, accountVersion: 0 },
      { action: 'sync', epoch: 0, revocationId: 1, accountVersion: 1 },
    ]);
  });

  it('catches up from the snapshot after the server was unavailable', async () => {
    const all = await harness.openTabs(2);
    harness.server.up = false;
    harness.server.dropSockets();
    await harness.advance(20_000);
    harness.server.setRole('u1', 'paid');
    harness.server.up = true;
    await harness.advance(limits.RECONNECT_DELAY_MS_MAX);
    expect(all.map(role)).toEqual(['paid', 'paid']);
  });

  it('never gives up: a blocked socket is still dialed, and each failed dial is a poll', async () => {
    harness.server.socketsBlocked = true;
    const all = await harness.openTabs(2);
    await harness.advance(600_000);
    harness.server.setRole('u1', 'paid');
    await harness.advance(limits.RECONNECT_DELAY_MS_MAX + 1_000);
    expect(all.map(role)).toEqual(['paid', 'paid']);
    harness.server.socketsBlocked = false;
    await harness.advance(limits.RECONNECT_DELAY_MS_MAX + 1_000);
    expect(all[0]!.snapshot.connection).toBe('open');
  });

  it('pings, and replaces a socket that no longer replies', async () => {
    const [tab] = await harness.openTabs(1);
    await harness.advance(limits.PING_INTERVAL_MS);
    expect(tab!.socket!.sent.at(-1)).toEqual({ action: 'ping' });
    tab!.socket!.halfOpen = true;
    await harness.advance(limits.PING_INTERVAL_MS + limits.REPLY_MS_MAX + 2_000);
    expect(tab!.dialed).toHaveLength(2);
    expect(harness.server.sockets.size).toBe(1);
  });

  it.each([
    ['an error frame of the gateway', '{"message":"Internal server error","connectionId":"a="}'],
    ['a frame of another version', '{"v":10,"type":"PONG"}'],
    ['a frame of an unknown type', '{"v":1,"type":"NEWS"}'],
  ])('does not accept %s as a reply', async (_, data) => {
    const [tab] = await harness.openTabs(1);
    const socket = tab!.socket!;
    await harness.advance(limits.PING_INTERVAL_MS - 1_000);
    socket.halfOpen = true;
    const noise = setInterval(() => socket.deliver(data), 500);
    await harness.advance(limits.REPLY_MS_MAX + 4_000);
    clearInterval(noise);
    expect(tab!.dialed).toHaveLength(2);
  });

  it('accepts a pong as a reply, however it is spaced', async () => {
    const [tab] = await harness.openTabs(1);
    const socket = tab!.socket!;
    socket.halfOpen = true;
    await harness.advance(limits.PING_INTERVAL_MS);
    socket.deliver('{ "v": 1, "type": "PONG" }');
    await harness.advance(limits.REPLY_MS_MAX + 4_000);
    expect(tab!.dialed).toHaveLength(1);
  });

  it('moves to a new socket before the gateway ends the old one', async () => {
    const [tab] = await harness.openTabs(1);
    await harness.advance(limits.SOCKET_LIFETIME_MS_MIN + limits.SOCKET_LIFETIME_MS_JITTER);
    expect(tab!.dialed).toHaveLength(2);
    expect(harness.server.sockets.size).toBe(1);
  });

  it.each(['online', 'visibilitychange'] as const)('dials at once on %s', async (event) => {
    const [tab] = await harness.openTabs(1);
    harness.server.dropSockets();
    tab!.fire(event);
    await harness.advance(10);
    expect(tab!.snapshot.connection).toBe('open');
  });

  it('does not fight for its place when the user has too many sockets', async () => {
    const [tab] = await harness.openTabs(1);
    harness.server.dropSockets(4008);
    await harness.advance(limits.RECONNECT_DELAY_MS_MAX / 2 - 100);
    expect(tab!.dialed).toHaveLength(1);
  });

  it('stops dialing with a refused token until the host has another one', async () => {
    harness.server.refuse('u1', 'token.invalid');
    const [tab] = await harness.openTabs(1);
    expect(tab!.snapshot).toMatchObject({ status: 'error', error: { code: 'token.invalid' } });
    await harness.advance(limits.RECONNECT_DELAY_MS_MAX * 3);
    expect(tab!.dialed).toHaveLength(1);
    harness.server.refused.clear();
    tab!.token = tokenFor('u1', 0).replace('.sig', '.new');
    await harness.advance(limits.RECONNECT_DELAY_MS_MAX);
    expect(tab!.snapshot).toMatchObject({ status: 'ready', connection: 'open' });
  });

  it('drops a token that arrives after the stop, and one that arrives twice', async () => {
    const waiting: ((token: string) => void)[] = [];
    const getToken = () => new Promise<string>((resolve) => waiting.push(resolve));
    const provide = async () => {
      for (const resolve of waiting.splice(0)) resolve(tokenFor('u1', 0));
      await harness.advance();
    };
    const tab = harness.browser.openTab('u1', { getToken });
    await provide();
    // The page freezes while the connection waits for the token, and resumes at once.
    const late = waiting.splice(0);
    tab.fire('freeze');
    tab.fire('resume');
    await harness.advance();
    for (const resolve of late) resolve(tokenFor('u1', 0));
    await harness.advance();
    expect(tab.dialed).toHaveLength(0);
    await provide();
    await provide();
    expect(tab.dialed).toHaveLength(1);
  });

  it('survives a platform that throws on a dial', async () => {
    const tab = harness.browser.openTab();
    tab.env.socket = () => {
      throw new SyntaxError('not a subprotocol');
    };
    await harness.advance();
    expect(tab.snapshot).toMatchObject({ status: 'ready', connection: 'waiting' });
  });

  it.each(['not json', '{}', '{"v":2,"type":"SNAPSHOT"}', '{"v":1,"type":"NEWS"}', 7])(
    'ignores the frame %s',
    async (data) => {
      const [tab] = await harness.openTabs(1);
      const before = tab!.snapshot;
      tab!.socket!.deliver(data);
      expect(tab!.snapshot).toBe(before);
    },
  );
});

describe('never backwards', () => {
  const old = { v: 1, type: 'SNAPSHOT', role: 'free', subscriptionActive: false, revocationId: 1 };

  it('ignores an older frame, poll or broadcast', async () => {
    harness.server.setRole('u1', 'paid');
    harness.server.setRole('u1', 'free');
    harness.server.setRole('u1', 'paid');
    const [leader, follower] = await harness.openTabs(2);
    leader!.socket!.push(old);
    const message = { v: 1, source: 'x', at: 0, userId: 'u1', type: 'REFRESH' };
    for (const channel of harness.browser.channels) {
      const data = { ...message, user: createUser('u1', { revocationId: 1 }) };
      channel.onmessage?.call(null as never, { data } as MessageEvent);
    }
    harness.server.accounts.set('u1', createUser('u1', { revocationId: 2 }));
    await Promise.all([leader!.client.refreshUserProfile(), harness.advance()]);
    expect([leader!, follower!].map((tab) => tab.shown)).toEqual([[3], [3]]);
  });

  // The greatest version that a tab has seen is revocation id 2 and account version 7.
  it.each<
    [name: string, revocationId: number, accountVersion: number, shown: boolean, epoch?: number]
  >([
    ['a smaller account version', 2, 6, false],
    ['a smaller revocation id with a greater account version', 1, 9, false],
    ['an older server’s state of the same revocation id', 2, 0, false],
    ['the same version', 2, 7, true],
    ['a greater account version', 2, 8, true],
    ['a greater revocation id', 3, 0, true],
    ['a greater epoch with smaller counters', 0, 0, true, 1],
  ])('orders states by epoch, revocation id and account version: %s', async (...row) => {
    const [, revocationId, accountVersion, accepted, epoch = 0] = row;
    const first = createUser('u1', { features: ['first'], revocationId: 2, accountVersion: 7 });
    const late = { ...first, features: ['late'], epoch, revocationId, accountVersion };
    const expected = accepted ? ['late'] : ['first'];
    const fresh = async () => {
      harness.without({});
      harness.server.accounts.set('u1', first);
      return harness.openTabs(1);
    };
    const [socket] = await fresh();
    socket!.socket!.push({ v: 1, type: 'SUBSCRIPTION_CHANGED', ...late });
    await harness.advance();
    expect(socket!.snapshot.user?.features).toEqual(expected);
    const [poll] = await fresh();
    harness.server.accounts.set('u1', late);
    await Promise.all([poll!.client.refreshUserProfile(), harness.advance()]);
    expect(poll!.snapshot.user?.features).toEqual(expected);
    const [tab] = await fresh();
    const data = { v: 1, source: 'x', at: 0, userId: 'u1', type: 'REFRESH', user: late };
    for (const channel of harness.browser.channels) {
      channel.onmessage?.call(null as never, { data } as MessageEvent);
    }
    expect(tab!.snapshot.user?.features).toEqual(expected);
  });

  it('remembers the version across a sign-out', async () => {
    harness.server.change('u1', { features: ['export'] });
    const [tab] = await harness.openTabs(1);
    harness.server.refuse('u1', 'token.revoked');
    await Promise.all([tab!.client.refreshUserProfile(), harness.advance()]);
    expect(tab!.snapshot.user).toBeNull();
    harness.server.refused.clear();
    harness.server.accounts.set('u1', createUser('u1'));
    await Promise.all([tab!.client.refreshUserProfile(), harness.advance()]);
    expect(tab!.snapshot.user).toBeNull();
  });

  it('applies a renewal that changes no role', async () => {
    const [tab] = await harness.openTabs(1);
    const subscriptionExpiresAt = '2027-01-01T00:00:00.000Z';
    harness.server.accounts.set('u1', createUser('u1', { subscriptionExpiresAt }));
    await Promise.all([tab!.client.refreshUserProfile(), harness.advance()]);
    expect(tab!.snapshot.user?.subscriptionExpiresAt).toBe(subscriptionExpiresAt);
    expect(tab!.snapshot.lastChange).toBeNull();
  });

  it('reports each change once, with its event and its times', async () => {
    const [tab] = await harness.openTabs(1);
    const changes = new Set();
    tab!.client.subscribe(() => changes.add(tab!.snapshot.lastChange));
    harness.server.setRole('u1', 'paid');
    await harness.advance(5_000);
    expect([...changes].filter(Boolean)).toHaveLength(1);
    expect(tab!.snapshot.lastChange).toMatchObject({
      type: 'ROLE_UPGRADED',
      previousRole: 'free',
      eventId: 'evt_1',
      committedAt: 'now',
    });
  });

  it('reports a lower role as a downgrade, whichever way it arrives', async () => {
    harness.server.setRole('u1', 'paid');
    harness.server.socketsBlocked = true;
    const [tab] = await harness.openTabs(1);
    harness.server.setRole('u1', 'free');
    await Promise.all([tab!.client.refreshUserProfile(), harness.advance()]);
    expect(tab!.snapshot.lastChange).toMatchObject({ type: 'ROLE_DOWNGRADED', via: 'poll' });
  });
});
