// Watches for an upgrade that may have been paid for: polls at once and then ever more rarely for a
// minute, while the socket may be faster. The watch is kept in localStorage under its user, so it
// survives a reload and every tab knows of it. It accepts only what arrives after it began. It never
// decides what a user may do, and it knows of no payment until the server reports one.
//
//              start, another tab's start           user reaches the role
//   ┌──────┐                             ┌─────────┐                      ┌──────────┐
//   │ idle │────────────────────────────▶│ pending │─────────────────────▶│ upgraded │
//   └──────┘◀────────────────────────────└─────────┘                      └──────────┘
//       ▲             dismiss             │      ▲                             ▲
//       │                    minute over  ▼      │ start (retry)               │
//       │           dismiss           ┌───────────┐   user reaches the role    │
//       └─────────────────────────────│ timed_out │────────────────────────────┘
//                                     └───────────┘

import type { Environment } from './environment.js';
import type { WatchOptions } from './options.js';
import { createSchedule } from './schedule.js';
import { NO_UPGRADE } from './store.js';
import type { Store } from './store.js';
import type { UpgradeOutcome, User } from './types.js';
import { createWaiters } from './waiters.js';
import { beforeOf, isReached, isSame, nextWatch, observed } from './watch.js';
import type { Before, Watch } from './watch.js';
import { readWatch, writeWatch } from './watch-storage.js';

export interface UpgradeWatchOptions {
  /** Key of the stored watch, which names the user. */
  key: string;
  userId: string;
  env: Pick<Environment, 'storage' | 'now' | 'elapsed' | 'setTimer'>;
  /** GET /session; the user it returns arrives through `observe`. It never rejects. */
  poll: () => Promise<unknown>;
  store: Pick<Store, 'patch' | 'getSnapshot'>;
}

export interface UpgradeWatch {
  /**
   * Begins a watch, or joins a pending one for the same. What it does not name is that of the last
   * watch. A checkout that was dismissed is not watched again.
   */
  start: (options: WatchOptions) => Promise<UpgradeOutcome>;
  /** After a page load: continues the stored watch and polls at once. */
  load: () => void;
  /** Another tab changed the stored watch: shows the same, and leaves the polling to that tab. */
  follow: () => void;
  observe: (user: User) => void;
  /** Ends the watch in every tab, and remembers its checkout. */
  dismiss: () => void;
  /** Ends the watch and forgets that there was one. */
  forget: () => void;
  /** Stops the timers and leaves the stored watch to the next page. */
  stop: () => void;
}

export function createUpgradeWatch(options: UpgradeWatchOptions): UpgradeWatch {
  const { userId, env, poll, store } = options;
  const outcome = createWaiters<UpgradeOutcome>();
  let watch: Watch | null = null;
  /** Whether this tab polls itself, rather than leaving that to the tab that began the watch. */
  let polls = false;
  /** The checkout that was dismissed in this page, for where nothing can be stored. */
  let dismissed: string | null = null;
  const schedule = createSchedule(env, onAttempt, () => finish('timed_out'));

  async function onAttempt(attempt: number): Promise<void> {
    show(attempt);
    // The leader polls for every tab, because the tab that began the watch may be gone.
    if (polls || store.getSnapshot().position !== 'follower') await poll();
  }

  function show(attempt = store.getSnapshot().upgrade.attempt): void {
    if (!watch || watch.status === 'dismissed') return store.patch({ upgrade: NO_UPGRADE });
    const { status, role, checkoutSessionId, paymentKnown } = watch;
    store.patch({ upgrade: { status, attempt, role, checkoutSessionId, paymentKnown } });
  }

  function save(next: Watch): void {
    watch = next;
    writeWatch(options, next);
  }

  function begin(next: Watch): void {
    watch = next;
    // A clock that was set back makes no watch longer.
    schedule.start(Math.max(0, env.now() - next.startedAt));
  }

  function finish(status: 'upgraded' | 'timed_out'): void {
    if (!watch) return;
    schedule.stop();
    save({ ...watch, status });
    show();
    outcome.resolve(status);
  }

  function stop(): void {
    schedule.stop();
    watch = null;
    polls = false;
    outcome.resolve('cancelled');
  }

  function clear(): void {
    stop();
    show();
  }

  function start(wanted: WatchOptions): Promise<UpgradeOutcome> {
    const last = watch ?? readWatch(options);
    const checkout = wanted.checkoutSessionId;
    const gone = last?.status === 'dismissed' ? last.checkoutSessionId : dismissed;
    if (checkout && checkout === gone) return Promise.resolve('cancelled');
    const next = nextWatch(last, wanted, { userId, startedAt: env.now(), before: shownState() });
    const joins = watch?.status === 'pending' && isSame(watch, next);
    if (joins && !polls) void poll();
    polls = true;
    if (!joins) {
      save(next);
      schedule.start(0);
    }
    return outcome.wait();
  }

  /** The state when the watch begins, if the server has reported it. */
  function shownState(): Before | null {
    const { user, isStale } = store.getSnapshot();
    return user && !isStale ? beforeOf(user) : null;
  }

  function load(): void {
    const stored = readWatch(options);
    if (stored?.status !== 'pending' && stored?.status !== 'timed_out') return;
    polls = true;
    begin({ ...stored, status: 'pending' });
  }

  function follow(): void {
    const stored = readWatch(options);
    if (!stored || stored.status === 'dismissed') {
      if (watch && watch.status !== 'upgraded') clear();
    } else if (stored.status !== 'pending') {
      if (watch?.status === 'pending') finish(stored.status);
    } else if (stored.startedAt !== watch?.startedAt) {
      polls = false;
      begin(stored);
    }
  }

  function observe(user: User): void {
    if (watch?.status !== 'pending' && watch?.status !== 'timed_out') return;
    const { roles } = store.getSnapshot();
    const next = observed(watch, user, roles);
    if (next !== watch) save(next);
    if (isReached(next, user, roles, env.now())) finish('upgraded');
    else show();
  }

  function dismiss(): void {
    if (watch) {
      dismissed = watch.checkoutSessionId;
      save({ ...watch, status: 'dismissed' });
    }
    clear();
  }

  function forget(): void {
    writeWatch(options, null);
    clear();
  }

  return { start, load, follow, observe, dismiss, forget, stop };
}
