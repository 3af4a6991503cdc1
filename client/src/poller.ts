// Asks GET /session: concurrent calls share one request, an answer that is behind is asked for once
// more, and what nobody confirms is asked for again, ever more rarely.

import type { Api, Profile } from './api.js';
import { backoffMs } from './backoff.js';
import type { Environment } from './environment.js';
import type { Report } from './errors.js';
import { compare } from './store.js';
import type { Store } from './store.js';
import { createTimer } from './timer.js';
import type { TierError, User, UserRole } from './types.js';

export interface PollerOptions {
  env: Pick<Environment, 'random' | 'setTimer'>;
  store: Pick<Store, 'version'>;
  api: Pick<Api, 'profile'>;
  report: Report;
  /** Returns false if the answer is older than what was seen. */
  onUser: (user: User, roles: readonly UserRole[] | null) => boolean;
  /** No answer, or none that can be used, for this reason. */
  onFailed: (error: TierError) => void;
  /** The server ended the sign-in that this token belongs to. */
  onRevoked: (token: string, code: string) => void;
}

export interface Poller {
  /** It never rejects. */
  poll: () => Promise<Profile>;
  /** The state is confirmed, so nothing needs to be asked again. */
  confirm: () => void;
  /** Another tab cannot confirm the state: asks before long, unless it is confirmed until then. */
  doubt: () => void;
  /** Answers are dropped from now on. */
  close: () => void;
}

/** Refusals that only another sign-in ends. */
const isSignedOut = (code: string): boolean => /^token\.(revoked|session_expired)$/.test(code);

export function createPoller(options: PollerOptions): Poller {
  const { env, store, api, report, onUser, onFailed, onRevoked } = options;
  let polling: Promise<Profile> | null = null;
  let closed = false;
  let attempt = 0;
  const timer = createTimer(env);

  function confirm(): void {
    attempt = 0;
    timer.clear();
  }

  function retry(attempts: number): void {
    timer.set(() => void poll(), backoffMs(attempts, env.random));
  }

  const retryLater = (): void => retry((attempt += 1));

  function poll(): Promise<Profile> {
    polling ??= ask().finally(() => {
      polling = null;
    });
    return polling;
  }

  async function ask(): Promise<Profile> {
    let profile = await api.profile(null);
    const seen = store.version();
    // The server is behind what this page has seen. Only if it learns that can it correct itself.
    const behind = profile.outcome === 'ok' && compare(profile.user, seen) < 0;
    if (behind && !closed) profile = await api.profile(seen);
    if (!closed) apply(profile);
    return profile;
  }

  function apply(profile: Profile): void {
    if (profile.outcome === 'ok') {
      if (!onUser(profile.user, profile.roles)) retryLater();
    } else if (profile.outcome === 'refused' && isSignedOut(profile.code)) {
      onRevoked(profile.token, profile.code);
    } else {
      onFailed(report(profile.code));
      retryLater();
    }
  }

  return {
    poll,
    confirm,
    doubt: () => {
      if (!timer.isSet()) retry(Infinity);
    },
    close: () => {
      closed = true;
      confirm();
    },
  };
}
