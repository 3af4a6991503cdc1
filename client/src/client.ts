// The client's public API: options in, a store out. A client does nothing until it is started, so a
// server can create one while rendering. Starts are counted, so React can start it twice.

import { browser } from './environment.js';
import type { Environment } from './environment.js';
import { createLifecycle } from './lifecycle.js';
import type { Lifecycle } from './lifecycle.js';
import type { TierClientOptions, WatchOptions } from './options.js';
import { reaches } from './roles.js';
import { createStore } from './store.js';
import type { TierSnapshot, UpgradeOutcome, User, UserRole } from './types.js';
import type { UserSession } from './user-session.js';
import { createWaiters } from './waiters.js';

/** `Role` names the roles of the server's policy, for hosts that want them checked. */
export interface TierClient<Role extends string = UserRole> {
  getSnapshot: () => TierSnapshot<Role>;
  /** The snapshot that a server renders: `initialUser`, or no user. */
  getServerSnapshot: () => TierSnapshot<Role>;
  subscribe: (listener: () => void) => () => void;
  /** Whether the user shown has this feature. It decides what to show; the server decides access. */
  has: (feature: string) => boolean;
  /** Whether the user shown has this role or a higher one. False until the server has reported it. */
  hasRole: (role: Role) => boolean;
  /** Connects and returns a stop function. Starts are counted: the last stop disconnects. */
  start: () => () => void;
  /** Reads the token again, after a user has signed in or changed. */
  signedIn: () => void;
  /** Signs out every tab of this browser. */
  signOut: () => void;
  /** Calls GET /session; concurrent calls share one request. Resolves to null if it fails. */
  refreshUserProfile: () => Promise<User<Role> | null>;
  /**
   * `fetch` for guarded paths of the server, with the token. Renews a stale or expired token once. The
   * response's head must arrive within 10 s; its body may take as long as it likes.
   */
  fetch: (path: string, init?: RequestInit) => Promise<Response>;
  /** Watches for an upgrade that has just been paid for. */
  watchUpgrade: (options?: WatchOptions<Role>) => Promise<UpgradeOutcome>;
  /**
   * Ends the watch in every tab; it resolves to `cancelled`. Its checkout is not watched again, and the
   * page may offer to buy.
   */
  dismissUpgrade: () => void;
  /** Stops permanently, even if other starts are still counted. */
  destroy: () => void;
}

export function createTierClient<Role extends string = UserRole>(
  options: TierClientOptions<Role>,
  environment?: Environment,
): TierClient<Role>;
export function createTierClient(
  options: TierClientOptions,
  environment?: Environment,
): TierClient {
  const store = createStore(options.initialUser);
  const starts = new Set<() => void>();
  /**
   * Calls made before the user is known, or even before the start: React runs a child's effects
   * before its provider's.
   */
  const identified = createWaiters<UserSession | null>();
  /** Calls that do not wait for a host that fails. */
  const failed = createWaiters<null>();
  let lifecycle: Lifecycle | null = null;
  let destroyed = false;
  /** Whether the token has been read since the start. */
  let known = false;

  function start(): () => void {
    const stop = (): void => {
      if (starts.delete(stop) && starts.size === 0) close();
    };
    starts.add(stop);
    if (!destroyed) {
      const env = environment ?? browser();
      lifecycle ??= createLifecycle({
        options,
        store,
        env,
        onIdentified: (session) => {
          known = true;
          identified.resolve(session);
        },
        onFailed: () => failed.resolve(null),
      });
    }
    return stop;
  }

  function close(): void {
    lifecycle?.close();
    lifecycle = null;
    known = false;
  }

  async function whenIdentified(): Promise<UserSession | null> {
    if (lifecycle?.session) return lifecycle.session;
    const nobody = destroyed || (known && store.getSnapshot().status === 'signed_out');
    return nobody ? null : identified.wait();
  }

  /** Null if nobody is signed in, or if it cannot be found out now. */
  async function whenKnown(): Promise<UserSession | null> {
    if (store.getSnapshot().status === 'error' && !lifecycle?.session) return null;
    return Promise.race([whenIdentified(), failed.wait()]);
  }

  return {
    getSnapshot: store.getSnapshot,
    getServerSnapshot: () => store.initial,
    subscribe: store.subscribe,
    has: (feature) => store.getSnapshot().user?.features.includes(feature) ?? false,
    hasRole: (role) => {
      const { user, roles: known } = store.getSnapshot();
      return user !== null && reaches(known, user.role, role);
    },
    start,
    signedIn: () => lifecycle?.identify(),
    signOut: () => lifecycle?.signOut(),
    refreshUserProfile: async () => {
      const profile = await (await whenKnown())?.poll();
      return profile?.outcome === 'ok' ? profile.user : null;
    },
    fetch: async (path, init) => {
      const session = await whenKnown();
      if (!session) throw new Error(store.getSnapshot().error?.message ?? 'nobody is signed in');
      return session.fetch(path, init);
    },
    watchUpgrade: async (wanted = {}) =>
      (await whenIdentified())?.upgrade.start(wanted) ?? 'cancelled',
    dismissUpgrade: () => lifecycle?.session?.upgrade.dismiss(),
    destroy: () => {
      destroyed = true;
      close();
      identified.resolve(null);
    },
  };
}
