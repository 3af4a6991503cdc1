// Everything in this tab that begins and ends with one user's sign-in: tokens, tabs, election,
// connection and watch. It builds them, connects them, and tears them down.

import { createApi } from './api.js';
import type { Api, Profile } from './api.js';
import { createConnection } from './connection.js';
import { createElection } from './election.js';
import type { Environment } from './environment.js';
import type { TierClientOptions } from './options.js';
import type { Store } from './store.js';
import { createSync } from './sync.js';
import { createTabs } from './tabs.js';
import { createTokens } from './tokens.js';
import type { User, UserRole } from './types.js';
import { createUpgradeWatch } from './upgrade-watch.js';
import type { UpgradeWatch } from './upgrade-watch.js';

export interface UserSessionOptions {
  options: TierClientOptions;
  roles: readonly UserRole[];
  store: Store;
  env: Environment;
  userId: string;
  /** Another tab has signed this browser out. */
  onSignOut: () => void;
}

export interface UserSession {
  readonly userId: string;
  readonly upgrade: UpgradeWatch;
  fetch: Api['fetch'];
  poll: () => Promise<Profile>;
  /** Signs out the user's other tabs. */
  signOut: () => void;
  /** The page is shown, or the network is back. */
  wake: () => void;
  resume: () => void;
  /** The page is about to freeze: releases lock and socket, so that a running tab can take them. */
  suspend: () => void;
  close: () => void;
}

export function createUserSession(parts: UserSessionOptions): UserSession {
  const { options, roles, store, env, userId, onSignOut } = parts;
  const shared = { store, env, userId };
  const baseUrl = new URL(options.baseUrl ?? '', env.origin).href.replace(/\/$/, '');
  const url = options.socketUrl ?? `${baseUrl.replace(/^http/, 'ws')}/ws`;
  const name = `tierlift:${baseUrl}`;

  const tabs = createTabs({
    ...shared,
    name,
    onMessage: (message) => {
      if (message.type === 'SIGN_OUT') onSignOut();
      else if (message.type === 'PROBE' || message.type === 'ALIVE') election.receive(message);
      else sync.receive(message);
    },
  });
  const refresh = (stale: string): Promise<string | null> => sync.refresh(stale);
  const tokens = createTokens({ env, name: `${name}:refresh`, host: options, refresh });
  const api = createApi({ env, baseUrl, tokens });
  const observe = (user: User): void => upgrade.observe(user);
  const sync = createSync({ ...shared, tabs, tokens, api, observe });
  const { poll, onFrame } = sync;
  const connection = createConnection({ ...shared, url, tokens, poll, onFrame });
  const election = createElection({
    env,
    name: `${name}:leader:${userId}`,
    post: tabs.post,
    onPosition: (position) => {
      store.patch({ position });
      if (position === 'follower') connection.stop();
      else connection.start();
    },
    onWake: connection.wake,
  });
  const upgrade = createUpgradeWatch({ ...shared, key: `${name}:upgrade`, roles, poll });

  function suspend(): void {
    election.leave();
    connection.stop();
  }

  upgrade.load();
  return {
    userId,
    upgrade,
    fetch: api.fetch,
    poll,
    signOut: () => tabs.post({ type: 'SIGN_OUT' }),
    wake: () => {
      connection.wake();
      election.probeLeader(true);
    },
    resume: () => {
      election.join();
      void poll();
    },
    suspend,
    close: () => {
      sync.close();
      upgrade.stop();
      suspend();
      tabs.close();
    },
  };
}
