// @vitest-environment happy-dom
// The client in real Svelte components, over the fake server.

import { flushSync, mount, unmount } from 'svelte';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { tierStore } from '../../src/svelte/index.js';
import type { FakeTab } from '../browser-model.js';
import { createHarness } from '../harness.js';
import Rune from './Rune.svelte';
import Store from './Store.svelte';

const harness = createHarness();

let tab: FakeTab;
let host: HTMLElement;
let mounted: Record<string, unknown>[];

beforeEach(() => {
  tab = harness.browser.openTab();
  // The store starts the client here, not the tab.
  tab.stop();
  host = document.createElement('div');
  mounted = [];
});
afterEach(() => end());

async function advance(): Promise<void> {
  await harness.advance();
  flushSync();
}

async function end(): Promise<void> {
  await Promise.all(mounted.splice(0).map((component) => unmount(component)));
}

const text = () => host.querySelector('p')?.textContent;

describe.each([
  ['$tier', Store],
  ['fromStore', Rune],
])('by %s', (_, component) => {
  const show = async () => {
    mounted.push(mount(component, { target: host, props: { tier: tierStore(tab.client) } }));
    await advance();
  };

  it('a page shows the role, and follows a webhook', async () => {
    await show();
    expect(text()).toBe('free, not paid for');
    harness.server.setRole('u1', 'paid');
    await advance();
    expect(text()).toBe('paid, paid for');
  });

  it('a page offers what the plan contains, once it does', async () => {
    await show();
    expect(host.querySelector('button')).toBeNull();
    harness.server.change('u1', { features: ['export'] });
    await advance();
    expect(host.querySelector('button')).not.toBeNull();
  });

  it('several components share one socket, and the last one leaves none behind', async () => {
    await show();
    await show();
    expect(harness.server.sockets.size).toBe(1);
    await end();
    await advance();
    expect(harness.server.sockets.size).toBe(0);
    expect(tab.snapshot.connection).toBe('idle');
  });
});
