// A host's page in Vue, on an origin of its own.

import { createApp, defineComponent, h } from 'vue';
import { createTierClient } from '../src/index';
import { tierlift, useTier } from '../src/vue/index';

declare global {
  /** Ends the application. */
  var end: () => void;
}

const address = new URLSearchParams(location.hash.slice(1));
const client = createTierClient({
  baseUrl: address.get('baseUrl') ?? '',
  getToken: () => address.get('token'),
});
const Plan = defineComponent(() => {
  const tier = useTier();
  return () =>
    h('p', `${tier.value.role}, ${tier.value.hasRole('paid') ? 'paid for' : 'not paid for'}`);
});
const app = createApp(Plan).use(tierlift(client));
app.mount(document.body.appendChild(document.createElement('div')));
globalThis.end = () => app.unmount();
