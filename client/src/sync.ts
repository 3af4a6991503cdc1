// How a user's state travels: it arrives by socket, poll or tab, passes through the store's rule,
// and goes on to the other tabs if it came from outside the browser.

import type { Api, Profile } from './api.js';
import type { Environment } from './environment.js';
import type { Report } from './errors.js';
import type { Frame } from './frames.js';
import * as limits from './limits.js';
import { createPoller } from './poller.js';
import { compare } from './store.js';
import type { Store, Update } from './store.js';
import type { SessionMessage, UpdateMessage } from './tabs.js';
import type { User, Version } from './types.js';

export interface SyncOptions {
  env: Pick<Environment, 'now' | 'random' | 'setTimer'>;
  store: Store;
  post: (message: SessionMessage) => void;
  adopt: (from: string, to: string) => void;
  api: Pick<Api, 'profile'>;
  report: Report;
  /** Called with each state that the store accepts. */
  observe: (user: User) => void;
  /** The server ended the sign-in that this token belongs to. */
  onRevoked: (token: string, code: string) => void;
}

export interface Sync {
  /** Applies a frame from this tab's socket. */
  onFrame: (frame: Frame) => void;
  /** Applies a message from another tab. */
  receive: (message: UpdateMessage) => void;
  /** Applies GET /session; concurrent calls share one request. */
  poll: () => Promise<Profile>;
  /** Applies the state that came with an answer. Returns false if it is older than what was seen. */
  publish: (update: Update) => boolean;
  /** Nothing is applied from now on. */
  close: () => void;
}

export function createSync(options: SyncOptions): Sync {
  const { env, store, post, adopt, observe } = options;
  const poller = createPoller({
    ...options,
    onUser: (user, roles) => {
      renewedFor = user;
      return publish({ user, roles, via: 'poll' });
    },
    onFailed: (error) => {
      const { user, position } = store.getSnapshot();
      if (user && position !== 'follower') post({ type: 'STALE', error });
    },
  });
  /** The newest version for which some tab has a fresh token. */
  let renewedFor: Version | null = null;
  let closed = false;

  function publish(update: Update): boolean {
    if (closed) return false;
    const { user, via } = update;
    const wasStale = store.getSnapshot().isStale;
    const applied = store.apply(update, env.now());
    if (applied === 'stale') return false;
    poller.confirm();
    observe(user);
    if (via === 'tab' || (applied === 'same' && !wasStale)) return true;
    const change = applied === 'change' ? store.getSnapshot().lastChange : null;
    post(change ?? { type: 'REFRESH', user });
    if (change && via === 'socket') renewSoon(user);
    return true;
  }

  /**
   * A role change makes the token stale, and fetching the profile renews it. Nobody waits for that, so
   * each tab with a socket picks a random moment, and the renewal of the first spares the others.
   */
  function renewSoon(version: Version): void {
    env.setTimer(() => {
      if (!closed && (!renewedFor || compare(renewedFor, version) < 0)) void poller.poll();
    }, env.random() * limits.PROFILE_JITTER_MS_MAX);
  }

  function receive(message: UpdateMessage): void {
    if (message.type === 'STALE') {
      store.fail(message.error);
      poller.doubt();
    } else if (message.type !== 'TOKEN') publish({ ...message, via: 'tab' });
    else {
      renewedFor = store.version();
      adopt(message.from, message.to);
    }
  }

  return {
    onFrame: (frame) => {
      if ('user' in frame) publish({ ...frame, via: 'socket' });
    },
    receive,
    poll: poller.poll,
    publish,
    close: () => {
      closed = true;
      poller.close();
    },
  };
}
