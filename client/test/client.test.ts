// The client as its host sees it: starting, connecting, and news that never goes backwards.

import { describe, expect, it, vi } from 'vitest';
import * as limits from '../src/limits.js';
import { role, setStage } from './stage.js';
import { tokenFor, userOf } from './world.js';

const stage = setStage();

describe('starting', () => {
  it('does nothing until started, and nothing after it is stopped', async () => {
    const tab = stage.browser.open();
    tab.stop();
    await stage.pass();
    expect(stage.server.requests).toEqual([]);
    expect(tab.dialed).toHaveLength(0);
  });

  it('is counted: a second start shares the socket, and the last stop closes it', async () => {
    const tab = stage.browser.open();
    const stop = tab.client.start();
    await stage.pass();
    tab.stop();
    tab.stop();
    await stage.pass();
    expect(stage.server.sockets.size).toBe(1);
    stop();
    expect(stage.server.sockets.size).toBe(0);
  });

  it('starts, stops and starts like Strict Mode with one dial', async () => {
    const tab = stage.browser.open();
    tab.stop();
    tab.stop = tab.client.start();
    await stage.pass();
    expect(tab.dialed).toHaveLength(1);
    expect(tab.snapshot.connection).toBe('open');
  });

  it('opens its socket below baseUrl, or where the host says', async () => {
    const tab = stage.browser.open();
    await stage.pass();
    expect(tab.socket?.url).toBe('wss://tier.test/ws');
    const socketUrl = 'wss://sockets.test/live';
    const other = stage.browser.open('u2', { socketUrl });
    await stage.pass();
    expect(other.socket?.url).toBe(socketUrl);
  });

  it('shows who is signed in, or that nobody is', async () => {
    const tab = stage.browser.open();
    const guest = stage.browser.open('u1', { getToken: () => null });
    expect(tab.snapshot.status).toBe('loading');
    await stage.pass();
    expect(tab.snapshot).toMatchObject({ status: 'ready', user: userOf('u1') });
    expect(guest.snapshot).toMatchObject({ status: 'signed_out', user: null });
  });

  it('asks a host again that could not give its token, and calls nobody signed out', async () => {
    const getToken = vi.fn<() => Promise<string>>(() => Promise.reject(new Error('offline')));
    const tab = stage.browser.open('u1', { getToken });
    await stage.pass();
    expect(tab.snapshot.status).toBe('loading');
    getToken.mockImplementation(() => Promise.resolve(tokenFor('u1', 0)));
    await stage.pass(limits.IDENTIFY_RETRY_MS);
    expect(tab.snapshot.status).toBe('ready');
  });

  it('asks again where the first question was lost, even as a follower', async () => {
    await stage.tabs(1);
    const late = stage.browser.open();
    stage.server.up = false;
    await stage.pass(10);
    stage.server.up = true;
    expect(late.snapshot.status).toBe('loading');
    await stage.pass(limits.IDENTIFY_RETRY_MS);
    expect(late.snapshot).toMatchObject({ status: 'ready', position: 'follower' });
  });

  it('switches users when told that another one signed in', async () => {
    stage.server.setRole('u2', 'paid');
    const [tab] = await stage.tabs(1);
    tab!.token = tokenFor('u2', 1);
    tab!.client.signedIn();
    await stage.pass();
    expect(tab!.snapshot.user).toMatchObject({ userId: 'u2', role: 'paid' });
    expect([...stage.server.sockets].map((socket) => socket.userId)).toEqual(['u2']);
  });

  it('keeps a snapshot’s identity while nothing changes', async () => {
    const [tab] = await stage.tabs(1);
    const before = tab!.snapshot;
    await Promise.all([tab!.client.refreshUserProfile(), stage.pass()]);
    expect(tab!.snapshot).toBe(before);
  });
});

