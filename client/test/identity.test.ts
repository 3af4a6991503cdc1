// One identity at a time: whoever signs in or out, in whichever tab and however it is found out, each
// tab shows that person within a second, and never shows a role under somebody else.

import { describe, expect, it, vi } from 'vitest';
import type { TierClientOptions } from '../src/index.js';
import type { FakeTab } from './browser-model.js';
import { createHarness, role } from './harness.js';
import { createUser, tokenFor } from './fake-server.js';

const harness = createHarness();

/** A host that keeps its token where all tabs of the browser read it. */
function useHost(token: string | null) {
  const host = { token };
  const options: Partial<TierClientOptions> = {
    getToken: () => host.token,
    onSignOut: () => void (host.token = null),
  };
  return Object.assign(host, { open: () => harness.browser.openTab('u1', options) });
}

const who = (tab: FakeTab) => [tab.snapshot.user?.userId, role(tab)];

/** Records each user and role that a tab shows. */
function recorded(tab: FakeTab): string[] {
  const shown: string[] = [];
  tab.client.subscribe(() => {
    const now = who(tab).join(' ');
    if (tab.snapshot.user && shown.at(-1) !== now) shown.push(now);
  });
  return shown;
}

const SECOND_MS = 1_000;

function thawed(tab: FakeTab): void {
  tab.freeze('freeze');
  tab.thaw('resume');
}

describe('another user signs in', () => {
  it('in one tab, and no tab ever shows a role under the wrong person', async () => {
    harness.server.setRole('u2', 'paid');
    const host = useHost(tokenFor('u1', 0));
    const [first, second] = [host.open(), host.open()];
    const shown = [first, second].map(recorded);
    await harness.advance();
    host.token = tokenFor('u2', 1);
    first.client.signedIn();
    await harness.advance(SECOND_MS);
    expect([first, second].map(who)).toEqual(Array(2).fill(['u2', 'paid']));
    expect(shown).toEqual(Array(2).fill(['u1 free', 'u2 paid']));
    expect([...harness.server.sockets].map((socket) => socket.userId)).toEqual(['u2']);
  });

  it.each<[name: string, notice: (tab: FakeTab) => unknown]>([
    ['the page is shown', (tab) => tab.fire('visibilitychange')],
    ['the network is back', (tab) => tab.fire('online')],
    ['the socket is cut', () => harness.server.dropSockets()],
    ['the host makes a request', (tab) => tab.client.fetch('/guarded').catch(() => null)],
    ['the profile is read again', (tab) => tab.client.refreshUserProfile()],
    ['the page thaws', thawed],
  ])('and tells nobody: it is found out when %s', async (_, notice) => {
    harness.server.setRole('u2', 'paid');
    const [tab] = await harness.openTabs(1);
    const shown = recorded(tab!);
    tab!.token = tokenFor('u2', 1);
    void notice(tab!);
    await harness.advance(2 * SECOND_MS);
    expect(who(tab!)).toEqual(['u2', 'paid']);
    expect(shown).not.toContain('u1 paid');
  });

  it('by a reload of one tab, which the others notice', async () => {
    const host = useHost(tokenFor('u1', 0));
    const other = host.open();
    await harness.advance();
    host.token = tokenFor('u2', 0);
    host.open();
    await harness.advance(SECOND_MS);
    expect(other.snapshot.user?.userId).toBe('u2');
  });

  it('where messages go over storage only', async () => {
    harness.without({ channel: 'throws' });
    const host = useHost(tokenFor('u1', 0));
    const [first, second] = [host.open(), host.open()];
    await harness.advance();
    host.token = tokenFor('u2', 0);
    first.client.signedIn();
    await harness.advance(SECOND_MS);
    expect(second.snapshot.user?.userId).toBe('u2');
  });

  it('and a token in localStorage changes in a tab without the client', async () => {
    harness.browser.storage.set('app.token', tokenFor('u1', 0));
    const getToken = () => harness.browser.storage.get('app.token') ?? null;
    const tab = harness.browser.openTab('u1', { getToken });
    await harness.advance();
    harness.browser.store('app.token', tokenFor('u2', 0));
    await harness.advance(SECOND_MS);
    expect(tab.snapshot.user?.userId).toBe('u2');
    harness.browser.store('app.token', null);
    await harness.advance(SECOND_MS);
    expect(tab.snapshot).toMatchObject({ status: 'signed_out', user: null });
  });

  it('and a request of the page of the first is not sent as the second', async () => {
    const [tab] = await harness.openTabs(1);
    const before = harness.server.count('GET /guarded');
    tab!.token = tokenFor('u2', 0);
    await expect(tab!.client.fetch('/guarded')).rejects.toThrow('user has changed');
    expect(harness.server.count('GET /guarded')).toBe(before);
  });

  it('and an answer that was on its way to the page of the first is dropped', async () => {
    harness.server.delay = () => 100;
    const [tab] = await harness.openTabs(1);
    await harness.advance(SECOND_MS);
    const late = expect(tab!.client.fetch('/guarded')).rejects.toThrow('user has changed');
    await harness.advance(50);
    tab!.token = tokenFor('u2', 0);
    tab!.client.signedIn();
    await harness.advance(SECOND_MS);
    await late;
  });

  it('leaves two users signed in whose tabs have tokens of their own', async () => {
    const tabs = [harness.browser.openTab('u1'), harness.browser.openTab('u2')];
    await harness.advance(5 * SECOND_MS);
    expect(tabs.map((tab) => tab.snapshot.user?.userId)).toEqual(['u1', 'u2']);
  });

  it('asks a host that cannot decide no more than a few times a second', async () => {
    let turn = 0;
    const getToken = vi.fn(() => tokenFor(`u${(turn += 1) % 2}`, 0));
    harness.browser.openTab('u1', { getToken });
    harness.browser.openTab('u1', { getToken });
    await harness.advance(10 * SECOND_MS);
    expect(getToken.mock.calls.length).toBeLessThan(200);
  });
});

