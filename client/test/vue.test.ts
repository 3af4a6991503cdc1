// @vitest-environment happy-dom
// The client in a real Vue application, over the fake server.

import { createApp, defineComponent } from 'vue';
import type { App } from 'vue';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { tierlift, useTier, useTierClient } from '../src/vue/index.js';
import type { FakeTab } from './browser-model.js';
import { createHarness } from './harness.js';

const harness = createHarness();

const Plan = defineComponent({
  setup: () => ({ tier: useTier() }),
  template: `<p>{{ tier.role }}, {{ tier.hasRole('paid') ? 'paid for' : 'not paid for' }}</p>
    <button v-if="tier.has('export')">Export</button>`,
});
const Page = defineComponent({
  components: { Plan },
  data: () => ({ shown: true }),
  template: `<Plan /><Plan v-if="shown" /><a @click="shown = false" />`,
});

let tab: FakeTab;
let app: App;
let host: HTMLElement;

beforeEach(() => {
  tab = harness.browser.openTab();
  // The plugin starts the client here, not the tab.
  tab.stop();
  host = document.createElement('div');
});
afterEach(() => app.unmount());

async function mount(): Promise<void> {
  app = createApp(Page).use(tierlift(tab.client));
  app.mount(host);
  await harness.advance();
}

const plans = () => [...host.querySelectorAll('p')].map(({ textContent }) => textContent);

it('a page shows the role, and follows a webhook in each component', async () => {
  await mount();
  expect(plans()).toEqual(['free, not paid for', 'free, not paid for']);
  harness.server.setRole('u1', 'paid');
  await harness.advance();
  expect(plans()).toEqual(['paid, paid for', 'paid, paid for']);
});

it('a page offers what the plan contains, once it does', async () => {
  await mount();
  expect(host.querySelector('button')).toBeNull();
  harness.server.change('u1', { features: ['export'] });
  await harness.advance();
  expect(host.querySelectorAll('button')).toHaveLength(2);
});

it('an application has one socket, and leaves none behind', async () => {
  await mount();
  expect(harness.server.sockets.size).toBe(1);
  app.unmount();
  await harness.advance();
  expect(harness.server.sockets.size).toBe(0);
  expect(tab.snapshot.connection).toBe('idle');
});

it('a component that is gone no longer listens', async () => {
  const unsubscribed = vi.fn();
  const { subscribe } = tab.client;
  tab.client.subscribe = (listener) => {
    const unsubscribe = subscribe(listener);
    return () => {
      unsubscribed();
      unsubscribe();
    };
  };
  await mount();
  host.querySelector('a')!.click();
  await harness.advance();
  expect(plans()).toHaveLength(1);
  expect(unsubscribed).toHaveBeenCalledTimes(1);
});

it('a component without the plugin fails with what it needs', () => {
  app = createApp({ setup: () => void useTierClient(), template: '<p />' });
  app.config.warnHandler = () => undefined;
  expect(() => app.mount(host)).toThrow('app.use(tierlift(client))');
});
