// Elects the one tab of a browser that keeps the socket: the holder of a Web Lock. The lock moves on
// by itself when its holder closes. A page that is about to freeze releases it, and a leader that
// hangs loses it to the follower whose probe it does not reply to.
// It knows nothing of sockets. A tab is solo where Web Locks or BroadcastChannel are missing, refused
// or silent: it never waits for a lock in a loop.

import type { Environment, Locks } from './environment.js';
import * as limits from './limits.js';
import type { ElectionMessage } from './tabs.js';
import type { TabPosition } from './types.js';

export interface ElectionOptions {
  /** Name of the leader's lock. */
  name: string;
  env: Pick<Environment, 'locks' | 'abortable' | 'visible' | 'random' | 'setTimer'>;
  /** Whether this tab hears the others. A follower that does not would be left behind. */
  live: boolean;
  post: (message: ElectionMessage) => void;
  onPosition: (position: TabPosition) => void;
  /** A follower is being looked at: this leader should test its socket, at once if it woke up. */
  onWatched: (wake: boolean) => void;
}

export interface Election {
  join: () => void;
  leave: () => void;
  /** Checks that the leader is alive, because the page is shown or the network is back. */
  probeLeader: (wake: boolean) => void;
  receive: (message: ElectionMessage) => void;
}

/** A request for the lock: it waits, or holds the lock until it is dropped. */
interface LockRequest {
  dropped: boolean;
  drop: () => void;
}

export function createElection(options: ElectionOptions): Election {
  const { env, live, post, onPosition, onWatched } = options;
  let position: TabPosition | null = null;
  let request: LockRequest | null = null;
  /** How often this tab lost the lock. */
  let losses = 0;
  let cancelTakeover: (() => void) | null = null;
  let cancelInterval: (() => void) | undefined;
  let cancelRequest: (() => void) | undefined;

  function take(next: TabPosition): void {
    position = next;
    onPosition(next);
  }

  function drop(): void {
    leaderAlive();
    cancelRequest?.();
    request?.drop();
    request = null;
  }

  function solo(): void {
    drop();
    take('solo');
  }

  function probeRegularly(): void {
    cancelInterval = env.setTimer(() => {
      probeRegularly();
      if (env.visible()) probeLeader(false);
    }, limits.PROBE_INTERVAL_MS);
  }

  function probeLeader(wake: boolean): void {
    probe(wake, limits.PROBE_REPLY_MS_MIN + env.random() * limits.PROBE_REPLY_MS_JITTER);
  }

  function probe(wake: boolean, patienceMs: number): void {
    if (position !== 'follower') return;
    cancelTakeover ??= env.setTimer(() => {
      cancelTakeover = null;
      steal();
    }, patienceMs);
    post({ type: 'PROBE', wake });
  }

  function leaderAlive(): void {
    cancelTakeover?.();
    cancelTakeover = null;
  }

  function steal(): void {
    requestLock({ steal: true });
    // A theft is granted at once. A platform that does not answer it never grants anything.
    cancelRequest = env.setTimer(() => {
      if (position === 'follower') solo();
    }, limits.STEAL_MS_MAX);
  }

  function requestLock(how: { steal?: true }): void {
    drop();
    const { locks } = env;
    if (!locks) return solo();
    const abort = how.steal ? null : env.abortable();
    const held = createLockRequest(abort);
    request = held;
    // The platform accepts either a signal or a theft, not both.
    const parameters = abort ? { signal: abort.signal } : how;
    ask(locks, options.name, parameters, () => (held.dropped ? undefined : lead(held))).catch(
      (error: unknown) => {
        if (request === held) lost(error);
      },
    );
  }

  async function lead(held: LockRequest & { released: Promise<void> }): Promise<void> {
    leaderAlive();
    cancelRequest?.();
    take('leader');
    post({ type: 'ALIVE' });
    await held.released;
  }

  /** Another tab stole the lock, or the page may not have one. */
  function lost(error: unknown): void {
    losses += 1;
    const stolen = (error as Error | undefined)?.name === 'AbortError';
    // Tabs that steal from each other do not hear each other.
    if (!stolen || losses > limits.LOCK_LOSSES_MAX) return solo();
    request = null;
    take('follower');
    cancelRequest = env.setTimer(() => requestLock({}), limits.LOCK_RETRY_DELAY_MS);
  }

  return {
    join: () => {
      if (position) return;
      losses = 0;
      if (!env.locks || !live) return take('solo');
      take('follower');
      requestLock({});
      // Reveals locks that never answer. A leader that is merely busy has the time to reply.
      cancelRequest = env.setTimer(() => probe(false, limits.JOIN_REPLY_MS_MAX), limits.JOIN_MS);
      probeRegularly();
    },
    leave: () => {
      drop();
      cancelInterval?.();
      position = null;
    },
    probeLeader,
    receive: (message) => {
      if (message.type === 'ALIVE') return leaderAlive();
      if (position !== 'leader') return;
      post({ type: 'ALIVE' });
      onWatched(message.wake);
    },
  };
}

function createLockRequest(abort: AbortController | null) {
  let release = (): void => undefined;
  const released = new Promise<void>((resolve) => (release = resolve));
  const held = {
    dropped: false,
    released,
    drop: (): void => {
      held.dropped = true;
      release();
      abort?.abort();
    },
  };
  return held;
}

/** What `locks.request` throws becomes a rejection. */
async function ask(
  locks: Locks,
  name: string,
  how: LockOptions,
  callback: () => Promise<void> | undefined,
): Promise<void> {
  await locks.request(name, how, callback);
}
