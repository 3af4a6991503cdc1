// @vitest-environment happy-dom
// What UpgradeStatus says, where its focus is, and what it never claims.

import { act, StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import type { ReactNode } from 'react';
import type { Root } from 'react-dom/client';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { TierProvider, UpgradeStatus } from '../src/react/index.js';
import type { RoleChange } from '../src/index.js';
import type { ToastAdapter, UpgradeStatusProps } from '../src/react/index.js';
import { createStubClient } from './stub-client.js';
import type { StubClient } from './stub-client.js';

let client: StubClient;
let root: Root;
let host: HTMLElement;

beforeEach(() => {
  vi.stubGlobal('IS_REACT_ACT_ENVIRONMENT', true);
  client = createStubClient({ status: 'ready' });
  host = document.body.appendChild(document.createElement('div'));
  root = createRoot(host);
});

afterEach(() => {
  act(() => root.unmount());
  host.remove();
  vi.unstubAllGlobals();
});

const render = (props: UpgradeStatusProps = {}) =>
  act(() =>
    root.render(
      <StrictMode>
        <TierProvider client={client} children={<UpgradeStatus {...props} />} />
      </StrictMode>,
    ),
  );

const watch = (part: Parameters<StubClient['watch']>[0]) => act(() => client.watch(part));
const region = () => host.querySelector<HTMLElement>('[role=status]')!;
const button = (name: string) =>
  [...host.querySelectorAll('button')].find(({ textContent }) => textContent === name);

describe('somebody who has not paid', () => {
  it('never reads that a payment is safe, and can say that there is none', () => {
    render();
    for (const status of ['idle', 'pending', 'timed_out', 'pending', 'timed_out'] as const) {
      watch({ status });
      expect(region().textContent).not.toMatch(/safe|arrived|charged/);
    }
    act(() => button('Not now')!.click());
    expect(client.dismissUpgrade).toHaveBeenCalledOnce();
  });

  it('reads so only once the server knows of the purchase', () => {
    render();
    watch({ status: 'timed_out', paymentKnown: true });
    expect(region().textContent).toMatch(/payment has arrived.*not be charged twice/);
  });
});

describe('the focus of a keyboard', () => {
  it('stays on “Check again” while it checks, which it does once', () => {
    render();
    watch({ status: 'timed_out', role: 'pro', checkoutSessionId: 'cs_1' });
    const retry = button('Check again')!;
    retry.focus();
    act(() => retry.click());
    expect(client.watchUpgrade).toHaveBeenCalledWith({ role: 'pro', checkoutSessionId: 'cs_1' });
    watch({ status: 'pending' });
    expect(document.activeElement).toBe(retry);
    expect(retry.getAttribute('aria-disabled')).toBe('true');
    act(() => retry.click());
    expect(client.watchUpgrade).toHaveBeenCalledOnce();
    watch({ status: 'timed_out' });
    expect(document.activeElement).toBe(retry);
    expect(retry.getAttribute('aria-disabled')).toBe('false');
  });

  it.each(['upgraded', 'idle'] as const)('goes to the message when it is %s', (status) => {
    render();
    watch({ status: 'timed_out' });
    button('Not now')!.focus();
    watch({ status });
    expect(host.querySelector('button')).toBeNull();
    expect(document.activeElement).toBe(region());
  });

  it('is not taken from anything else', () => {
    render();
    watch({ status: 'timed_out' });
    const before = document.activeElement;
    watch({ status: 'upgraded' });
    expect(document.activeElement).toBe(before);
  });
});

describe('a first minute of waiting', () => {
  it('has no buttons, which would invite to do something', () => {
    render();
    watch({ status: 'pending' });
    expect(host.querySelector('button')).toBeNull();
    watch({ status: 'timed_out' });
    watch({ status: 'upgraded' });
    watch({ status: 'pending' });
    expect(host.querySelector('button')).toBeNull();
  });
});

describe('a page that cannot know the plan', () => {
  it('says so, with the reason for whoever looks for it', () => {
    render();
    const error = { code: 'token.unreadable', message: 'getToken returned no JWT' };
    act(() => client.patch({ status: 'error', error }));
    expect(region().textContent).toBe('Your plan cannot be loaded right now. We keep trying.');
    expect(region().parentElement!.dataset.error).toBe('token.unreadable');
    act(() => client.patch({ status: 'ready', error: null }));
    expect(region().textContent).toBe('');
    expect(region().parentElement!.dataset.error).toBeUndefined();
  });
});

describe('the end of a watch', () => {
  const change = (type: 'ROLE_UPGRADED' | 'ROLE_DOWNGRADED') =>
    ({ lastChange: { type, user: null, seenAt: 0 } as unknown as RoleChange }) as const;
  const arrive = {
    'with the change': () => {
      client.patch(change('ROLE_UPGRADED'));
      client.watch({ status: 'upgraded' });
    },
    'before the change': () => {
      client.watch({ status: 'upgraded' });
      client.patch(change('ROLE_UPGRADED'));
    },
  };

  const renderWith = (toasts: ToastAdapter, children: ReactNode) =>
    act(() =>
      root.render(
        <StrictMode>
          <TierProvider client={client} toasts={toasts} children={children} />
        </StrictMode>,
      ),
    );
  const settle = (work: () => void) =>
    act(async () => {
      work();
      await Promise.resolve();
    });
  const toasts = { success: vi.fn(), info: vi.fn() };
  beforeEach(() => void vi.clearAllMocks());

  it.each(Object.entries(arrive))('is announced once, by the message: %s', async (_, work) => {
    renderWith(toasts, <UpgradeStatus />);
    watch({ status: 'pending' });
    await settle(() => work());
    expect(region().textContent).toBe('Your upgrade is active.');
    expect(toasts.success).not.toHaveBeenCalled();
  });

  it.each(Object.entries(arrive))('is a toast where there is no message: %s', async (_, work) => {
    renderWith(toasts, <UpgradeStatus />);
    renderWith(toasts, null);
    watch({ status: 'pending' });
    await settle(() => work());
    expect(toasts.success).toHaveBeenCalledOnce();
  });

  it('hides no later change', async () => {
    vi.useFakeTimers();
    renderWith(toasts, <UpgradeStatus />);
    watch({ status: 'pending' });
    await settle(() => arrive['with the change']());
    await settle(() => client.patch(change('ROLE_DOWNGRADED')));
    expect(toasts.info).toHaveBeenCalledOnce();
    vi.advanceTimersByTime(2_000);
    await settle(() => client.patch(change('ROLE_UPGRADED')));
    expect(toasts.success).toHaveBeenCalledOnce();
    vi.useRealTimers();
  });
});

it('every text can be replaced', () => {
  const texts = { timedOut: 'Noch nicht', retry: 'Erneut', dismiss: 'Später', unavailable: 'Weg' };
  render({ texts, className: 'mine' });
  watch({ status: 'timed_out' });
  expect(host.textContent).toBe('Noch nichtErneutSpäter');
  act(() => client.patch({ status: 'error' }));
  expect(region().textContent).toBe('Weg');
});
