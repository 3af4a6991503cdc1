// The code of a watch is loaded when there is something to watch: what a page shows until it is there, and
// where it never comes.

import { describe, expect, it, vi } from 'vitest';
import * as limits from '../src/limits.js';
import { browser } from '../src/environment.js';
import { createLoad } from '../src/load.js';
import * as onDemand from '../src/on-demand.js';
import { CODE } from './browser-model.js';
import type { FakeTab } from './browser-model.js';
import type { TokenRequest } from '../src/index.js';
import { createHarness, watchStatus } from './harness.js';
import { tokenFor } from './fake-server.js';

const harness = createHarness();

const SECOND_MS = 1_000;

/** Lets the code arrive after `ms`, and says how often it was asked for. */
function slowly(tab: FakeTab, ms: number) {
  const load = vi.fn(() => new Promise((done) => setTimeout(done, ms, CODE)));
  tab.env.load = load as never;
  return load;
}

function refuse(tab: FakeTab) {
  const load = vi.fn(() => Promise.reject(new TypeError('Failed to fetch')));
  tab.env.load = load;
  return load;
}

it('is loaded by the platform itself', async () => {
  vi.useRealTimers();
  const { createUpgradeWatch } = await createLoad(browser())();
  expect(createUpgradeWatch).toBe(onDemand.createUpgradeWatch);
});

it('is not loaded where there is nothing to watch', async () => {
  const tab = await harness.openTab();
  const load = slowly(tab, 0);
  harness.browser.store('somebody-elses', 'value');
  await harness.advance(60 * SECOND_MS);
  expect(load).not.toHaveBeenCalled();
});

describe('before its code is there, a watch', () => {
  it('is pending already, and loaded once', async () => {
    const tab = await harness.openTab();
    const load = slowly(tab, SECOND_MS);
    const outcomes = [1, 2].map(() => tab.client.watchUpgrade({ checkoutSessionId: 'cs_1' }));
    await harness.advance(0);
    const pending = { status: 'pending', checkoutSessionId: 'cs_1', attempt: 0 };
    expect(tab.snapshot.upgrade).toMatchObject(pending);
    await harness.advance(2 * SECOND_MS);
    expect(tab.snapshot.upgrade).toMatchObject({ status: 'pending', attempt: 2 });
    harness.server.setRole('u1', 'paid');
    await harness.advance();
    expect(await Promise.all(outcomes)).toEqual(['upgraded', 'upgraded']);
    expect(load).toHaveBeenCalledTimes(1);
  });

  it('misses no role that comes meanwhile, and knows of its payment', async () => {
    const tab = await harness.openTab();
    slowly(tab, SECOND_MS);
    void tab.client.watchUpgrade();
    await harness.advance(0);
    harness.server.setRole('u1', 'paid');
    await harness.advance(2 * SECOND_MS);
    expect(tab.snapshot.upgrade).toMatchObject({ status: 'upgraded', paymentKnown: true });
  });

  it('ends with a sign-out, and is not there when the code comes', async () => {
    const tab = await harness.openTab();
    slowly(tab, SECOND_MS);
    const outcome = tab.client.watchUpgrade();
    await harness.advance(0);
    tab.client.signOut();
    expect(await outcome).toBe('cancelled');
    await harness.advance(5 * SECOND_MS);
    expect(watchStatus(tab)).toBe('idle');
    expect(harness.browser.storage.size).toBe(0);
  });

  it('can be dismissed', async () => {
    const tab = await harness.openTab();
    slowly(tab, SECOND_MS);
    const outcome = tab.client.watchUpgrade();
    await harness.advance(0);
    tab.client.dismissUpgrade();
    expect(await outcome).toBe('cancelled');
    await harness.advance(5 * SECOND_MS);
    expect(watchStatus(tab)).toBe('idle');
  });

  it('that was stored is pending from the first moment that its user is known', async () => {
    const before = await harness.openTab();
    void before.client.watchUpgrade({ role: 'team' });
    await harness.advance();
    before.stop();
    const tab = harness.browser.openTab();
    slowly(tab, SECOND_MS);
    await harness.advance(0);
    expect(tab.snapshot.upgrade).toMatchObject({ status: 'pending', role: 'team' });
    await harness.advance(2 * SECOND_MS);
    expect(tab.snapshot.upgrade).toMatchObject({ status: 'pending', role: 'team', attempt: 2 });
  });

  it('that was dismissed does not appear again', async () => {
    const before = await harness.openTab();
    void before.client.watchUpgrade({ checkoutSessionId: 'cs_1' });
    await harness.advance();
    before.client.dismissUpgrade();
    before.stop();
    const tab = await harness.openTab();
    const load = slowly(tab, SECOND_MS);
    expect(await tab.client.watchUpgrade({ checkoutSessionId: 'cs_1' })).toBe('cancelled');
    expect(watchStatus(tab)).toBe('idle');
    expect(load).not.toHaveBeenCalled();
  });
});

