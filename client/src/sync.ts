// How a user's state travels: it arrives by socket, poll or tab, passes through the store's rule,
// and goes on to the other tabs if it came from outside the browser.

import type { Api, Profile } from './api.js';
import type { Environment } from './environment.js';
import * as limits from './limits.js';
import type { Frame } from './parse.js';
import type { Store, Update } from './store.js';
import type { Tabs, UpdateMessage } from './tabs.js';
import type { Tokens } from './tokens.js';
import type { User } from './types.js';

export interface SyncOptions {
  env: Pick<Environment, 'now' | 'random' | 'setTimer'>;
  store: Store;
  tabs: Pick<Tabs, 'post'>;
  tokens: Pick<Tokens, 'adopt'>;
  api: Pick<Api, 'profile' | 'refresh'>;
  /** Called with each state that the store accepts. */
  observe: (user: User) => void;
}

export interface Sync {
  /** Applies a frame from this tab's socket. */
  onFrame: (frame: Frame) => void;
  /** Applies a message from another tab. */
  receive: (message: UpdateMessage) => void;
  /** Applies GET /session; concurrent calls share one request. */
  poll: () => Promise<Profile>;
  /** Renews a stale token and hands it to the other tabs. */
  refresh: (stale: string) => Promise<string | null>;
  /** Nothing is applied from now on. */
  close: () => void;
}

export function createSync(options: SyncOptions): Sync {
  const { env, store, tabs, tokens, api, observe } = options;
  let polling: Promise<Profile> | null = null;
  /** The newest revocation id for which some tab has a fresh token. */
  let confirmed = -1;
  let closed = false;

  function publish(update: Update): void {
    const { user, via } = update;
    const applied = closed ? 'stale' : store.apply(update, env.now());
    if (applied === 'stale') return;
    observe(user);
    if (applied === 'same' || via === 'tab') return;
    const change = applied === 'change' ? store.getSnapshot().lastChange : null;
    tabs.post(change ?? { type: 'REFRESH', user });
    // A role change makes the token stale, and fetching the profile renews it. Nobody waits for that,
    // so each tab with a socket picks a random moment, and the REFRESH of the first spares the others.
    if (change && via === 'socket') {
      pollAfter(env.random() * limits.PROFILE_JITTER_MS_MAX, () => confirmed < user.revocationId);
    }
  }

  function pollAfter(ms: number, stillNeeded: () => boolean): void {
    env.setTimer(() => {
      if (!closed && stillNeeded()) void poll();
    }, ms);
  }

  function poll(): Promise<Profile> {
    polling ??= applyProfile().finally(() => {
      polling = null;
    });
    return polling;
  }

  async function applyProfile(): Promise<Profile> {
    const profile = await api.profile();
    if (profile.outcome === 'ok') {
      confirmed = profile.user.revocationId;
      publish({ user: profile.user, via: 'poll' });
    } else if (profile.outcome === 'refused') {
      if (!closed) store.patch({ user: null, status: 'signed_out' });
    } else if (!store.getSnapshot().user) {
      // A page that shows no user yet cannot wait for the next change.
      pollAfter(limits.IDENTIFY_RETRY_DELAY_MS, () => true);
    }
    return profile;
  }

  return {
    onFrame: (frame) => {
      if (frame.type !== 'PONG') publish({ ...frame, via: 'socket' });
    },
    receive: (message) => {
      if (message.type === 'REFRESH' && message.accessToken !== undefined) {
        confirmed = message.user.revocationId;
        void tokens.adopt(message.accessToken);
      }
      publish({ ...message, via: 'tab' });
    },
    poll,
    refresh: async (stale) => {
      const renewal = await api.refresh(stale);
      if (!renewal) return null;
      const { accessToken, user } = renewal;
      if (user) {
        publish({ user, via: 'poll' });
        tabs.post({ type: 'REFRESH', user, accessToken });
      }
      return accessToken;
    },
    close: () => void (closed = true),
  };
}
