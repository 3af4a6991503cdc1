// Watches for an upgrade that has been paid for: asks at once and then ever more rarely for a
// minute, while the socket races it. The watch lives in localStorage, so it survives a reload and
// every tab knows of it. It believes only news that arrived after it began, and it never decides
// what a user may do.
//
//              start, another tab's start            news reaches the goal
//   ┌──────┐                             ┌─────────┐                      ┌──────────┐
//   │ idle │────────────────────────────▶│ pending │─────────────────────▶│ upgraded │
//   └──────┘◀────────────────────────────└─────────┘                      └──────────┘
//       ▲              cancel             │      ▲                             ▲
//       │                    minute over  ▼      │ start (retry)               │
//       │            cancel           ┌───────────┐   news reaches the goal    │
//       └─────────────────────────────│ timed_out │────────────────────────────┘
//                                     └───────────┘

import type { Environment } from './environment.js';
import * as limits from './limits.js';
import { parseJson } from './parse.js';
import type { UpgradeOutcome, UpgradeStatusName, UpgradeView, User, UserRole } from './types.js';

interface Watch {
  v: 1;
  userId: string;
  /** The role that was paid for. */
  role: UserRole;
  startedAt: number;
  status: 'pending' | 'upgraded' | 'timed_out';
}

export interface UpgradeOptions {
  key: string;
  userId: string;
  env: Pick<Environment, 'storage'>;
  /** GET /session; what it learns comes back through `observe`. It never rejects. */
  ask: () => Promise<unknown>;
  /** Whether this tab asks for the others too. */
  asksForAll: () => boolean;
  reaches: (user: User, role: UserRole) => boolean;
  onView: (view: UpgradeView) => void;
}

export class Upgrade {
  readonly #options: UpgradeOptions;
  #watch: Watch | null = null;
  /** Whether this tab asks by itself, rather than leaving it to the tab that began. */
  #asks = false;
  #attempt = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #waiters: ((outcome: UpgradeOutcome) => void)[] = [];

  constructor(options: UpgradeOptions) {
    this.#options = options;
  }

  /** The role that the latest watch is or was for. */
  get goal(): UserRole | undefined {
    return this.#watch?.role;
  }

  /** Begins a watch, or joins the one for the same role that is already pending. */
  start(role: UserRole): Promise<UpgradeOutcome> {
    const outcome = new Promise<UpgradeOutcome>((resolve) => this.#waiters.push(resolve));
    const asked = this.#asks;
    this.#asks = true;
    if (this.#watch?.status !== 'pending' || this.#watch.role !== role) {
      const { userId } = this.#options;
      const watch: Watch = { v: 1, userId, role, startedAt: Date.now(), status: 'pending' };
      write(this.#options, watch);
      this.#begin(watch);
    } else if (!asked) {
      void this.#options.ask();
    }
    return outcome;
  }

  /** After a load: takes up the stored watch and asks at once. */
  load(): void {
    const stored = read(this.#options);
    if (!stored || stored.status === 'upgraded') return;
    this.#asks = true;
    this.#begin({ ...stored, status: 'pending' });
  }

  /** Another tab changed the stored watch: shows what it shows, and leaves the asking to it. */
  follow(): void {
    const stored = read(this.#options);
    if (!stored) {
      if (this.#watch && this.#watch.status !== 'upgraded') this.#forget();
    } else if (stored.status !== 'pending') {
      if (this.#watch?.status === 'pending') this.#finish(stored.status);
    } else if (stored.startedAt !== this.#watch?.startedAt) {
      this.#asks = false;
      this.#begin(stored);
    }
  }

  observe(user: User): void {
    const watch = this.#watch;
    if (!watch || watch.status === 'upgraded') return;
    if (this.#options.reaches(user, watch.role)) this.#finish('upgraded');
  }

  cancel(): void {
    if (!this.#watch) return;
    write(this.#options, null);
    this.#forget();
  }

  /** Stops the timers and leaves the stored watch to the next page. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#watch = null;
    this.#settle('cancelled');
  }

  #begin(watch: Watch): void {
    clearTimeout(this.#timer);
    this.#watch = watch;
    this.#attempt = 0;
    void this.#tick(watch);
  }

  /** Asks if that is for this tab to do, and sets the alarm for the next time. */
  async #tick(watch: Watch): Promise<void> {
    const times = limits.WATCH_AT_MS;
    // A page that slept through several of its times makes up for them with one question.
    const due = times.filter((at) => at <= Date.now() - watch.startedAt).length;
    this.#attempt = Math.min(Math.max(this.#attempt + 1, due), times.length);
    this.#show('pending');
    const next = times[this.#attempt];
    if (next !== undefined) {
      const wait = watch.startedAt + next - Date.now();
      this.#timer = setTimeout(() => void this.#tick(watch), wait);
    }
    if (this.#asks || this.#options.asksForAll()) await this.#options.ask();
    if (next === undefined && this.#watch === watch) this.#finish('timed_out');
  }

  #finish(status: Watch['status'] & UpgradeOutcome): void {
    if (!this.#watch) return;
    clearTimeout(this.#timer);
    this.#watch = { ...this.#watch, status };
    write(this.#options, this.#watch);
    this.#show(status);
    this.#settle(status);
  }

  #forget(): void {
    clearTimeout(this.#timer);
    this.#watch = null;
    this.#asks = false;
    this.#attempt = 0;
    this.#show('idle');
    this.#settle('cancelled');
  }

  #show(status: UpgradeStatusName): void {
    this.#options.onView({ status, attempt: this.#attempt });
  }

  #settle(outcome: UpgradeOutcome): void {
    const settled = this.#waiters;
    this.#waiters = [];
    for (const resolve of settled) resolve(outcome);
  }
}

function read({ env, key, userId }: UpgradeOptions): Watch | null {
  const watch = parseJson(env.storage.read(key)) as Watch | null;
  const kept = watch?.v === 1 && Date.now() - watch.startedAt < limits.WATCH_KEPT_MS;
  return kept && watch.userId === userId ? watch : null;
}

function write({ env, key }: UpgradeOptions, watch: Watch | null): void {
  env.storage.write(key, watch && JSON.stringify(watch));
}
