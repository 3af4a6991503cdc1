// A page that is back from a checkout has it looked up at Stripe: it need not wait for the webhook, and
// whatever comes of asking, the watch goes on as without.

import { describe, expect, it, vi } from 'vitest';
import type { FakeTab } from './browser-model.js';
import { createHarness, role, watchStatus } from './harness.js';

const harness = createHarness();

const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;

const asked = () => harness.server.count('POST /session/confirm');
const comeBack = (tab: FakeTab | undefined) =>
  void tab!.client.watchUpgrade({ role: 'paid', checkoutSessionId: 'cs_1' });

describe('a customer who is back from a checkout', () => {
  it('sees the plan before the webhook comes, in every tab', async () => {
    harness.server.socketsBlocked = true;
    harness.server.checkout = 'paid';
    const tabs = await harness.openTabs(3);
    const sent = vi.spyOn(harness.server, 'fetch');
    comeBack(tabs[1]);
    await harness.advance();
    for (const tab of tabs) {
      expect(role(tab)).toBe('paid');
      expect(watchStatus(tab)).toBe('upgraded');
      expect(tab.snapshot.lastChange?.type).toBe('ROLE_UPGRADED');
    }
    const [, init] = sent.mock.calls.find(([url]) => url.endsWith('/session/confirm'))!;
    expect(init.body).toBe('{"checkoutSessionId":"cs_1"}');
  });

  it('in two tabs at once, or after a reload, has the checkout looked up once', async () => {
    harness.server.checkout = 'paid';
    harness.server.setRole('u1', 'paid');
    const tabs = await harness.openTabs(2);
    const forTeam = { role: 'team', checkoutSessionId: 'cs_1' };
    for (const tab of tabs) void tab.client.watchUpgrade(forTeam);
    await harness.advance(SECOND_MS);
    const tab = await harness.reload(tabs[0]!);
    void tab.client.watchUpgrade(forTeam);
    await harness.advance(MINUTE_MS);
    expect(asked()).toBe(1);
    expect(watchStatus(tab)).toBe('timed_out');
  });

  it('without its id has nothing looked up', async () => {
    harness.server.checkout = 'paid';
    const tab = await harness.openTab();
    void tab.client.watchUpgrade({ role: 'paid' });
    await harness.advance(MINUTE_MS);
    expect(asked()).toBe(0);
  });

  it('whose bank is slow is asked about again, and sees the plan once it has paid', async () => {
    harness.server.checkout = 'unpaid';
    const tab = await harness.openTab();
    comeBack(tab);
    await harness.advance(2 * SECOND_MS);
    expect(watchStatus(tab)).toBe('pending');
    harness.server.checkout = 'paid';
    await harness.advance(6 * SECOND_MS);
    expect(watchStatus(tab)).toBe('upgraded');
  });
});

describe.each([
  [null, 1],
  ['foreign', 1],
  ['busy', 3],
  ['unpaid', 7],
  ['away', 7],
  ['mistaken', 1],
  ['garbled', 1],
] as const)('a server whose answer is %s', (checkout, times) => {
  it('is asked no more often than is worth it, and the watch goes on', async () => {
    harness.server.checkout = checkout;
    const tab = await harness.openTab();
    const polled = harness.server.count('GET /session');
    comeBack(tab);
    await harness.advance(61 * SECOND_MS);
    expect(asked()).toBe(times);
    expect(harness.server.count('GET /session') - polled).toBe(7);
    expect(tab.snapshot).toMatchObject({ status: 'ready', isStale: false, error: null });
    harness.server.setRole('u1', 'paid');
    await harness.advance(SECOND_MS);
    expect(watchStatus(tab)).toBe('upgraded');
  });
});

it('a server that does not offer it is not asked again by that page, whatever it watches', async () => {
  const tab = await harness.openTab();
  comeBack(tab);
  await harness.advance(61 * SECOND_MS);
  comeBack(tab);
  void tab.client.watchUpgrade({ role: 'team', checkoutSessionId: 'cs_2' });
  await harness.advance(61 * SECOND_MS);
  expect(asked()).toBe(1);
});

it.each(['absent', 'throws', 'rejects', 'silent'] as const)(
  'locks that are denied (%s) cost nothing but time',
  async (how) => {
    harness.without({ locks: how });
    harness.server.checkout = 'paid';
    const tab = await harness.openTab();
    comeBack(tab);
    await harness.advance(16 * SECOND_MS);
    expect(watchStatus(tab)).toBe('upgraded');
  },
);

it('an answer that comes after a sign-out is shown to nobody', async () => {
  harness.server.checkout = 'paid';
  const tab = await harness.openTab();
  harness.server.delay = () => SECOND_MS;
  comeBack(tab);
  await harness.advance();
  tab.client.signOut();
  await harness.advance(10 * SECOND_MS);
  expect(tab.snapshot).toMatchObject({ status: 'signed_out', user: null });
  expect(watchStatus(tab)).toBe('idle');
});

it('an answer that comes too late is not waited for, and the socket tells', async () => {
  harness.server.checkout = 'hangs';
  const tab = await harness.openTab();
  comeBack(tab);
  await harness.advance();
  expect(watchStatus(tab)).toBe('upgraded');
  await harness.advance(MINUTE_MS);
  expect(tab.snapshot).toMatchObject({ status: 'ready', isStale: false, error: null });
});

it('an answer about another user is not shown', async () => {
  const tab = await harness.openTab();
  const send = tab.env.fetch;
  tab.env.fetch = (url, init) =>
    url.endsWith('/confirm')
      ? Promise.resolve(Response.json(harness.server.session(harness.server.setRole('u2', 'paid'))))
      : send(url, init);
  comeBack(tab);
  await harness.advance(SECOND_MS);
  expect(tab.snapshot.user).toMatchObject({ userId: 'u1', role: 'free' });
});

it('a token that is stale is renewed first', async () => {
  harness.server.checkout = 'paid';
  const tab = await harness.openTab();
  harness.server.setRole('u1', 'paid');
  await harness.advance();
  void tab.client.watchUpgrade({ role: 'team', checkoutSessionId: 'cs_1' });
  await harness.advance(2 * SECOND_MS);
  expect(harness.server.count('POST /session/refresh')).toBe(1);
  expect(tab.snapshot).toMatchObject({ status: 'ready', isStale: false, error: null });
});