describe('where its code does not come, a watch', () => {
  it('is late from the start, asks once, and ends when the role arrives', async () => {
    const tab = await harness.openTab();
    refuse(tab);
    const asked = harness.server.count('GET /session');
    const outcome = tab.client.watchUpgrade({ role: 'paid' });
    await harness.advance();
    expect(await outcome).toBe('timed_out');
    expect(watchStatus(tab)).toBe('timed_out');
    await harness.advance(60 * SECOND_MS);
    expect(harness.server.count('GET /session') - asked).toBe(1);
    harness.server.setRole('u1', 'paid');
    await harness.advance();
    expect(watchStatus(tab)).toBe('upgraded');
  });

  it('is waited for no longer than for a response', async () => {
    const tab = await harness.openTab();
    slowly(tab, 10 * limits.REQUEST_MS_MAX);
    const outcome = tab.client.watchUpgrade();
    await harness.advance(limits.REQUEST_MS_MAX + SECOND_MS);
    expect(await outcome).toBe('timed_out');
  });

  it('is tried again by the next start', async () => {
    const tab = await harness.openTab();
    refuse(tab);
    await Promise.all([tab.client.watchUpgrade(), harness.advance()]);
    slowly(tab, 0);
    void tab.client.watchUpgrade();
    await harness.advance();
    expect(tab.snapshot.upgrade).toMatchObject({ status: 'pending', attempt: 1 });
  });

  it('stays late whatever other tabs store, and is loaded no more for it', async () => {
    const [tab, other] = await harness.openTabs(2);
    const load = refuse(tab!);
    void tab!.client.watchUpgrade();
    await harness.advance();
    void other!.client.watchUpgrade();
    await harness.advance();
    expect(watchStatus(other!)).toBe('pending');
    expect(watchStatus(tab!)).toBe('timed_out');
    expect(load).toHaveBeenCalledTimes(1);
  });

  it('can be dismissed, so that buying is possible again', async () => {
    const tab = await harness.openTab();
    refuse(tab);
    await Promise.all([tab.client.watchUpgrade(), harness.advance()]);
    tab.client.dismissUpgrade();
    expect(watchStatus(tab)).toBe('idle');
  });
});

it('an error whose sentence does not come is still said, with its code', async () => {
  const tab = harness.browser.openTab('u1', { getToken: () => 'opaque' });
  refuse(tab);
  await harness.advance(SECOND_MS);
  expect(tab.warnings).toEqual(['tierlift: (token.unreadable, https://tier.test)']);
});

it('a token whose exchange does not come is renewed by the host, and nobody is signed out', async () => {
  const [tab] = await harness.openTabs(1);
  refuse(tab!);
  harness.server.setRole('u1', 'paid');
  await harness.advance(limits.PROFILE_JITTER_MS_MAX + SECOND_MS);
  const user = { role: 'paid' };
  expect(tab!.snapshot).toMatchObject({ status: 'ready', user, error: { code: 'token.stale' } });
  expect(harness.server.count('POST /session/refresh')).toBe(0);
});

it('an expired token is renewed by the host alone where the code of a renewal does not come', async () => {
  const lasting = (seconds: number) =>
    tokenFor('u1', 0, { exp: Math.floor(Date.now() / SECOND_MS) + seconds });
  const tokens = { now: lasting(3), next: lasting(3_600) };
  const onSignOut = vi.fn();
  const getToken = ({ reason }: TokenRequest) =>
    reason === 'expired' ? (tokens.now = tokens.next) : tokens.now;
  const tabs = [0, 1].map(() => harness.browser.openTab('u1', { getToken, onSignOut }));
  for (const tab of tabs) refuse(tab);
  // No socket tells that the token has expired, so the next question does.
  await harness.advance(10 * SECOND_MS);
  const current = { status: 'ready', isStale: false, error: null };
  for (const tab of tabs) expect(tab.snapshot).toMatchObject(current);
  expect(tokens.now).toBe(tokens.next);
  expect(onSignOut).not.toHaveBeenCalled();
});
