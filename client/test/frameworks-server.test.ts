// @vitest-environment node
// A server has no window: Vue and Svelte render what is known, and connect nothing.

import { createSSRApp, defineComponent } from 'vue';
import { renderToString } from 'vue/server-renderer';
import { get } from 'svelte/store';
import { expect, it } from 'vitest';
import { createTierClient } from '../src/index.js';
import { tierStore } from '../src/svelte/index.js';
import { tierlift, useTier } from '../src/vue/index.js';
import { createUser } from './fake-server.js';

const rendered = () =>
  createTierClient({
    initialUser: createUser('u1', { role: 'paid' }),
    getToken: () => {
      throw new Error('not on a server');
    },
  });

it('Vue renders the plan of the user that the host names, and asks for no token', async () => {
  const Plan = defineComponent({
    setup: () => ({ tier: useTier() }),
    template: '<p>{{ tier.role }}</p>',
  });
  const client = rendered();
  const html = await renderToString(createSSRApp(Plan).use(tierlift(client)));
  expect(html).toBe('<p>paid</p>');
  expect(client.getSnapshot()).toMatchObject({ connection: 'idle', error: null });
});

it('Svelte renders the plan of the user that the host names, and asks for no token', () => {
  const client = rendered();
  expect(get(tierStore(client))).toMatchObject({ role: 'paid', status: 'ready', isStale: true });
  expect(client.getSnapshot()).toMatchObject({ connection: 'idle', error: null });
});
