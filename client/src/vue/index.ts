// The client in Vue 3: a plugin that runs it, and composables that read it.

import { inject, onScopeDispose, shallowRef } from 'vue';
import type { InjectionKey, Plugin, ShallowRef } from 'vue';
import type { TierClient } from '../client.js';
import type { UserRole } from '../types.js';
import { viewOf } from '../view.js';
import type { TierView } from '../view.js';

export type { TierView };

const CLIENT: InjectionKey<TierClient> = Symbol('tierlift');

/** `app.use(tierlift(client))` gives the application its client, and runs it until the application ends. */
export function tierlift<Role extends string>(client: TierClient<Role>): Plugin<[]> {
  return {
    install: (app) => {
      // The key cannot know the names of the roles; the composables name them where they are called.
      app.provide(CLIENT, client as unknown as TierClient);
      if (typeof document !== 'undefined') app.onUnmount(client.start());
    },
  };
}

/** The client of the application. */
export function useTierClient<Role extends string = UserRole>(): TierClient<Role> {
  const client = inject(CLIENT, null);
  if (!client) throw new Error('tierlift’s composables need app.use(tierlift(client))');
  return client as unknown as TierClient<Role>;
}

/** What the page may show, as a ref: `tier.role` in a template, `tier.value.role` in a script. */
export function useTier<Role extends string = UserRole>(): Readonly<ShallowRef<TierView<Role>>> {
  const client = useTierClient<Role>();
  const tier = shallowRef(viewOf(client));
  onScopeDispose(client.subscribe(() => (tier.value = viewOf(client))));
  return tier;
}
