// Everything in this tab that begins and ends with one user's sign-in: tokens, election, connection
// and watch. It builds them, connects them, and tears them down.

import { createApi } from './api.js';
import type { Api, Profile } from './api.js';
import { createConnection } from './connection.js';
import { createElection } from './election.js';
import type { Environment } from './environment.js';
import type { Report } from './errors.js';
import type { Load } from './load.js';
import type { TierClientOptions } from './options.js';
import type { Place } from './place.js';
import type { Store } from './store.js';
import { createSync } from './sync.js';
import type { SessionMessage, Tabs } from './tabs.js';
import { createTokens, userChanged } from './tokens.js';
import type { User } from './types.js';
import { createUpgrade } from './upgrade.js';
import type { Upgrade } from './upgrade.js';

export interface UserSessionOptions {
  load: Load;
  options: TierClientOptions;
  store: Store;
  env: Environment;
  place: Place;
  tabs: Tabs;
  report: Report;
  userId: string;
  /** The host's token is this one: of another user, of nobody, or unreadable. */
  onOtherUser: (token: string | null) => void;
  /** A frame is about another user. */
  onForeignFrame: () => void;
  /** The server ended this sign-in. */
  onRevoked: (token: string, code: string) => void;
}

/** Null: nobody is signed in. Undefined: that is not known for the time being. */
export type Identified = UserSession | null | undefined;

export interface UserSession {
  readonly userId: string;
  readonly upgrade: Upgrade;
  fetch: Api['fetch'];
  poll: () => Promise<Profile>;
  receive: (message: SessionMessage) => void;
  /** The page is shown, or the network is back. */
  wake: () => void;
  resume: () => void;
  /** The page is about to freeze: releases lock and socket, so that a running tab can take them. */
  suspend: () => void;
  close: () => void;
}

export function createUserSession(parts: UserSessionOptions): UserSession {
  const { store, place, tabs, userId } = parts;
  const post = (message: SessionMessage): void => tabs.post(userId, message);
  const shared = { ...parts, ...place, post };
  let closed = false;

  const tokens = createTokens({
    ...shared,
    publish: (update) => sync.publish(update),
    share: (from, to) => post({ type: 'TOKEN', from, to }),
  });
  const api = createApi({ ...shared, tokens });
  const sync = createSync({
    ...shared,
    api,
    adopt: tokens.adopt,
    observe: (user: User) => upgrade.observe(user),
  });
  const { poll } = sync;
  const upgrade = createUpgrade({ ...shared, ...sync, fetch: api.fetch });
  const connection = createConnection({ ...shared, ...sync, tokens });
  const election = createElection({
    ...shared,
    live: tabs.live,
    onPosition: (position) => {
      store.patch({ position });
      if (position === 'follower') connection.stop();
      else connection.start();
    },
    onWatched: (wake) => (wake ? connection.wake() : connection.watched()),
  });

  function suspend(): void {
    election.leave();
    connection.stop();
  }

  async function fetch(path: string, init?: RequestInit): Promise<Response> {
    const response = await api.fetch(path, init);
    // What was asked for as one user is not handed to a page of another.
    if (closed) throw userChanged();
    // Finds out whether this sign-in is over.
    if (response.status === 401) void poll();
    return response;
  }

  upgrade.load();
  return {
    userId,
    upgrade,
    fetch,
    poll,
    receive: (message) => {
      if (message.type === 'PROBE' || message.type === 'ALIVE') election.receive(message);
      else sync.receive(message);
    },
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
      closed = true;
      tokens.close();
      sync.close();
      upgrade.stop();
      suspend();
    },
  };
}