describe('connection', () => {
  it('sends sync with the shown revocation id on every open', async () => {
    stage.server.setRole('u1', 'paid');
    const [tab] = await stage.tabs(1);
    stage.server.dropSockets(1001);
    await stage.pass(2_000);
    expect(tab!.dialed.map((socket) => socket.sent[0])).toEqual([
      { action: 'sync', revocationId: 0 },
      { action: 'sync', revocationId: 1 },
    ]);
  });

  it('catches up from the snapshot after the server was away', async () => {
    const all = await stage.tabs(2);
    stage.server.up = false;
    stage.server.dropSockets();
    await stage.pass(20_000);
    stage.server.setRole('u1', 'paid');
    stage.server.up = true;
    await stage.pass(limits.RECONNECT_MS_MAX);
    expect(all.map(role)).toEqual(['paid', 'paid']);
  });

  it('never gives up: a blocked socket is still tried, and its question is a poll', async () => {
    stage.server.socketsBlocked = true;
    const all = await stage.tabs(2);
    await stage.pass(600_000);
    stage.server.setRole('u1', 'paid');
    await stage.pass(limits.RECONNECT_MS_MAX + 1_000);
    expect(all.map(role)).toEqual(['paid', 'paid']);
    stage.server.socketsBlocked = false;
    await stage.pass(limits.RECONNECT_MS_MAX + 1_000);
    expect(all[0]!.snapshot.connection).toBe('open');
  });

  it('pings, and replaces a socket that no longer answers', async () => {
    const [tab] = await stage.tabs(1);
    await stage.pass(limits.PING_EVERY_MS);
    expect(tab!.socket!.sent.at(-1)).toEqual({ action: 'ping' });
    tab!.socket!.deaf = true;
    await stage.pass(limits.PING_EVERY_MS + limits.REPLY_MS_MAX + 2_000);
    expect(tab!.dialed).toHaveLength(2);
    expect(stage.server.sockets.size).toBe(1);
  });

  it('takes a gateway’s word that its function failed for no answer', async () => {
    const [tab] = await stage.tabs(1);
    const socket = tab!.socket!;
    await stage.pass(limits.PING_EVERY_MS - 1_000);
    socket.deaf = true;
    const data = '{"message":"Internal server error","connectionId":"a=","requestId":"b="}';
    const failing = setInterval(() => {
      socket.onmessage?.call(null as never, { data } as MessageEvent);
    }, 500);
    await stage.pass(limits.REPLY_MS_MAX + 4_000);
    clearInterval(failing);
    expect(tab!.dialed).toHaveLength(2);
  });

  it('moves to a new socket before the gateway ends the old one', async () => {
    const [tab] = await stage.tabs(1);
    await stage.pass(limits.LIFETIME_MS_MIN + limits.LIFETIME_MS_SPREAD);
    expect(tab!.dialed).toHaveLength(2);
    expect(stage.server.sockets.size).toBe(1);
  });

  it.each(['online', 'visibilitychange'] as const)('dials at once on %s', async (event) => {
    const [tab] = await stage.tabs(1);
    stage.server.dropSockets();
    tab!.fire(event);
    await stage.pass(10);
    expect(tab!.snapshot.connection).toBe('open');
  });

  it('does not fight for its place when the user has too many sockets', async () => {
    const [tab] = await stage.tabs(1);
    stage.server.dropSockets(4008);
    await stage.pass(limits.RECONNECT_MS_MAX / 2 - 100);
    expect(tab!.dialed).toHaveLength(1);
  });

  it('stops dialing on a refused token until the host has another one', async () => {
    stage.server.revoked.add('u1');
    const [tab] = await stage.tabs(1);
    expect(tab!.snapshot).toMatchObject({ status: 'signed_out', user: null });
    await stage.pass(limits.REFUSED_RETRY_MS * 3);
    expect(tab!.dialed).toHaveLength(1);
    stage.server.revoked.clear();
    tab!.token = tokenFor('u1', 0).replace('.sig', '.new');
    await stage.pass(limits.REFUSED_RETRY_MS);
    expect(tab!.snapshot).toMatchObject({ status: 'ready', connection: 'open' });
  });

  it('drops a token that comes after the stop, and one that comes twice', async () => {
    const gifts: ((token: string) => void)[] = [];
    const getToken = () => new Promise<string>((resolve) => gifts.push(resolve));
    const give = async () => {
      for (const gift of gifts.splice(0)) gift(tokenFor('u1', 0));
      await stage.pass();
    };
    const tab = stage.browser.open('u1', { getToken });
    await give();
    // Frozen while the connection's own question for the token is open, and thawed at once.
    const late = gifts.splice(0);
    tab.fire('freeze');
    tab.fire('resume');
    await stage.pass();
    for (const gift of late) gift(tokenFor('u1', 0));
    await stage.pass();
    expect(tab.dialed).toHaveLength(0);
    await give();
    await give();
    expect(tab.dialed).toHaveLength(1);
  });

  it('survives a platform that throws at the dial', async () => {
    const tab = stage.browser.open();
    tab.env.socket = () => {
      throw new SyntaxError('not a subprotocol');
    };
    await stage.pass();
    expect(tab.snapshot).toMatchObject({ status: 'ready', connection: 'waiting' });
  });

  it.each(['not json', '{}', '{"v":2,"type":"SNAPSHOT"}', '{"v":1,"type":"NEWS"}', 7])(
    'ignores the frame %s',
    async (data) => {
      const [tab] = await stage.tabs(1);
      const before = tab!.snapshot;
      tab!.socket!.onmessage?.call(null as never, { data } as MessageEvent);
      expect(tab!.snapshot).toBe(before);
    },
  );
});

