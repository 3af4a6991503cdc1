// The watch for an upgrade, as every page has it. The code of a watch, upgrade-watch.ts, is loaded when
// there is something to watch, and until then the watch is shown as pending. Where the code does not
// come, as after its deployment was deleted, the watch is late from the start: the page asks once, and
// the role still appears when it arrives.

import type { Load } from './load.js';
import type { WatchOptions } from './options.js';
import { reaches } from './roles.js';
import { NO_UPGRADE } from './store.js';
import type { UpgradeOutcome, UpgradeView, User } from './types.js';
import type { UpgradeWatch, UpgradeWatchOptions } from './upgrade-watch.js';
import { createWaiters } from './waiters.js';
import { isDismissed, isOpen, readWatch, writeWatch } from './watch-storage.js';

export interface UpgradeOptions extends UpgradeWatchOptions {
  load: Load;
}

export interface Upgrade {
  /**
   * Begins a watch, or joins a pending one for the same. What it does not name is that of the last
   * watch. A checkout that was dismissed is not watched again.
   */
  start: (wanted: WatchOptions) => Promise<UpgradeOutcome>;
  /** After a page load: continues the stored watch. */
  load: () => void;
  /** Another tab may have changed the stored watch: shows the same. */
  follow: () => void;
  observe: (user: User) => void;
  /** Ends the watch in every tab, and remembers its checkout. */
  dismiss: () => void;
  /** Ends the watch and forgets that there was one. */
  forget: () => void;
  /** Stops the timers and leaves the stored watch to the next page. */
  stop: () => void;
}

interface Wanted {
  role?: string | null;
  checkoutSessionId?: string | null;
}

type Call = (watch: UpgradeWatch) => unknown;

export function createUpgrade(options: UpgradeOptions): Upgrade {
  const { env, store, poll, load } = options;
  const waiters = createWaiters<UpgradeOutcome>();
  let watch: UpgradeWatch | undefined;
  /** What the code has to do when it comes. */
  let calls: Call[] = [];

  const view = (): UpgradeView => store.getSnapshot().upgrade;

  function end(upgrade: UpgradeView, outcome: UpgradeOutcome): void {
    calls = [];
    store.patch({ upgrade });
    waiters.resolve(outcome);
  }

  /** Shows a watch as pending, and has its code do this as soon as it is there. */
  function pend({ role = null, checkoutSessionId = null }: Wanted, call: Call): void {
    store.patch({ upgrade: { ...NO_UPGRADE, status: 'pending', role, checkoutSessionId } });
    if (calls.push(call) > 1) return;
    load().then(({ createUpgradeWatch }) => {
      if (calls.length > 0) watch = createUpgradeWatch(options);
      for (const waiting of calls.splice(0)) if (watch) waiting(watch);
    }, doWithout);
  }

  function doWithout(): void {
    if (calls.length === 0) return;
    end({ ...view(), status: 'timed_out' }, 'timed_out');
    void poll();
    const { user, isStale } = store.getSnapshot();
    if (user && !isStale) observe(user);
  }

  /** The stored watch of this page's predecessor, or of another tab. */
  function adopt(call: Call): void {
    const stored = readWatch(options);
    if (isOpen(stored) && view().status === 'idle') pend(stored, call);
  }

  function observe(user: User): void {
    if (watch) return watch.observe(user);
    const { upgrade, roles } = store.getSnapshot();
    const { status, role } = upgrade;
    if (status === 'timed_out' && role !== null && reaches(roles, user.role, role)) {
      store.patch({ upgrade: { ...upgrade, status: 'upgraded' } });
    }
  }

  function stop(): void {
    if (watch) watch.stop();
    else end(NO_UPGRADE, 'cancelled');
  }

  function forget(): void {
    writeWatch(options, null);
    stop();
  }

  return {
    start: (wanted) => {
      const begun = { snapshot: store.getSnapshot(), startedAt: env.now() };
      if (watch) return watch.start(wanted, begun);
      if (isDismissed(readWatch(options), wanted)) return Promise.resolve('cancelled');
      pend(wanted, (code) => code.start(wanted, begun).then(waiters.resolve));
      return waiters.wait();
    },
    load: () => adopt((code) => code.load()),
    follow: () => (watch ? watch.follow() : adopt((code) => code.follow())),
    observe,
    dismiss: () => {
      if (watch) watch.dismiss();
      else if (view().status !== 'idle') forget();
    },
    forget,
    stop,
  };
}
