// Stale tokens and the sign-out, across the tabs of one browser.

import { describe, expect, it } from 'vitest';
import * as limits from '../src/limits.js';
import { role, setStage } from './stage.js';
import { tokenFor, userOf } from './world.js';

const stage = setStage();

describe('tokens', () => {
  it('renews a stale token once for all tabs, and repeats each request once', async () => {
    const all = await stage.tabs(3);
    stage.server.socketsBlocked = true;
    stage.server.dropSockets();
    stage.server.accounts.set('u1', userOf('u1', { role: 'paid', revocationId: 1 }));
    const answers = Promise.all(all.map((tab) => tab.client.fetch('/guarded')));
    await stage.pass(500);
    expect((await answers).map((response) => response.status)).toEqual([200, 200, 200]);
    expect(stage.server.count('POST /session/refresh')).toBe(1);
    expect(stage.server.count('GET /guarded')).toBe(6);
  });

  it('fetches the profile once after a change, for however many tabs', async () => {
    const all = await stage.tabs(5);
    const asked = stage.server.count('GET /session');
    stage.server.setRole('u1', 'paid');
    await stage.pass(limits.PROFILE_SPREAD_MS + 1_000);
    // Once with the stale token, and once more with the renewed one.
    expect(stage.server.count('GET /session') - asked).toBe(2);
    expect(stage.server.count('POST /session/refresh')).toBe(1);
    const statuses = Promise.all(all.map((tab) => tab.client.fetch('/guarded')));
    await stage.pass();
    expect((await statuses).every((response) => response.ok)).toBe(true);
    expect(stage.server.count('POST /session/refresh')).toBe(1);
  });

  it('takes a token that is stale again already for no refusal', async () => {
    stage.server.socketsBlocked = true;
    const [tab] = await stage.tabs(1);
    const answer = stage.server.fetch.bind(stage.server);
    tab!.env.fetch = async (url, init) => {
      // The role changes just before each question, so that every renewal comes too late.
      if (url.endsWith('/session'))
        stage.server.setRole('u1', role(tab) === 'paid' ? 'free' : 'paid');
      return answer(url, init);
    };
    await Promise.all([tab!.client.refreshUserProfile(), stage.pass()]);
    expect(tab!.snapshot.status).toBe('ready');
  });

  it('gives the host the renewed token in every tab', async () => {
    const kept: string[] = [];
    stage.browser.open('u1', { onToken: (token) => kept.push(token) });
    stage.browser.open('u1', { onToken: (token) => kept.push(token) });
    await stage.pass();
    stage.server.setRole('u1', 'paid');
    await stage.pass(limits.PROFILE_SPREAD_MS + 1_000);
    expect(kept).toEqual([tokenFor('u1', 1), tokenFor('u1', 1)]);
  });

  it('renews in each tab by itself where there are no locks', async () => {
    stage.lack({ locks: true, channel: true, storage: true });
    const all = await stage.tabs(2);
    stage.server.setRole('u1', 'paid');
    await stage.pass(limits.PROFILE_SPREAD_MS + 1_000);
    expect(all.map(role)).toEqual(['paid', 'paid']);
    expect(stage.server.count('POST /session/refresh')).toBe(2);
  });

  it('dials again at once with a renewed token', async () => {
    const [tab] = await stage.tabs(1);
    tab!.stop();
    stage.server.setRole('u1', 'paid');
    tab!.stop = tab!.client.start();
    await stage.pass(100);
    expect(tab!.snapshot).toMatchObject({ connection: 'open', user: { role: 'paid' } });
  });

  it.each(['//elsewhere.test/x', 'https://elsewhere.test/x', 'x'])(
    'sends the token nowhere else: %s',
    async (path) => {
      const [tab] = await stage.tabs(1);
      await expect(tab!.client.fetch(path)).rejects.toThrow('not a path of the server');
    },
  );

  it('writes no token to storage, even where storage is the channel', async () => {
    stage.lack({ channel: true });
    const written: string[] = [];
    const set = stage.browser.storage.set.bind(stage.browser.storage);
    stage.browser.storage.set = (key, value) => {
      written.push(value);
      return set(key, value);
    };
    await stage.tabs(2);
    stage.server.setRole('u1', 'paid');
    await stage.pass(limits.PROFILE_SPREAD_MS + 1_000);
    expect(written.length).toBeGreaterThan(0);
    expect(written.join()).not.toContain(tokenFor('u1', 1));
  });

  it('signs out all tabs of the user, and shows nothing that was still on its way', async () => {
    const all = await stage.tabs(2);
    void all[1]!.client.refreshUserProfile();
    all[0]!.client.signOut();
    await stage.pass(1_000);
    expect(all.map((tab) => tab.snapshot.status)).toEqual(['signed_out', 'signed_out']);
    expect(all.map((tab) => tab.snapshot.user)).toEqual([null, null]);
    expect(all.map((tab) => tab.token)).toEqual([null, null]);
    expect(stage.server.sockets.size).toBe(0);
    await expect(all[0]!.client.fetch('/guarded')).rejects.toThrow('nobody is signed in');
  });
});
