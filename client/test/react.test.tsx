// @vitest-environment happy-dom
// The React part over a real client and the fake server: Strict Mode, hooks, status and toasts.

import { act, StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import type { Root } from 'react-dom/client';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { toast } from 'sonner';
import { TierProvider, UpgradeStatus, useTier, useTierUpgrade } from '../src/react/index.js';
import type { TierProviderProps } from '../src/react/index.js';
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
  const { status, attempt, start, stop } = useTierUpgrade();
  return (
    <>
      <output>{`${role} ${connection} ${status} ${attempt}`}</output>
      <button id="start" onClick={() => void start()} />
      <button id="stop" onClick={stop} />
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
    await click('#stop');
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
    expect(live()?.textContent).toContain('longer than usual');
    expect(live()?.textContent).toContain('payment is safe');
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

describe('toasts', () => {
  it('announce each change once, through the host’s adapter', async () => {
    const toasts = { success: vi.fn(), info: vi.fn() };
    await render({ toasts });
    server.setRole('u1', 'paid');
    await advance(2_000);
    server.setRole('u1', 'free');
    await advance(2_000);
    expect(toasts.success.mock.calls).toEqual([['You are on the paid plan now.']]);
    expect(toasts.info.mock.calls).toEqual([['Your plan is now free.']]);
  });

  it('use sonner when it is installed', async () => {
    const success = vi.spyOn(toast, 'success').mockReturnValue(1);
    await doing(() => root.render(<TierProvider client={tab.client}>x</TierProvider>));
    await advance();
    server.setRole('u1', 'paid');
    await advance();
    await vi.waitFor(() => expect(success).toHaveBeenCalledTimes(1));
  });
});
