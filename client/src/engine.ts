// A started client: who is signed in, and what the page's own life means for that. It knows the
// user only; everything that is said to or by this user's server belongs to the seat.

import type { TierClientOptions } from './client.js';
import type { Environment } from './environment.js';
import * as limits from './limits.js';
import { subjectOf } from './parse.js';
import { Seat } from './seat.js';
import type { Store } from './store.js';
import type { UserRole } from './types.js';

export interface EngineOptions {
  options: TierClientOptions;
  roles: readonly UserRole[];
  store: Store;
  env: Environment;
  /** Identification is over: this user is signed in, or nobody. */
  onSeat: (seat: Seat | null) => void;
}

export class Engine {
  seat: Seat | null = null;
  readonly #with: EngineOptions;
  readonly #offs: (() => void)[];
  /** Counts the identifications begun, so that a slow one can't undo a later one. */
  #round = 0;
  #suspended = false;
  #alarm: ReturnType<typeof setTimeout> | undefined;

  constructor(parts: EngineOptions) {
    this.#with = parts;
    this.#offs = this.#listen();
    this.identify();
  }

  /** Reads the token anew: somebody signed in, or somebody else. */
  identify(): void {
    const round = ++this.#round;
    clearTimeout(this.#alarm);
    this.#read().then(
      (userId) => {
        if (round === this.#round) this.#sit(userId);
      },
      () => {
        // The host could not say who it is; that is no sign-out.
        if (round !== this.#round) return;
        this.#alarm = setTimeout(() => this.identify(), limits.IDENTIFY_RETRY_MS);
      },
    );
  }

  /** Leaves the seat, and the host forgets the token. */
  leave(): void {
    this.#round += 1;
    this.seat?.upgrade.cancel();
    this.#vacate();
    this.#with.store.identify(null);
    this.#with.options.onSignOut?.();
  }

  close(): void {
    this.#round += 1;
    clearTimeout(this.#alarm);
    for (const off of this.#offs) off();
    this.#vacate();
  }

  async #read(): Promise<string | null> {
    const token = await this.#with.options.getToken();
    return token && subjectOf(token);
  }

  #sit(userId: string | null): void {
    if (this.seat?.userId !== userId) {
      this.#vacate();
      this.#with.store.identify(userId);
    }
    if (this.seat) this.seat.wake();
    else if (userId !== null)
      this.seat = new Seat({ ...this.#with, userId, leave: () => this.leave() });
    if (this.seat && !this.#suspended) this.seat.resume();
    this.#with.onSeat(this.seat);
  }

  #vacate(): void {
    this.seat?.close();
    this.seat = null;
  }

  #listen(): (() => void)[] {
    const { env } = this.#with;
    const wake = (): void => {
      if (!env.visible()) return;
      if (this.#with.store.getSnapshot().status === 'ready') this.seat?.wake();
      else this.identify();
    };
    const suspend = (): void => {
      this.#suspended = true;
      this.seat?.suspend();
    };
    const resume = (): void => {
      if (this.#suspended) this.seat?.resume();
      this.#suspended = false;
    };
    return [
      env.listen('online', wake),
      env.listen('visibilitychange', wake),
      env.listen('freeze', suspend),
      env.listen('pagehide', suspend),
      env.listen('resume', resume),
      env.listen('pageshow', resume),
      env.listen('storage', () => this.seat?.upgrade.follow()),
    ];
  }
}
