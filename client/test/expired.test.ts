// A token that has expired is no sign-out: the person stays, what they see stays and is marked, and the
// client goes on asking the host for another token.

import { describe, expect, it, vi } from 'vitest';
import type { TokenReason } from '../src/index.js';
import type { FakeTab } from './browser-model.js';
import { createHarness, role } from './harness.js';
import { tokenFor } from './fake-server.js';

const harness = createHarness();

const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;

/** A token of `u1` that ends `seconds` from now. */
const lasting = (seconds: number, rev = 0, more: object = {}) =>
  tokenFor('u1', rev, { exp: Math.floor(Date.now() / SECOND_MS) + seconds, ...more });

/** A host with one token for all tabs, and what it was asked. */
function useHost(token: string, more: object = {}) {
  const asked: TokenReason[] = [];
  const onSignOut = vi.fn();
  const host = { token, asked, onSignOut, next: null as string | null };
  const getToken = ({ reason }: { reason: TokenReason }) => {
    asked.push(reason);
    if (reason === 'expired' && host.next) host.token = host.next;
    return host.token;
  };
  const open = () => harness.browser.openTab('u1', { getToken, onSignOut, ...more });
  return Object.assign(host, { open });
}

const isSignedIn = (tab: FakeTab, wanted: string) => {
  expect(tab.snapshot).toMatchObject({ status: 'ready', user: { userId: 'u1', role: wanted } });
};

describe('a token that expires while the page is open', () => {
  it('keeps a customer who pays afterwards signed in, and paid, in every tab', async () => {
    const host = useHost(lasting(3));
    const tabs = [host.open(), host.open()];
    await harness.advance(5 * SECOND_MS);
    harness.server.setRole('u1', 'paid');
    host.next = lasting(3_600, 1);
    await harness.advance(MINUTE_MS);
    for (const tab of tabs) isSignedIn(tab, 'paid');
    expect(host.onSignOut).not.toHaveBeenCalled();
    expect(tabs[0]!.snapshot).toMatchObject({ isStale: false, error: null, connection: 'open' });
  });

  it('asks the host at once, so that a renewed one costs the customer nothing', async () => {
    const host = useHost(lasting(30));
    const tab = host.open();
    await harness.advance(SECOND_MS);
    host.next = lasting(3_600);
    await harness.advance(31 * SECOND_MS);
    expect(host.asked).toContain('expired');
    expect(tab.snapshot).toMatchObject({ isStale: false, connection: 'open' });
    expect(tab.dialed).toHaveLength(2);
  });

  it('marks what every tab shows, and retries with back-off while the page lives', async () => {
    const host = useHost(lasting(3));
    const tabs = [host.open(), host.open()];
    await harness.advance(5 * MINUTE_MS);
    for (const tab of tabs) {
      isSignedIn(tab, 'free');
      expect(tab.snapshot).toMatchObject({ isStale: true, error: { code: 'token.expired' } });
    }
    const requests = harness.server.requests.length;
    await harness.advance(MINUTE_MS);
    expect(harness.server.requests.length - requests).toBeLessThanOrEqual(12);
    host.token = lasting(3_600);
    await harness.advance(31 * SECOND_MS);
    for (const tab of tabs) expect(tab.snapshot).toMatchObject({ isStale: false, error: null });
    expect(tabs.some((tab) => tab.snapshot.connection === 'open')).toBe(true);
  });

  it('before the page was loaded: nobody is signed out, and a new one is found', async () => {
    const host = useHost(lasting(-10));
    const tab = host.open();
    await harness.advance(SECOND_MS);
    expect(tab.snapshot).toMatchObject({ status: 'error', error: { code: 'token.expired' } });
    host.next = lasting(3_600);
    await harness.advance(5 * SECOND_MS);
    isSignedIn(tab, 'free');
    expect(host.onSignOut).not.toHaveBeenCalled();
  });

  it('arrives as a frame where no close code can be sent', async () => {
    const host = useHost(lasting(3_600));
    const tab = host.open();
    await harness.advance();
    host.next = lasting(7_200);
    tab.socket!.push({ v: 1, type: 'CLOSE', code: 4001, reason: 'token_expired' });
    await harness.advance(2 * SECOND_MS);
    expect(host.asked).toContain('expired');
    expect(tab.snapshot.connection).toBe('open');
    expect(tab.dialed).toHaveLength(2);
  });

  it('and null from the host is what signs out', async () => {
    const host = useHost(lasting(3));
    const tab = host.open();
    await harness.advance(10 * SECOND_MS);
    host.token = null as never;
    await harness.advance(31 * SECOND_MS);
    expect(tab.snapshot).toMatchObject({ status: 'signed_out', user: null });
  });

  it('asks nothing of a hanging host for longer than it waits for it', async () => {
    const host = useHost(lasting(3));
    const tab = host.open();
    await harness.advance();
    const getToken = vi.fn(() => new Promise<string>(() => undefined));
    tab.client.destroy();
    const hanging = harness.browser.openTab('u1', { getToken });
    await harness.advance(MINUTE_MS);
    expect(hanging.snapshot).toMatchObject({ status: 'error', error: { code: 'token.failed' } });
    expect(getToken.mock.calls.length).toBeLessThan(12);
  });
});

