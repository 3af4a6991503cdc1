// A host's page in Svelte, on an origin of its own.

import { mount, unmount } from 'svelte';
import { createTierClient } from '../src/index';
import { tierStore } from '../src/svelte/index';
import Store from '../test/svelte/Store.svelte';

const address = new URLSearchParams(location.hash.slice(1));
const client = createTierClient({
  baseUrl: address.get('baseUrl') ?? '',
  getToken: () => address.get('token'),
});
const page = mount(Store, { target: document.body, props: { tier: tierStore(client) } });
globalThis.end = () => void unmount(page);
