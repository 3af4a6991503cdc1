// The client as a host sees it: options in, a store out. It is inert until started, so a server may
// create one while rendering, and it is counted, so React may start it twice.

import { Engine } from './engine.js';
import { browser } from './environment.js';
import type { Environment } from './environment.js';
import { DEFAULT_ROLES } from './roles.js';
import { INITIAL, createStore } from './store.js';
import type { Seat } from './seat.js';
import type { TokenHost } from './tokens.js';
import type { TierSnapshot, UpgradeOutcome, User, UserRole } from './types.js';

export interface TierClientOptions extends TokenHost {
  /** Where the tierlift server answers; the page's own origin when left out. */
  baseUrl?: string;
  /** Where the socket is opened, if that is another host; `/ws` below `baseUrl` when left out. */
  socketUrl?: string;
  /** This browser was signed out, here or in another tab: forget the token. */
  onSignOut?: () => void;
  /** The server's roles, lowest first. */
  roles?: readonly UserRole[];
}

export interface WatchOptions {
  /** The role that was paid for; the last watch's, or the one above the lowest when left out. */
  role?: UserRole;
}

export interface TierClient {
  getSnapshot: () => TierSnapshot;
  /** What a server renders: nobody is known yet. */
  getServerSnapshot: () => TierSnapshot;
  subscribe: (listener: () => void) => () => void;
  /** Connects, and gives back the stop. Counted: it runs until the last one stops. */
  start: () => () => void;
  /** Somebody signed in, or somebody else: read the token again. */
  signedIn: () => void;
  /** Signs this browser's tabs out. */
  signOut: () => void;
  /** Asks GET /session; concurrent calls share one request. Null when it had no answer. */
  refreshUserProfile: () => Promise<User | null>;
  /** `fetch` for guarded paths of the server, which renews a stale token once. */
  fetch: (path: string, init?: RequestInit) => Promise<Response>;
  /** Watches for an upgrade that has just been paid for. */
  watchUpgrade: (options?: WatchOptions) => Promise<UpgradeOutcome>;
  /** Ends the watch in every tab; it resolves `cancelled`. */
  cancelUpgrade: () => void;
  /** Stops for good, whoever else still counts on it. */
  destroy: () => void;
}

export function createTierClient(
  options: TierClientOptions,
  environment?: Environment,
): TierClient {
  const roles = options.roles ?? DEFAULT_ROLES;
  const store = createStore(roles);
  let engine: Engine | null = null;
  const starts = new Set<() => void>();
  let destroyed = false;
  /**
   * Calls made before it is known who is signed in, or even before the start: React runs a child's
   * effects before its provider's.
   */
  let early: ((seat: Seat | null) => void)[] = [];

  function start(): () => void {
    const stop = (): void => {
      if (starts.delete(stop) && starts.size === 0) halt();
    };
    starts.add(stop);
    if (!destroyed) {
      engine ??= new Engine({
        options,
        roles,
        store,
        env: environment ?? browser(),
        onSeat: release,
      });
    }
    return stop;
  }

  function halt(): void {
    engine?.close();
    engine = null;
  }

  function release(seat: Seat | null): void {
    const released = early;
    early = [];
    for (const resolve of released) resolve(seat);
  }

  function seated(): Promise<Seat | null> {
    if (engine?.seat) return Promise.resolve(engine.seat);
    if (destroyed || store.getSnapshot().status === 'signed_out') return Promise.resolve(null);
    return new Promise((resolve) => early.push(resolve));
  }

  return {
    getSnapshot: store.getSnapshot,
    getServerSnapshot: () => INITIAL,
    subscribe: store.subscribe,
    start,
    signedIn: () => engine?.identify(),
    signOut: () => {
      engine?.seat?.tabs.post({ type: 'SIGN_OUT' });
      engine?.leave();
    },
    refreshUserProfile: async () => {
      const profile = await (await seated())?.profile();
      return profile?.answer === 'ok' ? profile.user : null;
    },
    fetch: async (path, init) => {
      const seat = await seated();
      if (!seat) throw new Error('nobody is signed in');
      return seat.session.fetch(path, init);
    },
    watchUpgrade: async (watch = {}) => (await seated())?.watchUpgrade(watch) ?? 'cancelled',
    cancelUpgrade: () => engine?.seat?.upgrade.cancel(),
    destroy: () => {
      destroyed = true;
      halt();
      release(null);
    },
  };
}