describe('a socket or an answer of somebody else', () => {
  it('is never shown, and the token is read again', async () => {
    const getToken = vi.fn(() => tokenFor('u1', 0));
    const tab = harness.browser.openTab('u1', { getToken });
    await harness.advance();
    getToken.mockClear();
    const user = createUser('u2', { role: 'paid', revocationId: 9 });
    tab.socket!.push({ v: 1, type: 'SNAPSHOT', ...user });
    await harness.advance(SECOND_MS);
    expect(who(tab)).toEqual(['u1', 'free']);
    expect(getToken).toHaveBeenCalled();
  });

  it('ends in an error that says so, if the server insists', async () => {
    vi.spyOn(harness.server, 'account').mockReturnValue(createUser('u2', { role: 'paid' }));
    const tab = harness.browser.openTab('u1');
    await harness.advance(SECOND_MS);
    expect(tab.snapshot).toMatchObject({ user: null, error: { code: 'user.mismatch' } });
  });
});

describe('the host signs out by itself', () => {
  it('in one tab, and the browser stops showing the plan', async () => {
    harness.server.setRole('u1', 'paid');
    const host = useHost(tokenFor('u1', 1));
    const [first, second] = [host.open(), host.open()];
    await harness.advance();
    host.token = null;
    first.stop();
    const reloaded = host.open();
    await harness.advance(SECOND_MS);
    for (const tab of [second, reloaded]) {
      expect(tab.snapshot).toMatchObject({ status: 'signed_out', user: null });
    }
    expect(harness.server.sockets.size).toBe(0);
  });

  it('and the page finds out when somebody looks at it', async () => {
    const [tab] = await harness.openTabs(1);
    tab!.token = null;
    tab!.fire('visibilitychange');
    await harness.advance(SECOND_MS);
    expect(tab!.snapshot).toMatchObject({ status: 'signed_out', user: null });
  });

  it('and signing in again reaches a tab that was signed out', async () => {
    const host = useHost(null);
    const [first, second] = [host.open(), host.open()];
    await harness.advance();
    host.token = tokenFor('u1', 0);
    first.client.signedIn();
    await harness.advance(SECOND_MS);
    expect([first, second].map((tab) => tab.snapshot.status)).toEqual(['ready', 'ready']);
  });
});

describe('a sign-out', () => {
  it('in another tab does not take away the token of whoever has signed in since', async () => {
    const host = useHost(tokenFor('u1', 0));
    const [first, second] = [host.open(), host.open()];
    await harness.advance();
    // The message about the sign-out is slower than the next sign-in.
    harness.server.delay = () => 200;
    first.client.signOut();
    host.token = tokenFor('u2', 0);
    first.client.signedIn();
    await harness.advance(2 * SECOND_MS);
    expect([first, second].map((tab) => tab.snapshot.user?.userId)).toEqual(['u2', 'u2']);
    expect(host.token).toBe(tokenFor('u2', 0));
  });

  it('keeps nothing of the user, in memory or in storage', async () => {
    harness.server.setRole('u1', 'paid');
    const [tab] = await harness.openTabs(1);
    harness.server.setRole('u1', 'operator');
    void tab!.client.watchUpgrade({ role: 'team' });
    await harness.advance();
    tab!.client.signOut();
    await harness.advance(SECOND_MS);
    const { user, lastChange, upgrade, isStale } = tab!.snapshot;
    expect({ user, lastChange, isStale, status: upgrade.status }).toEqual({
      user: null,
      lastChange: null,
      isStale: false,
      status: 'idle',
    });
    expect([...harness.browser.storage]).toEqual([]);
  });

  it.each(['token.revoked', 'token.session_expired'])(
    'by the server, with %s, makes the host forget the token, in every tab',
    async (code) => {
      const host = useHost(tokenFor('u1', 0));
      const tabs = [host.open(), host.open()];
      await harness.advance();
      harness.server.refuse('u1', code);
      await harness.advance(2 * SECOND_MS);
      for (const tab of tabs)
        expect(tab.snapshot).toMatchObject({ status: 'signed_out', user: null });
      expect(host.token).toBeNull();
      expect(harness.server.sockets.size).toBe(0);
    },
  );

  it('by the server stays one, even if the host keeps the token', async () => {
    const tab = harness.browser.openTab('u1', { getToken: () => tokenFor('u1', 0) });
    await harness.advance();
    harness.server.refuse('u1', 'token.revoked');
    await harness.advance(SECOND_MS);
    const requests = harness.server.requests.length;
    tab.fire('visibilitychange');
    await harness.advance(SECOND_MS);
    expect(tab.snapshot.status).toBe('signed_out');
    expect(harness.server.requests).toHaveLength(requests);
  });
});

describe('two users’ watches in one browser', () => {
  it('live side by side', async () => {
    const [first, second] = [harness.browser.openTab('u1'), harness.browser.openTab('u2')];
    await harness.advance();
    const outcome = first.client.watchUpgrade({ role: 'paid' });
    void second.client.watchUpgrade({ role: 'team' });
    await harness.advance(SECOND_MS);
    expect([first, second].map((tab) => tab.snapshot.upgrade.role)).toEqual(['paid', 'team']);
    second.client.dismissUpgrade();
    await harness.advance(SECOND_MS);
    expect([first, second].map((tab) => tab.snapshot.upgrade.status)).toEqual(['pending', 'idle']);
    harness.server.setRole('u1', 'paid');
    await harness.advance(SECOND_MS);
    expect(await outcome).toBe('upgraded');
  });
});
