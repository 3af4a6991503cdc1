// The client in Svelte: a store. That is a contract of Svelte's and no class, so this imports no part of
// it, and serves `$tier` in Svelte 4 and 5 and `fromStore(tier).current` beside runes.

import type { TierClient } from '../client.js';
import type { UserRole } from '../types.js';
import { viewOf } from '../view.js';
import type { TierView } from '../view.js';

export type { TierView };

/** A readable store, as `Readable` of `svelte/store`. */
export interface TierStore<Role extends string = UserRole> {
  subscribe: (run: (tier: TierView<Role>) => void) => () => void;
}

/** What the page may show. The client runs while the store is subscribed to, except on a server. */
export function tierStore<Role extends string = UserRole>(
  client: TierClient<Role>,
): TierStore<Role> {
  return {
    subscribe: (run) => {
      const show = (): void => run(viewOf(client));
      show();
      const ends = [client.subscribe(show)];
      if (typeof document !== 'undefined') ends.push(client.start());
      return () => {
        for (const end of ends) end();
      };
    },
  };
}
