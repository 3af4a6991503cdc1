// The client's public API: options in, a store out. A client does nothing until it is started, so a
// server can create one while rendering. Starts are counted, so React can start it twice.

import { browser } from './environment.js';
import type { Environment } from './environment.js';
import { createReporter } from './errors.js';
import { createLifecycle } from './lifecycle.js';
import type { Lifecycle, LifecycleOptions } from './lifecycle.js';
import { createLoad } from './load.js';
import type { TierClientOptions, WatchOptions } from './options.js';
import { placeOf } from './place.js';
import { reaches } from './roles.js';
import { createStore } from './store.js';
import type { TierSnapshot, UpgradeOutcome, User, UserRole } from './types.js';
import type { Identified, UserSession } from './user-session.js';
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
   * `fetch` for guarded paths of the server, with the token, which is renewed if it is stale or expired. The
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
  // Calls are made before the user is known, or even before the start: React runs a child's effects
  // before its provider's. They wait until the token has been read.
  const identified = createWaiters<Identified>();
  let lifecycle: Lifecycle | null = null;
  let destroyed = false;

  function start(): () => void {
    const stop = (): void => {
      if (starts.delete(stop) && starts.size === 0) close();
    };
    starts.add(stop);
    if (!destroyed && !lifecycle) {
      const env = environment ?? browser();
      lifecycle = launch({ options, store, env, onIdentified: identified.resolve });
      if (!lifecycle) destroy();
    }
    return stop;
  }

  function close(): void {
    lifecycle?.close();
    lifecycle = null;
  }

  function destroy(): void {
    destroyed = true;
    close();
    identified.resolve(null);
  }

  /** Undefined while it is not known who is signed in. */
  const session = (): Identified => (destroyed ? null : lifecycle?.session());

  async function patiently(): Promise<UserSession | null> {
    let known = session();
    while (known === undefined) known = await identified.wait();
    return known;
  }

  /** Null as soon as it cannot be found out for the time being who is signed in. */
  async function now(): Promise<UserSession | null> {
    const known = session();
    const waits = known === undefined && store.getSnapshot().status !== 'error';
    return (waits ? await identified.wait() : known) ?? null;
  }

  return {
    getSnapshot: store.getSnapshot,
    getServerSnapshot: () => store.initial,
    subscribe: store.subscribe,
    has: (feature) => store.getSnapshot().user?.features.includes(feature) ?? false,
    hasRole: (role) => {
      const { user, roles } = store.getSnapshot();
      return user !== null && reaches(roles, user.role, role);
    },
    start,
    signedIn: () => lifecycle?.identify(),
    signOut: () => lifecycle?.signOut(),
    refreshUserProfile: async () => {
      const profile = await (await now())?.poll();
      return profile?.outcome === 'ok' ? profile.user : null;
    },
    fetch: async (path, init) => {
      const known = await now();
      if (!known) throw new Error(store.getSnapshot().error?.message ?? 'nobody is signed in');
      return known.fetch(path, init);
    },
    watchUpgrade: async (wanted = {}) => (await patiently())?.upgrade.start(wanted) ?? 'cancelled',
    dismissUpgrade: () => session()?.upgrade.dismiss(),
    destroy,
  };
}

/** Null if the options make no client, which is reported. */
function launch(parts: Omit<LifecycleOptions, 'load' | 'place'>): Lifecycle | null {
  const place = placeOf(parts.options, parts.env);
  const load = createLoad(parts.env);
  if (place) return createLifecycle({ ...parts, load, place });
  createReporter({ ...parts, load })('base_url.invalid');
  return null;
}
