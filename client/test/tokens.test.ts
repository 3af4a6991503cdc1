// Stale tokens and the sign-out, across the tabs of one browser.

import { describe, expect, it } from 'vitest';
import * as limits from '../src/limits.js';
import { createHarness, role } from './harness.js';
import { tokenFor, createUser } from './fake-server.js';

const harness = createHarness();

describe('tokens', () => {
  it('renews a stale token once for all tabs, and repeats each request once', async () => {
    const all = await harness.openTabs(3);
    harness.server.socketsBlocked = true;
    harness.server.dropSockets();
    harness.server.accounts.set('u1', createUser('u1', { role: 'paid', revocationId: 1 }));
    const responses = Promise.all(all.map((tab) => tab.client.fetch('/guarded')));
    await harness.advance(500);
    expect((await responses).map((response) => response.status)).toEqual([200, 200, 200]);
    expect(harness.server.count('POST /session/refresh')).toBe(1);
    expect(harness.server.count('GET /guarded')).toBe(6);
  });

  it('fetches the profile once after a change, whatever the number of tabs', async () => {
    const all = await harness.openTabs(5);
    const polled = harness.server.count('GET /session');
    harness.server.setRole('u1', 'paid');
    await harness.advance(limits.PROFILE_JITTER_MS_MAX + 1_000);
    // Once with the stale token, and once more with the renewed one.
    expect(harness.server.count('GET /session') - polled).toBe(2);
    expect(harness.server.count('POST /session/refresh')).toBe(1);
    const statuses = Promise.all(all.map((tab) => tab.client.fetch('/guarded')));
    await harness.advance();
    expect((await statuses).every((response) => response.ok)).toBe(true);
    expect(harness.server.count('POST /session/refresh')).toBe(1);
  });

  it('does not treat a token that is stale again as refused', async () => {
    harness.server.socketsBlocked = true;
    const [tab] = await harness.openTabs(1);
    const respond = harness.server.fetch.bind(harness.server);
    tab!.env.fetch = async (url, init) => {
      // The role changes just before each request, so that every renewal comes too late.
      if (url.endsWith('/session'))
        harness.server.setRole('u1', role(tab) === 'paid' ? 'free' : 'paid');
      return respond(url, init);
    };
    await Promise.all([tab!.client.refreshUserProfile(), harness.advance(500)]);
    expect(tab!.snapshot.status).toBe('ready');
  });

  it('hands the host the renewed token in every tab', async () => {
    const kept: string[] = [];
    const options = { refresh: 'tierlift', onToken: (token: string) => kept.push(token) } as const;
    harness.browser.openTab('u1', options);
    harness.browser.openTab('u1', options);
    await harness.advance();
    harness.server.setRole('u1', 'paid');
    await harness.advance(limits.PROFILE_JITTER_MS_MAX + 1_000);
    expect(kept).toEqual([tokenFor('u1', 1), tokenFor('u1', 1)]);
  });

  it('renews in each tab by itself where there are no locks', async () => {
    harness.without({ locks: true, channel: true, storage: true });
    const all = await harness.openTabs(2);
    harness.server.setRole('u1', 'paid');
    await harness.advance(limits.PROFILE_JITTER_MS_MAX + 1_000);
    expect(all.map(role)).toEqual(['paid', 'paid']);
    expect(harness.server.count('POST /session/refresh')).toBe(2);
  });

  it('dials again at once with a renewed token', async () => {
    const [tab] = await harness.openTabs(1);
    tab!.stop();
    harness.server.setRole('u1', 'paid');
    tab!.stop = tab!.client.start();
    await harness.advance(100);
    expect(tab!.snapshot).toMatchObject({ connection: 'open', user: { role: 'paid' } });
  });

  it.each(['//elsewhere.test/x', 'https://elsewhere.test/x', 'x'])(
    'sends the token nowhere else: %s',
    async (path) => {
      const [tab] = await harness.openTabs(1);
      await expect(tab!.client.fetch(path)).rejects.toThrow('not a path of the server');
    },
  );

  it('writes no token to storage, even where storage is the channel', async () => {
    harness.without({ channel: true });
    const written: string[] = [];
    const set = harness.browser.storage.set.bind(harness.browser.storage);
    harness.browser.storage.set = (key, value) => {
      written.push(value);
      return set(key, value);
    };
    await harness.openTabs(2);
    harness.server.setRole('u1', 'paid');
    await harness.advance(limits.PROFILE_JITTER_MS_MAX + 1_000);
    expect(written.length).toBeGreaterThan(0);
    expect(written.join()).not.toContain(tokenFor('u1', 1));
  });

  it('signs out all tabs of the user, and shows nothing that was still on its way', async () => {
    const all = await harness.openTabs(2);
    void all[1]!.client.refreshUserProfile();
    all[0]!.client.signOut();
    await harness.advance(1_000);
    expect(all.map((tab) => tab.snapshot.status)).toEqual(['signed_out', 'signed_out']);
    expect(all.map((tab) => tab.snapshot.user)).toEqual([null, null]);
    expect(all.map((tab) => tab.token)).toEqual([null, null]);
    expect(harness.server.sockets.size).toBe(0);
    await expect(all[0]!.client.fetch('/guarded')).rejects.toThrow('nobody is signed in');
  });
});