describe('never backwards', () => {
  const old = { v: 1, type: 'SNAPSHOT', role: 'free', subscriptionActive: false, revocationId: 1 };

  it('ignores an older frame, poll or broadcast', async () => {
    stage.server.setRole('u1', 'paid');
    stage.server.setRole('u1', 'free');
    stage.server.setRole('u1', 'paid');
    const [leader, follower] = await stage.tabs(2);
    leader!.socket!.push(old);
    const message = { v: 1, source: 'x', at: 0, userId: 'u1', type: 'REFRESH' };
    for (const channel of stage.browser.channels) {
      const data = { ...message, user: userOf('u1', { revocationId: 1 }) };
      channel.onmessage?.call(null as never, { data } as MessageEvent);
    }
    stage.server.accounts.set('u1', userOf('u1', { revocationId: 2 }));
    await Promise.all([leader!.client.refreshUserProfile(), stage.pass()]);
    expect([leader!, follower!].map((tab) => tab.shown)).toEqual([[3], [3]]);
  });

  it('takes a renewal that changes no role', async () => {
    const [tab] = await stage.tabs(1);
    const subscriptionExpiresAt = '2027-01-01T00:00:00.000Z';
    stage.server.accounts.set('u1', userOf('u1', { subscriptionExpiresAt }));
    await Promise.all([tab!.client.refreshUserProfile(), stage.pass()]);
    expect(tab!.snapshot.user?.subscriptionExpiresAt).toBe(subscriptionExpiresAt);
    expect(tab!.snapshot.lastChange).toBeNull();
  });

  it('reports each change once, with its event and its times', async () => {
    const [tab] = await stage.tabs(1);
    const changes = new Set();
    tab!.client.subscribe(() => changes.add(tab!.snapshot.lastChange));
    stage.server.setRole('u1', 'paid');
    await stage.pass(5_000);
    expect([...changes].filter(Boolean)).toHaveLength(1);
    expect(tab!.snapshot.lastChange).toMatchObject({
      type: 'ROLE_UPGRADED',
      previousRole: 'free',
      eventId: 'evt_1',
      committedAt: 'now',
    });
  });

  it('calls a lower role a downgrade, whoever tells', async () => {
    stage.server.setRole('u1', 'paid');
    stage.server.socketsBlocked = true;
    const [tab] = await stage.tabs(1);
    stage.server.setRole('u1', 'free');
    await Promise.all([tab!.client.refreshUserProfile(), stage.pass()]);
    expect(tab!.snapshot.lastChange).toMatchObject({ type: 'ROLE_DOWNGRADED', via: 'poll' });
  });
});
