// Elects the one tab of a browser that keeps the socket: the holder of a Web Lock. The lock moves on
// by itself when its holder closes. A page that is about to freeze releases it, and a leader that
// hangs loses it to the follower whose probe it does not reply to.
// It knows nothing of sockets. A tab is solo where Web Locks or BroadcastChannel are missing, refused
// or silent: it never waits for a lock in a loop.

import type { Environment } from './environment.js';
import * as limits from './limits.js';
import { createLock } from './lock.js';
import type { ElectionMessage } from './tabs.js';
import { createTimer } from './timer.js';
import type { TabPosition } from './types.js';

export interface ElectionOptions {
  /** Name under which the tabs of one browser share things about this server. */
  name: string;
  userId: string;
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

export function createElection(options: ElectionOptions): Election {
  const { name, userId, env, live, post, onPosition, onWatched } = options;
  const lock = createLock({ name: `${name}:leader:${userId}`, env, onHeld, onLost });
  const probe = createProbe(options, () => position === 'follower', steal);
  let position: TabPosition | null = null;
  /** How often this tab lost the lock. */
  let losses = 0;
  const next = createTimer(env);

  function take(taken: TabPosition): void {
    position = taken;
    onPosition(taken);
  }

  function drop(): void {
    probe.answered();
    next.clear();
    lock.drop();
  }

  function solo(): void {
    drop();
    take('solo');
  }

  function queue(how: { steal?: true } = {}): void {
    drop();
    if (env.locks) lock.request(env.locks, how);
  }

  function steal(): void {
    queue({ steal: true });
    // A theft is granted at once. A platform that does not answer it never grants anything.
    next.set(() => {
      if (position === 'follower') solo();
    }, limits.STEAL_MS_MAX);
  }

  function onHeld(): void {
    probe.answered();
    next.clear();
    take('leader');
    post({ type: 'ALIVE' });
  }

  function onLost(stolen: boolean): void {
    losses += 1;
    // Tabs that steal from each other do not hear each other.
    if (!stolen || losses > limits.LOCK_LOSSES_MAX) return solo();
    take('follower');
    next.set(queue, limits.LOCK_RETRY_DELAY_MS);
  }

  return {
    join: () => {
      if (position) return;
      losses = 0;
      if (!env.locks || !live) return take('solo');
      take('follower');
      queue();
      // Reveals locks that never answer. A leader that is merely busy has the time to reply.
      next.set(() => probe.send(false, limits.JOIN_REPLY_MS_MAX), limits.JOIN_MS);
      probe.start();
    },
    leave: () => {
      drop();
      probe.stop();
      position = null;
    },
    probeLeader: probe.send,
    receive: (message) => {
      if (message.type === 'ALIVE') return probe.answered();
      if (position !== 'leader') return;
      post({ type: 'ALIVE' });
      onWatched(message.wake);
    },
  };
}

/** A follower's question whether the leader is alive, asked regularly while the page is visible. */
function createProbe(
  { env, post }: Pick<ElectionOptions, 'env' | 'post'>,
  isFollower: () => boolean,
  onSilence: () => void,
) {
  const wait = createTimer(env);
  const interval = createTimer(env);

  function send(wake: boolean, patienceMs = limits.PROBE_REPLY_MS_MIN): void {
    if (!isFollower()) return;
    const ms = patienceMs + env.random() * limits.PROBE_REPLY_MS_JITTER;
    if (!wait.isSet()) wait.set(onSilence, ms);
    post({ type: 'PROBE', wake });
  }

  function start(): void {
    interval.set(() => {
      start();
      if (env.visible()) send(false);
    }, limits.PROBE_INTERVAL_MS);
  }

  return {
    send,
    start,
    stop: interval.clear,
    answered: wait.clear,
  };
}
