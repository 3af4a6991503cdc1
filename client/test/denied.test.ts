// What a browser may deny a page: each facility in each way, alone and together. A person sees the role
// within the documented bound, nothing hangs, and nothing runs in a loop.

import { describe, expect, it, vi } from 'vitest';
import * as limits from '../src/limits.js';
import { DENIALS, FACILITIES } from './browser-model.js';
import type { Denial, Facility, FakeTab, Missing } from './browser-model.js';
import { tokenFor } from './fake-server.js';
import { createHarness, position, role, watchStatus } from './harness.js';

const harness = createHarness();

const SECOND_MS = 1_000;
const ways = FACILITIES.flatMap((facility) =>
  DENIALS.map((denial): [Facility, Denial] => [facility, denial]),
);

/** Whether a page can learn of changes at all: it needs HTTP or sockets, and it needs timers. */
const isBlind = ({ fetch, socket }: Missing): boolean => Boolean(fetch && socket);

/** Where no code comes, tierlift exchanges no token: this host renews a stale one by itself. */
function openRenewing(): FakeTab {
  const tab = harness.browser.openTab('u1', {
    getToken: ({ reason }) => {
      const { revocationId } = harness.server.account('u1');
      if (reason === 'stale' && tab.token !== null) tab.token = tokenFor('u1', revocationId);
      return tab.token;
    },
  });
  return tab;
}

async function twoTabs(missing: Missing) {
  harness.without(missing);
  const open = missing.code ? openRenewing : () => harness.browser.openTab();
  const tabs = [open(), open()];
  await harness.advance(8 * SECOND_MS);
  return tabs;
}

describe.each(ways)('%s: %s', (facility, denial) => {
  it('shows the role, and every change of it', async () => {
    const tabs = await twoTabs({ [facility]: denial });
    expect(tabs.map(role)).toEqual(['free', 'free']);
    harness.server.setRole('u1', 'paid');
    await harness.advance(limits.RECONNECT_DELAY_MS_MAX + limits.REPLY_MS_MAX);
    expect(tabs.map(role)).toEqual(['paid', 'paid']);
  });

  it('signs out every tab that is looked at', async () => {
    const tabs = await twoTabs({ [facility]: denial });
    tabs[0]!.client.signOut();
    tabs[1]!.token = null;
    tabs[1]!.fire('visibilitychange');
    await harness.advance(SECOND_MS);
    expect(tabs.map((tab) => tab.snapshot.status)).toEqual(['signed_out', 'signed_out']);
  });

  it('watches an upgrade', async () => {
    const [tab] = await twoTabs({ [facility]: denial });
    const outcome = vi.fn();
    void tab!.client.watchUpgrade({ role: 'paid' }).then(outcome);
    await harness.advance(SECOND_MS);
    harness.server.setRole('u1', 'paid');
    await harness.advance(limits.RECONNECT_DELAY_MS_MAX + limits.REPLY_MS_MAX);
    expect(watchStatus(tab!)).toBe('upgraded');
    expect(outcome).toHaveBeenCalledWith(facility === 'code' ? 'timed_out' : 'upgraded');
  });

  it('runs in no loop', async () => {
    await twoTabs({ [facility]: denial });
    const dialed = harness.browser.tabs.flatMap((tab) => tab.dialed).length;
    const requests = harness.server.requests.length;
    await harness.advance(60 * SECOND_MS);
    const more = harness.browser.tabs.flatMap((tab) => tab.dialed).length - dialed;
    expect(more).toBeLessThanOrEqual(2 * 12);
    expect(harness.server.requests.length - requests).toBeLessThanOrEqual(2 * 12);
  });
});

describe('locks that are refused', () => {
  it.each(['throws', 'rejects'] as const)('leave each tab solo when it %s', async (how) => {
    const tabs = await twoTabs({ locks: how });
    expect(tabs.map(position)).toEqual(['solo', 'solo']);
    expect(harness.server.sockets.size).toBe(2);
  });

  it('leave each tab solo when they are never granted', async () => {
    const tabs = await twoTabs({ locks: 'silent' });
    expect(tabs.map(position)).toEqual(['solo', 'solo']);
  });

  it('are asked for only once', async () => {
    harness.without({});
    const request = vi.fn(() => Promise.reject(new DOMException('', 'SecurityError')));
    const tab = harness.browser.openTab();
    tab.env.locks = { request };
    await harness.advance(60 * SECOND_MS);
    expect(position(tab)).toBe('solo');
    expect(request).toHaveBeenCalledTimes(1);
  });

  it('are not asked for in a loop by a platform that pretends they were stolen', async () => {
    harness.without({});
    const request = vi.fn(() => Promise.reject(new DOMException('', 'AbortError')));
    const tab = harness.browser.openTab();
    tab.env.locks = { request };
    await harness.advance(60 * SECOND_MS);
    expect(position(tab)).toBe('solo');
    expect(request.mock.calls.length).toBeLessThanOrEqual(limits.LOCK_LOSSES_MAX + 1);
  });

  it('do not stop the renewal of a token', async () => {
    for (const how of ['throws', 'rejects', 'silent'] as const) {
      harness.without({ locks: how });
      const [tab] = await harness.openTabs(1);
      harness.server.change('u1', {});
      harness.server.setRole('u1', role(tab) === 'paid' ? 'free' : 'paid');
      const response = tab!.client.fetch('/guarded');
      await harness.advance(limits.WORK_LOCK_MS_MAX + SECOND_MS);
      expect((await response).status).toBe(200);
    }
  });
});

describe('tabs that do not hear each other', () => {
  it('end as solo instead of stealing from each other for ever', async () => {
    const tabs = await twoTabs({ channel: 'silent', storage: 'absent' });
    await harness.advance(5 * 60 * SECOND_MS);
    expect(tabs.map(position)).toContain('solo');
    const dialed = tabs.map((tab) => tab.dialed.length);
    await harness.advance(60 * SECOND_MS);
    expect(tabs.map((tab) => tab.dialed.length)).toEqual(dialed);
  });
});

describe('everything at once', () => {
  it.each(DENIALS)('with all but timers and requests denied: %s', async (how) => {
    const all = { locks: how, channel: how, storage: how, socket: how, abort: how, clock: how };
    const tabs = await twoTabs(all);
    harness.server.setRole('u1', 'paid');
    await harness.advance(limits.RECONNECT_DELAY_MS_MAX + limits.REPLY_MS_MAX);
    expect(tabs.map(role)).toEqual(['paid', 'paid']);
  });

  it.each(DENIALS)('with nothing at all: the page goes on without a role: %s', async (how) => {
    const all = Object.fromEntries(FACILITIES.map((facility) => [facility, how]));
    expect(isBlind(all)).toBe(true);
    const [tab] = await twoTabs(all);
    expect(role(tab)).toBeUndefined();
    expect(['loading', 'error']).toContain(tab!.snapshot.status);
    tab!.client.signOut();
    expect(tab!.snapshot.status).toBe('signed_out');
  });
});
