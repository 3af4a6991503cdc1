// A host's page on an origin of its own, which records each role that it has shown.

import { createTierClient } from '../src/index';
import type { TierClient } from '../src/index';

declare global {
  var client: TierClient;
  /** The roles that the page has shown, in order. */
  var shown: string[];
}

const address = new URLSearchParams(location.hash.slice(1));

globalThis.shown = [];
globalThis.client = createTierClient({
  baseUrl: address.get('baseUrl') ?? '',
  getToken: () => address.get('token'),
});
client.subscribe(() => {
  const { user } = client.getSnapshot();
  if (user && shown.at(-1) !== user.role) shown.push(user.role);
});
client.start();
