// Chooses the one tab of a browser that keeps the socket. The Web Lock is the office: it passes on
// by itself when its holder closes. A page about to freeze gives it up, and one that hangs without
// notice loses it to a follower whose probe it left unanswered.
// It knows nothing of sockets, and without Web Locks and a channel it declares every tab solo.

import type { Environment } from './environment.js';
import * as limits from './limits.js';
import type { TabPosition } from './types.js';

export interface ElectionOptions {
  name: string;
  env: Pick<Environment, 'locks' | 'channel' | 'visible'>;
  onPosition: (position: TabPosition) => void;
  /** Asks the leader whether it still runs. */
  probe: (wake: boolean) => void;
  /** Tells the followers that this tab is the leader and runs. */
  announce: () => void;
}

export class Election {
  readonly #options: ElectionOptions;
  #position: TabPosition | null = null;
  /** This tab's claim to the lock: waiting for it, or holding it until aborted. */
  #claim: AbortController | null = null;
  #verdict: ReturnType<typeof setTimeout> | undefined;
  #rounds: ReturnType<typeof setInterval> | undefined;

  constructor(options: ElectionOptions) {
    this.#options = options;
  }

  join(): void {
    if (this.#position) return;
    const { env } = this.#options;
    // A follower that could not hear its leader would be left behind.
    if (!env.locks || !env.channel) return this.#take('solo');
    this.#follow();
    this.#rounds = setInterval(() => {
      if (env.visible()) this.doubt(false);
    }, limits.PROBE_EVERY_MS);
  }

  leave(): void {
    this.heard();
    clearInterval(this.#rounds);
    const claim = this.#claim;
    this.#claim = this.#position = null;
    claim?.abort();
  }

  /** Tests the leader now, because a person looks at this tab or the network came back. */
  doubt(wake: boolean): void {
    if (this.#position !== 'follower' || this.#verdict !== undefined) return;
    const { probe } = this.#options;
    const patience = limits.PROBE_REPLY_MS_MIN + Math.random() * limits.PROBE_REPLY_MS_SPREAD;
    this.#verdict = setTimeout(() => {
      this.#verdict = undefined;
      if (this.#position === 'follower') this.#stand({ steal: true });
    }, patience);
    probe(wake);
  }

  /** The leader was heard. */
  heard(): void {
    clearTimeout(this.#verdict);
    this.#verdict = undefined;
  }

  #take(position: TabPosition): void {
    this.#position = position;
    this.#options.onPosition(position);
  }

  #follow(): void {
    this.#take('follower');
    this.#stand({});
  }

  /** Queues for the lock, or with `steal` takes it from a leader that no longer answers. */
  #stand(how: { steal?: true }): void {
    this.#claim?.abort();
    const claim = new AbortController();
    this.#claim = claim;
    // The platform takes a signal or a theft, not both.
    const request = how.steal ? how : { signal: claim.signal };
    const held = this.#options.env.locks?.request(this.#options.name, request, () =>
      this.#lead(claim),
    );
    held?.catch(() => {
      // Either the lock was stolen from this tab, or the claim was given up and is no longer ours.
      if (this.#claim === claim) this.#follow();
    });
  }

  async #lead(claim: AbortController): Promise<void> {
    if (claim.signal.aborted) return;
    this.heard();
    this.#take('leader');
    this.#options.announce();
    await new Promise((release) => {
      claim.signal.addEventListener('abort', release, { once: true });
    });
  }
}