describe('a stale token', () => {
  it('is renewed by the host, which learns the reason', async () => {
    const host = useHost(tokenFor('u1', 0));
    const tab = host.open();
    await harness.advance();
    harness.server.renews = false;
    harness.server.setRole('u1', 'paid');
    host.token = tokenFor('u1', 0);
    const getToken = host.asked.length;
    await harness.advance(2 * SECOND_MS);
    expect(host.asked.slice(getToken)).toContain('stale');
    isSignedIn(tab, 'paid');
    host.token = tokenFor('u1', 1);
    const response = tab.client.fetch('/guarded');
    await harness.advance(SECOND_MS);
    expect((await response).status).toBe(200);
    expect(harness.server.count('POST /session/refresh')).toBeGreaterThan(0);
  });

  it('of the host is never replaced at the host by tierlift’s own', async () => {
    const onToken = vi.fn();
    const host = useHost(tokenFor('u1', 0, { email: 'a@b.c', aud: 'app' }), { onToken });
    const tab = host.open();
    await harness.advance();
    harness.server.setRole('u1', 'paid');
    await harness.advance(2 * SECOND_MS);
    const response = tab.client.fetch('/guarded');
    await harness.advance(SECOND_MS);
    expect((await response).status).toBe(200);
    expect(onToken).not.toHaveBeenCalled();
  });

  it('that tierlift issued and the host has stored is replaced there, too', async () => {
    const host = useHost(tokenFor('u1', 0, { epoch: 0 }), {
      onToken: (token: string) => void (host.token = token),
    });
    const tabs = [host.open(), host.open()];
    await harness.advance();
    harness.server.setRole('u1', 'paid');
    await harness.advance(2 * SECOND_MS);
    expect(host.token).toBe(tokenFor('u1', 1, { epoch: 0 }));
    await harness.reload(tabs[0]!);
    expect(harness.server.count('POST /session/refresh')).toBe(1);
  });

  it.each([
    ['loses a claim', { email: 'a@b.c' }],
    ['ends sooner', { exp: 4_000_000_000 }],
  ])('is not handed back to the host if the renewed one %s', async (_, claims) => {
    vi.spyOn(harness.server, 'tokenAfter').mockReturnValue(
      tokenFor('u1', 1, { exp: 3_000_000_000 }),
    );
    const onToken = vi.fn();
    const more = { onToken, refresh: 'tierlift' };
    const host = useHost(tokenFor('u1', 0, claims), more);
    const tab = host.open();
    await harness.advance();
    harness.server.setRole('u1', 'paid');
    await harness.advance(2 * SECOND_MS);
    expect(role(tab)).toBe('paid');
    expect(onToken).not.toHaveBeenCalled();
    expect(harness.server.count('POST /session/refresh')).toBe(1);
  });

  it('that the host renews in one tab serves the others', async () => {
    const asked: string[] = [];
    const open = (name: string) =>
      harness.browser.openTab('u1', {
        getToken: ({ reason }) => {
          asked.push(`${name} ${reason}`);
          return tokenFor('u1', reason === 'stale' ? 1 : 0);
        },
      });
    const tabs = [open('first'), open('second')];
    await harness.advance();
    harness.server.setRole('u1', 'paid');
    await harness.advance(2 * SECOND_MS);
    const responses = Promise.all(tabs.map((tab) => tab.client.fetch('/guarded')));
    await harness.advance(SECOND_MS);
    expect((await responses).map(({ status }) => status)).toEqual([200, 200]);
    expect(asked.filter((line) => line.endsWith('stale'))).toHaveLength(1);
    expect(harness.server.count('POST /session/refresh')).toBe(0);
  });

  it('that was exchanged and has then expired goes back to the host’s own', async () => {
    const host = useHost(tokenFor('u1', 0));
    const tab = host.open();
    await harness.advance();
    vi.spyOn(harness.server, 'tokenAfter').mockImplementation(() => lasting(10, 1));
    harness.server.setRole('u1', 'paid');
    await harness.advance(MINUTE_MS);
    const response = tab.client.fetch('/guarded');
    await harness.advance(SECOND_MS);
    expect((await response).status).toBe(200);
    isSignedIn(tab, 'paid');
  });
});
