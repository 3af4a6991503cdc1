// @vitest-environment happy-dom
// The React part over a real client and the fake server: Strict Mode, hooks, guard,
// statuses and toasts.

import { act, StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import type { Root } from 'react-dom/client';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { toast } from 'sonner';
import {
  RequireFeature,
  SubscriptionStatus,
  TierProvider,
  UpgradeStatus,
  useTier,
  useTierUpgrade,
} from '../src/react/index.js';
import type { SubscriptionStatusProps, TierProviderProps } from '../src/react/index.js';
import { sonnerToasts } from '../src/react/sonner.js';
import type { User } from '../src/index.js';
import { FakeBrowser } from './browser-model.js';
import { FakeServer } from './fake-server.js';
import type { FakeTab } from './browser-model.js';

let server: FakeServer;
let tab: FakeTab;
let root: Root;
let host: HTMLElement;

beforeEach(() => {
  vi.stubGlobal('IS_REACT_ACT_ENVIRONMENT', true);
  vi.useFakeTimers();
  server = new FakeServer();
  tab = new FakeBrowser(server).openTab();
  // The provider starts the client here, not the tab.
  tab.stop();
  host = document.createElement('div');
  root = createRoot(host);
});

afterEach(async () => {
  await doing(() => root.unmount());
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

/** Does something and lets React finish, promises included. */
const doing = (work: () => void) =>
  act(() => {
    work();
    return Promise.resolve();
  });

const advance = (ms = 50) => act(() => vi.advanceTimersByTimeAsync(ms));

function Page() {
  const { role, connection } = useTier();
  const { status, attempt, start, dismiss } = useTierUpgrade();
  return (
    <>
      <output>{`${role} ${connection} ${status} ${attempt}`}</output>
      <button id="start" onClick={() => void start()} />
      <button id="dismiss" onClick={dismiss} />
      <UpgradeStatus />
    </>
  );
}

async function render(props: Partial<TierProviderProps> = {}): Promise<void> {
  await doing(() => {
    root.render(
      <StrictMode>
        <TierProvider client={tab.client} toasts={false} {...props}>
          {props.children ?? <Page />}
        </TierProvider>
      </StrictMode>,
    );
  });
  await advance();
}

const shown = () => host.querySelector('output')?.textContent;
const click = (id: string) => doing(() => host.querySelector<HTMLElement>(id)?.click());
const live = () => host.querySelector('[role=status]');

describe('the hooks', () => {
  it('show the role, and follow it', async () => {
    await render();
    expect(shown()).toBe('free open idle 0');
    server.setRole('u1', 'paid');
    await advance();
    expect(shown()).toBe('paid open idle 0');
  });

  it('leave one socket in Strict Mode, and none after unmounting', async () => {
    await render();
    expect(tab.dialed).toHaveLength(1);
    await doing(() => root.render(null));
    expect(server.sockets.size).toBe(0);
  });

  it('start and stop a watch', async () => {
    await render();
    await click('#start');
    expect(shown()).toBe('free open pending 1');
    await click('#dismiss');
    expect(shown()).toBe('free open idle 0');
  });

  it('need a provider', () => {
    const silent = vi.spyOn(console, 'error').mockImplementation(() => undefined);
    const orphan = createRoot(document.createElement('div'));
    expect(() => act(() => orphan.render(<Page />))).toThrow('TierProvider');
    silent.mockRestore();
  });
});

describe('UpgradeStatus', () => {
  it('keeps one live region through every state, and retries after a timeout', async () => {
    await render();
    const region = live();
    expect(region?.getAttribute('aria-live')).toBe('polite');
    expect(region?.textContent).toBe('');
    await click('#start');
    expect(live()?.textContent).toContain('Confirming');
    await advance(61_000);
    expect(live()?.textContent).toContain('not see a payment');
    await click('.tierlift-status button');
    expect(shown()).toBe('free open pending 1');
    server.setRole('u1', 'paid');
    await advance();
    expect(live()?.textContent).toContain('active');
    expect(live()).toBe(region);
    expect(host.querySelector('.tierlift-status button')).toBeNull();
  });

  it('shows the host’s texts', async () => {
    await render({ children: <UpgradeStatus texts={{ pending: 'Einen Moment' }} /> });
    await doing(() => void tab.client.watchUpgrade());
    expect(live()?.textContent).toBe('Einen Moment');
  });
});

describe('features', () => {
  function Features() {
    const { features, has } = useTier();
    return <output>{`${features.join()} ${has('export')}`}</output>;
  }

  it('follow the user', async () => {
    await render({ children: <Features /> });
    expect(shown()).toBe(' false');
    await doing(() => void server.change('u1', { features: ['export', 'reports'] }));
    await advance();
    expect(shown()).toBe('export,reports true');
  });

  const guard = (
    <RequireFeature feature="export" fallback="Buy it">
      Export
    </RequireFeature>
  );

  it('guard what needs them, and offer nothing before they are known', async () => {
    server.change('u1', { features: ['export'] });
    const seen: (string | null)[] = [];
    const unsubscribe = tab.client.subscribe(() => seen.push(host.textContent));
    await render({ children: guard });
    unsubscribe();
    expect(seen).not.toContain('Buy it');
    expect(host.textContent).toBe('Export');
    await doing(() => void server.change('u1', { features: [] }));
    await advance();
    expect(host.textContent).toBe('Buy it');
  });

  it('are nobody’s who is signed out, and unknown while the server is unreachable', async () => {
    server.up = false;
    await render({ children: guard });
    expect(host.textContent).toBe('');
    await doing(() => tab.client.signOut());
    expect(host.textContent).toBe('Buy it');
  });

  it('show nothing where a guard has no fallback', async () => {
    await render({ children: <RequireFeature feature="export">Export</RequireFeature> });
    expect(host.textContent).toBe('');
  });
});

describe('SubscriptionStatus', () => {
  // Noon, so that the date is the same in most time zones.
  const [may, june] = ['2027-05-04T12:00:00.000Z', '2027-06-04T12:00:00.000Z'];

  const show = async (part: Partial<User>, props: SubscriptionStatusProps = {}) => {
    server.change('u1', part);
    await render({ children: <SubscriptionStatus {...props} /> });
    return live()?.textContent;
  };

  afterEach(() => {
    document.documentElement.lang = '';
  });

  it.each<[name: string, part: Partial<User>, text: string]>([
    ['nothing without a subscription', {}, ''],
    ['nothing about one that is just active', { status: 'active', subscriptionExpiresAt: may }, ''],
    ['nothing about a time that is none', { status: 'active', cancelAt: 'soon' }, ''],
    ['when it ends', { status: 'active', cancelAt: may }, 'Your plan ends on May 4, 2027.'],
    ['the trial', { status: 'trialing', trialEndsAt: may }, 'Your trial ends on May 4, 2027.'],
    [
      'that it ends with its trial',
      { status: 'trialing', trialEndsAt: may, cancelAt: may },
      'Your plan ends on May 4, 2027.',
    ],
    [
      'that the trial ends before it',
      { status: 'trialing', trialEndsAt: may, cancelAt: june },
      'Your trial ends on May 4, 2027.',
    ],
    [
      'since when a payment is overdue, before anything else',
      { status: 'past_due', pastDueSince: may, cancelAt: june },
      'Your payment has been overdue since May 4, 2027. Please check your payment method.',
    ],
    [
      'that a payment is overdue where the date is unknown',
      { status: 'unpaid' },
      'Your payment is overdue. Please check your payment method.',
    ],
  ])('says %s', async (_, part, text) => {
    document.documentElement.lang = 'en-US';
    expect(await show(part)).toBe(text);
  });

  it('says nothing with an older server', async () => {
    server.older = true;
    expect(await show({ status: 'past_due', cancelAt: may })).toBe('');
  });

  it('keeps one live region, and follows the subscription in it without a toast', async () => {
    const toasts = { success: vi.fn(), info: vi.fn() };
    await render({ children: <SubscriptionStatus />, toasts });
    const region = live();
    expect([region?.getAttribute('aria-live'), region?.textContent]).toEqual(['polite', '']);
    for (const [part, name] of [
      [{ status: 'past_due' }, 'past_due'],
      [{ status: 'trialing', trialEndsAt: may }, 'trial_ends'],
      [{ status: 'active', trialEndsAt: null, cancelAt: may }, 'ends'],
      [{ status: 'active', cancelAt: null }, null],
    ] as const) {
      await doing(() => void server.change('u1', part));
      await advance();
      expect(live()?.getAttribute('data-status')).toBe(name);
      expect(live()?.textContent === '').toBe(name === null);
    }
    expect(live()).toBe(region);
    expect([toasts.success, toasts.info].flatMap(({ mock }) => mock.calls)).toEqual([]);
  });

  it.each([
    ['the page’s language', 'de', {}, '4. Mai 2027'],
    ['a language that the host chooses', 'de', { locale: 'fr' }, '4 mai 2027'],
    ['the browser’s where the page’s is invalid', 'en_US', {}, '2027'],
  ])('writes dates in %s', async (_, lang, props, date) => {
    document.documentElement.lang = lang;
    expect(await show({ status: 'active', cancelAt: may }, props)).toContain(date);
  });

  it('shows the host’s texts, which know the date and the user', async () => {
    const ends = (date: string, { role }: User) => <b>{`${role} bis ${date}`}</b>;
    const props = { texts: { ends }, locale: 'de', className: 'mine' };
    expect(await show({ status: 'active', cancelAt: may }, props)).toBe('free bis 4. Mai 2027');
    expect(live()?.className).toBe('mine');
  });
});

describe('toasts', () => {
  it('announce each change once, through the host’s adapter', async () => {
    const toasts = { success: vi.fn(), info: vi.fn() };
    await render({ toasts });
    server.setRole('u1', 'paid');
    await advance(2_000);
    server.setRole('u1', 'free');
    await advance(2_000);
    expect(toasts.success.mock.calls).toEqual([['Your new plan is active.']]);
    expect(toasts.info.mock.calls).toEqual([['Your plan has changed.']]);
  });

  it('are shown once in each tab, in Strict Mode and after the page is mounted again', async () => {
    const other = tab.browser.openTab();
    other.stop();
    const tabs = [tab, other].map(({ client }) => ({
      client,
      host: document.createElement('div'),
    }));
    const roots = tabs.map((each) => createRoot(each.host));
    const shows = tabs.map(() => vi.fn());
    const mount = () =>
      doing(() =>
        roots.forEach((each, n) =>
          each.render(
            <StrictMode>
              <TierProvider
                key={`${mounts}`}
                client={tabs[n]!.client}
                toasts={{ success: shows[n]!, info: shows[n]! }}
              />
            </StrictMode>,
          ),
        ),
      );
    let mounts = 0;
    await mount();
    await advance();
    server.setRole('u1', 'paid');
    await advance(2_000);
    mounts += 1;
    await mount();
    await advance(2_000);
    expect(shows.map(({ mock }) => mock.calls)).toEqual(
      Array(2).fill([['Your new plan is active.']]),
    );
    await doing(() => roots.forEach((each) => each.unmount()));
  });

  it('are sonner’s for a host that imports them', async () => {
    const success = vi.spyOn(toast, 'success').mockReturnValue(1);
    await render({ toasts: sonnerToasts });
    server.setRole('u1', 'paid');
    await advance();
    expect(success.mock.calls).toEqual([['Your new plan is active.']]);
  });

  it('are none unless the host asks for them', async () => {
    const success = vi.spyOn(toast, 'success').mockReturnValue(1);
    await doing(() => root.render(<TierProvider client={tab.client}>x</TierProvider>));
    await advance();
    server.setRole('u1', 'paid');
    await advance();
    expect(success).not.toHaveBeenCalled();
  });
});
