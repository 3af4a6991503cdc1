// What changes about a subscription while the role stays: in every tab, in any order, and with a server
// that does not report it.

import { describe, expect, it } from 'vitest';
import * as limits from '../src/limits.js';
import type { User } from '../src/index.js';
import { createUser } from './fake-server.js';
import { createHarness } from './harness.js';

const harness = createHarness();

describe('a subscription that changes', () => {
  const ends = { status: 'active', subscriptionActive: true, cancelAt: '2027-01-01T00:00:00.000Z' };

  it('is shown in every tab, and is no role change', async () => {
    const all = await harness.openTabs(3);
    const polled = harness.server.count('GET /session');
    harness.server.change('u1', { ...ends, features: ['export'] });
    await harness.advance(10);
    for (const { snapshot } of all) {
      expect(snapshot.user).toEqual({ ...harness.server.account('u1'), ...ends });
      expect(snapshot.lastChange).toBeNull();
    }
    await harness.advance(limits.PROFILE_JITTER_MS_MAX);
    // The token is not stale, so there is nothing to renew.
    expect(harness.server.count('GET /session')).toBe(polled);
  });

  it('is shown over localStorage too, and in tabs with a socket of their own', async () => {
    harness.without({ channel: true });
    const all = await harness.openTabs(2);
    all[1]!.socket!.halfOpen = true;
    harness.server.change('u1', ends);
    await harness.advance(10);
    expect(all.map((tab) => tab.snapshot.user?.cancelAt)).toEqual([ends.cancelAt, ends.cancelAt]);
  });

  it('ends as the latest frame says, whatever their order', async () => {
    const all = await harness.openTabs(2);
    const about = { v: 1, previousRole: 'paid', eventId: 'evt_1', at: 'now' };
    const state = (part: Partial<User>) => ({ ...createUser('u1', { role: 'paid', ...part }) });
    const frames = [
      { type: 'SUBSCRIPTION_CHANGED', ...state({ revocationId: 1, accountVersion: 5 }) },
      { type: 'ROLE_UPGRADED', ...state({ revocationId: 1, accountVersion: 3 }) },
      {
        type: 'SUBSCRIPTION_CHANGED',
        ...state({ revocationId: 1, accountVersion: 4, status: 'past_due' }),
      },
    ];
    for (const frame of frames) all[0]!.socket!.push({ ...about, ...frame });
    await harness.advance(10);
    for (const { snapshot, versions } of all) {
      expect(snapshot.user).toMatchObject({ role: 'paid', status: null, accountVersion: 5 });
      expect(versions).toEqual([0, 5]);
    }
  });

  it('reports a role change that was missed, without an event that did not cause it', async () => {
    const [tab] = await harness.openTabs(1);
    const user = createUser('u1', { role: 'paid', revocationId: 1, accountVersion: 2 });
    const about = { previousRole: 'paid', eventId: 'evt_9', at: 'now' };
    tab!.socket!.push({ v: 1, type: 'SUBSCRIPTION_CHANGED', ...user, ...about });
    await harness.advance(10);
    const change = { type: 'ROLE_UPGRADED', previousRole: 'free', eventId: null };
    expect(tab!.snapshot.lastChange).toMatchObject(change);
  });

  it('refreshes a state of the same version whose time has expired', async () => {
    harness.server.change('u1', ends);
    const [tab] = await harness.openTabs(1);
    harness.server.accounts.set('u1', {
      ...harness.server.account('u1'),
      status: null,
      subscriptionActive: false,
    });
    await Promise.all([tab!.client.refreshUserProfile(), harness.advance()]);
    expect(tab!.snapshot.user).toMatchObject({ status: null, subscriptionActive: false });
  });
});

describe('features', () => {
  it('are had while they are shown', async () => {
    const tab = harness.browser.openTab();
    expect(tab.client.has('export')).toBe(false);
    harness.server.change('u1', { features: ['export'] });
    await harness.advance();
    expect(['export', 'reports'].map((feature) => tab.client.has(feature))).toEqual([true, false]);
    harness.server.change('u1', { features: ['reports'] });
    await harness.advance();
    expect(['export', 'reports'].map((feature) => tab.client.has(feature))).toEqual([false, true]);
    tab.client.signOut();
    expect(tab.client.has('reports')).toBe(false);
  });

  it('keep a snapshot’s identity while they are the same', async () => {
    harness.server.change('u1', { features: ['export'] });
    const [tab] = await harness.openTabs(1);
    const before = tab!.snapshot;
    await Promise.all([tab!.client.refreshUserProfile(), harness.advance()]);
    expect(tab!.snapshot).toBe(before);
  });
});

describe('an older server', () => {
  it('reports no features, and its role changes reach every tab', async () => {
    harness.server.older = true;
    const all = await harness.openTabs(2);
    expect(all[0]!.snapshot.user).toEqual(createUser('u1'));
    harness.server.setRole('u1', 'paid');
    await harness.advance(limits.PROFILE_JITTER_MS_MAX + 1_000);
    for (const { snapshot } of all) {
      const { user } = snapshot;
      expect(user).toMatchObject({ role: 'paid', features: [], status: null, accountVersion: 0 });
    }
    expect(all.map((tab) => tab.snapshot.lastChange?.type)).toEqual(Array(2).fill('ROLE_UPGRADED'));
  });

  it('is updated while a page is open', async () => {
    harness.server.older = true;
    harness.server.change('u1', { features: ['export'] });
    const all = await harness.openTabs(2);
    harness.server.older = false;
    harness.server.dropSockets(1001);
    await harness.advance(2_000);
    expect(all.map((tab) => tab.client.has('export'))).toEqual([true, true]);
  });
});
