// A page that the host's server rendered: the user it knew is shown at once, as not confirmed, and the
// server's answer is what counts.

import { describe, expect, it } from 'vitest';
import { createHarness, role } from './harness.js';
import { createUser, tokenFor } from './fake-server.js';

const harness = createHarness();
const paid = createUser('u1', { role: 'paid', revocationId: 1, accountVersion: 1 });

describe('a user that the host’s server rendered', () => {
  it('is shown without a flash, by the server and by the first paint', async () => {
    harness.server.setRole('u1', 'paid');
    const tab = harness.browser.openTab('u1', { initialUser: paid });
    expect(tab.client.getServerSnapshot()).toBe(tab.client.getSnapshot());
    expect(tab.snapshot).toMatchObject({ status: 'ready', isStale: true, user: { role: 'paid' } });
    const roles: unknown[] = [];
    tab.client.subscribe(() => roles.push(role(tab)));
    await harness.advance();
    expect(new Set(roles)).toEqual(new Set(['paid']));
    expect(tab.snapshot).toMatchObject({ status: 'ready', isStale: false, lastChange: null });
  });

  it('gives way to what the server says, and that is no change to announce', async () => {
    harness.server.setRole('u1', 'paid');
    harness.server.setRole('u1', 'free');
    const tab = harness.browser.openTab('u1', { initialUser: paid });
    await harness.advance();
    expect(tab.snapshot).toMatchObject({
      user: { role: 'free' },
      isStale: false,
      lastChange: null,
    });
  });

  it('is not shown under the token of somebody else', async () => {
    const tab = harness.browser.openTab('u1', {
      initialUser: paid,
      getToken: () => tokenFor('u2', 0),
    });
    await harness.advance(1);
    expect(tab.snapshot.user).toBeNull();
    await harness.advance();
    expect(tab.snapshot.user).toMatchObject({ userId: 'u2', role: 'free' });
  });

  it('is not shown to whom the host has signed out', async () => {
    const tab = harness.browser.openTab('u1', { initialUser: paid, getToken: () => null });
    await harness.advance();
    expect(tab.snapshot).toMatchObject({ status: 'signed_out', user: null });
  });

  it('may be nobody', async () => {
    const tab = harness.browser.openTab('u1', { initialUser: null });
    expect(tab.snapshot.status).toBe('signed_out');
    const response = tab.client.fetch('/guarded');
    await harness.advance();
    expect(tab.snapshot.status).toBe('ready');
    expect((await response).status).toBe(200);
  });

  it('is ignored if it is no user', () => {
    const tab = harness.browser.openTab('u1', { initialUser: { role: 'paid' } as never });
    expect(tab.snapshot).toMatchObject({ status: 'loading', user: null });
  });
});
