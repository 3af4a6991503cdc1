// The client's public API: options in, a store out. A client does nothing until it is started, so a
// server can create one while rendering. Starts are counted, so React can start it twice.

import { browser } from './environment.js';
import type { Environment } from './environment.js';
import { createLifecycle } from './lifecycle.js';
import type { Lifecycle } from './lifecycle.js';
import type { TierClientOptions, WatchOptions } from './options.js';
import { DEFAULT_ROLES } from './roles.js';
import { INITIAL, createStore } from './store.js';
import type { TierSnapshot, UpgradeOutcome, User } from './types.js';
import type { UserSession } from './user-session.js';
import { createWaiters } from './waiters.js';

export interface TierClient {
  getSnapshot: () => TierSnapshot;
  /** The snapshot that a server renders, which knows no user. */
  getServerSnapshot: () => TierSnapshot;
  subscribe: (listener: () => void) => () => void;
  /** Whether the user shown has this feature. It decides what to show; the server decides access. */
  has: (feature: string) => boolean;
  /** Connects and returns a stop function. Starts are counted: the last stop disconnects. */
  start: () => () => void;
  /** Reads the token again, after a user has signed in or changed. */
  signedIn: () => void;
  /** Signs out every tab of this browser. */
  signOut: () => void;
  /** Calls GET /session; concurrent calls share one request. Resolves to null if it fails. */
  refreshUserProfile: () => Promise<User | null>;
  /** `fetch` for guarded paths of the server, with the token. Renews a stale token once. */
  fetch: (path: string, init?: RequestInit) => Promise<Response>;
  /** Watches for an upgrade that has just been paid for. */
  watchUpgrade: (options?: WatchOptions) => Promise<UpgradeOutcome>;
  /** Ends the watch in every tab; it resolves to `cancelled`. */
  cancelUpgrade: () => void;
  /** Stops permanently, even if other starts are still counted. */
  destroy: () => void;
}

export function createTierClient(
  options: TierClientOptions,
  environment?: Environment,
): TierClient {
  const roles = options.roles ?? DEFAULT_ROLES;
  const store = createStore(roles);
  const starts = new Set<() => void>();
  /**
   * Calls made before the user is known, or even before the start: React runs a child's effects
   * before its provider's.
   */
  const identified = createWaiters<UserSession | null>();
  let lifecycle: Lifecycle | null = null;
  let destroyed = false;

  function start(): () => void {
    const stop = (): void => {
      if (starts.delete(stop) && starts.size === 0) close();
    };
    starts.add(stop);
    if (!destroyed) {
      const env = environment ?? browser();
      lifecycle ??= createLifecycle({
        options,
        roles,
        store,
        env,
        onIdentified: identified.resolve,
      });
    }
    return stop;
  }

  function close(): void {
    lifecycle?.close();
    lifecycle = null;
  }

  async function whenIdentified(): Promise<UserSession | null> {
    if (lifecycle?.session) return lifecycle.session;
    const nobody = destroyed || store.getSnapshot().status === 'signed_out';
    return nobody ? null : identified.wait();
  }

  return {
    getSnapshot: store.getSnapshot,
    getServerSnapshot: () => INITIAL,
    subscribe: store.subscribe,
    has: (feature) => store.getSnapshot().user?.features.includes(feature) ?? false,
    start,
    signedIn: () => lifecycle?.identify(),
    signOut: () => lifecycle?.signOut(),
    refreshUserProfile: async () => {
      const profile = await (await whenIdentified())?.poll();
      return profile?.outcome === 'ok' ? profile.user : null;
    },
    fetch: async (path, init) => {
      const session = await whenIdentified();
      if (!session) throw new Error('nobody is signed in');
      return session.fetch(path, init);
    },
    watchUpgrade: async ({ role } = {}) =>
      (await whenIdentified())?.upgrade.start(role) ?? 'cancelled',
    cancelUpgrade: () => lifecycle?.session?.upgrade.cancel(),
    destroy: () => {
      destroyed = true;
      close();
      identified.resolve(null);
    },
  };
}
