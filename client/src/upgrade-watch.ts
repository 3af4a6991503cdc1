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

import { createConfirm } from './confirm.js';
import type { ConfirmOptions } from './confirm.js';
import type { Environment } from './environment.js';
import type { WatchOptions } from './options.js';
import { createSchedule } from './schedule.js';
import type { Store } from './store.js';
import type { TierSnapshot, UpgradeOutcome, User } from './types.js';
import { createWaiters } from './waiters.js';
import { isReached, isSame, nextWatch, observed, stateOf, viewOf } from './watch.js';
import { isDismissed, isOpen, readWatch, writeWatch } from './watch-storage.js';
import type { Watch } from './watch-storage.js';

export interface UpgradeWatchOptions extends ConfirmOptions {
  env: Pick<Environment, 'storage' | 'now' | 'elapsed' | 'setTimer' | 'locks'>;
  /** GET /session; the user it returns arrives through `observe`. It never rejects. */
  poll: () => Promise<unknown>;
  store: Pick<Store, 'patch' | 'getSnapshot'>;
}

/** When a watch was asked for, and what was known then. */
export interface Begun {
  snapshot: TierSnapshot;
  startedAt: number;
}

export interface UpgradeWatch {
  /**
   * Begins a watch, or joins a pending one for the same. What it does not name is that of the last
   * watch. A checkout that was dismissed is not watched again.
   */
  start: (wanted: WatchOptions, begun: Begun) => Promise<UpgradeOutcome>;
  /** After a page load: continues the stored watch and polls at once. */
  load: () => void;
  /** Another tab changed the stored watch: shows the same, and leaves the polling to that tab. */
  follow: () => void;
  observe: (user: User) => void;
  /** Ends the watch in every tab, and remembers its checkout. */
  dismiss: () => void;
  /** Stops the timers and leaves the stored watch to the next page. */
  stop: () => void;
}

export function createUpgradeWatch(options: UpgradeWatchOptions): UpgradeWatch {
  const { userId, env, poll, store } = options;
  const run = createRun(options);

  function start(wanted: WatchOptions, { snapshot, startedAt }: Begun): Promise<UpgradeOutcome> {
    const last = run.watch ?? readWatch(options);
    if (isDismissed(last, wanted)) {
      run.show();
      return Promise.resolve('cancelled');
    }
    const next = nextWatch(last, wanted, { userId, startedAt, before: stateOf(snapshot) });
    const joins = run.watch?.status === 'pending' && isSame(run.watch, next);
    if (joins && !run.polls) void poll();
    run.polls = true;
    if (!joins) {
      run.save(next);
      run.begin(next);
    }
    return run.outcome();
  }

  function load(): void {
    const stored = readWatch(options);
    if (!isOpen(stored)) return;
    run.polls = true;
    run.begin({ ...stored, status: 'pending' });
  }

  function follow(): void {
    const stored = readWatch(options);
    const { watch } = run;
    if (!stored || stored.status === 'dismissed') {
      if (isOpen(watch)) run.end(stored);
    } else if (stored.status !== 'pending') {
      // It may have been another watch than the one that this tab shows.
      if (watch?.status === 'pending') run.finish(stored.status, stored);
    } else if (stored.startedAt !== watch?.startedAt) {
      run.polls = false;
      run.begin(stored);
    }
  }

  function observe(user: User): void {
    const { watch } = run;
    if (!isOpen(watch)) return;
    const { roles } = store.getSnapshot();
    const next = observed(watch, user, roles);
    const news = next !== watch;
    if (news) run.save(next);
    if (isReached(next, user, roles, env.now())) run.finish('upgraded');
    else if (news) run.show();
  }

  return {
    start,
    load,
    follow,
    observe,
    dismiss: () => {
      if (!run.watch) return;
      run.save({ ...run.watch, status: 'dismissed' });
      run.end(run.watch);
    },
    stop: () => run.end(null),
  };
}

/** The watch that this tab runs: what it is, its schedule, and who waits for its outcome. */
function createRun(options: UpgradeWatchOptions) {
  const { env, poll, store } = options;
  const confirm = createConfirm(options);
  const waiters = createWaiters<UpgradeOutcome>();
  const schedule = createSchedule(env, onAttempt, () => run.finish('timed_out'));
  const run = {
    watch: null as Watch | null,
    /** Whether this tab polls itself, rather than leaving that to the tab that began the watch. */
    polls: false,
    outcome: waiters.wait,
    show(attempt?: number): void {
      store.patch({ upgrade: viewOf(run.watch, attempt ?? store.getSnapshot().upgrade.attempt) });
    },
    save(next: Watch): void {
      run.watch = next;
      writeWatch(options, next);
    },
    begin(next: Watch): void {
      run.watch = next;
      // A clock that was set back makes no watch longer.
      schedule.start(Math.max(0, env.now() - next.startedAt));
    },
    finish(status: 'upgraded' | 'timed_out', ended?: Watch): void {
      const watch = ended ?? run.watch;
      if (!watch) return;
      schedule.stop();
      run.save({ ...watch, status });
      run.show();
      waiters.resolve(status);
    },
    /** Ends it. What is left is null, or a watch that was dismissed. */
    end(left: Watch | null): void {
      schedule.stop();
      run.watch = left;
      run.polls = false;
      run.show();
      waiters.resolve('cancelled');
    },
  };

  async function onAttempt(attempt: number): Promise<void> {
    run.show(attempt);
    if (run.polls && (await confirmed())) return;
    // The leader polls for every tab, because the tab that began the watch may be gone.
    if (run.polls || store.getSnapshot().position !== 'follower') await poll();
  }

  /** Whether the server has just confirmed the checkout, which makes a poll needless. */
  async function confirmed(): Promise<boolean> {
    const { checkoutSessionId: id, startedAt } = run.watch ?? {};
    if (!id) return false;
    const isCurrent = (watch: Watch | null): watch is Watch => watch?.startedAt === startedAt;
    const known = (): boolean =>
      !isCurrent(run.watch) || !!(readWatch(options) ?? run.watch).confirmed;
    const done = await confirm(id, known);
    if (done && isCurrent(run.watch)) run.save({ ...run.watch, confirmed: true });
    return done;
  }

  return run;
}
