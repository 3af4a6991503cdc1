// Elects the one tab of a browser that keeps the socket: the holder of a Web Lock. The lock moves on
// by itself when its holder closes. A page that is about to freeze releases it, and a leader that
// hangs loses it to the follower whose probe it does not reply to.
// It knows nothing of sockets. Without Web Locks and BroadcastChannel, every tab is solo.

import type { Environment } from './environment.js';
import * as limits from './limits.js';
import type { ElectionMessage } from './tabs.js';
import type { TabPosition } from './types.js';

export interface ElectionOptions {
  /** Name of the leader's lock. */
  name: string;
  env: Pick<Environment, 'locks' | 'channel' | 'visible' | 'random' | 'setTimer'>;
  post: (message: ElectionMessage) => void;
  onPosition: (position: TabPosition) => void;
  /** A follower woke up: this leader should test its socket. */
  onWake: () => void;
}

export interface Election {
  join: () => void;
  leave: () => void;
  /** Checks that the leader is alive, because the page is shown or the network is back. */
  probeLeader: (wake: boolean) => void;
  receive: (message: ElectionMessage) => void;
}

export function createElection({ name, env, post, onPosition, onWake }: ElectionOptions): Election {
  let position: TabPosition | null = null;
  /** This tab's lock request: it waits for the lock, or holds it until it is aborted. */
  let lockRequest: AbortController | null = null;
  let cancelTakeover: (() => void) | null = null;
  let cancelInterval: (() => void) | undefined;

  function take(next: TabPosition): void {
    position = next;
    onPosition(next);
  }

  function follow(): void {
    take('follower');
    requestLock({});
  }

  function probeRegularly(): void {
    cancelInterval = env.setTimer(() => {
      probeRegularly();
      if (env.visible()) probeLeader(false);
    }, limits.PROBE_INTERVAL_MS);
  }

  function probeLeader(wake: boolean): void {
    if (position !== 'follower' || cancelTakeover) return;
    const patienceMs = limits.PROBE_REPLY_MS_MIN + env.random() * limits.PROBE_REPLY_MS_JITTER;
    cancelTakeover = env.setTimer(() => {
      cancelTakeover = null;
      if (position === 'follower') requestLock({ steal: true });
    }, patienceMs);
    post({ type: 'PROBE', wake });
  }

  function leaderAlive(): void {
    cancelTakeover?.();
    cancelTakeover = null;
  }

  /** Queues for the lock, or steals it from a leader that does not reply. */
  function requestLock(options: { steal?: true }): void {
    lockRequest?.abort();
    const mine = (lockRequest = new AbortController());
    // The platform accepts either a signal or a theft, not both.
    const request = options.steal ? options : { signal: mine.signal };
    const held = env.locks?.request(name, request, () => lead(mine.signal));
    held?.catch(() => {
      // Either another tab stole the lock, or this tab gave up the request.
      if (lockRequest === mine) follow();
    });
  }

  async function lead(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    leaderAlive();
    take('leader');
    post({ type: 'ALIVE' });
    await aborted(signal);
  }

  return {
    join: () => {
      if (position) return;
      // A follower that cannot receive its leader's messages would be left behind.
      if (!env.locks || !env.channel) return take('solo');
      follow();
      probeRegularly();
    },
    leave: () => {
      leaderAlive();
      cancelInterval?.();
      lockRequest?.abort();
      lockRequest = position = null;
    },
    probeLeader,
    receive: (message) => {
      if (message.type === 'ALIVE') return leaderAlive();
      if (position !== 'leader') return;
      post({ type: 'ALIVE' });
      if (message.wake) onWake();
    },
  };
}

function aborted(signal: AbortSignal): Promise<unknown> {
  return new Promise((resolve) => signal.addEventListener('abort', resolve));
}
