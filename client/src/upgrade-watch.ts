// Watches for an upgrade that has been paid for: polls at once and then ever more rarely for a
// minute, while the socket may be faster. The watch is kept in localStorage, so it survives a reload
// and every tab knows of it. It accepts only what arrives after it began, and it never decides what
// a user may do.
//
//              start, another tab's start           user reaches the role
//   ┌──────┐                             ┌─────────┐                      ┌──────────┐
//   │ idle │────────────────────────────▶│ pending │─────────────────────▶│ upgraded │
//   └──────┘◀────────────────────────────└─────────┘                      └──────────┘
//       ▲              cancel             │      ▲                             ▲
//       │                    minute over  ▼      │ start (retry)               │
//       │            cancel           ┌───────────┐   user reaches the role    │
//       └─────────────────────────────│ timed_out │────────────────────────────┘
//                                     └───────────┘

import type { Environment } from './environment.js';
import * as limits from './limits.js';
import { parseJson } from './parse.js';
import { reaches } from './roles.js';
import { INITIAL } from './store.js';
import type { Store } from './store.js';
import type { UpgradeOutcome, User, UserRole } from './types.js';
import { createWaiters } from './waiters.js';

/** A watch as it is stored. */
interface Watch {
  v: 1;
  userId: string;
  /** The role that was paid for. */
  role: UserRole;
  startedAt: number;
  status: 'pending' | 'upgraded' | 'timed_out';
}

export interface UpgradeWatchOptions {
  /** Key of the stored watch. */
  key: string;
  userId: string;
  env: Pick<Environment, 'storage' | 'now' | 'setTimer'>;
  /** GET /session; the user it returns arrives through `observe`. It never rejects. */
  poll: () => Promise<unknown>;
  /** The server's roles, lowest first. */
  roles: readonly UserRole[];
  store: Pick<Store, 'patch' | 'getSnapshot'>;
}

export interface UpgradeWatch {
  /**
   * Begins a watch, or joins a pending one for the same role. The role defaults to the last watch's,
   * then to the second-lowest one.
   */
  start: (role: UserRole | undefined) => Promise<UpgradeOutcome>;
  /** After a page load: continues the stored watch and polls at once. */
  load: () => void;
  /** Another tab changed the stored watch: shows the same, and leaves the polling to that tab. */
  follow: () => void;
  observe: (user: User) => void;
  cancel: () => void;
  /** Stops the timers and leaves the stored watch to the next page. */
  stop: () => void;
}

export function createUpgradeWatch(options: UpgradeWatchOptions): UpgradeWatch {
  const { userId, env, poll, roles, store } = options;
  const outcome = createWaiters<UpgradeOutcome>();
  let watch: Watch | null = null;
  /** Whether this tab polls itself, rather than leaving that to the tab that began the watch. */
  let polls = false;
  const schedule = createSchedule(env, onAttempt, () => finish('timed_out'));

  async function onAttempt(attempt: number): Promise<void> {
    store.patch({ upgrade: { ...store.getSnapshot().upgrade, status: 'pending', attempt } });
    // The leader polls for every tab, because the tab that began the watch may be gone.
    if (polls || store.getSnapshot().position !== 'follower') await poll();
  }

  function begin(next: Watch): void {
    watch = next;
    schedule.start(next.startedAt);
  }

  function finish(status: 'upgraded' | 'timed_out'): void {
    if (!watch) return;
    schedule.stop();
    watch = write(options, { ...watch, status });
    store.patch({ upgrade: { ...store.getSnapshot().upgrade, status } });
    outcome.resolve(status);
  }

  function stop(): void {
    schedule.stop();
    watch = null;
    outcome.resolve('cancelled');
  }

  function forget(): void {
    stop();
    polls = false;
    store.patch({ upgrade: INITIAL.upgrade });
  }

  function start(wanted: UserRole | undefined): Promise<UpgradeOutcome> {
    const role = wanted ?? watch?.role ?? roles[1] ?? 'paid';
    const joins = watch?.status === 'pending' && watch.role === role;
    if (joins && !polls) void poll();
    polls = true;
    if (!joins) {
      begin(write(options, { v: 1, userId, role, startedAt: env.now(), status: 'pending' }));
    }
    return outcome.wait();
  }

  function load(): void {
    const stored = read(options);
    if (!stored || stored.status === 'upgraded') return;
    polls = true;
    begin({ ...stored, status: 'pending' });
  }

  function follow(): void {
    const stored = read(options);
    if (!stored) {
      if (watch && watch.status !== 'upgraded') forget();
    } else if (stored.status !== 'pending') {
      if (watch?.status === 'pending') finish(stored.status);
    } else if (stored.startedAt !== watch?.startedAt) {
      polls = false;
      begin(stored);
    }
  }

  function observe(user: User): void {
    if (watch && watch.status !== 'upgraded' && reaches(roles, user.role, watch.role))
      finish('upgraded');
  }

  function cancel(): void {
    if (!watch) return;
    env.storage.write(options.key, null);
    forget();
  }

  return { start, load, follow, observe, cancel, stop };
}

/** Makes an attempt at each of WATCH_POLL_AT_MS after the start, and ends after the last one. */
function createSchedule(
  env: UpgradeWatchOptions['env'],
  onAttempt: (attempt: number) => Promise<void>,
  onEnd: () => void,
) {
  const times = limits.WATCH_POLL_AT_MS;
  let attempt = 0;
  /** Counts starts and stops, so that an attempt that was overtaken ends nothing. */
  let round = 0;
  let cancelTimer: (() => void) | undefined;

  async function tick(startedAt: number, current: number): Promise<void> {
    const elapsedMs = env.now() - startedAt;
    // A page that slept through several times catches up with one attempt.
    const due = times.filter((at) => at <= elapsedMs).length;
    attempt = Math.min(Math.max(attempt + 1, due), times.length);
    const next = times[attempt];
    if (next !== undefined) {
      cancelTimer = env.setTimer(() => void tick(startedAt, current), next - elapsedMs);
    }
    await onAttempt(attempt);
    if (next === undefined && current === round) onEnd();
  }

  function stop(): void {
    round += 1;
    cancelTimer?.();
  }

  return {
    start: (startedAt: number): void => {
      stop();
      attempt = 0;
      void tick(startedAt, round);
    },
    stop,
  };
}

function read({ env, key, userId }: UpgradeWatchOptions): Watch | null {
  const watch = parseJson(env.storage.read(key)) as Watch | null;
  const valid = watch?.v === 1 && env.now() - watch.startedAt < limits.WATCH_AGE_MS_MAX;
  return valid && watch.userId === userId ? watch : null;
}

function write({ env, key }: UpgradeWatchOptions, watch: Watch): Watch {
  env.storage.write(key, JSON.stringify(watch));
  return watch;
}
