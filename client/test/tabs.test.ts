// Messages between tabs: what is passed on, and everything that is not.

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createTabs } from '../src/tabs.js';
import type { TabMessage } from '../src/tabs.js';
import type { Environment } from '../src/environment.js';
import { FakeBrowser } from './browser-model.js';
import { FakeServer, asOlderServer, createUser } from './fake-server.js';

const refresh: TabMessage = { type: 'REFRESH', user: createUser('u1') };
const upgraded: TabMessage = {
  type: 'ROLE_UPGRADED',
  user: createUser('u1', { role: 'paid', revocationId: 1 }),
  eventId: 'evt_1',
  committedAt: null,
};

function environment(missing: { channel?: boolean }): Environment[] {
  const browser = new FakeBrowser(new FakeServer(), missing);
  return [browser.openTab().env, browser.openTab().env];
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe.each([
  ['BroadcastChannel', {}],
  ['localStorage', { channel: true }],
])('over %s', (_, missing) => {
  it.each([refresh, upgraded, { type: 'SIGN_OUT' }, { type: 'IDENTITY' }] as const)(
    'passes $type on with its source and time, without an echo',
    async (message) => {
      const [first, second] = environment(missing);
      const [mine, theirs] = [vi.fn(), vi.fn()];
      const tabs = createTabs({ name: 'n', env: first!, onMessage: mine });
      createTabs({ name: 'n', env: second!, onMessage: theirs });
      tabs.post('u1', message);
      await vi.advanceTimersByTimeAsync(10);
      expect(mine).not.toHaveBeenCalled();
      expect(theirs).toHaveBeenCalledTimes(1);
      expect(theirs.mock.calls[0]![0]).toMatchObject({ v: 1, userId: 'u1', ...message });
      const { source, at } = theirs.mock.calls[0]![0] as { source: unknown; at: unknown };
      expect([typeof source, typeof at]).toEqual(['string', 'number']);
    },
  );

  it('delivers nothing once it is closed', async () => {
    const [first, second] = environment(missing);
    const onMessage = vi.fn();
    const tabs = createTabs({ name: 'n', env: second!, onMessage });
    tabs.close();
    createTabs({ name: 'n', env: first!, onMessage: vi.fn() }).post('u1', refresh);
    await vi.advanceTimersByTimeAsync(10);
    expect(onMessage).not.toHaveBeenCalled();
  });
});

/** A channel whose messages the test delivers itself. */
function manualChannel() {
  const channel = {
    postMessage: vi.fn(),
    close: vi.fn(),
    onmessage: null as null | ((event: object) => void),
  };
  const env = {
    channel: () => channel as never,
    storage: { read: () => null, write: vi.fn() },
    listen: () => () => undefined,
    now: () => 0,
    random: () => 0.5,
  };
  const onMessage = vi.fn();
  const tabs = createTabs({ name: 'n', env, onMessage });
  return { tabs, onMessage, channel, deliver: (data: unknown) => channel.onmessage?.({ data }) };
}

it('drops its own message, even where a platform echoes it', () => {
  const { tabs, channel, deliver, onMessage } = manualChannel();
  tabs.post('u1', refresh);
  deliver(channel.postMessage.mock.calls[0]![0]);
  expect(onMessage).not.toHaveBeenCalled();
});

it('completes the user of a page that was loaded before the client was updated', () => {
  const { deliver, onMessage } = manualChannel();
  const user = asOlderServer(createUser('u1'));
  deliver({ v: 1, source: 'other', at: 0, userId: 'u1', type: 'REFRESH', user });
  expect(onMessage.mock.calls[0]![0]).toMatchObject({ user: createUser('u1') });
});

describe('what it drops', () => {
  const valid = { v: 1, source: 'other', at: 0, userId: 'u1', ...refresh };
  it.each([
    ['one whose user is not its user', { ...valid, user: createUser('u2') }, 0],
    ['an unknown version', { ...valid, v: 2 }, 0],
    ['an unknown type', { ...valid, type: 'ROLE_MELTED' }, 0],
    ['a user with half a field', { ...valid, user: { ...createUser('u1'), features: 1 } }, 0],
    ['an incomplete user', { ...valid, user: { userId: 'u1' } }, 0],
    ['no object', 'hello', 0],
    ['nothing', null, 0],
    ['but not a valid one', valid, 1],
  ])('%s', (_, data, count) => {
    const { deliver, onMessage } = manualChannel();
    deliver(data);
    expect(onMessage).toHaveBeenCalledTimes(count);
  });
});
