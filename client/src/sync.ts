// How a user's state travels: it arrives by socket, poll or tab, passes through the store's rule,
// and goes on to the other tabs if it came from outside the browser. A state that nobody confirms is
// marked and asked for again, ever more rarely.

import type { Api, Profile } from './api.js';
import { backoffMs } from './connection-machine.js';
import type { Environment } from './environment.js';
import type { Report } from './errors.js';
import * as limits from './limits.js';
import type { Frame } from './parse.js';
import { compare } from './store.js';
import type { Store, Update } from './store.js';
import type { SessionMessage, UpdateMessage } from './tabs.js';
import type { User, Version } from './types.js';

export interface SyncOptions {
  env: Pick<Environment, 'now' | 'random' | 'setTimer'>;
  store: Store;
  post: (message: SessionMessage) => void;
  adopt: (from: string, to: string) => void;
  api: Pick<Api, 'profile' | 'exchange'>;
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
  /** Exchanges a stale token, and applies the state that comes with the new one. */
  exchange: (stale: string) => Promise<string | null>;
  /** Nothing is applied from now on. */
  close: () => void;
}

/** Refusals that only another sign-in ends. */
const SIGNED_OUT_CODES: string[] = ['token.revoked', 'token.session_expired'];

export function createSync(options: SyncOptions): Sync {
  const { env, store, post, adopt, api, report, observe, onRevoked } = options;
  let polling: Promise<Profile> | null = null;
  /** The newest version for which some tab has a fresh token. */
  let renewedFor: Version | null = null;
  let closed = false;
  let attempt = 0;
  let cancelRetry: (() => void) | null = null;

  function publish(update: Update): boolean {
    if (closed) return false;
    const { user, via } = update;
    const wasStale = store.getSnapshot().isStale;
    const applied = store.apply(update, env.now());
    if (applied === 'stale') return false;
    recovered();
    observe(user);
    if (via === 'tab' || (applied === 'same' && !wasStale)) return true;
    const change = applied === 'change' ? store.getSnapshot().lastChange : null;
    post(change ?? { type: 'REFRESH', user });
    // A role change makes the token stale, and fetching the profile renews it. Nobody waits for that,
    // so each tab with a socket picks a random moment, and the renewal of the first spares the others.
    if (change && via === 'socket') renewSoon(user);
    return true;
  }

  function renewSoon(version: Version): void {
    env.setTimer(() => {
      if (!closed && (!renewedFor || compare(renewedFor, version) < 0)) void poll();
    }, env.random() * limits.PROFILE_JITTER_MS_MAX);
  }

  function recovered(): void {
    attempt = 0;
    cancelRetry?.();
    cancelRetry = null;
  }

  /** Asks again while this page shows nothing, or something that is not confirmed. */
  function retryLater(): void {
    cancelRetry?.();
    cancelRetry = env.setTimer(() => void poll(), backoffMs((attempt += 1), env.random));
  }

  function poll(): Promise<Profile> {
    polling ??= applyProfile().finally(() => {
      polling = null;
    });
    return polling;
  }

  async function applyProfile(): Promise<Profile> {
    let profile = await api.profile(null);
    // The server is behind what this page has seen. Only if it is told so can it know better.
    if (profile.outcome === 'ok' && isBehind(profile.user)) {
      profile = await api.profile(store.version());
    }
    if (closed) return profile;
    if (profile.outcome === 'ok') {
      renewedFor = profile.user;
      const { user, roles } = profile;
      if (!publish({ user, roles, via: 'poll' })) retryLater();
      return profile;
    }
    const { code } = profile;
    if (profile.outcome === 'refused' && SIGNED_OUT_CODES.includes(code)) {
      onRevoked(profile.token, code);
      return profile;
    }
    const { position, user } = store.getSnapshot();
    const error = report(code);
    if (user && position !== 'follower') post({ type: 'STALE', error });
    retryLater();
    return profile;
  }

  function isBehind(user: User): boolean {
    return !closed && compare(user, store.version()) < 0;
  }

  return {
    onFrame: (frame) => {
      if ('user' in frame) publish({ ...frame, via: 'socket' });
    },
    receive: (message) => {
      if (closed) return;
      if (message.type === 'STALE') store.fail(message.error);
      else if (message.type !== 'TOKEN') publish({ ...message, via: 'tab' });
      else {
        renewedFor = store.version();
        adopt(message.from, message.to);
      }
    },
    poll,
    exchange: async (stale) => {
      const renewal = await api.exchange(stale);
      if (renewal?.user) publish({ user: renewal.user, via: 'poll' });
      return renewal?.accessToken ?? null;
    },
    close: () => {
      closed = true;
      cancelRetry?.();
    },
  };
}
