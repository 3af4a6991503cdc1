// Messages between tabs: what is passed on, and everything that is not.

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createTabs } from '../src/index.js';
import type { TabMessage } from '../src/index.js';
import type { Environment } from '../src/environment.js';
import { Browser, Server, userOf } from './world.js';

const refresh: TabMessage = { type: 'REFRESH', user: userOf('u1') };
const upgraded: TabMessage = {
  type: 'ROLE_UPGRADED',
  user: userOf('u1', { role: 'paid', revocationId: 1 }),
  eventId: 'evt_1',
  committedAt: null,
};

function environment(lacks: { channel?: boolean }): Environment[] {
  const browser = new Browser(new Server(), lacks);
  return [browser.open().env, browser.open().env];
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe.each([
  ['BroadcastChannel', {}],
  ['localStorage', { channel: true }],
])('over %s', (_, lacks) => {
  it.each([refresh, upgraded, { type: 'SIGN_OUT' } as const])(
    'passes $type on with its source and time, without an echo',
    async (message) => {
      const [first, second] = environment(lacks);
      const [mine, theirs] = [vi.fn(), vi.fn()];
      const tabs = createTabs({ name: 'n', userId: 'u1', env: first!, onMessage: mine });
      createTabs({ name: 'n', userId: 'u1', env: second!, onMessage: theirs });
      tabs.post(message);
      await vi.advanceTimersByTimeAsync(10);
      expect(mine).not.toHaveBeenCalled();
      expect(theirs).toHaveBeenCalledTimes(1);
      expect(theirs.mock.calls[0]![0]).toMatchObject({ v: 1, userId: 'u1', ...message });
      const { source, at } = theirs.mock.calls[0]![0] as { source: unknown; at: unknown };
      expect([typeof source, typeof at]).toEqual(['string', 'number']);
    },
  );

  it('hears nothing once it is closed', async () => {
    const [first, second] = environment(lacks);
    const heard = vi.fn();
    const tabs = createTabs({ name: 'n', userId: 'u1', env: second!, onMessage: heard });
    tabs.close();
    createTabs({ name: 'n', userId: 'u1', env: first!, onMessage: vi.fn() }).post(refresh);
    await vi.advanceTimersByTimeAsync(10);
    expect(heard).not.toHaveBeenCalled();
  });
});

it('drops its own message, even where a platform echoes it', () => {
  const channel = {
    postMessage: vi.fn(),
    close: vi.fn(),
    onmessage: null as null | ((event: object) => void),
  };
  const heard = vi.fn();
  const env = {
    channel: () => channel as never,
    storage: { read: () => null, write: vi.fn() },
    listen: () => () => undefined,
  };
  createTabs({ name: 'n', userId: 'u1', env, onMessage: heard }).post(refresh);
  channel.onmessage?.({ data: channel.postMessage.mock.calls[0]![0] as unknown });
  expect(heard).not.toHaveBeenCalled();
});

describe('what it drops', () => {
  const sound = { v: 1, source: 'other', at: 0, userId: 'u1', ...refresh };
  const foreign = { ...sound, userId: 'u2', user: userOf('u2') };

  it.each([
    ['another user’s', foreign, 0],
    ['one whose user is not its user', { ...sound, user: userOf('u2') }, 0],
    ['an unknown version', { ...sound, v: 2 }, 0],
    ['an unknown type', { ...sound, type: 'ROLE_MELTED' }, 0],
    ['a half user', { ...sound, user: { userId: 'u1' } }, 0],
    ['no object', 'hello', 0],
    ['nothing', null, 0],
    ['but not a sound one', sound, 1],
  ])('%s', (_, data, count) => {
    let deliver: (data: unknown) => void = () => undefined;
    const channel = {
      postMessage: vi.fn(),
      close: vi.fn(),
      set onmessage(handler: (event: MessageEvent) => void) {
        deliver = (sent) => handler({ data: sent } as MessageEvent);
      },
    };
    const heard = vi.fn();
    const env = {
      channel: () => channel as never,
      storage: { read: () => null, write: vi.fn() },
      listen: () => () => undefined,
    };
    createTabs({ name: 'n', userId: 'u1', env, onMessage: heard });
    deliver(data);
    expect(heard).toHaveBeenCalledTimes(count);
  });
});
