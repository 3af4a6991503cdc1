// A started client: finds out which user is signed in, and reacts to the page's own life, such as
// freezing and waking up. It knows only the user's id; the user session does everything else.

import type { Environment } from './environment.js';
import * as limits from './limits.js';
import type { TierClientOptions } from './options.js';
import { subjectOf } from './parse.js';
import type { Store } from './store.js';
import type { UserRole } from './types.js';
import { createUserSession } from './user-session.js';
import type { UserSession } from './user-session.js';

export interface LifecycleOptions {
  options: TierClientOptions;
  roles: readonly UserRole[];
  store: Store;
  env: Environment;
  /** The token has been read: this user is signed in, or nobody is. */
  onIdentified: (session: UserSession | null) => void;
}

export interface Lifecycle {
  readonly session: UserSession | null;
  /** Reads the token again, after a user has signed in or changed. */
  identify: () => void;
  /** Signs out every tab, and makes the host forget the token. */
  signOut: () => void;
  close: () => void;
}

export function createLifecycle(parts: LifecycleOptions): Lifecycle {
  const { options, store, env, onIdentified } = parts;
  const identification = createIdentification(parts, enter);
  let session: UserSession | null = null;
  let suspended = false;

  function enter(userId: string | null): void {
    if (session?.userId !== userId) {
      closeSession();
      store.identify(userId);
    }
    if (session) session.wake();
    else if (userId !== null) session = createUserSession({ ...parts, userId, onSignOut: leave });
    if (!suspended) session?.resume();
    onIdentified(session);
  }

  function leave(): void {
    identification.cancel();
    session?.upgrade.cancel();
    closeSession();
    store.identify(null);
    options.onSignOut?.();
  }

  function closeSession(): void {
    session?.close();
    session = null;
  }

  function wake(): void {
    if (!env.visible()) return;
    if (store.getSnapshot().status === 'ready') session?.wake();
    else identification.start();
  }

  function suspend(): void {
    suspended = true;
    session?.suspend();
  }

  function resume(): void {
    if (suspended) session?.resume();
    suspended = false;
  }

  const unlisten = [
    env.listen('online', wake),
    env.listen('visibilitychange', wake),
    env.listen('freeze', suspend),
    env.listen('pagehide', suspend),
    env.listen('resume', resume),
    env.listen('pageshow', resume),
    env.listen('storage', () => session?.upgrade.follow()),
  ];
  identification.start();

  return {
    get session() {
      return session;
    },
    identify: identification.start,
    signOut: () => {
      session?.signOut();
      leave();
    },
    close: () => {
      identification.cancel();
      for (const off of unlisten) off();
      closeSession();
    },
  };
}

/** Reads the user id from the host's token. It retries a host that fails to provide the token. */
function createIdentification(
  { options, env }: LifecycleOptions,
  onUserId: (userId: string | null) => void,
) {
  /** Counts the reads, so that a slow one cannot undo a later one. */
  let round = 0;
  let cancelRetry: (() => void) | undefined;

  async function read(): Promise<string | null> {
    const token = await options.getToken({ reason: 'load' });
    return token && subjectOf(token);
  }

  function cancel(): void {
    round += 1;
    cancelRetry?.();
  }

  function start(): void {
    cancel();
    const current = round;
    read().then(
      (userId) => {
        if (current === round) onUserId(userId);
      },
      () => {
        // A host that fails to provide its token has not signed out.
        if (current === round) cancelRetry = env.setTimer(start, limits.IDENTIFY_RETRY_DELAY_MS);
      },
    );
  }

  return { start, cancel };
}
